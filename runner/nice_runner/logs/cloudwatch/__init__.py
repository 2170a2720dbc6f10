"""The log of an attempt on its way to CloudWatch: lines to events, events to batches, batches to it.

Nothing here decides which lines are kept or how they are numbered: that is ``logs.attempt``. boto3 is
imported only by ``client``, when one is made.
"""
