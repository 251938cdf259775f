"""`durascope diagram`: a scenario and what it does on the engines, as pictures."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from durascope.cli.options import (
    CrashOption,
    EngineOption,
    RateOption,
    RunsOption,
    ScenarioArgument,
    SeedOption,
    SetOption,
    request,
)
from durascope.cli.terminal import busy, say
from durascope.models.files import writable

if TYPE_CHECKING:
    from durascope.render.views import Drawn, ViewName


class ViewChoice(StrEnum):
    """What `--view` takes."""

    ARCHITECTURE = "architecture"
    WORKFLOW = "workflow"
    SEQUENCE = "sequence"
    TIMELINE = "timeline"
    JOURNAL = "journal"
    QUEUES = "queues"
    COMPARISON = "comparison"


class FormatChoice(StrEnum):
    """What `--format` takes."""

    SVG = "svg"
    PNG = "png"
    PDF = "pdf"
    DOT = "dot"
    MERMAID = "mermaid"
    D2 = "d2"


def command(
    scenario: ScenarioArgument,
    view: Annotated[
        list[ViewChoice] | None,
        typer.Option("--view", "-v", metavar="|".join(ViewChoice), help="A view; may be repeated (default: all)."),
    ] = None,
    engine: EngineOption = None,
    format: Annotated[  # noqa: A002 - the option's name
        list[FormatChoice] | None,
        typer.Option("--format", "-f", metavar="|".join(FormatChoice), help="May be repeated (default: svg)."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", file_okay=False, help="Where the files go.")] = Path(),
    load: Annotated[bool, typer.Option("--load", help="Architecture view: add rates and queue depths.")] = False,
    paint: Annotated[bool, typer.Option("--paint", help="Workflow view: colour steps by what happened.")] = False,
    linear: Annotated[bool, typer.Option("--linear", help="Do not cut idle stretches out of the time axis.")] = False,
    all: Annotated[bool, typer.Option("--all", help="Sequence view: every component and every message.")] = False,  # noqa: A002 - the option's name
    seed: SeedOption = 0,
    runs: RunsOption = None,
    rate: RateOption = None,
    settings: SetOption = None,
    crash: CrashOption = None,
) -> None:
    """Draw a scenario: its architecture, its steps, its runs.

    Files are named SCENARIO.ENGINE.VIEW.EXT, and SCENARIO.VIEW.EXT where a view has no engine.

    durascope diagram order-fulfillment --view comparison --out pictures

    durascope diagram payment -e restate --view journal --format png --out pictures
    """
    from durascope.render.views import Options, need_traces, pictures

    asked = request(scenario, engine, runs=runs, rate=rate, settings=settings, crashes=crash)
    writable(out, made=True)
    views: list[ViewName] = [each.value for each in view or ViewChoice]
    formats = [each.value for each in format or (FormatChoice.SVG,)]
    options = Options(load=load, paint=paint, linear=linear, all=all)
    traces = {}
    with busy(True) as tell:
        if need_traces(views, options):
            from durascope.simulators.simulate import simulate

            for name in asked.engines:
                tell(f"{asked.scenario.scenario} on {name}")
                traces[name] = simulate(asked.scenario, name, seed=seed, full=True, records=True)
        written: list[Path] = []
        shown: list[tuple[int, str]] = []
        for drawn in pictures(asked.scenario, asked.engines, traces, views, options):
            tell(drawn.name)
            files = _save(drawn, formats, out)
            written += files
            if files and drawn.picture.finding:
                shown.append((_TELLS_MOST.index(drawn.view), f"look at {files[0]}: {drawn.picture.finding}"))
    if not written:
        say(f"durascope: error: {_nothing(views, formats, asked.engines)}")
        raise typer.Exit(2)
    if len(written) > LISTED:
        say(f"wrote {len(written)} pictures to {out}{os.sep}")
    else:
        say("wrote " + "\n      ".join(str(path) for path in written))
    if shown:
        say(min(shown)[1])


LISTED = 6
"""More files than this are counted, not listed."""
_TELLS_MOST = ("comparison", "timeline", "sequence", "journal", "queues", "architecture", "workflow")
"""The view whose finding is told where several are drawn: the first of these."""


def _save(drawn: Drawn, formats: list[str], out: Path) -> list[Path]:
    """The picture in those of the formats that it has."""
    from durascope.render.picture import SUFFIXES

    return [
        drawn.picture.save(out / f"{drawn.name}.{SUFFIXES[each]}", each)
        for each in drawn.picture.formats
        if each in formats
    ]


def _nothing(views: list[ViewName], formats: list[str], engines: tuple[str, ...]) -> str:
    if views == ["comparison"] and len(engines) < 2:
        return "a comparison needs two engines or more"
    return f"{' and '.join(views)} cannot be written as {' or '.join(formats)}"
