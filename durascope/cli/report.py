"""`durascope report`: a scenario as one page that plays it, to open anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from durascope.cli.options import (
    CrashOption,
    EngineOption,
    RateOption,
    RunsOption,
    ScenarioArgument,
    SeedOption,
    SetOption,
    read,
    request,
)
from durascope.cli.terminal import busy, say
from durascope.models.files import writable, write_whole


def command(
    scenario: ScenarioArgument,
    engine: EngineOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", dir_okay=False, help="Where the page goes (default: SCENARIO.html)."),
    ] = None,
    seed: SeedOption = 0,
    runs: RunsOption = None,
    rate: RateOption = None,
    settings: SetOption = None,
    crash: CrashOption = None,
    budget: Annotated[
        str,
        typer.Option(
            "--budget", metavar="SIZE", help="Largest size of the page; the least interesting forks are left out."
        ),
    ] = "1MB",
    embed: Annotated[bool, typer.Option("--embed", help="Make a page for an iframe in another page.")] = False,
) -> None:
    """Write one HTML file that plays a scenario.

    It shows the engines side by side, and what a crash at any moment would do.

    The file opens from disk, without a network.

    durascope report order-fulfillment --out order.html

    durascope report payment -e restate
    """
    from durascope.models.problems import printable
    from durascope.models.units import format_size, parse_size
    from durascope.player.document import crashes_in, document
    from durascope.player.page import NoPlayer, bundle, html

    allowed = read("--budget", budget, parse_size)
    asked = request(scenario, engine, runs=runs, rate=rate, settings=settings, crashes=crash)
    path = Path(f"{asked.scenario.scenario}.html") if out is None else out
    writable(path.parent)
    try:
        bundle()
        with busy(True) as tell:
            data = document(asked.scenario, asked.engines, seed=seed, budget=allowed, progress=tell)
            page = html(data, embed=embed).encode("utf-8")
    except NoPlayer as missing:
        say(f"durascope: error: {missing}")
        raise typer.Exit(2) from None
    write_whole(path, page)
    say(f"wrote {printable(str(path))} ({len(page):,} bytes)")
    kept, left, untried = (sum(each.values()) for each in (crashes_in(data), data["left_out"], data["not_tried"]))
    for missing, why in (
        (left - untried, f"are not in it: it may have {format_size(allowed)} (--budget)"),
        (untried, "were not tried: the story is too long to try every one"),
    ):
        if missing:
            say(f"{missing:,} of {left + kept:,} crashes {why}")
    if len(page) > allowed:
        say(f"without any crash it is bigger than {format_size(allowed)}: fewer runs (--runs) make it smaller")
