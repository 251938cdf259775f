"""Confirmation: what an exploration found, on the real engine.

The worst findings, or random points, are run through `verify`: the real engine's record, killed at that moment, against
the prediction. A point is confirmed if the record is the predicted one (or another way that the model can go).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from durascope.experiments.exploration.disturbances import Disturbance, Disturbances, calm, disturbed
from durascope.experiments.exploration.explored import Exploration
from durascope.experiments.exploration.findings import Finding
from durascope.experiments.exploration.points import at_moments
from durascope.live.verification import Verification, verify
from durascope.models.problems import ScenarioProblems


@dataclass(frozen=True, slots=True)
class Confirmed:
    """One point on the real engine."""

    engine: str
    disturbances: Disturbances
    what: str
    """The finding's sentence, or `a random point`."""
    verdict: str
    """confirmed · differs · cannot be run"""
    difference: str = ""
    """Where it differs, or why it cannot be run."""
    racy: bool = False
    """Confirmed as another way that the model can go with other random draws of the engine's."""

    def as_json(self) -> dict[str, Any]:
        return {
            "engine": self.engine,
            "what": self.what,
            "disturbances": [each.as_json() for each in self.disturbances],
            "verdict": self.verdict,
            "racy": self.racy,
            "difference": self.difference,
        }


Verify = Callable[..., Verification]


@dataclass(frozen=True, slots=True)
class Confirmation:
    """All points that were taken to the real engine."""

    points: Sequence[Confirmed] = field(default_factory=list[Confirmed])

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return not any(each.verdict == "differs" for each in self.points)


def confirmed(
    exploration: Exploration,
    engines: Sequence[str],
    *,
    worst: int = 0,
    sample: int = 0,
    tell: Callable[[str], None] = lambda _what: None,
    run: Verify = verify,
) -> Confirmation:
    """Takes the `worst` findings and `sample` random moments of steps of each engine to the real one.

    Raises `live.processes.LiveProblem` where the engine's tools are missing.
    """
    found: list[Confirmed] = []
    for engine in engines:
        for what, disturbances in _chosen(exploration, engine, worst, sample):
            tell(f"{engine}: {', '.join(each.words for each in disturbances)}")
            found.append(_one(exploration, engine, what, disturbances, run))
    return Confirmation(found)


def _chosen(exploration: Exploration, engine: str, worst: int, sample: int) -> Iterator[tuple[str, Disturbances]]:
    explored = exploration.engines[engine]
    runnable = [each for each in explored.findings if _can_be_run(each)]
    for finding in runnable[:worst]:
        yield finding.sentence, finding.disturbances
    points = list(at_moments(exploration.scenario, explored.undisturbed.trace, exploration.whats))
    draw = random.Random(exploration.seed)
    for point in draw.sample(points, min(sample, len(points))):
        yield "a random point", (point,)


def _can_be_run(finding: Finding) -> bool:
    """The real engine has no events of ours to count: what it is killed at is a step's moment."""
    return all(each.step is not None for each in finding.disturbances)


def _one(
    exploration: Exploration, engine: str, what: str, disturbances: tuple[Disturbance, ...], run: Verify
) -> Confirmed:
    scenario = disturbed(calm(exploration.scenario), disturbances)
    try:
        found = run(scenario, engine, seed=exploration.seed)
    except ScenarioProblems as problem:
        return Confirmed(engine, disturbances, what, "cannot be run", str(problem).splitlines()[0])
    if found.agrees:
        return Confirmed(engine, disturbances, what, "confirmed", racy=found.racy)
    first = next(each for one in found.differences for each in one)
    return Confirmed(engine, disturbances, what, "differs", first.what)
