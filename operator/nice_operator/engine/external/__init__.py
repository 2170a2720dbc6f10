"""Workers outside: programs in any language that connect, register names and ask for jobs one by one.

What a claim, a lease and an end are is the store's business, as for every worker; what crosses the wire is
the door's. Here is what lies between: who asks for how much, who holds what, when a worker counts as gone.
"""
