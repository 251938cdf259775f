"""Makes a long record short enough to read: executions that went alike share a column, entries far from faults a line.

All counts are made before. What is folded says how much it is; what happened at a fault is never folded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from durascope.render.executions import UNREAD, Column, Line

MOST_LINES: Final = 44
MOST_FAULTS: Final = 8
_AROUND: Final = 4
"""This many entries before and after a fault are never folded."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A line across the record."""

    event: int
    """The number of the event that it is."""
    text: str


@dataclass(frozen=True, slots=True)
class Shared:
    """Executions of the code that share a column."""

    members: tuple[Column, ...]
    first: int
    """The place of the first of them among all executions."""
    eventful: bool
    """One of them died, or added what tells of a failure."""
    read: frozenset[int]
    """The entries that one of them read back."""

    @classmethod
    def of(cls, parts: Sequence[Shared]) -> Shared:
        """One column for what has had several."""
        members = tuple(member for part in parts for member in part.members)
        read = parts[0].read.union(*(part.read for part in parts[1:]))
        return cls(members, parts[0].first, any(part.eventful for part in parts), read)

    @property
    def places(self) -> range:
        return range(self.first, self.first + len(self.members))

    @property
    def crashed(self) -> bool:
        return any(each.span.ended == "crashed" for each in self.members)

    @property
    def failed(self) -> bool:
        """The code failed by itself, or with a step."""
        return any(each.span.ended == "failed" or each.span.detail.endswith("failed") for each in self.members)

    @property
    def name(self) -> str:
        """Its number, or how many they are."""
        return f"{self.first + 1}" if len(self.members) == 1 else f"× {len(self.members):,}"


@dataclass(frozen=True, slots=True)
class Folded:
    lines: tuple[Line | Fault, ...]
    columns: tuple[Shared, ...]
    notes: tuple[str, ...]


def fold(
    lines: Sequence[Line], columns: Sequence[Column], faults: Sequence[Fault], *, most: int,
    bad: Callable[[Line], bool], repeated: frozenset[str] = frozenset(),
) -> Folded:  # fmt: skip
    """At most `most` columns; `bad` tells entries that tell of a failure, `repeated` are steps that happened twice, of
    which no entry is folded."""
    shared = _together(lines, columns, most, bad)
    notes: list[str] = []
    many = [each for each in shared if len(each.members) > 1]
    if many:
        folded = ", ".join(f"{each.places[0] + 1} to {each.places[-1] + 1}" for each in many)
        notes.append(f"Folded: executions {folded} share a column each.")
    placed = _placed(lines, faults)
    if len(lines) > MOST_LINES:
        told = [at for at, line in enumerate(lines) if repeated & set(line.text.split())]
        kept = _kept(len(lines), MOST_LINES, [at for at, _ in placed], told[:_AROUND])
        notes.append(f"Folded: {len(lines) - len(kept)} entries far from any fault are not drawn.")
    else:
        kept = list(range(len(lines)))
    left = len(placed) - MOST_FAULTS
    if left > 0:
        placed = [*placed[: MOST_FAULTS - 1], placed[-1]]
        notes.append(f"Folded: {left} more faults have no line.")
    return Folded(tuple(_with_faults(lines, kept, placed)), tuple(shared), tuple(notes))


# ---- columns -------------------------------------------------------------------------------------------------


def _together(lines: Sequence[Line], columns: Sequence[Column], most: int, bad: Callable[[Line], bool]) -> list[Shared]:
    """Equal ones share a column; where there are still too many, so do neighbours, the farthest from a fault first."""
    added: dict[int, list[Line]] = {}
    for line in lines:
        if line.column is not None:
            added.setdefault(line.column, []).append(line)
    shared: list[list[Shared]] = []
    for place, column in enumerate(columns):
        theirs = added.get(place, [])
        eventful = column.span.ended == "crashed" or any(map(bad, theirs))
        idle = not theirs and not added.get(place - 1)
        before = columns[place - 1] if shared else None
        equal = before is not None and ((idle and _equal(before, column)) or _together_dead(before, column))
        alone = Shared((column,), place, eventful, column.read)
        if equal:
            shared[-1].append(alone)
        else:
            shared.append([alone])
    drawn = [Shared.of(parts) for parts in shared]
    while len(drawn) > most:
        at, end = _farthest(drawn, len(drawn) - most)
        drawn[at:end] = [Shared.of(drawn[at:end])]
    return drawn


