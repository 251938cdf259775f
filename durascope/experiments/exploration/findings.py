"""Findings: the worst of each kind, the plainest example, why, and the line that reproduces it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from durascope.experiments.exploration.causes import cause
from durascope.experiments.exploration.disturbances import Disturbances, calm
from durascope.experiments.exploration.outcomes import trace_of
from durascope.experiments.exploration.properties import ALWAYS
from durascope.experiments.exploration.tally import Shown, Tally, Witness
from durascope.experiments.exploration.tokens import Origin, token
from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.models.units import MILLISECOND

SLOW: Final = "slow"
DUPLICATE: Final = "duplicate"


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures without a remedy, or with it."""

    words: str
    """What the finding is about: how often a step can happen, how late a run can be, whether a promise held."""
    recovery_us: int | None
    """The longest recovery of the step, or delay of a run; None: there was none, or no end of it."""
    usd: float | None
    """What the calls of a run can cost at most; None: no service has a price."""
    latency_us: int
    """How long the slowest run takes undisturbed."""


@dataclass(frozen=True, slots=True)
class TriedRemedy:
    """A remedy, tried: the settings, and the same figures before and after."""

    title: str
    settings: tuple[str, ...]
    """What `--set` takes."""
    was: Figures
    now: Figures
    helped: bool
    loses: bool = False
    """Whether with it the effect can fail to happen, which it could not before."""

    @property
    def before(self) -> str:
        return self.was.words

    @property
    def after(self) -> str:
        return self.now.words

    def as_json(self) -> dict[str, Any]:
        """Pairs are before and after."""
        both = (self.was, self.now)
        return {
            "title": self.title,
            "settings": list(self.settings),
            "before": self.before,
            "after": self.after,
            "helped": self.helped,
            "loses": self.loses,
            "recovery_ms": [None if each.recovery_us is None else each.recovery_us / MILLISECOND for each in both],
            "usd": [each.usd for each in both],
            "latency_ms": [each.latency_us / MILLISECOND for each in both],
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that can go wrong on one engine."""

    property: str
    """`duplicate`, `slow`, or the promise that was broken."""
    step: str | None
    sentence: str
    cause: str
    disturbances: Disturbances
    count: int
    """After how many of the simulations it shows."""
    reproduce: str
    """A command line."""
    token: str
    seed: int = 0
    remedies: tuple[TriedRemedy, ...] = field(default=())
    smallest: str | None = None
    """The smallest scenario that shows it, as YAML; None: it was not looked for."""

    def as_json(self) -> dict[str, Any]:
        return {
            "property": self.property,
            "step": self.step,
            "sentence": self.sentence,
            "cause": self.cause,
            "disturbances": [each.as_json() for each in self.disturbances],
            "count": self.count,
            "reproduce": self.reproduce,
            "token": self.token,
            "seed": self.seed,
            "remedies": [remedy.as_json() for remedy in self.remedies],
            "smallest": self.smallest,
        }


def findings(
    scenario: Scenario, engine: str, seed: int, tally: Tally, origin: Origin, known: Tally | None = None
) -> Iterator[Finding]:
    """Duplicates by step, then broken promises, then the longest delay.

    With a `known` tally, only what is worse than there: what takes more disturbances than those did.
    """
    for shown, witness in _sorted(tally, scenario):
        before = None if known is None else known.witnesses.get(shown)
        if known is not None and (shown[0] == SLOW or (before is not None and not _worse(shown, witness, before))):
            continue
        trace = trace_of(calm(scenario), engine, seed, witness.disturbances)
        yield Finding(
            property=shown[0],
            step=shown[1] or witness.disturbances[-1].step if shown[0] == SLOW else shown[1],
            sentence=_sentence(shown, witness),
            cause=cause(shown, witness, trace),
            disturbances=witness.disturbances,
            count=witness.count,
            reproduce=reproduce(witness.disturbances, engine, seed, scenario, origin),
            token=token(witness.disturbances, engine, seed, origin),
            seed=seed,
        )


def _worse(shown: Shown, witness: Witness, before: Witness) -> bool:
    return shown[0] == DUPLICATE and _most(shown, witness) > _most(shown, before)


def _most(shown: Shown, witness: Witness) -> int:
    return witness.outcome.effects[shown[1] or ""][1]


def _sorted(tally: Tally, scenario: Scenario) -> list[tuple[Shown, Witness]]:
    """Duplicates first, of them the ones that the scenario speaks of, and the dear ones; then promises; then delays."""
    steps, promises = sorted(tally.usual, key=partial(_matters, scenario)), list(ALWAYS)

    def place(shown: Shown) -> tuple[int, int]:
        name, step = shown
        if name == DUPLICATE:
            return 0, steps.index(step) if step in steps else len(steps)
        return (2, 0) if name == SLOW else (1, promises.index(name))

    return sorted(tally.witnesses.items(), key=lambda item: place(item[0]))


def _matters(scenario: Scenario, step: str) -> tuple[bool, float]:
    prices = [scenario.services[each.on].price for _, each in scenario.runs() if each.label == step and each.on]
    return step not in scenario.expect.effects, -max((price or 0 for price in prices), default=0)


def _sentence(shown: Shown, witness: Witness) -> str:
    match shown:
        case ("duplicate", step):
            most = _most(shown, witness)
            return f"{step} can happen {most} times" if most > 2 else f"{step} can happen twice"
        case ("slow", _):
            down, late = sum(each.down_us for each in witness.disturbances), witness.outcome.delay_us or 0
            what = witness.disturbances[0].what
            return f"{'an' if what == 'outage' else 'a'} {what} of {spell(down)} makes a run {spell(late)} late"
        case (name, _):
            return f"the promise “{ALWAYS[name][0]}” is broken"


def reproduce(disturbances: Disturbances, engine: str, seed: int, scenario: Scenario, origin: Origin) -> str:
    """A command line that shows it."""
    words = ["durascope", "run", origin.name, "-e", engine, *origin.options]
    if seed:
        words += ["--seed", str(seed)]
    cancels = [each.fault for each in disturbances if each.what == "cancel"]
    faults = [each.fault for each in disturbances if each.what != "cancel"]
    phrases = [each.phrase for each in disturbances]
    if all(phrases):
        if scenario.faults:
            words += ["--set", "faults=[]"]
        for phrase in phrases:
            words += ["--crash", str(phrase)]
        return shlex.join(words)
    if faults or scenario.faults:
        words += ["--set", f"faults=[{', '.join(faults)}]"]
    if cancels:
        events: Sequence[str] = [_plain(event) for event in scenario.workload.events]
        words += ["--set", f"workload.events=[{', '.join([*events, *cancels])}]"]
    return shlex.join(words)


def _plain(event: Any) -> str:
    return json.dumps(event.model_dump(mode="json", by_alias=True, exclude_unset=True))
