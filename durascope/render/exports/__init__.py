"""Traces as files for other programs.

A format is a module with a function `write(trace, scenario)`, named in `_FORMATS` or by an engine; it is imported
when it is asked for. It gives bytes, or its text in pieces where a long trace would be too large as a whole. A format
that needs something that is not installed raises `MissingExtra`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from durascope.models.engine import engines
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.models.visible import visible, visible_json


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A format that traces can be written in."""

    module: str
    suffix: str
    about: str
    engines: tuple[str, ...] = ()
    """The engines whose traces it can hold; empty: all."""
    binary: bool = False

    def fits(self, engine: str) -> bool:
        return not self.engines or engine in self.engines


_FORMATS: Final[dict[str, ExportFormat]] = {
    "perfetto": ExportFormat(
        f"{__name__}.perfetto", "pftrace", "a trace for ui.perfetto.dev (needs the extra `traces`)", binary=True
    ),
    "otlp": ExportFormat(f"{__name__}.otlp", "otlp.json", "OpenTelemetry spans as OTLP JSON"),
    "jsonl": ExportFormat(f"{__name__}.jsonl", "jsonl", "every event of the trace, one JSON object a line"),
    "csv": ExportFormat(f"{__name__}.tables", "csv", "every event of the trace, one row each"),
    "markdown": ExportFormat(f"{__name__}.markdown", "md", "tables of the runs and of the steps' attempts"),
}
"""The formats that every trace can be written in."""


def formats() -> dict[str, ExportFormat]:
    """All formats by name, in the order of the help: those of every engine, then those that engines add.

    >>> formats()["jsonl"].suffix
    'jsonl'
    >>> formats()["journal"].engines
    ('restate',)
    """
    own = {
        name: ExportFormat(each.module, each.suffix, each.about, engines=(engine.name,))
        for engine in engines()
        for name, each in engine.exports.items()
    }
    return {**_FORMATS, **own}


class MissingExtra(Exception):
    """What a format needs is not installed. Its text is what a user should see."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(what, extra)
        self.what = what
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.what} needs the extra `{self.extra}`: pip install 'durascope[{self.extra}]'"


def export(trace: Trace, scenario: Scenario, name: str) -> bytes:
    """The trace in that format.

    Raises KeyError if there is no such format, ValueError if it cannot hold this engine's traces, and
    `MissingExtra` where something it needs is not installed.

    >>> from durascope.models.loading import load_scenario
    >>> from durascope.simulators.simulate import simulate
    >>> payment = load_scenario("payment")
    >>> trace = simulate(payment, "inngest")
    >>> export(trace, payment, "jsonl").splitlines()[0][:43].decode()
    '{"number": 0, "at_us": 0, "lane": "client",'
    """
    chosen = formats()[name]
    if not chosen.fits(trace.engine):
        raise ValueError(f"the format {name} is for {' and '.join(chosen.engines)}, not for {trace.engine}")
    written: bytes | Iterable[str] = import_module(chosen.module).write(trace, scenario)
    if chosen.binary and isinstance(written, bytes):
        return written
    safe = visible_json if "json" in chosen.suffix else visible  # JSON keeps what acts on a reader, as its own escapes
    pieces = (written.decode("utf-8"),) if isinstance(written, bytes) else written
    return b"".join(safe(piece).encode("utf-8") for piece in pieces)


def export_files(trace: Trace, scenario: Scenario, name: str) -> dict[str, bytes]:
    """The trace in that format, by the names of its files. Raises as `export`.

    A format of several files has a function `files` beside `write`.
    """
    chosen = formats()[name]
    several = getattr(import_module(chosen.module), "files", None)
    if several is None or not chosen.fits(trace.engine):
        return {filename(trace, name): export(trace, scenario, name)}
    return {f"{trace.scenario}.{trace.engine}.{suffix}": data for suffix, data in several(trace, scenario).items()}


def filename(trace: Trace, name: str) -> str:
    """`SCENARIO.ENGINE.SUFFIX`

    >>> from durascope.models.loading import load_scenario
    >>> from durascope.simulators.simulate import simulate
    >>> payment = load_scenario("payment")
    >>> trace = simulate(payment, "inngest")
    >>> filename(trace, "jsonl")
    'payment.inngest.jsonl'
    """
    return f"{trace.scenario}.{trace.engine}.{formats()[name].suffix}"
