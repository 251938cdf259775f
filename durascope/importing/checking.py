"""Whether an imported scenario predicts what was recorded, line for line."""

from __future__ import annotations

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
