"""`durascope run`: simulate a scenario on the engines and tell what happened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from durascope.cli.options import (
    CrashOption,
    EngineOption,
    JsonOption,
    OutOption,
    RateOption,
    RunsOption,
    ScenarioArgument,
    SeedOption,
    SetOption,
    request,
)
from durascope.cli.terminal import progress_bar, put_json, say
from durascope.models.files import writable, write_whole
from durascope.models.visible import visible_json

if TYPE_CHECKING:
    from durascope.experiments.compare import Result
    from durascope.models.scenario import Scenario

RecordsOption = Annotated[
    bool, typer.Option("--records", help="Keep and print every run's record, even above 100 runs.")
]


def command(
    scenario: ScenarioArgument,
    engine: EngineOption = None,
    seed: SeedOption = 0,
    runs: RunsOption = None,
    rate: RateOption = None,
    settings: SetOption = None,
    crash: CrashOption = None,
    out: OutOption = None,
    records: RecordsOption = False,
    json: JsonOption = False,
) -> None:
    """Simulate a scenario on the engines.

    Shows what each recorded and replayed, what happened twice, and how long it took.

    durascope run order-fulfillment --crash 'engine at 3s' -e temporal

    durascope run order-fulfillment --runs 1000 --rate 50/s
    """
    from durascope.experiments.compare import MANY, as_json, compare

    asked = request(scenario, engine, runs=runs, rate=rate, settings=settings, crashes=crash)
    if out is not None:
        writable(out, made=True)
    kept = True if records else None
    with progress_bar("runs simulated", asked.scenario.workload.runs > MANY) as progress:
        results = compare(asked.scenario, asked.engines, seed=seed, full=kept, records=kept, progress=progress)
    if json:
        put_json(as_json(asked.scenario, results, seed))
    else:
        _story(asked.scenario, results)
        _doubts(scenario)
    if out is not None:
        _write(out, asked.scenario, results, seed)
    if not all(each.held for each in results):
        raise typer.Exit(1)


def _story(scenario: Scenario, results: list[Result]) -> None:
    from durascope.cli.terminal import console
    from durascope.render.text.story import tell, verdict_table

    shown = console()
    tell(shown, scenario, [each.trace for each in results], {each.engine: each.metrics for each in results})
    told = {each.engine: [(v.expected, v.held, v.found) for v in each.verdicts] for each in results if each.verdicts}
    if told:
        shown.print("Expectations", style="bold")
        shown.print(verdict_table(told))


def _doubts(target: str) -> None:
    """Says that `check` has warnings about a file of the user's own: results may not show what is meant."""
    from durascope.models.loading import doubts_of
    from durascope.models.problems import ScenarioProblems

    try:
        count = len(doubts_of(target)) if Path(target).is_file() else 0
    except ScenarioProblems:  # the file alone is not valid: only with what is set on the command line
        count = 0
    if count:
        say(f"{count} warning{'s' * (count != 1)}: see `durascope check {target}`")


def _write(folder: Path, scenario: Scenario, results: list[Result], seed: int) -> None:
    """The results as JSON, and each engine's architecture; says what was written."""
    import json

    from durascope.experiments.compare import as_json
    from durascope.models.engine import engine
    from durascope.render.architecture import draw

    folder.mkdir(parents=True, exist_ok=True)
    data = folder / f"{scenario.scenario}.run.json"
    write_whole(data, visible_json(json.dumps(as_json(scenario, results, seed), indent=2, ensure_ascii=False)) + "\n")
    written = [data]
    for each in results:
        if engine(each.engine).architecture:
            path = folder / f"{scenario.scenario}.{each.engine}.architecture.svg"
            draw(scenario, each.engine).save(path)
            written.append(path)
    say("wrote " + ", ".join(str(path) for path in written))
