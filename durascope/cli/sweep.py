"""`durascope sweep`: a scenario over the values of any of its fields."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from durascope.cli.options import (
    CrashOption,
    EngineOption,
    JsonOption,
    ProcessesOption,
    RateOption,
    RunsOption,
    ScenarioArgument,
    SeedOption,
    SetOption,
    request,
)
from durascope.cli.terminal import put, put_json, say
from durascope.models.files import writable, write_whole
from durascope.models.visible import cell

if TYPE_CHECKING:
    from durascope.experiments.sweep import Mapper, Sweep


class SweepFormat(StrEnum):
    """What `--format` takes."""

    TEXT = "text"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def command(
    scenario: ScenarioArgument,
    over: Annotated[
        list[str],
        typer.Option("--over", metavar="PATH=V1,V2,…", help="A field and its values; may be repeated for more axes."),
    ],
    engine: EngineOption = None,
    seed: SeedOption = 0,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, max=100_000, metavar="N", help="Replications of each point.")
    ] = 5,
    sample: Annotated[
        int | None,
        typer.Option("--sample", min=1, metavar="N", help="N points of the grid, spread evenly (Latin hypercube)."),
    ] = None,
    measure: Annotated[
        list[str] | None,
        typer.Option("--measure", metavar="NAME", help="p50_ms, p99_ms, completed, recovery_ms, …; may be repeated."),
    ] = None,
    runs: RunsOption = None,
    rate: RateOption = None,
    settings: SetOption = None,
    crash: CrashOption = None,
    processes: ProcessesOption = None,
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", metavar="ADDRESS", help="A Dask scheduler (tcp://host:8786), or 'local'."),
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        SweepFormat, typer.Option("--format", "-f", help="Output format.")
    ] = SweepFormat.TEXT,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", file_okay=False, help="Keep results and pictures in DIR; a sweep resumes there."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Sweep a scenario over the values of its fields.

    Simulates each engine at each point, with confidence intervals.

    durascope sweep order-fulfillment --over deployments.temporal.step_timeout=2s,5s,10s,30s -e temporal

    durascope sweep order-fulfillment --runs 500 --over workload.arrivals.poisson=5/s,50/s,200/s --out load
    """
    from durascope.experiments.cluster import ClusterError
    from durascope.experiments.cluster import mapper as on_cluster
    from durascope.experiments.grid import Axis, GridError
    from durascope.experiments.measures import DEFAULT
    from durascope.experiments.pool import mapped
    from durascope.experiments.sweep import sweep
    from durascope.models.overrides import Overrides

    asked = request(scenario, engine, runs=runs, rate=rate, settings=settings, crashes=crash)
    if out is not None:
        writable(out, made=True)
    overrides = Overrides(tuple(settings or ()), tuple(crash or ()), runs, rate)

    def swept(mapper: Mapper) -> Sweep:
        with _progress() as progress:
            return sweep(
                scenario, [Axis.parse(text) for text in over], asked.engines, overrides=overrides, seed=seed,
                seeds=seeds, sample=sample, measures=measure or DEFAULT, out=out, mapper=mapper, progress=progress,
            )  # fmt: skip

    try:
        if cluster is None:
            found = swept(partial(mapped, processes=processes))
        else:
            with on_cluster(cluster) as mapper:
                found = swept(mapper)
    except (GridError, ClusterError) as error:
        raise typer.BadParameter(str(error)) from None
    shown = SweepFormat.JSON if json else format
    if out is not None:
        _write(out, found)
    if out is None or shown is not SweepFormat.TEXT:
        _print(found, shown)


def _print(sweep: Sweep, shown: SweepFormat) -> None:
    match shown:
        case SweepFormat.JSON:
            put_json(sweep.as_json())
        case SweepFormat.CSV:
            put(_csv(sweep).rstrip("\n"))
        case SweepFormat.PARQUET:
            raise typer.BadParameter("Parquet is a file: add --out DIR.", param_hint="--format")
        case SweepFormat.TEXT:
            from durascope.cli.terminal import console
            from durascope.render.sweep import told

            console().print(told(sweep.as_json()))


def _csv(sweep: Sweep) -> str:
    import csv
    import io

    rows = sweep.rows()
    written = io.StringIO()
    writer = csv.DictWriter(written, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: cell(each) if isinstance(each, str) else each for key, each in row.items()} for row in rows)
    return written.getvalue()


def _write(folder: Path, sweep: Sweep) -> None:
    import json
    from importlib.util import find_spec

    from durascope.render.sweep import pictures

    files: dict[str, bytes] = {
        "sweep.json": (json.dumps(sweep.as_json(), indent=2, ensure_ascii=False) + "\n").encode(),
        "sweep.csv": _csv(sweep).encode(),
        **{f"{name}.svg": picture.svg().encode() for name, picture in pictures(sweep.as_json()).items()},
    }
    for name, content in files.items():
        write_whole(folder / name, content)
    if find_spec("pyarrow") is not None:
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(sweep.rows()), folder / "sweep.parquet")
        files["sweep.parquet"] = b""
    say("wrote " + ", ".join(str(folder / name) for name in files))


@contextmanager
def _progress() -> Generator[Callable[[int, int], None]]:
    """On a terminal, a line on stderr with how far it is and how long it will still take."""
    from durascope.cli.terminal import busy
    from durascope.models.phrases import spell
    from durascope.models.units import SECOND

    begun = time.monotonic()
    first: list[int] = []
    with busy(True) as tell:

        def shown(done: int, of: int) -> None:
            first.append(done)
            new = done - first[0]
            left = (time.monotonic() - begun) / new * (of - done) if new else 0.0
            tell(f"{done} of {of} points" + (f", {spell(left * SECOND)} left" if new and done < of else ""))

        yield shown
