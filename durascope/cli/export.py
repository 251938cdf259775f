"""`durascope export`: what a scenario did on the engines, for other programs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
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
    request,
)
from durascope.cli.terminal import busy, say
from durascope.models.files import writable, write_whole
from durascope.models.scenario import Scenario
from durascope.render.exports import ExportFormat, MissingExtra, formats

_FORMATS = formats()
_HELP = "; ".join(
    (*(f"{name}: {each.about}" for name, each in _FORMATS.items()), "code: a project on the engine's SDK (--sdk)")
)


_CODE = "code"
_NAMES = (*_FORMATS, _CODE)


def _known(name: str) -> str:
    if name not in _NAMES:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(_NAMES)}.")
    return name


def command(
    scenario: ScenarioArgument,
    format: Annotated[  # noqa: A002 - the option's name
        str, typer.Option("--format", "-f", metavar="|".join(_NAMES), callback=_known, help=_HELP)
    ],
    engine: EngineOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", file_okay=False, help="Where the files go (default for one engine: stdout)."
        ),
    ] = None,
    sdk: Annotated[
        str, typer.Option("--sdk", metavar="python|typescript", help="code: the SDK's language, python or typescript.")
    ] = "python",
    seed: SeedOption = 0,
    runs: RunsOption = None,
    rate: RateOption = None,
    settings: SetOption = None,
    crash: CrashOption = None,
) -> None:
    """Write traces in a format that other programs read.

    Files are named SCENARIO.ENGINE.SUFFIX; without --out the trace of one engine goes to stdout.

    durascope export payment -e restate --format csv

    durascope export order-fulfillment --format jsonl --out traces

    durascope export payment --format code -e restate --sdk python --out payment
    """
    from durascope.render.exports import export, export_files
    from durascope.simulators.simulate import simulate

    asked = request(scenario, engine, runs=runs, rate=rate, settings=settings, crashes=crash)
    if out is not None:
        writable(out, made=True)
    if format == _CODE:
        _write_code(asked.scenario, asked.engines, sdk, out)
        return
    chosen = _FORMATS[format]
    engines = [each for each in asked.engines if chosen.fits(each)]
    wrong = _wrong(format, chosen, engines, out)
    if wrong:
        say(f"durascope: error: {wrong}")
        raise typer.Exit(2)
    written: list[Path] = []
    with busy(asked.scenario.workload.runs > 100) as tell:
        for name in engines:
            tell(f"{asked.scenario.scenario} on {name}")
            trace = simulate(asked.scenario, name, seed=seed, full=True, records=True)
            try:
                if out is None:
                    data = export(trace, asked.scenario, format)
                    typer.echo(data if chosen.binary else data.decode("utf-8"), nl=False)
                    continue
                files = export_files(trace, asked.scenario, format)
            except MissingExtra as missing:
                say(f"durascope: error: {missing}")
                raise typer.Exit(2) from missing
            out.mkdir(parents=True, exist_ok=True)
            for filename, data in files.items():
                path = out / filename
                write_whole(path, data)
                written.append(path)
    if written:
        say("wrote " + "\n      ".join(str(path) for path in written))


def _write_code(scenario: Scenario, engines: Sequence[str], sdk: str, out: Path | None) -> None:
    """Writes a project into a folder that is new or empty."""
    from durascope.render.code import NoSuchProject, project

    wrong = ""
    if len(engines) != 1:
        wrong = "code is written for one engine: add -e temporal, -e inngest or -e restate"
    elif out is None:
        wrong = "code needs a folder: add --out DIR"
    elif out.exists() and any(out.iterdir()):
        wrong = f"{out} is not empty, and nothing is overwritten"
    files: Mapping[str, str] = {}
    if not wrong:
        try:
            files = project(scenario, engines[0], sdk)
        except NoSuchProject as missing:
            wrong = str(missing)
    if wrong or out is None:
        say(f"durascope: error: {wrong}")
        raise typer.Exit(2)
    for name, text in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    say(f"wrote a project of {len(files)} files to {out}; its README says how to run it")


def _wrong(name: str, chosen: ExportFormat, engines: list[str], out: Path | None) -> str:
    """What is wrong with what was asked; empty: nothing."""
    if not engines:
        return f"the format {name} is for {' and '.join(chosen.engines)}"
    if out is None and len(engines) > 1:
        return "several engines' traces need a folder: add --out DIR, or choose one with --engine"
    if out is None and chosen.binary and sys.stdout.isatty():
        return f"{name} is not text: add --out DIR, or send it to a file"
    return ""
