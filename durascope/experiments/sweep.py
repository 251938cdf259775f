"""A sweep: one scenario at many points, on many engines, on one core, on all of them, or on a Dask cluster.

Every way gives the same results in the same order: a point is a pure function of its scenario, engine and seeds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from durascope.experiments.grid import Axis, GridError, Point, points
from durascope.experiments.knee import Knee, knee_of
from durascope.experiments.measures import DEFAULT, MEASURES, measured
from durascope.experiments.pool import mapped
from durascope.experiments.replication import replicate
from durascope.experiments.statistics import Interval
from durascope.experiments.study import estimates
from durascope.models.loading import Document, scenario_in
from durascope.models.overrides import Overrides
from durascope.models.scenario import Scenario
from durascope.version import __version__

SEEDS: Final = 5


@dataclass(frozen=True, slots=True)
class Task:
    """One point on one engine, with all that computing it needs."""

    scenario: Scenario
    engine: str
    seed: int
    seeds: int
    measures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one point gave on one engine."""

    at: Point
    engine: str
    measures: Mapping[str, Interval | None]

    def as_json(self) -> dict[str, Any]:
        return {
            "at": dict(self.at),
            "engine": self.engine,
            "measures": {name: _finite(interval) for name, interval in self.measures.items()},
        }


@dataclass(frozen=True, slots=True)
class Sweep:
    """The whole of it, in the order of the grid, the engines inside of each point."""

    scenario: str
    axes: tuple[Axis, ...]
    engines: tuple[str, ...]
    measures: tuple[str, ...]
    seed: int
    seeds: int
    results: tuple[Measured, ...]
    knees: tuple[Knee, ...] = ()
    """Of a sweep over the load alone, one an engine."""

    def as_json(self) -> dict[str, Any]:
        """The shape that `durascope sweep --format json` promises."""
        return {
            "scenario": self.scenario,
            "version": __version__,
            "seed": self.seed,
            "seeds": self.seeds,
            "axes": {axis.path: list(axis.values) for axis in self.axes},
            "engines": list(self.engines),
            "titles": {name: MEASURES[name].title for name in self.measures},
            "points": [result.as_json() for result in self.results],
            "knees": [knee.as_json() for knee in self.knees],
        }

    def rows(self) -> list[dict[str, object]]:
        """One flat row a point and engine, for tables: each measure as three columns (value, low, high)."""
        return [
            {
                **result.at,
                "engine": result.engine,
                **{
                    f"{name}{end}": None if interval is None else _bound(getattr(interval, part))
                    for name, interval in result.measures.items()
                    for end, part in (("", "value"), ("_low", "low"), ("_high", "high"))
                },
            }
            for result in self.results
        ]


def compute(task: Task) -> dict[str, Interval | None]:
    """The measures of one point on one engine. A pure function: it runs anywhere, as often as it must."""
    samples = [replicate(task.scenario, task.engine, task.seed + number) for number in range(task.seeds)]
    return measured(estimates(samples), task.measures)


Mapper = Callable[[Callable[[Task], Any], Sequence[Task]], Iterator[Any]]
"""How points are computed: the results in the order of the tasks."""


