"""`durascope diff`: what a change of a design does, for a pull request."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from durascope.cli.compare import title_of
from durascope.cli.options import (
    RUNS_PER_MONTH,
    EngineOption,
    JsonOption,
    PageFormat,
    PageFormatOption,
    PerMonthOption,
    ProcessesOption,
    ScenarioArgument,
    SeedOption,
    SetOption,
    request,
)
from durascope.cli.pace import progress_shown
from durascope.cli.terminal import console, put, put_json, say
from durascope.models.files import writable, write_whole

if TYPE_CHECKING:
    from durascope.experiments.designs import Designs
    from durascope.render.document import Picture


class FailOn(StrEnum):
    """What `--fail-on` takes."""

    WORSE = "worse"


def command(
    before: ScenarioArgument,
    after: Annotated[
        str | None, typer.Argument(metavar="SCENARIO", help="The second design (default: the first, with --set-after).")
    ] = None,
    engine: EngineOption = None,
    seed: SeedOption = 0,
    settings: SetOption = None,
    set_after: Annotated[
        list[str] | None,
        typer.Option("--set-after", metavar="PATH=VALUE", help="A field of the second design alone; may be repeated."),
    ] = None,
    replications: Annotated[
        int, typer.Option("--replications", min=2, max=100_000, metavar="N", help="Replications of each design.")
    ] = 100,
    per_month: PerMonthOption = RUNS_PER_MONTH,
    fail_on: Annotated[
        FailOn | None, typer.Option("--fail-on", help="worse: exit status 1 if any figure is significantly worse.")
    ] = None,
    format: PageFormatOption = PageFormat.TEXT,  # noqa: A002 - the option's name
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", dir_okay=False, help="Write the page to FILE instead.")
    ] = None,
    processes: ProcessesOption = None,
    json: JsonOption = False,
) -> None:
    """Compare two designs of a workflow.

    They are two files, or one file with another setting.

    durascope diff order-fulfillment --set-after deployments.temporal.step_timeout=3s

    durascope diff before.yaml after.yaml --fail-on worse --format markdown
    """
    from durascope.experiments.designs import designs
    from durascope.render.designs import page

    first = request(before, engine, settings=settings)
    second = request(after or before, engine, settings=[*(settings or ()), *(set_after or ())])
    if out is not None:
        writable(out.parent)
    with progress_shown() as progress:
        found = designs(
            first.scenario,
            second.scenario,
            first.engines,
            seed=seed,
            replications=replications,
            runs_per_month=per_month,
            processes=processes,
            progress=progress,
        )
    data = found.as_json()
    shown = PageFormat.JSON if json else format
    pictures = _pictures(found, out) if shown is PageFormat.HTML or out is not None else ()
    document = page(data, title_of, pictures)
    if shown is PageFormat.JSON:
        put_json(data)
    elif shown is PageFormat.TEXT and out is None:
        console().print(document.rich(), crop=False)
    else:
        text = document.html() if shown is PageFormat.HTML else document.markdown()
        if out is None:
            put(text)
        else:
            beside = pictures if shown is not PageFormat.HTML else ()
            for picture in beside:
                write_whole(out.parent / picture.name, picture.svg)
            write_whole(out, text)
            say("wrote " + ", ".join([str(out), *(str(out.parent / picture.name) for picture in beside)]))
    if fail_on is FailOn.WORSE and found.worse:
        raise typer.Exit(1)


def _pictures(found: Designs, out: Path | None) -> tuple[Picture, ...]:
    """The timeline of one run of each design on each engine; none of loads that are only counted."""
    from durascope.render.document import Picture
    from durascope.render.timeline import draw
    from durascope.simulators.simulate import FULL_UP_TO, simulate

    drawn: list[Picture] = []
    designs = (("before", found.before), ("after", found.after))
    if any(design.workload.runs > FULL_UP_TO for _, design in designs):
        return ()
    stem = "diff" if out is None else out.stem
    for engine in dict.fromkeys(change.engine for change in found.changes):
        for when, design in designs:
            svg = draw(simulate(design, engine, seed=found.seed), design).svg().encode()
            drawn.append(Picture(svg, f"{title_of(engine)}, {when}", f"{stem}.{engine}.{when}.svg"))
    return tuple(drawn)
