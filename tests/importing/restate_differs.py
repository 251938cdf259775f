"""Journals that do not predict themselves: the first line that differs, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

RACE: Final = "what a handler was waiting for leaves no entry until it comes: another race or wait is as likely"
CANCELLED: Final = "how far a handler had come when it was cancelled is not in its journal"
ENDED: Final = "retries were used up by something that is not in the journal: a hang, other code"

DIFFERS: Final[Mapping[str, tuple[str, str]]] = {
    "r-100": ("run 1 line 4", CANCELLED),
    "r-1092": ("run 1 line 3", ENDED),
    "r-1110": ("run 1 line 4", ENDED),
    "r-1114": ("run 1 line 6", CANCELLED),
    "r-1144": ("run 1 line 9", RACE),
    "r-184": ("run 1 line 7", RACE),
}
