"""Progress: which questions a learner has predicted and which exercises passed, kept in the user's state folder."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from durascope.models.files import write_whole


@dataclass(frozen=True, slots=True)
class Progress:
    """What has been done, by number of lesson."""

    predicted: frozenset[int] = field(default=frozenset())
    """Questions that were answered, rightly or not: what counts is to have predicted."""
    passed: frozenset[int] = field(default=frozenset())
    """Exercises that were graded as solved."""

    def with_prediction(self, lesson: int) -> Progress:
        return Progress(self.predicted | {lesson}, self.passed)

    def with_pass(self, lesson: int) -> Progress:
        return Progress(self.predicted, self.passed | {lesson})


def state_file() -> Path:
    """`$XDG_STATE_HOME/durascope/course.json`, on Windows in `%LOCALAPPDATA%`."""
    home = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(home) if home else Path.home() / ".local" / "state") / "durascope" / "course.json"


def load() -> Progress:
    """What is stored; nothing where there is no file or it cannot be read as progress."""
    try:
        data = json.loads(state_file().read_text(encoding="utf-8"))
        return Progress(frozenset(map(int, data["predicted"])), frozenset(map(int, data["passed"])))
    except (OSError, ValueError, KeyError, TypeError):
        return Progress()


def save(progress: Progress) -> None:
    """Stores it. Raises `OSError`."""
    file = state_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    data = {"predicted": sorted(progress.predicted), "passed": sorted(progress.passed)}
    write_whole(file, f"{json.dumps(data, indent=2)}\n")


def reset() -> None:
    """Forgets everything."""
    state_file().unlink(missing_ok=True)