def _equal(one: Column, other: Column) -> bool:
    """Neither adds anything: what is not known of one is the same as of the other."""
    alike = one.read == other.read or UNREAD in (one.read, other.read)
    return alike and "crashed" not in (one.span.ended, other.span.ended)


def _together_dead(one: Column, other: Column) -> bool:
    """They die at once with the same behind them; which of the lost answers was whose, nobody can tell."""
    ends = ((each.span.lane, each.span.ended, each.span.end, each.read) for each in (one, other))
    return one.span.ended == "crashed" and len(set(ends)) == 1


def _farthest(shared: Sequence[Shared], more: int) -> tuple[int, int]:
    """Which of them, beginning and end, are to share a column: all replayed or none, and nothing happened in them.

    They are at most `more` more than one.
    """
    eventful = [at for at, each in enumerate(shared) if each.eventful] or [0]

    def near(at: int) -> int:
        after = bisect_left(eventful, at)
        return min(abs(at - each) for each in eventful[max(0, after - 1) : after + 1])

    def worth(at: int) -> tuple[bool, bool, int]:
        one, other = shared[at : at + 2]
        distance = min(near(at), near(at + 1))
        quiet = distance > 1 and not (one.eventful or other.eventful)
        return quiet, quiet and bool(one.read) == bool(other.read), distance

    at = max(range(len(shared) - 1), key=worth)
    end, alike = at + 1, worth(at)[:2]
    while end - at < more and end < len(shared) - 1 and worth(end)[:2] == alike:
        end += 1
    while end - at < more and at > 0 and worth(at - 1)[:2] == alike:
        at -= 1
    return at, end + 1


# ---- entries -------------------------------------------------------------------------------------------------


def _placed(lines: Sequence[Line], faults: Sequence[Fault]) -> list[tuple[int, Fault]]:
    """Before which entry each fault stands; those in one place share a line."""
    found: dict[int, list[Fault]] = {}
    for fault in faults:
        at = next((place for place, line in enumerate(lines) if line.event > fault.event), len(lines))
        found.setdefault(at, []).append(fault)
    return [(at, _one_line(several)) for at, several in found.items()]


def _one_line(faults: Sequence[Fault]) -> Fault:
    first, *others = faults
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return replace(first, text="; ".join([first.text, *(each.text for each in others[:1])]) + more)


def _kept(count: int, room: int, faults: Sequence[int], told: Sequence[int] = ()) -> list[int]:
    """The places to keep: those around faults and what is `told` first, then from the beginning and, a third of them,
    from the end."""
    wanted = {at for fault in faults for at in range(fault - _AROUND, fault + _AROUND) if 0 <= at < count} | set(told)
    wanted = set(sorted(wanted)[:room])
    ends = [*range(count - (room - len(wanted)) // 3, count), *range(count)]
    for at in ends:
        if len(wanted) >= room:
            break
        wanted.add(at)
    return sorted(wanted)


def _with_faults(
    lines: Sequence[Line], kept: Sequence[int], placed: Sequence[tuple[int, Fault]]
) -> Iterator[Line | Fault]:
    """The lines that are kept, the faults between them, and a row for each gap that says how many are in it."""
    faults, drawn, done = dict(placed), set(kept), 0
    for at in sorted({*kept, *faults, len(lines)}):
        if at > done:
            yield Line(-1, f"…  {at - done} more entries  …", None, -1)
        if at in faults:
            yield faults[at]
        if at in drawn:
            yield lines[at]
        done = at + (at in drawn)
