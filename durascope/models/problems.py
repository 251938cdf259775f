"""Problems: what is wrong in a scenario, where, and what to write instead, in the form that compilers use."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

MAX_SHOWN: Final = 50
"""The problems that a text shows at most; all of them are in `ScenarioProblems.problems`."""
_WIDTH: Final = 110
_MARKS: Final = re.compile(r"[][{},#&*!|>%@\"]|: ")
"""What YAML takes for its own, somewhere in a value."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, at a place (lines and columns count from 1)."""

    file: str
    line: int
    column: int
    code: str
    """What kind of problem it is, for programs: `unknown-field`, `bad-value`, `unknown-step`, …"""
    message: str
    help: str = ""
    """What was expected, or what to write instead."""
    source_line: str = ""
    severity: Literal["error", "warning"] = "error"
    """A warning is no mistake: the scenario runs, but hardly shows what is meant."""

    def __str__(self) -> str:
        lines = [f"{self.file}:{self.line}:{self.column}: {self.severity}[{self.code}]: {self.message}"]
        if self.source_line.strip():
            shown, column = _window(self.source_line, self.column)
            number = str(self.line)
            lines += [f"  {number} | {shown}", f"  {' ' * len(number)} | {' ' * (column - 1)}^"]
        if self.help:
            lines.append(f"  help: {self.help}")
        return "\n".join(map(printable, lines))


class ScenarioProblems(Exception):
    """All that is wrong with a scenario, in the order of the file. Its text is what a user should see."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__(self.problems)

    def __str__(self) -> str:
        shown = [str(problem) for problem in self.problems[:MAX_SHOWN]]
        more = len(self.problems) - len(shown)
        return "\n\n".join([*shown, f"… and {more} more problems"] if more else shown)


def did_you_mean(name: str, known: Iterable[str], alike: float = 0.6) -> str | None:
    """The known name that is most like `name`, None if none is `alike` enough (1: but for case and hyphens).

    >>> did_you_mean("order-fulfilment", ["order-fulfillment", "payment"])
    'order-fulfillment'
    """
    names = {_plain(each): each for each in reversed(list(known))}
    found = difflib.get_close_matches(_plain(name[:200]), names, n=1, cutoff=alike)
    return names[found[0]] if found else None


def suggestion(name: str, known: Iterable[str], what: str) -> str:
    """A help line for an unknown name: ``did you mean `x`?``, or else what there is.

    >>> suggestion("sleep_", ["sleep", "run"], "the steps")
    'did you mean `sleep`?'
    """
    names = list(dict.fromkeys(known))
    meant = did_you_mean(name, names)
    if meant is not None:
        return f"did you mean {_as_written(meant)}?"
    if not names:
        return f"there are no {what.removeprefix('the ')}"
    listed = ", ".join(f"`{each}`" for each in names[:20])
    return f"{what}: {listed}{', …' if len(names) > 20 else ''}"


def _as_written(name: str) -> str:
    """A name as a reader can copy it: YAML takes one with its own marks in it only in quotes."""
    return f'`"{name}"`' if _MARKS.search(name) else f"`{name}`"


def printable(text: str) -> str:
    """The text without anything that would move a terminal's cursor."""
    return "".join(
        each if each.isprintable() else " " if each == "\t" else "\N{REPLACEMENT CHARACTER}" for each in text
    )


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def _window(line: str, column: int) -> tuple[str, int]:
    """The part of a long line around the column, and the column in it."""
    start = 0 if column <= _WIDTH - 10 else column - _WIDTH // 2
    return line[start : start + _WIDTH].rstrip(), column - start
