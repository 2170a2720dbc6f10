"""What a run says of itself while another attempt of it is under way."""

from __future__ import annotations

from nice_operator.domain.run import RunState
from tests.support.stores import StoreHarness


async def test_a_new_attempt_has_its_own_start_and_not_the_reason_of_the_one_before(
    harness: StoreHarness,
) -> None:
    task = await harness.put("job", retry={"maxAttempts": 2})
    run_id = (await harness.submit(task)).run.id
    worker = await harness.worker()
    await worker.finish(await worker.running(), RunState.QUEUED)
    assert (await harness.run(run_id)).reason == "Ended", "while it waits, why it is tried again"
    harness.advance(60)

    held = await worker.claim_one()
    claimed = await harness.run(run_id)
    await worker.start(held)
    second_start = harness.now()
    running = await harness.run(run_id)

    assert (claimed.reason, claimed.message) == ("", "")
    assert (running.reason, running.message, running.started_at) == ("", "", second_start)
    assert (await harness.store.attempts(run_id))[0].reason == "Ended"
