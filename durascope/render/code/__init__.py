"""A scenario as a small project on an engine's SDK: as an expert would write it by hand."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from durascope.models.scenario import Scenario
from durascope.render.code.project import Project

_WRITERS: Final[dict[tuple[str, str], str]] = {
    ("temporal", "python"): f"{__name__}.temporal.python.files",
    ("temporal", "typescript"): f"{__name__}.temporal.typescript.files",
    ("inngest", "python"): f"{__name__}.inngest.python.files",
    ("inngest", "typescript"): f"{__name__}.inngest.typescript.files",
    ("restate", "python"): f"{__name__}.restate.python.files",
    ("restate", "typescript"): f"{__name__}.restate.typescript.files",
}


class NoSuchProject(ValueError):
    """No project is written for that engine and SDK. Its text is what a user should see."""


def sdks(engine: str) -> tuple[str, ...]:
    """The SDKs of an engine that projects are written for.

    >>> sdks("restate"), sdks("queue")
    (('python', 'typescript'), ())
    """
    return tuple(sdk for name, sdk in _WRITERS if name == engine)


def project(scenario: Scenario, engine: str, sdk: str) -> Project:
    """The project's files by their paths. Raises `NoSuchProject`.

    >>> from durascope.models.loading import load_scenario
    >>> files = project(load_scenario("payment"), "restate", "python")
    >>> "app/handlers.py" in files, "README.md" in files
    (True, True)
    >>> project(load_scenario("payment"), "queue", "python")
    Traceback (most recent call last):
        ...
    durascope.render.code.NoSuchProject: no code is written for queue; there is temporal, inngest, restate
    """
    module = _WRITERS.get((engine, sdk))
    if module is None:
        known = sdks(engine)
        raise NoSuchProject(
            f"no code is written for {engine} on {sdk}; there is {' and '.join(known)}"
            if known
            else f"no code is written for {engine}; there is {', '.join(dict.fromkeys(name for name, _ in _WRITERS))}"
        )
    written: Project = import_module(module).project(scenario)
    return written
