"""What an exploration found, engine by engine, as data and as the JSON that is promised."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from durascope.experiments.exploration.disturbances import What
from durascope.experiments.exploration.findings import Finding, TriedRemedy
from durascope.experiments.exploration.properties import ALWAYS, SOMETIMES
from durascope.experiments.exploration.tally import SEVERITY, Guarantee, Tally
from durascope.experiments.exploration.tokens import Origin
from durascope.models.scenario import Scenario
from durascope.models.trace import Kind, Trace
from durascope.models.units import MILLISECOND
from durascope.simulators.places import Undisturbed
from durascope.version import __version__

CHAIN: Final = 4
"""This many crashes are tried, one after the other, before `any number of times` is said."""


@dataclass(frozen=True, slots=True)
class Explored:
    """One engine's part."""

    engine: str
    points: int
    """Before any were merged."""
    merged: int
    tally: Tally
    pairs: Tally | None
    """What a second disturbance leads to; None: not explored."""
    findings: Sequence[Finding]
    undisturbed: Undisturbed
    interrupted: bool = False
    swarms: int = 0
    """Simulations with random disturbances."""
    together: TriedRemedy | None = None
    """What helped against each finding, all applied at once; None: not tried, or there is no more than one remedy."""

    @property
    def simulated(self) -> int:
        return self.tally.simulated + (self.pairs.simulated if self.pairs else 0)

    @property
    def changed(self) -> bool:
        """Whether any disturbance changed anything: something replayed, repeated, late, left open, or another step."""
        return bool(any(self.seen.values()) or self.tally.witnesses or set(self.steps) - set(self.tally.usual))

    @property
    def steps(self) -> Mapping[str, Guarantee]:
        """By step, what is guaranteed, over all that was explored."""
        known = {step: Guarantee(often, often) for step, often in self.tally.usual.items()}
        for tally in (self.tally, self.pairs):
            for step, each in tally.steps.items() if tally else ():
                known[step] = known[step].and_(each) if step in known else each
        return known

    @property
    def broken(self) -> Mapping[str, int]:
        """By property: after how many disturbances it did not hold."""
        return self.tally.broken + self.pairs.broken if self.pairs else self.tally.broken

    @property
    def seen(self) -> Mapping[str, int]:
        return self.tally.seen + self.pairs.seen if self.pairs else self.tally.seen

    @property
    def statuses(self) -> Mapping[str, int]:
        return self.tally.statuses + self.pairs.statuses if self.pairs else self.tally.statuses

    @property
    def stuck(self) -> int:
        """Disturbances after which a run does not end."""
        return self.broken.get("no-run-lost", 0)

    @property
    def worst_delay_us(self) -> int | None:
        """None: some run did not end that ends undisturbed."""
        tallies = [each for each in (self.tally, self.pairs) if each is not None]
        known = [each.worst_delay_us for each in tallies]
        return None if None in known else max(each for each in known if each is not None)

    def without_end(self, step: str) -> bool:
        """Whether each further crash repeated the step once more, as often as was tried."""
        counts = self.tally.chains.get(step, ())
        return len(counts) == CHAIN and all(later > earlier for earlier, later in pairwise(counts))


