"""`durascope explore`: break a scenario at every moment, and say what is guaranteed."""

from __future__ import annotations

import json as json_module
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from durascope.cli.compare import title_of
from durascope.cli.options import (
    EngineOption,
    JsonOption,
    ProcessesOption,
    RunsOption,
    ScenarioArgument,
    SeedOption,
    SetOption,
    read,
    request,
)
from durascope.cli.pace import progress_shown
from durascope.cli.terminal import busy, console, put, say
from durascope.models.files import writable, write_whole
from durascope.models.visible import visible_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from durascope.experiments.exploration.explored import Exploration
    from durascope.live.confirmation import Confirmation


class ExploreFormat(StrEnum):
    """What `--format` takes."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"
    JUNIT = "junit"
    SARIF = "sarif"


class WhatChoice(StrEnum):
    """What `--what` takes."""

    CRASH = "crash"
    GRACEFUL = "graceful"
    HANG = "hang"
    CUT = "cut"
    OUTAGE = "outage"
    DEPLOY = "deploy"
    CANCEL = "cancel"


def command(
    scenario: ScenarioArgument,
    engine: EngineOption = None,
    seed: SeedOption = 0,
    runs: RunsOption = None,
    settings: SetOption = None,
    what: Annotated[
        list[WhatChoice] | None,
        typer.Option(
            "--what",
            metavar="|".join(WhatChoice),
            help="What breaks; may be repeated (default: crashes of app and engine).",
        ),
    ] = None,
    down: Annotated[
        str | None,
        typer.Option(
            "--down",
            metavar="TIME",
            help="How long a disturbance lasts (default: 50ms, and longer than every timeout).",
        ),
    ] = None,
    moments: Annotated[
        bool, typer.Option("--moments", help="Only at the moments of steps, not at every event.")
    ] = False,
    crashes: Annotated[
        int, typer.Option("--crashes", min=1, max=2, metavar="N", help="2 also tries pairs, at the moments of steps.")
    ] = 1,
    seconds: Annotated[
        float,
        typer.Option(
            "--seconds",
            min=0,
            max=86_400,
            metavar="N",
            help="Then try random combinations of disturbances for N seconds.",
        ),
    ] = 0,
    remedies: Annotated[bool, typer.Option("--remedies", help="Try the remedies that fit, and explore again.")] = False,
    shrink: Annotated[
        bool, typer.Option("--shrink", help="Shrink each finding to the smallest scenario that still shows it.")
    ] = False,
    tokens: Annotated[
        bool, typer.Option("--tokens", help="Print a token for each finding, for `durascope replay`.")
    ] = False,
    format: Annotated[  # noqa: A002 - the option's name
        ExploreFormat, typer.Option("--format", "-f", help="Output format; junit and sarif are for CI.")
    ] = ExploreFormat.TEXT,
    confirm: Annotated[
        int,
        typer.Option(
            "--confirm", min=0, max=1_000, metavar="N", help="Verify the N worst findings on the real engine."
        ),
    ] = 0,
    sample: Annotated[
        int,
        typer.Option("--sample", min=0, max=10_000, metavar="N", help="Verify N random moments on the real engine."),
    ] = 0,
    map: Annotated[  # noqa: A002 - the option's name
        Path | None,
        typer.Option("--map", metavar="FILE", dir_okay=False, help="Draw the crash map: .svg, .png or .pdf."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", dir_okay=False, help="Write the page to FILE instead.")
    ] = None,
    processes: ProcessesOption = None,
    json: JsonOption = False,
) -> None:
    """Break a scenario at every moment and see what is guaranteed.

    Shows the worst case on each engine, and how to reproduce it.

    Exit status 1 if an invariant or an expectation of the scenario does not hold after some disturbance.

    durascope explore order-fulfillment --remedies

    durascope explore order-fulfillment-deploy --what deploy -e temporal
    """
    from durascope.experiments.exploration.disturbances import NothingToExplore
    from durascope.experiments.exploration.explore import DEFAULT, explore
    from durascope.experiments.exploration.shrink import shrunk
    from durascope.experiments.exploration.swarm import swarmed
    from durascope.experiments.exploration.trials import with_remedies
    from durascope.models.durations import parse_duration

    asked = request(scenario, engine, runs=runs, settings=settings)
    if out is not None:
        writable(out.parent)
    down_us = None if down is None else read("--down", down, parse_duration)
    try:
        ways = ["--moments"] * (not moments) + ["--runs 1"] * (asked.scenario.workload.runs > 1)
        quicker = f"{' or '.join(ways)} is quicker; Ctrl-C shows what is known so far" if ways else ""
        with progress_shown("points", quicker=quicker) as progress:
            found = explore(
                asked.scenario,
                asked.engines,
                seed=seed,
                whats=[each.value for each in what] if what else DEFAULT,
                down_us=down_us,
                between=not moments,
                crashes=crashes,
                processes=processes,
                name=scenario,
                runs=runs,
                settings=settings or (),
                progress=progress,
            )
            if seconds and not found.interrupted:
                found = swarmed(found, seconds, processes=processes, progress=progress)
            if shrink and not found.interrupted:
                found = shrunk(found)
            if remedies and not found.interrupted:
                found = with_remedies(found, processes=processes, progress=progress)
    except NothingToExplore as error:
        raise typer.BadParameter(str(error)) from None
    data = found.as_json()
    confirmed = _confirmed(found, asked.engines, confirm, sample) if confirm or sample else None
    if confirmed is not None:
        data["confirmed"] = [each.as_json() for each in confirmed.points]
    if map is not None:
        _draw(data, map)
    text = _shown(data, ExploreFormat.JSON if json else format, scenario, tokens, out is None)
    if text is not None and out is None:
        put(text)
    elif text is not None and out is not None:
        write_whole(out, text)
        say(f"wrote {out}")
    if not found.held or found.vacuous or found.interrupted or not (confirmed is None or confirmed.agrees):
        raise typer.Exit(1)


def _confirmed(exploration: Exploration, engines: Sequence[str], worst: int, sample: int) -> Confirmation:
    """Findings and random moments on the real engines."""
    from durascope.live.confirmation import confirmed
    from durascope.live.interrupts import all_as_ctrl_c
    from durascope.live.processes import LiveProblem

    try:
        with all_as_ctrl_c(), busy(True) as tell:
            return confirmed(exploration, engines, worst=worst, sample=sample, tell=tell)
    except LiveProblem as problem:
        raise typer.BadParameter(f"{problem}") from None


def _draw(data: dict[str, Any], path: Path) -> None:
    from durascope.render.crash_map import crash_map

    try:
        crash_map(data, title_of).save(path)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    say(f"wrote {path}")


def _shown(data: dict[str, Any], form: ExploreFormat, scenario: str, tokens: bool, printed: bool) -> str | None:
    """The exploration in that form; None: it has been printed."""
    from durascope.render.exploration import page
    from durascope.render.exploration_ci import junit, sarif

    document = page(data, title_of, tokens=tokens)
    match form:
        case ExploreFormat.JSON:
            return visible_json(json_module.dumps(data, indent=2, ensure_ascii=False))
        case ExploreFormat.HTML:
            return document.html()
        case ExploreFormat.JUNIT:
            return junit(data)
        case ExploreFormat.SARIF:
            file = Path(scenario)
            text = file.read_text("utf-8") if file.is_file() else None
            return sarif(data, f"{data['scenario']}.yaml" if text is None else file.as_posix(), text)
        case ExploreFormat.TEXT if printed:
            console().print(document.rich(), crop=False)
            return None
        case _:
            return document.markdown()
