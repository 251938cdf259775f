"""Predicted against recorded: equal, or the first difference in its context."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from durascope.live.engine import Recording
from durascope.live.engines import live_engine, record
from durascope.live.judging import Alike, exactly, judge, listed
from durascope.live.processes import LiveProblem
from durascope.live.scaling import Scale, scale_of, scaled
from durascope.models.cases import Case
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.models.units import SECOND

CONTEXT: Final = 3
"""Lines shown before and after a difference."""
PATIENCE: Final = 60.0
"""Seconds that a real run may last beyond what is predicted."""
STUCK: Final = "running"
"""The status of a run that is not to end: it goes on trying for as long as it is watched."""
LASTS: Final = frozenset({"lasts"})
"""Facts that are measured, not predicted to the letter."""
MEASURED: Final = LASTS | {"replayed"}
"""The same of runs that go on trying."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a prediction and a recording part."""

    what: str
    """The run's record, its status, or the effects of a step."""
    predicted: Sequence[str]
    recorded: Sequence[str]
    line: int | None = None
    """The number of the first line that differs, from 1."""

    def __str__(self) -> str:
        if self.line is None:
            return f"{self.what}: predicted {', '.join(self.predicted)}, recorded {', '.join(self.recorded)}"
        return "\n".join([f"{self.what} differs from line {self.line} on (predicted, recorded):", *self._context()])

    def _context(self) -> Iterator[str]:
        at = (self.line or 1) - 1
        shown = range(max(0, at - CONTEXT), at + CONTEXT + 1)
        width = max((len(self.predicted[n]) for n in shown if n < len(self.predicted)), default=0)
        for number in shown:
            left = self.predicted[number] if number < len(self.predicted) else ""
            right = self.recorded[number] if number < len(self.recorded) else ""
            if left or right:
                yield f"  {number + 1:>4} {left.ljust(width)}  {'=' if left == right else '≠'}  {right}".rstrip()


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of verifying a scenario on one engine."""

    scenario: Scenario
    """As it was run: with its long waits scaled."""
    engine: str
    scale: Scale
    trace: Trace
    recordings: Sequence[Recording]
    differences: Sequence[Sequence[Difference]]
    """Of each recording."""
    notes: Sequence[str] = ()
    """What had to be another than the scenario says, for the prediction, too."""

    @property
    def agrees(self) -> bool:
        return not any(self.differences)


def verify(
    scenario: Scenario,
    engine: str,
    *,
    case: Case | None = None,
    seed: int = 0,
    repeat: int = 1,
    within: float | None = None,
    server: str | None = None,
) -> Verification:
    """Predicts the scenario, runs it `repeat` times on the real engine, and compares.

    `server` is the path of the engine's server, where it is not to be looked for.

    Raises `LiveProblem` where tools are missing, `ScenarioProblems` where the engine can't run the scenario.
    """
    from durascope.simulators.simulate import simulate

    scenario, notes = live_engine(engine).adapted(scenario)
    if case is not None and notes:
        raise LiveProblem(f"{case.case} can't be run as it was recorded: {engine} runs here with {', '.join(notes)}")
    scale = scale_of(scenario)
    scenario = scaled(scenario, scale)
    trace = simulate(scenario, engine, seed=seed, records=True)
    seconds = _patience(trace) if within is None else within
    recordings = [record(scenario, engine, seed=seed, seconds=seconds, server=server) for _ in range(repeat)]
    alike = judge(case, engine)
    found = [differences(trace, recording, alike, case) for recording in recordings]
    return Verification(scenario, engine, scale, trace, recordings, found, notes)


def _patience(trace: Trace) -> float:
    """How many seconds a real run may last; one that is not to end is watched for `PATIENCE`."""
    stuck = STUCK in trace.status.values()
    return PATIENCE if stuck else trace.ended_at / SECOND * 1.5 + PATIENCE


def differences(
    trace: Trace, recording: Recording, alike: Alike = exactly, case: Case | None = None
) -> list[Difference]:
    """All of them, one a run, a status, a step or a fact; empty where the model is right.

    A recording that is another variant of its case is right, too: the engine is not deterministic there.
    """
    variant = case is not None and listed(case, recording.records, alike)
    return [
        *(() if variant else _records(trace.records, recording.records, alike)),
        *_values("status of", trace.status, recording.status),
        *_values("effects of", trace.effects, recording.effects, none=0),
        *_facts(trace.facts, recording.facts, measured=MEASURED if STUCK in trace.status.values() else LASTS),
    ]


def _records(
    predicted: Mapping[str, Sequence[str]], recorded: Mapping[str, Sequence[str]], alike: Alike
) -> Iterable[Difference]:
    for run in {**predicted, **recorded}:
        expected, lines = list(predicted.get(run, ())), list(recorded.get(run, ()))
        if not alike(run, expected, lines):
            yield Difference(f"the record of {run}", expected, lines, _first(expected, lines))


def _first(one: Sequence[str], other: Sequence[str]) -> int:
    for number, (left, right) in enumerate(zip(one, other, strict=False), 1):
        if left != right:
            return number
    return min(len(one), len(other)) + 1


def _values(
    what: str, predicted: Mapping[str, object], recorded: Mapping[str, object], none: object = None
) -> Iterable[Difference]:
    for name, value in recorded.items():
        expected = predicted.get(name, none)
        if expected != value:
            yield Difference(f"{what} {name}", [str(expected)], [str(value)])


def _facts(
    predicted: Mapping[str, object], recorded: Mapping[str, object], *, measured: frozenset[str]
) -> Iterable[Difference]:
    for name, value in recorded.items():
        if name in measured or name not in predicted:
            continue
        expected = predicted[name]
        if isinstance(expected, Mapping) and isinstance(value, Mapping):
            yield from _by_run(name, expected, value)
        elif expected != value:
            yield Difference(name, [str(expected)], [str(value)])


def _by_run(name: str, predicted: Mapping[Any, Any], recorded: Mapping[Any, Any]) -> Iterable[Difference]:
    """A fact that each run has; one that could not be recorded of a run is None."""
    for run in {**predicted, **recorded}:
        expected, found = predicted.get(run), recorded.get(run, ())
        if found is not None and (expected or found) and expected != found:
            yield Difference(f"{name} of {run}", [str(expected or "none")], [str(found or "none")])


# ---- said ----------------------------------------------------------------------------------------------------


def told(found: Verification) -> str:
    """What came of it, for people."""
    first = found.recordings[0]
    how = ", ".join((str(found.scale), *found.notes))
    lines = [f"{found.scenario.scenario} on {first.server} with {first.sdk}: {how}"]
    for number, (recording, wrong) in enumerate(zip(found.recordings, found.differences, strict=True), 1):
        which = f"recording {number}: " if len(found.recordings) > 1 else ""
        if not wrong:
            lines.append(f"  {which}predicted = recorded")
            lines += [f"    {each}" for each in _agreed(recording)]
        else:
            lines.append(f"  {which}predicted ≠ recorded")
            lines += [f"    {line}" for each in wrong for line in str(each).splitlines()]
    return "\n".join(lines)


def _agreed(recording: Recording) -> Iterator[str]:
    for run, lines in recording.records.items():
        status = recording.status.get(run)
        yield f"{run}: {len(lines)} line{'' if len(lines) == 1 else 's'}{f', {status}' if status else ''}"
    effects = ", ".join(f"{step} {count}" for step, count in recording.effects.items())
    if effects:
        yield f"effects: {effects}"


def as_json(found: Verification) -> dict[str, Any]:
    """What came of it, for programs."""
    return {
        "scenario": found.scenario.scenario,
        "engine": found.engine,
        "scale": found.scale.factor,
        "notes": list(found.notes),
        "agrees": found.agrees,
        "predicted": {
            "records": {run: list(lines) for run, lines in found.trace.records.items()},
            "status": dict(found.trace.status),
            "effects": dict(found.trace.effects),
        },
        "recorded": [
            {
                "server": recording.server,
                "sdk": recording.sdk,
                "records": {run: list(lines) for run, lines in recording.records.items()},
                "status": dict(recording.status),
                "effects": dict(recording.effects),
                "differences": [
                    {"what": each.what, "line": each.line, "text": str(each)}
                    for each in wrong
                ],
            }
            for recording, wrong in zip(found.recordings, found.differences, strict=True)
        ],
    }  # fmt: skip