@dataclass(frozen=True, slots=True)
class Exploration:
    """The whole of it."""

    scenario: Scenario
    seed: int
    whats: tuple[What, ...]
    engines: Mapping[str, Explored]
    crashes: int = 1
    origin: Origin = field(default_factory=lambda: Origin("scenario.yaml"))

    @property
    def held(self) -> bool:
        """Whether every promise held after every disturbance."""
        return not any(each.broken for each in self.engines.values())

    @property
    def vacuous(self) -> bool:
        """Whether no disturbance changed anything on any engine: such an exploration says nothing."""
        return not any(each.changed for each in self.engines.values())

    @property
    def interrupted(self) -> bool:
        return any(each.interrupted for each in self.engines.values())

    @property
    def called(self) -> str:
        """What a command line names: the scenario, what was set, what breaks."""
        whats = () if self.whats == ("crash",) else (word for what in self.whats for word in ("--what", what))
        return shlex.join((self.origin.name, *self.origin.options, *whats))

    def as_json(self) -> dict[str, Any]:
        """The shape that `durascope explore --json` promises; times in ms."""
        return {
            "scenario": self.scenario.scenario,
            "title": self.scenario.title or self.scenario.scenario,
            "called": self.called,
            "seed": self.seed,
            "version": __version__,
            "what": list(self.whats),
            "crashes": self.crashes,
            "held": self.held,
            "vacuous": self.vacuous,
            "interrupted": self.interrupted,
            "engines": {name: _explored(each, prices(self.scenario)) for name, each in self.engines.items()},
        }


def prices(scenario: Scenario) -> dict[str, float]:
    """By step: what one call of its service costs, in USD, where it costs anything."""
    found = {step.label: scenario.services[step.on].price for _, step in scenario.runs() if step.on is not None}
    return {step: price for step, price in found.items() if price}


def _explored(explored: Explored, prices: Mapping[str, float]) -> dict[str, Any]:
    return {
        "points": explored.points,
        "merged": explored.merged,
        "simulated": explored.simulated,
        "pairs": explored.pairs.simulated if explored.pairs else 0,
        "swarms": explored.swarms,
        "interrupted": explored.interrupted,
        "changed": explored.changed,
        "steps": {
            step: {
                "effects": [found.fewest, found.most],
                "without_end": explored.without_end(step),
                "with_crashes": list(explored.tally.chains.get(step, ())),
                "worst_recovery_ms": _ms(found.worst_recovery_us),
                "usd": [n * prices[step] for n in (found.fewest, found.most)] if step in prices else None,
            }
            for step, found in explored.steps.items()
        },
        "runs": {
            "worst_delay_ms": _ms(explored.worst_delay_us),
            "statuses": dict(explored.statuses),
            "stuck": explored.stuck,
        },
        "properties": {
            **{
                name: {"kind": "always", "sentence": sentence, "held": not explored.broken.get(name),
                       "broken_after": explored.broken.get(name, 0)}
                for name, (sentence, _) in ALWAYS.items()
            },
            **{
                name: {"kind": "sometimes", "sentence": sentence, "held": bool(explored.seen.get(name)),
                       "seen_after": explored.seen.get(name, 0)}
                for name, sentence in SOMETIMES.items()
            },
        },
        "findings": [finding.as_json() for finding in explored.findings],
        "together": None if explored.together is None else explored.together.as_json(),
        "map": [
            {"step": step, "moment": moment, "target": target, "leads_to": SEVERITY[severity]}
            for (step, moment, target), severity in explored.tally.cells.items()
        ],
        "strip": [
            {"at_ms": at / MILLISECOND, "target": target, "leads_to": SEVERITY[severity]}
            for (target, at), severity in sorted(explored.tally.strip.items(), key=lambda item: item[0])
        ],
        "timeline": list(_timeline(explored.undisturbed.trace)),
    }  # fmt: skip


def _timeline(trace: Trace) -> Iterator[dict[str, Any]]:
    """Each attempt of each step undisturbed: from when to when."""
    begun: dict[tuple[str | None, str | None], int] = {}
    for _, event in trace.of_kind(Kind.STEP_STARTED, Kind.STEP_REPORTED, Kind.STEP_FAILED):
        key = (event.run, event.step)
        if event.kind is Kind.STEP_STARTED:
            begun[key] = event.at
        elif key in begun:
            start = begun.pop(key)
            yield {
                "run": event.run,
                "step": event.step,
                "from_ms": start / MILLISECOND,
                "to_ms": event.at / MILLISECOND,
            }


def _ms(us: int | None) -> float | None:
    return None if us is None else us / MILLISECOND
