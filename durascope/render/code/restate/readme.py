"""The README of a project."""

from __future__ import annotations

from collections.abc import Iterable

from durascope.models.engine import notes_of
from durascope.models.scenario import Scenario
from durascope.models.targets import Target
from durascope.render.code.names import one_line
from durascope.render.code.project import filled, table, title_of

_KINDS = {"service": "service", "object": "virtual object", "workflow": "workflow"}
_WHAT = {"run": "the run", "complete-promise": "an event", "query": "a query", "update": "an update"}


def readme(scenario: Scenario, sdk: str, folder: str, ending: str, targets: Iterable[Target]) -> str:
    """How to run it, what is where, and what Restate does in its own way."""

    def file(name: str) -> str:
        return f"`{folder}/{name}.{ending}`"

    files = table(
        ("file", "what"),
        (file("handlers"), "the handlers: what must replay the same way"),
        (file("steps"), "the steps: one call each"),
        (file("services"), "stand-ins for the services, with their latency and failures: replace them"),
        (file("messages"), "inputs, events, results"),
        (file("serve"), "the endpoint"),
        (file("start"), "the starter: the scenario's workload"),
    )
    handlers = table(
        ("service", "what it is", "handler", "for"),
        *(
            (f"`{each.service}`", _KINDS[each.service_kind], f"`{each.handler}`",
             f"{_WHAT[each.kind]}: {one_line(each.name)}")
            for each in targets
        ),
    )  # fmt: skip
    return filled(
        f"restate_{sdk}_readme.md.jinja",
        title=title_of(scenario),
        scenario=one_line(scenario.scenario),
        files=files,
        handlers=handlers,
        notes=[one_line(note) for note in notes_of("restate", scenario)],
    )
