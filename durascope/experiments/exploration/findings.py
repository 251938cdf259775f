"""Findings: the worst of each kind, the earliest point that shows it, why, and the line that reproduces it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from durascope.experiments.exploration.disturbances import Disturbance
from durascope.experiments.exploration.outcomes import ALWAYS, Outcome
from durascope.models.scenario import Scenario
from durascope.models.units import MILLISECOND


@dataclass(frozen=True, slots=True)
class Cure:
    """A remedy, tried: the settings, and the same figures before and after."""

    title: str
    settings: tuple[str, ...]
    before: str
    after: str
    helped: bool

    def as_json(self) -> dict[str, Any]:
        return {
            "title": self.title, "settings": list(self.settings), "before": self.before, "after": self.after,
            "helped": self.helped,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that can go wrong on one engine."""

    property: str
    """`duplicate`, `slow`, or the promise that was broken."""
    step: str | None
    sentence: str
    cause: str
    disturbance: Disturbance
    count: int
    """After how many of the disturbances it shows."""
    reproduce: str
    cures: tuple[Cure, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        each = self.disturbance
        return {
            "property": self.property,
            "step": self.step,
            "sentence": self.sentence,
            "cause": self.cause,
            "disturbances": [
                {"what": each.what, "target": each.target, "step": each.step, "moment": each.moment,
                 "attempt": each.attempt, "down_ms": each.down_us / MILLISECOND}
            ],
            "count": self.count,
            "reproduce": self.reproduce,
            "cures": [cure.as_json() for cure in self.cures],
        }  # fmt: skip


def findings(
    scenario: Scenario,
    engine: str,
    seed: int,
    pairs: Sequence[tuple[Disturbance, Outcome]],
    undisturbed: Outcome,
    name: str | None,
) -> list[Finding]:
    """Duplicates by step, then broken promises, then the longest delay; points with a step's moment come first."""
    command = name or scenario.scenario
    ordered = sorted(pairs, key=lambda pair: pair[0].step is None)  # stable: the earliest of each
    found: list[Finding] = []
    for step in undisturbed.effects:
        usual = undisturbed.effects[step][1]
        guilty = [(d, o) for d, o in ordered if o.effects.get(step, (0, 0))[1] > usual]
        if guilty:
            most = max(o.effects[step][1] for _, o in guilty)
            first = min((d for d, _ in guilty), key=lambda each: _plainness(each, step))
            sentence = f"{step} can happen {most} times" if most > 2 else f"{step} can happen twice"
            found.append(
                Finding("duplicate", step, sentence, _cause(first, step), first, len(guilty),
                        reproduce(first, command, engine, seed, scenario))
            )  # fmt: skip
    for prop, (sentence, _) in ALWAYS.items():
        broken = [(d, o) for d, o in ordered if prop in o.broken and prop not in undisturbed.broken]
        if broken:
            first, result = broken[0]
            found.append(
                Finding(prop, None, f"broken: {sentence}", result.broken[prop], first, len(broken),
                        reproduce(first, command, engine, seed, scenario))
            )  # fmt: skip
    late = [(o.delay_us, d) for d, o in ordered if o.delay_us is not None]
    if late:
        worst, first = max(late, key=lambda each: each[0])
        if worst > 0:
            found.append(
                Finding("slow", first.step, "the longest delay of a run", f"{worst / 1e6:.3g} s later", first, 1,
                        reproduce(first, command, engine, seed, scenario))
            )  # fmt: skip
    return found


def _plainness(disturbance: Disturbance, step: str) -> tuple[bool, bool, bool, int]:
    """The plainest example comes first: the step's own moment, an app that dies, the effect done and unreported."""
    return (
        disturbance.step != step,
        disturbance.target != "app",
        disturbance.moment != "after-effect",
        disturbance.down_us,
    )


_STAGE: Final = {
    "after-effect": "the effect has happened and nobody has reported it",
    "reported": "the result is on its way",
    "before-effect": "the effect is about to happen",
    "started": "the step has begun",
    "scheduled": "the step is about to begin",
    "recorded": "the result is recorded",
}


def _cause(disturbance: Disturbance, step: str) -> str:
    who = disturbance.target
    happens = {"crash": f"{who} dies", "graceful": f"{who} stops", "hang": f"{who} stands still"}.get(
        disturbance.what, f"{who}: {disturbance.what}"
    )
    stage = _STAGE.get(disturbance.moment, disturbance.moment)
    where = stage if disturbance.step in (None, step) else f"{stage} ({disturbance.step})"
    return f"{happens} when {where}: the engine has no result of {step}, so it runs {step} again"


def reproduce(disturbance: Disturbance, name: str, engine: str, seed: int, scenario: Scenario) -> str:
    """A command line that shows it."""
    words = ["durascope", "run", name, "-e", engine]
    if seed:
        words += ["--seed", str(seed)]
    if disturbance.what == "cancel":
        if scenario.faults:
            words += ["--set", "faults=[]"]
        words += ["--set", f"workload.events=[{disturbance.fault}]"]
    elif disturbance.phrase is not None:
        if scenario.faults:
            words += ["--set", "faults=[]"]
        words += ["--crash", disturbance.phrase]
    else:
        words += ["--set", f"faults=[{disturbance.fault}]"]
    return shlex.join(words)
