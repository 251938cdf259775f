"""A tally: what many disturbances led to, in memory that does not grow with their number.

Tallies of parts are added up in the order of the points, so that the whole is the same however the work was divided.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from durascope.experiments.exploration.disturbances import Disturbance, Disturbances
from durascope.experiments.exploration.outcomes import LATE_US, Outcome

SEVERITY: Final = ("nothing", "delay", "duplicate", "stuck")
"""What a disturbance can lead to, the worst last."""

Rank = tuple[int, ...]
"""How simple an example is: the least is shown."""


@dataclass(frozen=True, slots=True)
class Guarantee:
    """How often the effect of one step happens in a run, over all that was explored, and its longest recovery."""

    fewest: int
    most: int
    worst_recovery_us: int | None = None

    def and_(self, other: Guarantee) -> Guarantee:
        """Both taken together."""
        known = [each for each in (self.worst_recovery_us, other.worst_recovery_us) if each is not None]
        return Guarantee(min(self.fewest, other.fewest), max(self.most, other.most), max(known, default=None))


@dataclass(frozen=True, slots=True)
class Witness:
    """Disturbances that show something: how many do, and the plainest."""

    rank: Rank
    disturbances: Disturbances
    outcome: Outcome
    count: int = 1

    def and_(self, other: Witness) -> Witness:
        """Both taken together; the earlier of two that are equally plain."""
        plainer = other if other.rank < self.rank else self
        return Witness(plainer.rank, plainer.disturbances, plainer.outcome, self.count + other.count)


Shown = tuple[str, str | None]
"""What a witness shows: (`duplicate`, step), (a property, None), (`slow`, None)."""
Cell = tuple[str, str, str]
"""A field of the crash map: step, moment, target."""


@dataclass(slots=True)
class Tally:
    """What is known so far."""

    usual: Mapping[str, int]
    """By step: the most effects that a run has undisturbed."""
    ignored: frozenset[str] = frozenset()
    """Properties that do not hold undisturbed either."""
    simulated: int = 0
    missed: int = 0
    """Disturbances that never came about."""
    steps: dict[str, Guarantee] = field(default_factory=dict[str, Guarantee])
    worst_delay_us: int | None = 0
    """None: some run did not end that ends undisturbed."""
    longest_us: int = 0
    """The longest delay of runs that ended."""
    excess_us: int = 0
    """The same without the time for which something was down."""
    statuses: Counter[str] = field(default_factory=Counter[str])
    broken: Counter[str] = field(default_factory=Counter[str])
    seen: Counter[str] = field(default_factory=Counter[str])
    witnesses: dict[Shown, Witness] = field(default_factory=dict[Shown, Witness])
    cells: dict[Cell, int] = field(default_factory=dict[Cell, int])
    """By field of the map: the place in `SEVERITY` of the worst."""
    strip: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    """The same by target (app or engine) and time in microseconds."""
    chains: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    """By step that can happen twice: how often it happens with one, two, … crashes, each at its repetition."""

    def add(self, disturbances: Disturbances, outcome: Outcome) -> None:
        """One more simulation."""
        self.simulated += 1
        self.missed += not outcome.struck
        for step, (low, high) in outcome.effects.items():
            each = Guarantee(low, high, outcome.recovery_us.get(step))
            self.steps[step] = self.steps[step].and_(each) if step in self.steps else each
        if outcome.delay_us is None:
            self.worst_delay_us = None
        else:
            self.longest_us = max(self.longest_us, outcome.delay_us)
            self.excess_us = max(self.excess_us, excess(disturbances, outcome))
            if self.worst_delay_us is not None:
                self.worst_delay_us = self.longest_us
        self.statuses.update(outcome.statuses)
        self.broken.update(outcome.broken.keys())
        self.seen.update(outcome.seen)
        self._witness(disturbances, outcome)
        self._map(disturbances[-1], SEVERITY.index(outcome.leads_to(self.usual)))

    def _witness(self, disturbances: Disturbances, outcome: Outcome) -> None:
        last = disturbances[-1]
        for step, (_, high) in outcome.effects.items():
            if high > self.usual.get(step, high):
                self._show(("duplicate", step), Witness((-high, *plainness(last, step)), disturbances, outcome))
        for name in outcome.broken:
            if name not in self.ignored:
                self._show((name, None), Witness((last.step is None,), disturbances, outcome))
        late = excess(disturbances, outcome)
        if late > LATE_US:
            self._show(("slow", None), Witness((-late, last.step is None), disturbances, outcome))

    def _show(self, what: Shown, witness: Witness) -> None:
        known = self.witnesses.get(what)
        self.witnesses[what] = witness if known is None else known.and_(witness)

    def _map(self, last: Disturbance, severity: int) -> None:
        if last.step is not None:
            cell = (last.step, last.moment, last.target)
            self.cells[cell] = max(severity, self.cells.get(cell, 0))
        lane = ("engine" if last.target == "engine" else "app", last.at_us)
        self.strip[lane] = max(severity, self.strip.get(lane, 0))

    def and_(self, other: Tally) -> None:
        """Takes what comes after this in, too."""
        self.simulated += other.simulated
        self.missed += other.missed
        for step, each in other.steps.items():
            self.steps[step] = self.steps[step].and_(each) if step in self.steps else each
        self.longest_us = max(self.longest_us, other.longest_us)
        self.excess_us = max(self.excess_us, other.excess_us)
        both_end = self.worst_delay_us is not None and other.worst_delay_us is not None
        self.worst_delay_us = self.longest_us if both_end else None
        self.statuses.update(other.statuses)
        self.broken.update(other.broken)
        self.seen.update(other.seen)
        for what, witness in other.witnesses.items():
            self._show(what, witness)
        _worst(self.cells, other.cells)
        _worst(self.strip, other.strip)
        self.chains.update(other.chains)


_Key = TypeVar("_Key")


def _worst(mine: dict[_Key, int], theirs: Mapping[_Key, int]) -> None:
    """Of each field the worst of both."""
    for key, severity in theirs.items():
        mine[key] = max(severity, mine.get(key, 0))


def excess(disturbances: Disturbances, outcome: Outcome) -> int:
    """By how much the slowest run was later than what was down can explain, in microseconds."""
    return max(0, (outcome.delay_us or 0) - sum(each.down_us for each in disturbances))


def plainness(disturbance: Disturbance, step: str) -> Rank:
    """The plainest example comes first: the step's own moment, an app that dies, the effect done and unreported."""
    return (
        disturbance.step != step,
        disturbance.target != "app",
        disturbance.moment != "after-effect",
        disturbance.down_us,
    )


def tallied(tally: Tally, found: Iterable[tuple[Disturbances, Outcome]]) -> Tally:
    """The tally with all of these added."""
    for disturbances, outcome in found:
        tally.add(disturbances, outcome)
    return tally