def sweep(
    target: str | Path,
    axes: Sequence[Axis],
    engines: Sequence[str],
    *,
    overrides: Overrides | None = None,
    seed: int = 0,
    seeds: int = SEEDS,
    sample: int | None = None,
    measures: Sequence[str] = DEFAULT,
    out: Path | None = None,
    mapper: Mapper = mapped,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Sweep:
    """Simulates every point on every engine, under `seeds` consecutive seeds each.

    With `out`, finished points are kept in that folder at once and are not computed again when the sweep is resumed.
    Raises `GridError` (also for a folder of another sweep) and `ScenarioProblems`.
    """
    unknown = next((name for name in measures if name not in MEASURES), None)
    if unknown is not None:
        raise GridError(f"there is no measure {unknown!r}; there are {', '.join(MEASURES)}")
    base = overrides or Overrides()
    chosen = points(axes, sample=sample, seed=seed)
    document = Document.read(target)
    scenarios = [_at(document, base, point) for point in chosen]
    tasks = [Task(scenario, engine, seed, seeds, tuple(measures)) for scenario in scenarios for engine in engines]
    places = [(point, engine) for point in chosen for engine in engines]
    asked = (document.value.plain, base, chosen, tuple(engines), seed, seeds, tuple(measures))
    kept = _Folder(out, asked) if out is not None else None
    known = kept.known if kept is not None else {}
    missing = [number for number in range(len(tasks)) if number not in known]
    progress(len(known), len(tasks))
    found: dict[int, dict[str, Interval | None]] = dict(known)
    for number, result in zip(missing, mapper(compute, [tasks[number] for number in missing]), strict=True):
        found[number] = result
        if kept is not None:
            kept.keep(number, result)
        progress(len(found), len(tasks))
    results = tuple(Measured(at, engine, found[number]) for number, (at, engine) in enumerate(places))
    return Sweep(
        scenario=scenarios[0].scenario if scenarios else "",
        axes=tuple(axes),
        engines=tuple(engines),
        measures=tuple(measures),
        seed=seed,
        seeds=seeds,
        results=results,
        knees=tuple(_knees(axes, scenarios, results, engines, seed)),
    )


def _knees(
    axes: Sequence[Axis], scenarios: Sequence[Scenario], results: Sequence[Measured], engines: Sequence[str], seed: int
) -> Iterator[Knee]:
    """Where the load is the only axis and a duration is measured."""
    if len(axes) != 1 or not axes[0].path.startswith("workload.arrivals") or not results:
        return
    measure = next((name for name in results[0].measures if name in ("p50_ms", "mean_ms", "p90_ms", "p99_ms")), None)
    if measure is None:
        return
    for engine in engines:
        mine = [each for each in results if each.engine == engine]
        series = [
            (each.at[axes[0].path], each.measures[measure], scenario)
            for each, scenario in zip(mine, scenarios, strict=True)
        ]
        found = knee_of(engine, series, seed)
        if found is not None:
            yield found


def _at(document: Document, base: Overrides, point: Point) -> Scenario:
    """The scenario at a point: what the point sets comes after what the command line sets."""
    varied = tuple(f"{path}={value}" for path, value in point.items())
    return scenario_in(document.having(replace(base, varied=varied)))


def _finite(interval: Interval | None) -> dict[str, float | None] | None:
    return None if interval is None else {name: _bound(value) for name, value in interval.as_json().items()}


def _bound(value: float) -> float | None:
    return value if abs(value) != float("inf") else None


# ---- finished points on disk -----------------------------------------------------------------------------------------


class _Folder:
    """Finished points, one JSON line each, behind a first line that says of which sweep they are: of what was asked."""

    def __init__(self, folder: Path, asked: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "points.jsonl"
        self.known: dict[int, dict[str, Interval | None]] = {}
        identity = {"sweep": sha256(repr(asked).encode()).hexdigest()[:16], "version": __version__}
        if not self._file.exists() or not self._file.stat().st_size:
            self._file.write_text(json.dumps(identity) + "\n", "utf-8")
            return
        lines = self._file.read_text("utf-8").split("\n")
        whole, rest = lines[:-1], lines[-1]
        if not whole or _read(whole[0]) != identity:
            raise GridError(f"{folder} holds another sweep, or one of another version: name another folder")
        for line in whole[1:]:
            number, measures = _read(line) or (None, {})
            if number is not None:
                self.known[number] = {name: _interval(each) for name, each in measures.items()}
        if rest:  # a line that was being written when the sweep was killed
            self._file.write_text("".join(line + "\n" for line in whole), "utf-8")

    def keep(self, number: int, result: Mapping[str, Interval | None]) -> None:
        line = json.dumps([number, {name: None if i is None else i.as_json() for name, i in result.items()}])
        with self._file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def _read(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _interval(plain: Mapping[str, float] | None) -> Interval | None:
    return None if plain is None else Interval(plain["value"], plain["low"], plain["high"])
