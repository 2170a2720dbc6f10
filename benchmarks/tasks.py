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
  description: Writes so many bytes in lines of 100, at that rate, and tells how long its writes took.
  timeoutAfter: "60 seconds"
  run:
    python:
      source: |
        import sys, time
        def run(payload):
            block = ("x" * 99 + "\\n") * 1000
            began, writing = time.monotonic(), 0.0
            for number in range(1, payload["bytes"] // len(block) + 1):
                before = time.monotonic()
                sys.stdout.write(block)
                sys.stdout.flush()
                writing += time.monotonic() - before
                if rate := payload["rate"]:
                    time.sleep(max(0.0, began + number * len(block) / rate - time.monotonic()))
            return writing
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
