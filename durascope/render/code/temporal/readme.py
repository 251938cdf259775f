"""The README of a project."""

from __future__ import annotations

from durascope.models.engine import notes_of
from durascope.models.scenario import Scenario
from durascope.render.code.names import one_line
from durascope.render.code.project import filled, table, title_of
from durascope.render.code.temporal.queues import pools


def readme(scenario: Scenario, sdk: str, folder: str, ending: str) -> str:
    """How to run it, what is where, and what Temporal does in its own way."""

    def file(name: str) -> str:
        return f"`{folder}/{name}.{ending}`"

    files = table(
        ("file", "what"),
        (file("workflows"), "the workflows: what must replay the same way"),
        (file("activities"), "the activities: one call each"),
        (file("services"), "stand-ins for the services, with their latency and failures: replace them"),
        (file("messages"), "inputs, events, results"),
        (file("worker"), "the worker; in production a process per queue and replica, see below"),
        (file("start"), "the starter: the scenario's workload"),
    )
    queues = table(
        ("task queue", "workflows", "activities", "replicas"),
        *(
            (f"`{one_line(each.queue)}`", _yes(each.workflows), _yes(each.activities), each.replicas)
            for each in pools(scenario.deployments.temporal)
        ),
    )
    return filled(
        f"temporal_{sdk}_readme.md.jinja",
        title=title_of(scenario),
        scenario=one_line(scenario.scenario),
        files=files,
        queues=queues,
        notes=[one_line(note) for note in notes_of("temporal", scenario)],
    )


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"
