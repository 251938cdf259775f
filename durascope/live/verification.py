"""Predicted against recorded: equal, equal with other random choices of the engine, or the first difference."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from durascope.live import timing
from durascope.live.conductor import check
from durascope.live.differences import STUCK, differences
from durascope.live.engine import Recording
from durascope.live.engines import live_engine, record
from durascope.live.judging import Alike, judge
from durascope.live.processes import LiveProblem
from durascope.live.scaling import Scale, scale_of, scaled
from durascope.live.ways import SECONDS, TRIES, Way, nearest_way
from durascope.models.cases import Case
from durascope.models.differences import Difference
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.models.units import MILLISECOND, SECOND, format_duration
from durascope.simulators.kernel.luck import TurnedLuck

LONG: Final = 60 * SECOND
"""Predicted durations above this are announced before the run, in seconds."""
PATIENCE_S: Final = 60.0
"""Seconds that a real run may last beyond what is predicted."""

DRAWS: Final = 8
"""How many draws of the engine's delays the times are compared with."""
DRAWING_S: Final = 5.0
"""No further draw is made after this many seconds."""


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of verifying a scenario on one engine."""

    scenario: Scenario
    """The scenario as it was run, with long waits shortened."""
    engine: str
    scale: Scale
    trace: Trace
    """The prediction under the seed that was asked for."""
    recordings: Sequence[Recording]
    differences: Sequence[Sequence[Difference]]
    """For each recording: its differences from the prediction, or from the nearest way that the model can go."""
    notes: Sequence[str] = ()
    """What had to differ from the scenario; the prediction has the same changes."""
    ways: Sequence[Way | None] = ()
    """For each recording that is not the prediction, the nearest way of the model; None: nothing is left to chance."""
    seconds: float = 0.0
    """How long each real run was watched, at most."""

    @property
    def agrees(self) -> bool:
        return not any(self.differences)

    @property
    def racy(self) -> bool:
        """Whether a recording that differs from the prediction can be right, because chance decides the order."""
        return any(way is not None and way.fits for way in self.ways)

    def way(self, number: int) -> Way | None:
        """Of the recording of that number, from 0."""
        return self.ways[number] if number < len(self.ways) else None


def verify(
    scenario: Scenario,
    engine: str,
    *,
    case: Case | None = None,
    seed: int = 0,
    repeat: int = 1,
    within_s: float | None = None,
    server: str | None = None,
    search: float = SECONDS,
    tell: Callable[[str], None] = lambda _what: None,
) -> Verification:
    """Predicts the scenario, runs it `repeat` times on the real engine, and compares.

    A recording that differs from the prediction is right, too, if the model goes that way under other random choices of
    the engine; a case that is not racy says that it cannot. `server`: path of the engine's server (default: looked up);
    `search`: how many seconds to search for such choices; `tell`: called with what is being done.

    Raises `LiveProblem` if tools are missing, `ScenarioProblems` if the engine can't run the scenario.
    """
    from durascope.simulators.simulate import simulate

    scenario, notes = live_engine(engine).adapted(scenario)
    check(scenario)
    if case is not None and notes:
        raise LiveProblem(f"{case.case} can't be run as it was recorded: {engine} runs here with {', '.join(notes)}")
    scale = scale_of(scenario)
    scenario = scaled(scenario, scale)
    trace = simulate(scenario, engine, seed=seed, records=True)
    seconds = _patience(trace) if within_s is None else within_s
    expected = round(min(trace.ended_at / SECOND, seconds)) * SECOND
    recordings: list[Recording] = []
    found: list[Sequence[Difference]] = []
    ways: list[Way | None] = []
    alike = judge(case, engine)

    def judged(recording: Recording) -> tuple[Sequence[Difference], Way | None]:
        return _judged(recording, scenario, engine, seed, trace, alike, case, search, tell)

    for number in range(1, repeat + 1):
        which = f", {number} of {repeat}" if repeat > 1 else ""
        long = f", predicted to take {format_duration(expected)}" if expected > LONG else ""
        tell(f"{scenario.scenario} on the real {engine}{which}{long}")
        run = partial(record, scenario, engine, seed=seed, seconds=seconds, late_s=_late(trace), server=server)
        recording = run()
        wrong, way = judged(recording)
        if _only_times(wrong):
            tell("only times are not as predicted: recording once more")
            recording = run()
            wrong, way = judged(recording)
        recordings.append(recording)
        found.append(wrong)
        ways.append(way)
    return Verification(scenario, engine, scale, trace, recordings, found, notes, ways, seconds)


def _judged(
    recording: Recording,
    scenario: Scenario,
    engine: str,
    seed: int,
    trace: Trace,
    alike: Alike,
    case: Case | None,
    search: float,
    tell: Callable[[str], None],
) -> tuple[Sequence[Difference], Way | None]:
    """In what a recording differs, and the way of the model's that is nearest to it, where it is not the prediction."""

    def compare(trace: Trace) -> Sequence[Difference]:
        return differences(trace, recording, alike, case)

    wrong, way = compare(trace), None
    if wrong and (case is None or case.racy):
        tell("not as predicted: trying other random choices of the engine")
        way = nearest_way(
            scenario,
            engine,
            seed,
            compare,
            lambda tries: tell(f"other random choices, {tries:,} of {TRIES:,}"),
            seconds=search,
        )
        wrong = wrong if way is None else way.differences
    if not wrong and recording.timing is not None:
        draws = _draws(scenario, engine, seed, trace, way)
        late = timing.differences(draws, recording.timing)
        if late:  # where a fault at a time of the clock meets what a busy machine comes to later
            draws += _draws(live_engine(engine).loosened(scenario), engine, seed, trace, None)
            late = timing.differences(draws, recording.timing)
        return late, way
    return wrong, way


