"""`durascope explore`: break a scenario at every moment, and say what is guaranteed."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from durascope.cli.compare import PageFormat, progress_shown, title_of
from durascope.cli.options import EngineOption, JsonOption, RunsOption, ScenarioArgument, SeedOption, SetOption, request
from durascope.cli.terminal import console, put, put_json, say


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
        typer.Option("--what", help="What breaks; may be repeated. Crashes of app and engine if left out."),
    ] = None,
    down: Annotated[
        str | None,
        typer.Option("--down", metavar="TIME", help="For how long (default: 50ms, and longer than every timeout)."),
    ] = None,
    moments: Annotated[bool, typer.Option("--moments", help="Only the moments of steps, not every event.")] = False,
    crashes: Annotated[
        int, typer.Option("--crashes", min=1, max=2, metavar="N", help="2: pairs, too, over the moments of steps.")
    ] = 1,
    cures: Annotated[bool, typer.Option("--cures", help="Try the remedies that fit, and explore again.")] = False,
    format: Annotated[  # noqa: A002 - the option's name
        PageFormat, typer.Option("--format", "-f", help="How the page is printed.")
    ] = PageFormat.TEXT,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", dir_okay=False, help="Write the page to FILE instead.")
    ] = None,
    processes: Annotated[
        int | None, typer.Option("--processes", min=1, max=256, metavar="N", help="Processes (default: the cores).")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Break a scenario at every moment on every engine: what is guaranteed, the worst case, how to reproduce it.

    Exit status 1 if a promise or an expectation of the scenario does not hold after some disturbance.

    durascope explore order-fulfillment --cures

    durascope explore order-fulfillment-deploy --what deploy -e temporal
    """
    from durascope.experiments.exploration.cures import cured
    from durascope.experiments.exploration.disturbances import NothingToExplore
    from durascope.experiments.exploration.explore import DEFAULT, explore
    from durascope.models.durations import Misread, parse_duration
    from durascope.render.exploration import page

    asked = request(scenario, engine, runs=runs, settings=settings)
    try:
        down_us = None if down is None else parse_duration(down)
        with progress_shown("points") as progress:
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
                options=_said(runs, settings),
                progress=progress,
            )
            if cures:
                found = cured(found, processes=processes, progress=progress)
    except (NothingToExplore, Misread) as error:
        raise typer.BadParameter(str(error)) from None
    data = found.as_json()
    shown = PageFormat.JSON if json else format
    if shown is PageFormat.JSON:
        put_json(data)
    elif shown is PageFormat.TEXT and out is None:
        console().print(page(data, title_of).rich(), crop=False)
    else:
        document = page(data, title_of)
        text = document.html() if shown is PageFormat.HTML else document.markdown()
        if out is None:
            put(text)
        else:
            out.write_text(text, "utf-8")
            say(f"wrote {out}")
    if not found.held or found.vacuous or found.interrupted:
        raise typer.Exit(1)


def _said(runs: int | None, settings: list[str] | None) -> list[str]:
    """What else stands on the command line that decides the scenario."""
    said = [] if runs is None else ["--runs", str(runs)]
    for setting in settings or ():
        said += ["--set", setting]
    return said
