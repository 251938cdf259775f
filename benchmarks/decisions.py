"""How long the commands take that simulate many times: explore, compare, sweep."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.bars import Bar
from durascope.experiments.cluster import mapper as on_cluster
from durascope.experiments.exploration.explore import explore
from durascope.experiments.grid import Axis
from durascope.experiments.measures import DEFAULT
from durascope.experiments.pool import cores, mapped
from durascope.experiments.study import study
from durascope.experiments.sweep import SEEDS, Mapper, Task, compute, sweep
from durascope.models.engine import compared
from durascope.models.loading import load_scenario
from durascope.models.overrides import Overrides

SCENARIO: Final = "order-fulfillment"
MOMENTS_S: Final = 1
EVERY_EVENT_S: Final = 8
PAIRS_S: Final = 10
TWO_PROCESSES: Final = 1.9
OVERHEAD: Final = 1.05
"""What a sweep may cost beside its points: reading scenarios, sending work, writing results."""
OVERHEAD_ON_DASK: Final = 1.1
ROUNDS: Final = 2
"""Of what is compared by wall time, in turn; each counts with its best, since others use this machine too."""
AXIS: Final = Axis("services.stripe.failures", tuple(f"{n / 10}%" for n in range(1, 201)))


def explorations() -> Iterator[Bar]:
    """A crash at each moment of order fulfillment, on all engines."""
    asked, engines = load_scenario(SCENARIO), compared()
    took: dict[str, float] = {}
    for name, most, between in (("step moments", MOMENTS_S, False), ("every event", EVERY_EVENT_S, True)):
        took[name], found = _timed(partial(explore, asked, engines, between=between, processes=2))
        points = sum(each.points for each in found.engines.values())
        yield Bar(name, took[name], most, "s", f"{points:,} points, {took[name] / points * 1e3:.2f} ms a point")
    pairs_took, found = _timed(partial(explore, asked, engines, between=False, crashes=2, processes=2))
    pairs = sum(each.pairs.simulated for each in found.engines.values() if each.pairs)
    yield Bar(
        "pairs of moments", pairs_took, PAIRS_S, "s", f"{pairs:,} pairs, {pairs_took / pairs * 1e3:.2f} ms a pair"
    )
    one, _ = _timed(partial(explore, asked, engines, between=True, processes=1))
    yield Bar("one process over two", one / took["every event"], TWO_PROCESSES, at_least=True)


def comparison() -> Iterator[Bar]:
    took, found = _timed(partial(study, load_scenario(SCENARIO), compared()))
    yield Bar("the replications", took, None, "s", f"{found.count} an engine")


def sweeps() -> Iterator[Bar]:
    """200 points. What a sweep costs beside them is CPU time, which other processes on this machine disturb least."""
    _sweep(partial(mapped, processes=1))  # imports are no part of a point's cost
    for title, processes, kept in (("one process", 1, False), ("one process, with --out", 1, True), ("two", 2, False)):
        all_of_it, points = _beside_points(processes, kept=kept)
        more = f"{points:.2f} s of CPU in the points"
        yield Bar(f"{title}: all over the points alone", all_of_it / points, OVERHEAD, "", more)
    tasks = _tasks()
    ways: dict[str, Callable[[], object]] = {
        "one": partial(_sweep, partial(mapped, processes=1)),
        "two": partial(_sweep, partial(mapped, processes=2)),
        "one alone": partial(_alone, tasks),
        "two alone": partial(_two_alone, tasks),
    }
    took = _best(ways)
    yield Bar("one process over two", took["one"] / took["two"], TWO_PROCESSES, at_least=True)
    more = "what this machine allows meanwhile"
    yield Bar("  the points alone", took["one alone"] / took["two alone"], None, "", more)


def dask() -> Iterator[Bar]:
    """200 points on a scheduler and workers of this machine, beside as many processes."""
    title = "Dask over processes"
    if find_spec("distributed") is None:
        yield Bar(title, None, OVERHEAD_ON_DASK, "", "Dask is not installed")
        return
    with on_cluster("local") as mapper:
        _sweep(mapper)  # its workers import what they need
        processes = partial(mapped, processes=cores())
        took = _best({"dask": partial(_sweep, mapper), "processes": partial(_sweep, processes)})
    more = f"{took['dask']:.2f} s on {cores()} workers"
    yield Bar(title, took["dask"] / took["processes"], OVERHEAD_ON_DASK, "", more)


def _sweep(mapper: Mapper, out: Path | None = None) -> None:
    sweep(SCENARIO, [AXIS], ["restate"], mapper=mapper, out=out)


def _beside_points(processes: int, *, kept: bool) -> tuple[float, float]:
    """The CPU time of a sweep in all its processes, and how much of that went into the points themselves."""
    points = 0.0

    def metered(_compute: object, tasks: Sequence[Task]) -> Iterator[Any]:
        nonlocal points
        for result, spent in mapped(_metered, tasks, processes=processes):
            points += spent
            yield result

    before = _cpu()
    with TemporaryDirectory() as folder:
        _sweep(metered, Path(folder) if kept else None)
    return _cpu() - before, points


def _metered(task: Task) -> tuple[object, float]:
    begun = time.process_time()
    return compute(task), time.process_time() - begun


def _tasks() -> list[Task]:
    scenarios = (load_scenario(SCENARIO, Overrides((f"{AXIS.path}={value}",))) for value in AXIS.values)
    return [Task(scenario, "restate", 0, SEEDS, DEFAULT) for scenario in scenarios]


def _alone(tasks: Sequence[Task]) -> None:
    for task in tasks:
        compute(task)


def _two_alone(tasks: Sequence[Task]) -> None:
    processes = [multiprocessing.Process(target=_alone, args=(tasks[half::2],)) for half in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    found = work()
    return time.perf_counter() - begun, found


def _best(ways: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """The least wall time of each way, all of them in turn."""
    rounds = [{name: _timed(way)[0] for name, way in ways.items()} for _ in range(ROUNDS)]
    return {name: min(took[name] for took in rounds) for name in ways}


def _cpu() -> float:
    """Of this process and of those that it has ended, in seconds."""
    return sum(used.ru_utime + used.ru_stime for used in map(getrusage, (RUSAGE_SELF, RUSAGE_CHILDREN)))