def _only_times(wrong: Sequence[Difference]) -> bool:
    return bool(wrong) and all(isinstance(each, timing.OtherTime) for each in wrong)


def _draws(scenario: Scenario, engine: str, seed: int, trace: Trace, way: Way | None) -> list[timing.Timing]:
    """When things happen with this draw of the engine's delays and others; none where events are not kept."""
    from durascope.simulators.simulate import simulate

    luck = [TurnedLuck(seed + number) for number in range(1, DRAWS)]
    scenarios = [scenario] * len(luck)
    if way is not None:
        luck.append(way.luck)
        scenarios.append(live_engine(engine).loosened(scenario) if way.loose else scenario)
    began = time.monotonic()
    drawn = [timing.predicted(trace)]
    for one, each in zip(reversed(scenarios), reversed(luck), strict=True):
        if time.monotonic() - began > DRAWING_S:
            break
        drawn.append(timing.predicted(simulate(one, engine, seed=seed, engine_luck=each, full=True, records=True)))
    return [each for each in drawn if each is not None]


def _patience(trace: Trace) -> float:
    """How many seconds a real run may last; one that is not to end is watched for `PATIENCE_S`."""
    stuck = STUCK in trace.status.values()
    return PATIENCE_S if stuck else trace.ended_at / SECOND * 1.5 + PATIENCE_S


def _late(trace: Trace) -> float:
    """How many seconds after the end of its runs the last effect is predicted: of an attempt that was given up."""
    ended = max((run.ended_at or 0 for run in trace.runs), default=0)
    return max(0, *(effect.at - ended for effect in trace.ledger)) / SECOND if trace.ledger else 0.0


# ---- said ----------------------------------------------------------------------------------------------------


