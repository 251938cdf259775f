"""Whether an imported scenario predicts what was recorded, line for line."""

from __future__ import annotations

from collections.abc import Callable

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
    from durascope.simulators.simulate import simulate

    trace = simulate(imported.scenario, imported.engine, seed=seed, records=True, full=imported.needs_events)
    return differences(imported, trace)


def nearest(
    first: Imported, nearer: Callable[[Trace, int], Imported], rounds: int, *, events: bool = False
) -> Imported:
    """The scenario, of those that predictions lead to, whose own is nearest to what was recorded.

    `nearer` makes the next one of what a prediction has shown, and its number; `events`: it reads the trace's events.
    """
    from durascope.simulators.simulate import simulate

    best = tried = first
    fewest = len(first.records) + 1.0
    for number in range(rounds):
        trace = simulate(tried.scenario, tried.engine, records=True, full=events)
        found = differences(tried, trace)
        wrong = sum(each.share for each in found)
        if wrong < fewest:
            best, fewest = tried, wrong
        if not found:
            break
        tried = nearer(trace, number)
    return best
