"""Histories as a scenario: the workflows, how Temporal is deployed, who started the runs and sent what, what died."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from durascope.importing.checking import nearest
from durascope.importing.imported import Imported
from durascope.importing.temporal.bodies import Bodies, named
from durascope.importing.temporal.deaths import deaths
from durascope.importing.temporal.deploys import deploys
from durascope.importing.temporal.fitting import Fit
from durascope.importing.temporal.outside import workload
from durascope.importing.temporal.reading import History
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
    fit = Fit()
    first = _scenario(recording, name, fit)
    if recording.size > LARGEST:
        return first

    def nearer(trace: Trace, number: int) -> Imported:
        nonlocal fit
        fit = fit.after(recording, trace, fine=number >= ROUNDS // 2)
        return _scenario(recording, name, fit)

    return nearest(first, nearer, ROUNDS)


def _scenario(recording: Recording, name: str, fit: Fit) -> Imported:
    told = deaths(recording, fit)
    bodies = Bodies(recording, fit, told.lost)
    started = bodies.roots()
    changes = list(deploys(recording, fit))
    deployed = [fault for workflow, each in changes for fault in each.faults(bodies.named(workflow))]
    faults = [*told.faults(apart=[(each.after, each.before) for _, each in changes]), *deployed]
    document: dict[str, Any] = {
        "scenario": name,
        "title": f"Imported: {named(recording.roots[0].first.workflow)}",
        "workflows": bodies.workflows,
        "deployments": {"temporal": deployment(recording, told)},
        "workload": workload(recording, started, bodies.receivers, len(bodies.workflows) > 1, fit),
    }
    if faults:
        document["faults"] = faults
    text = written(document)
    scenario = scenario_of(document, name)
    died = deaths(recording, Fit()).sentences()  # by the recording's own clock
    stories = [story(root, died) for root in recording.roots]
    return Imported("temporal", scenario, text, recording.records, recording.open, stories, list(bodies.notes))
