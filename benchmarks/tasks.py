"""The tasks that are measured, as manifests."""

from __future__ import annotations

TASKS = """
apiVersion: nicecommander.dev/v1beta1
kind: NiceTask
metadata: {name: first-line}
spec:
  description: Its result is the moment of its first line.
  timeoutAfter: "30 seconds"
  run:
    python:
      source: |
        import time
        FIRST_LINE = time.time_ns() // 1000
        def run(payload):
            return FIRST_LINE
---
apiVersion: nicecommander.dev/v1beta1
kind: NiceTask
metadata: {name: echo}
spec:
  timeoutAfter: "30 seconds"
  run:
    python:
      source: |
        def run(payload):
            return payload
---
apiVersion: nicecommander.dev/v1beta1
kind: NiceTask
metadata: {name: talkative}
spec:
  description: Writes so many bytes in lines of 100, and tells how many seconds that took.
  timeoutAfter: "60 seconds"
  run:
    python:
      source: |
        import sys, time
        def run(payload):
            block = ("x" * 99 + "\\n") * 1000
            began = time.monotonic()
            for _ in range(payload["bytes"] // len(block)):
                sys.stdout.write(block)
            sys.stdout.flush()
            return time.monotonic() - began
"""

TICK = """
apiVersion: nicecommander.dev/v1beta1
kind: NiceTask
metadata: {name: tick}
spec:
  schedule: "1 second"
  timeoutAfter: "30 seconds"
  run:
    python:
      source: |
        import time
        FIRST_LINE = time.time_ns() // 1000
        def run(payload):
            return FIRST_LINE
"""
