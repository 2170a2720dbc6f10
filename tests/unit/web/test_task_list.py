"""The first page sorts its tasks into those that time runs and those that people run."""

from __future__ import annotations

import time
from dataclasses import replace

from nice_operator.engine.tasks import TaskSummary
from nice_operator.web.ui.task_list import groups_of
from tests.support.samples import a_task


def test_ten_thousand_tasks_are_sorted_in_no_time() -> None:
    task = a_task()
    assert task.spec is not None
    summaries = [TaskSummary(replace(task, name=f"task-{number}"), (), 0) for number in range(10_000)]
    began = time.process_time()
    scheduled, manual = groups_of(summaries)
    assert time.process_time() - began < 2  # comparing each with each took minutes
    assert len(scheduled.rows) + len(manual.rows) == 10_000
    assert scheduled.scheduled
    assert not manual.scheduled
    assert not scheduled.rows or not manual.rows, "they are alike"
