"""Families of histories that do not predict themselves: the first line that differs, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ENTITY: Final = "requests to one entity took different turns, and a workflow has one list of steps"
MESSAGES: Final = "a message that came in the middle of a task: when exactly decides what became of the task"
AWAY: Final = "a worker or the server was away, hung, or had no free slot: the history does not say which, nor when"
CANCELLED: Final = "how a cancelled run unwinds beside what is still under way"
ATTEMPTS: Final = "of the attempts before the last one only the latest failure is told"
ORDER: Final = "things that ended or began at the same time: which came first is the server's choice"
RESET: Final = "it was reset: that somebody did it, and when, stands in no event of the base run"
OTHER: Final = "the code did something that a scenario has no step for, or that leaves no event"

DIFFERS: Final[Mapping[str, tuple[str, str]]] = {
    "buffer-is-full run 1": ("run 1 line 114", OTHER),
    "buffer-is-full-in-the-first-task run 1": ("run 1 line 106", ATTEMPTS),
    "local-activity-gets-its-slot-too-late run 1": ("run 1 line 9", ATTEMPTS),
    "local-activity-heartbeats-task run 1": ("run 1 line 8", OTHER),
    "payment run 1": ("run 1 line 27", ENTITY),
    "rejected-with-many-events run 1": ("run 1 line 23", OTHER),
    "reset-after-its-end run 2": ("run 1 line 30", RESET),
    "reset-amid-parallel-work run 1": ("run 1.1 line 1", RESET),
    "reset-before-an-undo run 2": ("run 1 line 10", RESET),
    "reset-readmits-an-update run 2": ("run 1 line 10", RESET),
    "reset-to-a-child-that-runs run 1": ("run 1.1 line 1", RESET),
    "reset-while-it-runs run 1": ("run 1.1 line 1", RESET),
    "run-timeout-shortens-the-task run 1": ("run 1 line 10", OTHER),
    "signal-with-start-entity run 1": ("run 1 line 4", MESSAGES),
    "speculative-on-a-dead-sticky-queue run 1": ("run 1 line 11", MESSAGES),
    "speculative-turned-normal-keeps-its-timer run 1": ("run 1 line 11", MESSAGES),
    "start-delay-is-stretched run 1": ("run 1 line 2", MESSAGES),
    "t-016 run 1": ("run 1 line 26", ENTITY),
    "t-018 run 1": ("run 1 line 46", ENTITY),
    "t-020 run 1": ("run 1 line 30", OTHER),
    "t-046 run 1": ("run 1 line 35", ORDER),
    "t-048 run 1": ("run 1 line 20", OTHER),
    "t-064 run 1": ("run 1 line 18", ENTITY),
    "t-070 run 1": ("run 1 line 68", ENTITY),
    "t-084 run 1": ("run 1 line 15", ATTEMPTS),
    "t-092 run 1": ("run 1 line 20", AWAY),
    "t-098 run 1": ("run 1 line 7", ENTITY),
    "t-100 run 2": ("run 1 line 31", ENTITY),
    "t-112 run 1": ("run 1 line 34", CANCELLED),
    "t-120 run 1": ("run 1 line 21", AWAY),
    "t-124 run 1": ("run 1 line 25", OTHER),
    "t-152 run 1": ("run 1 line 18", OTHER),
    "t-158 run 1": ("run 1 line 7", ENTITY),
    "t-170 run 3": ("run 1 line 83", ENTITY),
    "t-174 run 1": ("run 1 line 8", OTHER),
    "t-188 run 1": ("run 1 line 16", MESSAGES),
    "t-196 run 1": ("run 1 line 30", CANCELLED),
    "t-212 run 1": ("run 1 line 6", ATTEMPTS),
    "t-214 run 1": ("run 1.2 line 21", MESSAGES),
    "t-240 run 1": ("run 1/sub-1 line 15", CANCELLED),
    "t-242 run 1": ("run 1 line 9", AWAY),
    "t-258 run 1": ("run 1 line 12", ATTEMPTS),
    "t-276 run 1": ("run 1 line 36", ENTITY),
    "t-278 run 1": ("run 1 line 23", MESSAGES),
    "t-284 run 1": ("run 1 line 16", OTHER),
    "t-296 run 1": ("run 1 line 33", ENTITY),
    "t-324 run 1": ("run 1 line 18", OTHER),
    "terminated-in-a-speculative-task run 1": ("run 1 line 11", MESSAGES),
    "terminated-in-a-transient-task run 1": ("run 1 line 4", OTHER),
    "update-on-a-dead-sticky-queue run 1": ("run 1 line 11", MESSAGES),
    "update-without-worker run 1": ("run 1 line 12", MESSAGES),
}
