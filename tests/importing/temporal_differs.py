"""Families of histories that do not predict themselves: the first line that differs, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SERVER: Final = (
    "the server stood still or was away: no event says when, and late tasks and retries look like slow workers"
)
BUSY: Final = "the worker hung, or had its only slot or its cache taken by a run that is not in the file"
ATTEMPTS: Final = "of the attempts before the last one only the latest failure is told"
QUIET: Final = "code that is busy, fails or wins a race by itself leaves no event of its own"
WHEN: Final = "the worker died within milliseconds of a report: before or after it is not told exactly enough"
BESIDE: Final = (
    "a message came within milliseconds of a report: which of them meets which task is not told exactly enough"
)
WAITS: Final = "a wait with a timeout that lost a race leaves only its timer, as a sleep does"
ORDER: Final = "steps side by side: no event tells which of them the worker begins first"
AFTER: Final = "what is done after a failure is read as one step after the other, not as a race"
MIXED: Final = "an update came before the run's first task: its handler's steps stand in one task with the run's own"

DIFFERS: Final[Mapping[str, tuple[str, str]]] = {
    "local-activity-gets-its-slot-too-late run 1": ("run 1 line 9", ATTEMPTS),
    "race-cancels-a-wait-with-a-timeout run 1": ("run 1 line 13", WAITS),
    "t-018 run 1": ("run 1 line 46", SERVER),
    "t-020 run 1": ("run 1 line 30", BUSY),
    "t-046 run 1": ("run 1 line 33", BUSY),
    "t-050 run 1": ("run 1 line 51", BESIDE),
    "t-092 run 1": ("run 1 line 20", BUSY),
    "t-112 run 1": ("run 1 line 34", SERVER),
    "t-120 run 1": ("run 1 line 21", SERVER),
    "t-126 run 1": ("run 1 line 10", WHEN),
    "t-170 run 3": ("run 1 line 31", ORDER),
    "t-196 run 1": ("run 1 line 30", SERVER),
    "t-212 run 1": ("run 1 line 6", ATTEMPTS),
    "t-214 run 1": ("run 1.2 line 21", SERVER),
    "t-240 run 1": ("run 1/sub-1 line 15", BESIDE),
    "typescript-failed-branch-of-a-cancelled-parallel run 2": ("run 1 line 17", QUIET),
    "typescript-local-activity-loses-at-once run 1": ("run 1 line 6", QUIET),
    "typescript-race-after-a-failure run 1": ("run 1 line 12", AFTER),
    "update-before-the-delayed-start run 1": ("run 1 line 8", MIXED),
}