def told(verification: Verification) -> str:
    """The result, as text."""
    first = verification.recordings[0]
    how = ", ".join((str(verification.scale), *verification.notes))
    lines = [f"{verification.scenario.scenario} on {first.server} with {first.sdk}: {how}"]
    for number, (recording, wrong) in enumerate(zip(verification.recordings, verification.differences, strict=True)):
        which = f"recording {number + 1}: " if len(verification.recordings) > 1 else ""
        times = _only_times(wrong)
        equal, but = "=" if not wrong or times else "≠", ", but at other times:" if times else ""
        lines.append(f"  {which}predicted {equal} recorded{_by_luck(verification.way(number))}{but}")
        if not wrong:
            lines += [f"    {each}" for each in _agreed(recording)]
            lines += [f"    {each}" for each in _times(recording)]
        else:
            lines += [f"    {line}" for each in wrong for line in str(each).splitlines()]
            if STUCK in recording.status.values() and STUCK not in verification.trace.status.values():
                lines.append(
                    f"    it had not ended after {verification.seconds:.0f} s and was stopped (--within allows more)"
                )
    return "\n".join(lines)


def _by_luck(way: Way | None) -> str:
    if way is None:
        return ""
    if way.fits:
        return f", with other random choices of the engine: racy ({way.tries:,} tries)"
    return f" with each of {way.tries:,} other random choices; the nearest:"


def _agreed(recording: Recording) -> Iterator[str]:
    for run, lines in recording.records.items():
        status = recording.status.get(run)
        yield f"{run}: {len(lines)} line{'' if len(lines) == 1 else 's'}{f', {status}' if status else ''}"
    effects = ", ".join(f"{step} {count}" for step, count in recording.effects.items())
    if effects:
        yield f"effects: {effects}"


def _times(recording: Recording) -> Iterator[str]:
    """What was compared of its times."""
    if recording.timing is not None and recording.timing.starts:
        lag = recording.timing.lag
        back = f" + {format_duration(round(lag, -3))} in which processes came back" if lag >= MILLISECOND else ""
        yield f"times: as predicted ({timing.TOLERANCE}{back})"


def as_json(verification: Verification) -> dict[str, Any]:
    """The result, as plain data."""
    return {
        "scenario": verification.scenario.scenario,
        "engine": verification.engine,
        "scale": verification.scale.factor,
        "notes": list(verification.notes),
        "tolerance": _tolerance(),
        "agrees": verification.agrees,
        "racy": verification.racy,
        "predicted": {
            "records": {run: list(lines) for run, lines in verification.trace.records.items()},
            "status": dict(verification.trace.status),
            "effects": dict(verification.trace.effects),
        },
        "recorded": [
            {
                "server": recording.server,
                "sdk": recording.sdk,
                "records": {run: list(lines) for run, lines in recording.records.items()},
                "status": dict(recording.status),
                "effects": dict(recording.effects),
                "luck": _luck_as_json(verification.way(number)),
                "differences": [
                    {"what": each.what, "line": each.line, "text": str(each)}
                    for each in wrong
                ],
            }
            for number, (recording, wrong) in enumerate(
                zip(verification.recordings, verification.differences, strict=True)
            )
        ],
    }  # fmt: skip


def _tolerance() -> dict[str, float]:
    """How far times may lie outside of what is predicted: shares of them, and seconds."""
    allowed = timing.TOLERANCE
    return {
        "early_share": allowed.early_share,
        "early": allowed.early / SECOND,
        "late_share": allowed.late_share,
        "late": allowed.late / SECOND,
        "start_up": allowed.start_up / SECOND,
    }


def _luck_as_json(way: Way | None) -> dict[str, Any] | None:
    """The random draws with which the model goes that way, or nearest to it; None: those of the seed."""
    if way is None:
        return None
    turns = [{"decides": list(address), "turns": count} for address, count in way.luck.turns.items()]
    swaps = [{"decides": list(one), "as": list(other)} for one, other in way.luck.swaps.items() if one != other]
    luck = {"seed": way.luck.seed, "loose": way.loose, "turned": turns, "swapped": swaps}
    return {"fits": way.fits, "tries": way.tries, **luck}
