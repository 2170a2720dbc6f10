"""What Ctrl-C means."""

from __future__ import annotations

import asyncio
import os
import signal

from nice_operator.bootstrap.stopping import StopRequests


async def test_the_first_signal_asks_to_drain_and_the_second_to_stop_now() -> None:
    requests = StopRequests()
    with requests.listening():
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(requests.drain.wait(), 5)
        assert not requests.now.is_set()

        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(requests.now.wait(), 5)
