"""Every recording of the real Inngest, predicted by the model; judged exactly as the cases' README says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path

import pytest

from durascope.models.cases import InngestCase
from durascope.models.loading import load
from durascope.models.trace import Trace
from durascope.models.units import MILLISECOND, SECOND
from durascope.simulators.simulate import simulate

CASES = sorted((Path(__file__).parent / "inngest").glob("*.yaml"))
SEEDS = range(6)
"""A deterministic case holds under any of them, a racy one up to its freedom."""
SEARCHED = range(40)
"""One of them gives each variant."""

Lines = Sequence[str]
Records = Mapping[str, Lines]

_MEMO = re.compile(r"memo=\[([^\]]*)\]")
_TARGETED = re.compile(r"POST (?!step )(.+?) attempt=(\d+)")
_PLANNED = re.compile(r"StepPlanned ([^;]+?)(?=;|$)")


def case_of(path: Path) -> InngestCase:
    case = load(path)
    assert isinstance(case, InngestCase)
    return case


def test_no_case_is_missing() -> None:
    assert len(CASES) >= 104


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_model_predicts_what_was_recorded(path: Path) -> None:
    case = case_of(path)
    for seed in SEEDS:
        trace = simulate(case.scenario, "inngest", seed=seed)
        problems = list(judge(case, trace))
        assert not problems, f"seed {seed}:\n" + "\n".join(problems)


@pytest.mark.parametrize("path", [path for path in CASES if case_of(path).racy], ids=lambda path: path.stem)
def test_every_variant_that_was_recorded_is_possible(path: Path) -> None:
    case = case_of(path)
    missing = set(range(len(case.records)))
    for seed in SEARCHED:
        predicted = simulate(case.scenario, "inngest", seed=seed).records
        missing -= {number for number in missing if alike(case, predicted, case.records[number])}
        if not missing:
            return
    pytest.fail(f"no seed gave variant {sorted(missing)}")


# ---- judging ------------------------------------------------------------------------------------------------


def judge(case: InngestCase, trace: Trace) -> Iterator[str]:
    """What is wrong with a prediction."""
    if not any(alike(case, trace.records, recorded) for recorded in case.records):
        yield "records:\n" + _told(trace.records) + "\nrecorded:\n" + _told(case.records[0])
    for step, count in case.effects.items():
        if trace.effects.get(step, 0) != count:
            yield f"effects of {step}: {trace.effects.get(step, 0)}, recorded {count}"
    attempts = trace.facts["attempts"]
    assert isinstance(attempts, dict)
    predicted = {step: count for step, count in attempts.items() if count != trace.effects.get(step, 0)}
    if predicted != dict(case.attempts):
        yield f"attempts: {predicted}, recorded {case.attempts}"
    if "runs" in case.free:
        if sorted(trace.status.values()) != sorted(case.status.values()):
            yield f"status: {trace.status}"
    elif dict(trace.status) != case.status:
        yield f"status: {trace.status}"
    yield from _order(case, trace)
    yield from _times(case, trace, "lasts", case.lasts)
    yield from _times(case, trace, "starts", case.starts)
    yield from _bytes(case, trace)


def alike(case: InngestCase, predicted: Records, recorded: Records) -> bool:
    """Whether a record is the recorded one, up to what is free."""
    if "runs" in case.free:
        return any(_same(case, _renamed(predicted, names), recorded) for names in _renamings(recorded))
    return _same(case, predicted, recorded)


def _same(case: InngestCase, predicted: Records, recorded: Records) -> bool:
    return predicted.keys() == recorded.keys() and all(
        _same_run(case, predicted[run], recorded[run]) for run in recorded
    )


def _same_run(case: InngestCase, predicted: Lines, recorded: Lines) -> bool:
    if case.partial == "exchanges":
        predicted = [line for line in predicted if not line.startswith(("POST ", "-> "))]
    if "members" not in case.free:
        return list(predicted) == list(recorded)
    if "ticks" in case.free:
        predicted, recorded = _discoveries(predicted), _discoveries(recorded)
    return _members(predicted) == _members(recorded)


def _members(lines: Lines) -> list[str]:
    """`free: [members]`: rows of targeted requests sorted, and in each memo the members dispatched together."""
    groups: list[set[str]] = []
    known: set[str] = set()
    for line in lines:
        new = {name for planned in _PLANNED.findall(line) for name in planned.split(", ")} - known
        if new:
            known |= new
            groups.append(new)
    rows: list[list[str]] = []
    last = None
    for line in lines:
        line = _MEMO.sub(lambda match: f"memo=[{', '.join(_sorted(match[1].split(', '), groups))}]", line)  # noqa: PLW2901
        targeted = _TARGETED.match(line)
        attempt = targeted and targeted[2]
        if attempt is not None and attempt == last:
            rows[-1].append(line)
        else:
            rows.append([line])
        last = attempt
    return [line for row in rows for line in sorted(row)]


def _sorted(names: Sequence[str], groups: Sequence[set[str]]) -> list[str]:
    result = list(names)
    for group in groups:
        places = [number for number, name in enumerate(result) if name.rstrip("!") in group]
        for place, name in zip(places, sorted(result[place] for place in places), strict=True):
            result[place] = name
    return result


def _discoveries(lines: Lines) -> list[str]:
    """`free: [ticks]`: of the discoveries after a group only the last stands, if the others could be as they are."""
    result: list[str] = []
    for line in lines:
        before = result[-1] if result else ""
        if "plan-only" in line and "plan-only" in before:
            seen, all_seen = (set(_MEMO.findall(each)[0].split(", ")) for each in (before, line))
            assert seen <= all_seen, "a later discovery sees no fewer"
            result[-1] = line
        else:
            result.append(line)
    return result


def _renamings(recorded: Records) -> Iterator[dict[str, str]]:
    runs = [run for run in recorded if run.startswith("run ")]
    for names in permutations(runs):
        yield dict(zip(runs, names, strict=True))


def _renamed(records: Records, names: Mapping[str, str]) -> dict[str, Lines]:
    return {names.get(run, run): lines for run, lines in records.items()}


def _order(case: InngestCase, trace: Trace) -> Iterator[str]:
    if case.in_flight is not None and trace.facts["in_flight"] != case.in_flight:
        yield f"in flight: {trace.facts['in_flight']}"
    if not case.order:
        return
    order = trace.facts["order"]
    assert isinstance(order, list)
    if sorted(order) != sorted(case.order[0]):
        yield f"order: {order}"
    if case.case == "priority" and order[:4] != ["run 3"] * 4:
        yield f"the run with the priority is not first: {order}"


def _times(case: InngestCase, trace: Trace, what: str, ranges: object) -> Iterator[str]:
    """Within 300 ms and 2 % of the range; each retry with the default backoff may differ by its jitter."""
    predicted = trace.facts[what]
    assert isinstance(predicted, dict)
    if isinstance(ranges, Mapping):
        pairs = [(run, predicted.get(run), span) for run, span in ranges.items()]
    else:
        assert isinstance(ranges, Sequence)
        values = sorted(predicted.values())
        pairs = [(f"#{n}", value, span) for n, (value, span) in enumerate(zip(values, ranges, strict=True), 1)]
    for run, value, (least, most) in pairs:
        slack = 300 * MILLISECOND + most // 50
        if what == "lasts":
            slack += _retries(case) * (30 * SECOND if case.scenario.deployments.inngest.backoff == "default" else 0)
            slack += SECOND if "retry-after=" in _told(case.records[0]) and "typescript" in case.case else 0
        if value is None or not least - slack <= value <= most + slack:
            yield f"{what} of {run}: {value}, recorded {least} to {most}"


def _retries(case: InngestCase) -> int:
    """How many backoffs a run of the case has seen at most."""
    return max(
        sum(" -> refused" in line or " -> lost" in line or "StepError" in line for line in lines)
        for lines in case.records[0].values()
    )


def _bytes(case: InngestCase, trace: Trace) -> Iterator[str]:
    """The event's values are not in the scenario: the body has it twice, so their length is taken out."""
    if not case.request_bytes:
        return
    sizes, events = trace.facts["request_bytes"], trace.facts["event_bytes"]
    assert isinstance(sizes, dict)
    assert isinstance(events, dict)
    (bodies,), (event,) = sizes.values(), events.values()
    off = 2 * (event - (case.event_bytes or 0))
    if len(bodies) != len(case.request_bytes) or any(
        abs(body - off - recorded) > 12 for body, recorded in zip(bodies, case.request_bytes, strict=True)
    ):
        yield f"bytes: {bodies}, recorded {case.request_bytes}"


def _told(records: Records) -> str:
    return "\n".join(f"  {run}:\n" + "\n".join(f"    {line}" for line in lines) for run, lines in records.items())
