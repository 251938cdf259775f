"""A band: one line of a conversation that stands for several, and says for which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Final

from durascope.models.phrases import spell
from durascope.render.conversation import Item

_NAMED: Final = 3
"""At most this many steps are named in a row."""
_LONG_NAMES: Final = 40
"""Letters of a pair of names that both stand in one row."""


def band(left: Sequence[Item], words: str) -> Item:
    """The line that stands for those items, with how long they take."""
    first, last = left[0], left[-1]
    ends = max(max(item.at, item.ends) for item in left)
    lasts = f", {spell(ends - first.at)}" if ends > first.at else ""
    return replace(
        first, sort="fold", text=f"{words}{lasts}", words=words, until=max(last.position, last.until), tone="",
        effect="", fate="", kind=None, ends=ends, shorter=(),
    )  # fmt: skip


def listed(names: Sequence[str]) -> str:
    """`a, b and c`, `a, b and 5 more`

    >>> listed(["pay-1", "pay-2", "pay-3"])
    'pay-1, pay-2 and pay-3'
    """
    short = list(names) if len(names) <= _NAMED else [*names[: _NAMED - 1], f"{len(names) - _NAMED + 1} more"]
    return " and ".join([", ".join(short[:-1]), short[-1]] if short[1:] else short)


def unnumbered(name: str) -> str:
    """Without the numbers in it: what the rounds of a loop and the branches of a fan-out have in common.

    >>> unnumbered("pay-12")
    'pay-'
    """
    return "".join("" if c.isdigit() else c for c in name)


def from_to(first: str, last: str) -> str:
    """`subtask-1 … subtask-10`; of long names only what differs is said again: `a rather long name, 1 … 30`

    >>> from_to("pay-1", "pay-12")
    'pay-1 … pay-12'
    """
    if len(first) + len(last) <= _LONG_NAMES:
        return f"{first} … {last}"
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))
    return f"{first} … {last.removeprefix(last[:alike].rstrip('0123456789'))}"
