"""What the operator and a worker say to each other: messages, their order, their encoding.

Standard library only, no input or output, no clock. ``docs/protocol.md`` is the same for people.
"""
