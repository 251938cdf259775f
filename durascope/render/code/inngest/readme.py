"""The README of a project."""

from __future__ import annotations

from typing import Final

from durascope.models.engine import notes_of
from durascope.models.scenario import Scenario
from durascope.render.code.names import one_line
from durascope.render.code.project import filled, table, title_of

_FOLDERS: Final = {"typescript": ("src", "ts"), "python": ("app", "py")}


def readme(scenario: Scenario, sdk: str) -> str:
    """How to run it, what is where, and what Inngest does in its own way."""
    folder, ending = _FOLDERS[sdk]

    def file(name: str) -> str:
        return f"`{folder}/{name}.{ending}`"

    files = table(
        ("file", "what"),
        (file("functions"), "the functions: triggers, flow control, steps"),
        (file("steps"), "what the steps do: one call each"),
        (file("services"), "stand-ins for the services, with their latency and failures: replace them"),
        (file("messages"), "events and results"),
        (file("server"), "the app that the server calls"),
        (file("start"), "the starter: sends the scenario's events"),
    )
    return filled(
        f"inngest_{sdk}_readme.md.jinja",
        title=title_of(scenario),
        scenario=one_line(scenario.scenario),
        connect=scenario.deployments.inngest.app.transport == "connect",
        files=files,
        notes=[one_line(note).replace("*", "\\*") for note in notes_of("inngest", scenario)],
    )
