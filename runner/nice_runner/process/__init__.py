"""The supervisor's side of processes: the zygote it starts, and the pipes and control channel of each run.

Everything is callbacks on the event loop; nothing here knows what a run means.
"""
