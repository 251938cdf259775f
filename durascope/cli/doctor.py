"""`durascope doctor`: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import platform
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

import typer

from durascope.cli.options import JsonOption
from durascope.cli.terminal import put, put_json
from durascope.models.engine import BrokenEngine, engine, names, origin
from durascope.version import __version__

PROGRAMS: Final = {
    "node": "only for scenarios on TypeScript SDKs",
    "d2": "pip install 'durascope[pictures]'",
}
"""Programs that more than one engine or the pictures need, and how to get them."""
_REQUIREMENT: Final = re.compile(r"(?P<name>[\w.-]+)(?:\[[^\]]*\])?.*?(?:extra == ['\"](?P<extra>[\w-]+)['\"])?$")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that durascope can use."""

    group: str
    name: str
    found: str | None
    """Its version or place; None: it is not there."""
    install: str = ""


def command(json: JsonOption = False) -> None:
    """Report which parts are installed, and how to get the others.

    Exit status 1 if a required one is missing.

    durascope doctor

    durascope doctor --json
    """
    findings = list(examine())
    if json:
        put_json([asdict(finding) for finding in findings])
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            state = finding.found or f"missing; {finding.install}"
            put(f"{finding.group:<9} {finding.name:<{width}}  {state}")
    if any(finding.found is None for finding in findings if finding.group in ("core", "graphviz")):
        raise typer.Exit(1)


def examine() -> Iterator[Finding]:
    """Everything that durascope can use, the needed first."""
    yield Finding("durascope", "durascope", __version__)
    yield Finding("durascope", "python", platform.python_version())
    for group, packages in _packages().items():
        install = "pip install durascope" if group == "core" else f"pip install 'durascope[{group}]'"
        for name in packages:
            yield Finding(group, name, _version(name), install)
        if group == "core":
            yield Finding("graphviz", "layout engine", _graphviz(), "pip install --upgrade pygraphviz")
    for name in names():
        yield _engine(name)
    for name, install in _programs().items():
        yield Finding("programs", name, _program(name), install)
    for name in names():
        with suppress(BrokenEngine):  # said above
            for part, version in engine(name).modelled.items():
                yield Finding("modelled", f"{name} {part}", version)


def _packages() -> dict[str, list[str]]:
    """What durascope itself needs, and its extras, as its own metadata names them."""
    found: dict[str, list[str]] = {"core": []}
    for requirement in metadata.requires("durascope") or ():
        parts = _REQUIREMENT.match(requirement)
        if parts is not None and parts["extra"] != "dev":
            found.setdefault(parts["extra"] or "core", []).append(parts["name"])
    return found


def _engine(name: str) -> Finding:
    try:
        title = engine(name).title
    except BrokenEngine as broken:
        return Finding("engines", name, None, str(broken))
    return Finding("engines", name, f"{title}, {origin(name)}")


def _programs() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names():
        with suppress(BrokenEngine):  # said above
            found.update(engine(name).programs)
    return {**found, **PROGRAMS}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _graphviz() -> str | None:
    """Graphviz comes inside of pygraphviz's wheels from 2.0 on."""
    try:
        import pygraphviz  # pyright: ignore[reportMissingTypeStubs]
    except ImportError:
        return shutil.which("dot")
    return f"inside of pygraphviz {pygraphviz.__version__}"


def _program(name: str) -> str | None:
    """On the path, or beside the Python that runs."""
    beside = Path(sys.executable).parent / name
    return shutil.which(name) or (str(beside) if beside.exists() else None)
