"""One replica as a process of its own, to be killed and frozen: ``python -m tests.support.replica_program
DATABASE REDIS_DIRECTORY NAME``. Says on stdout, a line of JSON each, when it is ready, when a term begins
and ends, and every 20 ms that it leads. Times are the machine's monotonic clock, one for all processes."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from nice_operator.ports import Term
from tests.support.replicas import replica


def say(what: str, **more: Any) -> None:
    print(json.dumps({"at": time.monotonic(), "what": what, **more}), flush=True)


class Telling:
    """A duty that only tells."""

    name = "telling"

    async def lead(self, term: Term) -> None:
        say("begins", term=term.number)
        try:
            while True:
                say("leads", term=term.number)
                await asyncio.sleep(0.02)
        finally:
            say("ends", term=term.number)


async def main(url: str, redis: str, name: str) -> None:
    async with replica(url, name, Path(redis), duties=(Telling(),)) as harness:
        await harness.task("tick", schedule="1 second")
        say("ready")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
