"""Histories as a scenario: the workflows, how Temporal is deployed, who started the runs and sent what, what died."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from durascope.importing.checking import Candidate, likeliest, nearest
from durascope.importing.imported import Imported
from durascope.importing.temporal.bodies import Bodies, named
from durascope.importing.temporal.deaths import deaths
from durascope.importing.temporal.deploys import deploys
from durascope.importing.temporal.fitting import Fit
from durascope.importing.temporal.outside import workload
from durascope.importing.temporal.reading import History
from durascope.importing.temporal.readings import Reading, readings
from durascope.importing.temporal.recording import Recording
from durascope.importing.temporal.story import story
from durascope.importing.temporal.workers import deployment
from durascope.importing.writing import scenario_of, written
from durascope.models.trace import Trace

ROUNDS: Final = 8
"""The most predictions for one import."""
LARGEST: Final = 3_000
"""Events above which nothing is predicted while importing: that would take longer than all the rest."""


def imported(histories: Sequence[History], name: str) -> Imported:
    """The scenario that these histories are the recording of; `name` is its id.

    Times that histories do not tell are fitted until the prediction is what was recorded, or comes no nearer.
    """
    recording = Recording(histories)
    if recording.size > LARGEST:
        return _scenario(recording, name, Fit(), Reading())
    return likeliest(partial(_fitted, recording, name, reading) for reading in readings(recording))


def _fitted(recording: Recording, name: str, reading: Reading) -> Candidate:
    fit = Fit(in_order=reading.in_order)

    def nearer(trace: Trace, number: int) -> Imported:
        nonlocal fit
        fit = fit.after(recording, trace, fine=number >= ROUNDS // 2)
        return _scenario(recording, name, fit, reading)

    return nearest(_scenario(recording, name, fit, reading), nearer, ROUNDS)


def _scenario(recording: Recording, name: str, fit: Fit, reading: Reading) -> Imported:
    told = deaths(recording, fit, reading)
    bodies = Bodies(recording, fit, reading, told.lost)
    started = bodies.roots()
    changes = [(workflow, each.with_stops(told.found)) for workflow, each in deploys(recording, fit)]
    deployed = [fault for workflow, each in changes for fault in each.faults(bodies.named(workflow))]
    faults = [*told.faults(apart=[(each.after, each.before) for _, each in changes]), *deployed]
    document: dict[str, Any] = {
        "scenario": name,
        "title": f"Imported: {named(recording.roots[0].first.workflow)}",
        "workflows": bodies.workflows,
        "deployments": {"temporal": deployment(recording, told, reading)},
        "workload": workload(recording, started, bodies, fit),
    }
    if faults:
        document["faults"] = faults
    text = written(document)
    scenario = scenario_of(document, name)
    died = deaths(recording, Fit(), reading).sentences()  # by the recording's own clock
    stories = [story(root, died) for root in recording.roots]
    return Imported("temporal", scenario, text, recording.records, recording.open, stories, list(bodies.notes))
