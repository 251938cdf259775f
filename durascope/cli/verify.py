"""`durascope verify`: run a scenario on the real engine and lay the recording beside the prediction."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from durascope.cli.options import (
    CrashOption,
    EngineOption,
    JsonOption,
    RateOption,
    RunsOption,
    ScenarioArgument,
    SeedOption,
    SetOption,
    request,
)
from durascope.cli.terminal import busy, put, put_json, say
from durascope.models.files import write_whole

if TYPE_CHECKING:
    from durascope.live.verification import Verification

SaveOption = Annotated[
    Path | None,
    typer.Option("--save", metavar="FILE", dir_okay=False, help="Save the recording as a conformance case, CASE.yaml."),
]
RepeatOption = Annotated[int, typer.Option("--repeat", min=1, max=1000, metavar="N", help="Repeat N times.")]
WithinOption = Annotated[
    float | None,
    typer.Option("--within", min=1, metavar="SECONDS", help="Give up after SECONDS (default: estimated)."),
]

ServerOption = Annotated[
    Path | None,
    typer.Option("--server", metavar="PATH", help="Path to the engine's server (default: found on PATH)."),
]


def command(
    scenario: ScenarioArgument,
    engine: EngineOption = None,
    seed: SeedOption = 0,
    runs: RunsOption = None,
    rate: RateOption = None,
    settings: SetOption = None,
    crash: CrashOption = None,
    save: SaveOption = None,
    repeat: RepeatOption = 1,
    within: WithinOption = None,
    server: ServerOption = None,
    json: JsonOption = False,
) -> None:
    """Run a scenario on the real engine, and compare.

    The kills are real. The engine's record is compared with the prediction.

    durascope verify order-fulfillment -e temporal

    durascope verify payment -e restate --repeat 3

    Records, statuses, effects and attempts must be equal. A step may start, and a run may end, at most 10 % + 50 ms
    early or 30 % + 500 ms late, plus the time that the machine needed to start (2 s at most) and to bring killed
    processes back. The maximum number of executions of a step at once must be equal, unless 100 ms decide it. If only
    times differ, the scenario is run once more.
    """
    from durascope.live.engines import runnable
    from durascope.live.interrupts import all_as_ctrl_c
    from durascope.live.processes import LiveProblem
    from durascope.live.verification import as_json, told, verify
    from durascope.models.cases import Case

    asked = request(scenario, engine, runs=runs, rate=rate, settings=settings, crashes=crash)
    engines = asked.engines if engine or isinstance(asked.loaded, Case) else runnable()
    if (save is not None or server is not None) and len(engines) > 1:
        say(f"durascope: {'--save' if save is not None else '--server'} needs one engine: add --engine")
        raise typer.Exit(2)
    if save is not None:
        _check_that_it_can_be_written(save)
    case = asked.loaded if isinstance(asked.loaded, Case) else None
    done: list[Verification] = []
    missing = False
    with all_as_ctrl_c(), busy(True) as tell:
        for name in engines:
            try:
                found = verify(
                    asked.scenario,
                    name,
                    case=case,
                    seed=seed,
                    repeat=repeat,
                    within_s=within,
                    server=None if server is None else str(server),
                    tell=tell,
                )
            except LiveProblem as problem:  # the other engines may be here
                say(f"durascope: {problem}")
                missing = True
                continue
            done.append(found)
            if not json:
                put(told(found))
    if json and done:
        put_json([as_json(each) for each in done])
    if save is not None and done:
        _save(save, done[0])
    if not all(each.agrees for each in done):
        raise typer.Exit(1)
    if missing:
        raise typer.Exit(2)


def _check_that_it_can_be_written(file: Path) -> None:
    """Said before the engine has run for minutes. A file that is there already is left as it is until then."""
    there = file.exists()
    try:
        with file.open("a"):
            pass
        if not there:
            file.unlink()
    except OSError as error:
        say(f"durascope: {file} can't be written: {error.strerror}")
        raise typer.Exit(2) from None


def _save(file: Path, verification: Verification) -> None:
    from durascope.live.keeping import case_yaml

    try:
        write_whole(file, case_yaml(verification, file.stem))
    except OSError as error:
        say(f"durascope: {file} can't be written: {error.strerror}")
        raise typer.Exit(2) from None
    say(f"wrote {file}")
