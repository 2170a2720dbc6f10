"""Keeps secrets that a run can see out of what leaves the pod: its log, its result, its error's text.

Values that are known are masked here, in the supervisor, before anything is spooled or sent. How secrets look
is in ``nice_protocol.secrecy``; who knows the values is the zygote (``zygote.secrets``), in whose container
they are.
"""
