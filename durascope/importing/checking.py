"""Whether an imported scenario predicts what was recorded, line for line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from durascope.importing.imported import Imported
from durascope.models.differences import Difference, first_difference
from durascope.models.trace import Trace


def differences(imported: Imported, trace: Trace) -> list[Difference]:
    """Where the prediction is another than the recording, one for each run; of an open run what was recorded of it."""
    found: list[Difference] = []
    told = imported.predicted(trace, imported.scenario)
    for run, recorded in imported.records.items():
        predicted = list(told.get(run, ()))
        if run in imported.open:
            predicted = predicted[: len(recorded)]
        if predicted != list(recorded):
            line = first_difference(predicted, recorded)
            found.append(Difference(f"the record of {run}", predicted, recorded, line))
    return found


def check(imported: Imported, seed: int = 0) -> list[Difference]:
    """Predicts the imported run on the engine that recorded it. Empty: as recorded, line for line."""
    return differences(imported, _predicted(imported, seed, imported.needs_events))


def _predicted(imported: Imported, seed: int, events: bool) -> Trace:
    """As `durascope run` predicts it: which of several workers a crash hits hangs on every event before it."""
    from durascope.simulators.simulate import simulate

    scenario = imported.scenario
    return simulate(scenario, imported.engine, seed=seed, records=True, full=events or bool(scenario.faults))


@dataclass(frozen=True, slots=True)
class Candidate:
    """An import, and how much of the recording its prediction gets wrong: 0 is line for line."""

    imported: Imported
    wrong: float


def nearest(
    first: Imported, nearer: Callable[[Trace, int], Imported], rounds: int, *, events: bool = False
) -> Candidate:
    """The scenario, of those that predictions lead to, whose own is nearest to what was recorded.

    `nearer` makes the next one of what a prediction has shown, and its number; `events`: it reads the trace's events.
    After `rounds` of them that came no nearer, none follows; nor after three times as many.
    """
    tried, best, nearest_at = first, Candidate(first, len(first.records) + 1.0), 0
    for number in range(3 * rounds):
        trace = _predicted(tried, 0, events)
        wrong = sum(each.share for each in differences(tried, trace))
        if wrong < best.wrong:
            best, nearest_at = Candidate(tried, wrong), number
        if not wrong or number - nearest_at >= rounds - 1:
            break
        tried = nearer(trace, number)
    return best


def likeliest(readings: Iterable[Callable[[], Candidate]]) -> Imported:
    """Of several ways to read a recording, the first that predicts it line for line, else the nearest."""
    best: Candidate | None = None
    for reading in readings:
        found = reading()
        if best is None or found.wrong < best.wrong:
            best = found
        if not best.wrong:
            break
    assert best is not None
    return best.imported
