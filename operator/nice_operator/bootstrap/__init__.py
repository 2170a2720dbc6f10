"""Builds everything once and wires it: the only package that knows all others.

``dev`` is the dev mode from start to end; ``console`` how it speaks to a terminal; ``sockets`` where it
listens; ``stopping`` what Ctrl-C means. No rule of the product belongs here.
"""
