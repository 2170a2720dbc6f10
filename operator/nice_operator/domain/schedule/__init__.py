"""Schedules: what their text means, when they fire, and what becomes of fires that are overdue.

``timetable_of`` reads a task's schedules and ``Timetable.next_after`` gives the next fire. ``first_fire``
says where a new or edited task begins, ``plan_fires`` what a due task does. ``check_fires``,
``describe`` and ``next_changes`` speak to people.

No clock belongs here (whoever asks passes the moment), and nothing about suspension, overlap or storage.
"""

from nice_operator.domain.schedule.catchup import MissReason, Plan, plan_fires, span_of
from nice_operator.domain.schedule.changes import ClockChange, next_changes
from nice_operator.domain.schedule.first import FirstFire, Standing, first_fire
from nice_operator.domain.schedule.grammar import Every, Manual, Schedule, parse_schedule
from nice_operator.domain.schedule.outlook import check_fires
from nice_operator.domain.schedule.timetable import Fire, Timetable, build_timetable, timetable_of
from nice_operator.domain.schedule.words import describe
from nice_operator.domain.schedule.zone_release import zone_release
from nice_operator.domain.schedule.zones import check_time_zone

__all__ = [
    "ClockChange",
    "Every",
    "Fire",
    "FirstFire",
    "Manual",
    "MissReason",
    "Plan",
    "Schedule",
    "Standing",
    "Timetable",
    "build_timetable",
    "check_fires",
    "check_time_zone",
    "describe",
    "first_fire",
    "next_changes",
    "parse_schedule",
    "plan_fires",
    "span_of",
    "timetable_of",
    "zone_release",
]
