"""Journals that do not predict themselves: the first line that differs, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ORDER: Final = "steps side by side: the tables know milliseconds, and who came first within one is not to be seen"
RACE: Final = "what a handler was waiting for leaves no entry until it comes: another race or wait is as likely"
CANCELLED: Final = "how far a handler had come when it was cancelled or failed beside other steps is not in its journal"
ENDED: Final = "the invocation ended from outside (killed, paused, out of retries), of which its journal has no entry"
UNTOLD: Final = "a timer that limits a call, or a signal to another run, is written as another step"

DIFFERS: Final[Mapping[str, tuple[str, str]]] = {
    "agent-fan-out": ("run 1 line 17", ORDER),
    "cancel-during-step-request-response": ("run 1 line 8", CANCELLED),
    "late-event-after-timeout": ("run 1 line 7", RACE),
    "r-004": ("run 1 line 6", UNTOLD),
    "r-012": ("run 1 line 6", RACE),
    "r-040": ("run 1 line 26", RACE),
    "r-052": ("run 1 line 7", RACE),
    "r-058": ("run 1 line 10", RACE),
    "r-066": ("run 1 line 8", ENDED),
    "r-072": ("run 1 line 7", CANCELLED),
    "r-090": ("run 1 line 12", RACE),
    "r-100": ("run 1 line 3", CANCELLED),
    "r-1018": ("run 1 line 4", CANCELLED),
    "r-1022": ("run 1 line 11", ORDER),
    "r-1030": ("run 1 line 8", ORDER),
    "r-1032": ("run 1 line 3", RACE),
    "r-1042": ("run 1 line 3", CANCELLED),
    "r-1050": ("run 1 line 6", CANCELLED),
    "r-1060": ("run 1 line 5", RACE),
    "r-1086": ("run 1 line 5", ENDED),
    "r-1092": ("run 1 line 3", ENDED),
    "r-1104": ("run 1 line 8", RACE),
    "r-1110": ("run 1 line 4", ENDED),
    "r-1112": ("run 1 line 9", CANCELLED),
    "r-1114": ("run 1 line 6", CANCELLED),
    "r-1116": ("run 1 line 13", ORDER),
    "r-112": ("run 1 line 16", ORDER),
    "r-1144": ("run 1 line 9", RACE),
    "r-1146": ("run 1 line 11", RACE),
    "r-1150": ("run 1 line 3", ENDED),
    "r-1156": ("run 1 line 8", ENDED),
    "r-126": ("run 2 line 2", UNTOLD),
    "r-130": ("run 1 line 17", CANCELLED),
    "r-136": ("run 1 line 6", CANCELLED),
    "r-140": ("run 1 line 3", RACE),
    "r-148": ("run 1 line 9", RACE),
    "r-172": ("run 1 line 7", RACE),
    "r-184": ("run 1 line 7", RACE),
    "r-202": ("run 1 line 3", ENDED),
    "r-206": ("run 1 line 17", CANCELLED),
    "two-waits-answered-in-reverse": ("run 1 line 2", RACE),
}
