"""`durascope compare`: the evidence for choosing an engine for a scenario, on one page."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from durascope.cli.options import (
    RUNS_PER_MONTH,
    CrashOption,
    EngineOption,
    JsonOption,
    PageFormat,
    PageFormatOption,
    PerMonthOption,
    ProcessesOption,
    RateOption,
    Request,
    RunsOption,
    ScenarioArgument,
    SeedOption,
    SetOption,
    read,
    request,
)
from durascope.cli.pace import progress_shown
from durascope.cli.terminal import put, put_json, say
from durascope.models.files import writable, write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from durascope.experiments.decision import Decision
    from durascope.models.scenario import Scenario
    from durascope.render.document import Document, Picture


def command(
    scenario: ScenarioArgument,
    engine: EngineOption = None,
    seed: SeedOption = 0,
    runs: RunsOption = None,
    rate: RateOption = None,
    settings: SetOption = None,
    crash: CrashOption = None,
    precision: Annotated[
        str,
        typer.Option(
            "--precision", metavar="SHARE", help="Replicate until the mean duration is known to within this share."
        ),
    ] = "5%",
    replications: Annotated[
        int | None,
        typer.Option("--replications", min=1, max=100_000, metavar="N", help="Replicate N times instead."),
    ] = None,
    budget: Annotated[
        str,
        typer.Option(
            "--budget", metavar="TIME", help="Stop replicating after this time, if it is not precise by then."
        ),
    ] = "1m",
    per_month: PerMonthOption = RUNS_PER_MONTH,
    prices: Annotated[
        list[Path] | None,
        typer.Option("--prices", metavar="FILE", help="A vendor's prices, in place of ours; may be repeated."),
    ] = None,
    mtbf: Annotated[
        str | None,
        typer.Option("--mtbf", metavar="NAME=TIME,…", help="Mean time between failures: app=30d,engine=90d,stripe=7d."),
    ] = None,
    mttr: Annotated[
        str | None, typer.Option("--mttr", metavar="TIME", help="Time to repair: 2s, or app=2s,stripe=5m (default 1m).")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out the guarantees, the questions, and what would change the answer.")
    ] = False,
    load: Annotated[
        str | None,
        typer.Option(
            "--load", metavar="R1,R2,…", help="Also sweep these arrival rates, to find the knee: 20/s,1000/s."
        ),
    ] = None,
    criteria: Annotated[bool, typer.Option("--criteria", help="Only the criteria table.")] = False,
    format: PageFormatOption = PageFormat.TEXT,  # noqa: A002 - the option's name
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", file_okay=False, help="Write the page as Markdown, HTML and JSON to DIR."),
    ] = None,
    processes: ProcessesOption = None,
    json: JsonOption = False,
) -> None:
    """Compare the engines for a scenario: outcomes, cost, limits.

    Simulates many seeds, and says how certain each figure is.

    durascope compare order-fulfillment

    durascope compare agent --per-month 50000 --out decision
    """
    from durascope.experiments.decision import decide
    from durascope.experiments.evidence import as_json
    from durascope.experiments.prices import PricesError
    from durascope.experiments.prices import prices as read_prices
    from durascope.experiments.reliability import Rates, RatesError
    from durascope.models.units import SECOND, parse_duration, parse_share

    asked = request(scenario, engine, runs=runs, rate=rate, settings=settings, crashes=crash)
    if out is not None:
        writable(out, made=True)
    wanted = read("--precision", precision, parse_share)
    budget_s = read("--budget", budget, parse_duration) / SECOND
    try:
        known = read_prices(tuple(prices or ()))
        rates = None if mtbf is None else Rates.parse(mtbf, mttr, asked.scenario)
    except (PricesError, RatesError) as error:
        raise typer.BadParameter(str(error)) from None
    loaded = None if load is None else _load(scenario, asked, load, settings, seed, processes)
    with progress_shown() as progress:
        decision = decide(
            asked.scenario,
            asked.engines,
            seed=seed,
            precision=wanted,
            replications=1 if criteria else replications,
            runs_per_month=per_month,
            prices=known,
            rates=rates,
            quick=quick or criteria,
            budget_s=budget_s,
            processes=processes,
            progress=progress,
        )
    data = as_json(
        decision, again=_again(scenario, decision, engine, runs, rate, settings, crash, per_month, mtbf, mttr, load)
    )
    data |= {} if loaded is None else {"load": loaded}
    shown = PageFormat.JSON if json else format
    if out is not None:
        _write(out, asked.scenario, asked.engines, seed, data)
    else:
        _print(data, shown, criteria)


LOADED: Final = 3_000
"""Runs at each rate of `--load`: fewer fill no queue."""


def _load(
    target: str, asked: Request, rates: str, settings: list[str] | None, seed: int, processes: int | None
) -> dict[str, Any]:
    """The same without its faults over the arrival rates, as `durascope sweep` gives it."""
    from functools import partial

    from durascope.experiments.grid import Axis, GridError
    from durascope.experiments.pool import mapped
    from durascope.experiments.sweep import sweep
    from durascope.models.overrides import Overrides

    try:
        axis = Axis.parse(f"workload.arrivals.poisson={rates}")
    except GridError:
        wrong = f"{rates!r} are not different rates: write for instance 20/s,1000/s"
        raise typer.BadParameter(wrong, param_hint="'--load'") from None
    runs = max(LOADED, asked.scenario.workload.runs)
    overrides = Overrides((*(settings or ()), "faults=[]"), runs=runs, varied_by="--load")
    return sweep(
        target, [axis], asked.engines, overrides=overrides, seed=seed, seeds=2, measures=("p50_ms",),
        mapper=partial(mapped, processes=processes),
    ).as_json()  # fmt: skip


def _again(
    scenario: str,
    decision: Decision,
    engines: list[str] | None,
    runs: int | None,
    rate: str | None,
    settings: list[str] | None,
    crashes: list[str] | None,
    per_month: int,
    mtbf: str | None,
    mttr: str | None,
    load: str | None,
) -> str:
    """The command line that makes the same page again."""
    study = decision.study
    words = ["durascope", "compare", scenario, "--seed", str(study.seed), "--replications", str(study.count)]
    for option, values in (("-e", engines), ("--set", settings), ("--crash", crashes)):
        for value in values or ():
            words += [option, value]
    given = {"--runs": runs, "--rate": rate, "--mtbf": mtbf, "--mttr": mttr, "--load": load}
    for option, value in given.items():
        words += [] if value is None else [option, str(value)]
    if per_month != RUNS_PER_MONTH:
        words += ["--per-month", str(per_month)]
    return shlex.join(words)


def _page(data: dict[str, Any], criteria: bool, pictures: Sequence[Picture] = ()) -> Document:
    from durascope.render.decision import criteria_page, page

    return criteria_page(data, title_of) if criteria else page(data, title_of, pictures)


def title_of(engine: str) -> str:
    from durascope.render.text.marks import engine_title

    return engine_title(engine).plain


def _print(data: dict[str, Any], shown: PageFormat, criteria: bool) -> None:
    match shown:
        case PageFormat.JSON:
            put_json({"criteria": data["criteria"], "measured": data["measured"]} if criteria else data)
        case PageFormat.MARKDOWN:
            put(_page(data, criteria).markdown())
        case PageFormat.HTML:
            put(_page(data, criteria).html())
        case PageFormat.TEXT:
            from durascope.cli.terminal import console

            console().print(_page(data, criteria).rich(), crop=False)


def _write(folder: Path, scenario: Scenario, engines: Sequence[str], seed: int, data: dict[str, Any]) -> None:
    """The page in three forms, with the pictures of one story: the first seed's."""
    import json

    pictures = [*_pictures(scenario, engines, seed), *_curves(data)]
    page = _page(data, False, pictures)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{scenario.scenario}.compare"
    files = {
        f"{name}.html": page.html().encode(),
        f"{name}.md": page.markdown().encode(),
        f"{name}.json": (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode(),
        **{picture.name: picture.svg for picture in pictures},
    }
    for file, content in files.items():
        write_whole(folder / file, content)
    say("wrote " + ", ".join(str(folder / file) for file in files))


def _pictures(scenario: Scenario, engines: Sequence[str], seed: int) -> list[Picture]:
    from durascope.render.comparison import draw
    from durascope.render.document import Picture
    from durascope.simulators.simulate import FULL_UP_TO, simulate

    if scenario.workload.runs > FULL_UP_TO:
        return []
    traces = [simulate(scenario, engine, seed=seed) for engine in engines]
    words = f"What happens on each engine, on one time axis, under seed {seed}"
    return [Picture(draw(traces, scenario).svg().encode(), words, f"{scenario.scenario}.comparison.svg")]


def _curves(data: dict[str, Any]) -> list[Picture]:
    """What a month costs over the runs, and where each engine saturates, if asked for."""
    from durascope.render import cost_curve, sweep
    from durascope.render.document import Picture

    drawn: list[Picture] = []
    if any(data["cost_curves"].values()):
        costs = cost_curve.draw(data, title_of)
        drawn.append(Picture(costs.svg().encode(), costs.description, f"{data['scenario']}.costs.svg"))
    if "load" in data:
        load = sweep.lines(data["load"])
        drawn.append(Picture(load.svg().encode(), load.description, f"{data['scenario']}.load.svg"))
    return drawn
