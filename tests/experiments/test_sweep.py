"""A sweep covers its grid, in order, once, on any number of processes, and goes on where it was stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from durascope.experiments.grid import Axis, GridError, points
from durascope.experiments.pool import mapped
from durascope.experiments.sweep import Sweep, Task, compute, sweep
from durascope.models.overrides import Overrides
from durascope.models.problems import ScenarioProblems

TIMEOUT = Axis.parse("deployments.temporal.step_timeout=2s,5s")
FAILURES = Axis.parse("services.stripe.failures=0%,20%")


def small(**more: Any) -> Sweep:
    return sweep("order-fulfillment", [TIMEOUT, FAILURES], ["temporal", "restate"], seeds=2, **more)


class TestTheGrid:
    def test_the_last_axis_runs_fastest(self) -> None:
        assert [tuple(point.values()) for point in points([TIMEOUT, FAILURES])] == [
            ("2s", "0%"), ("2s", "20%"), ("5s", "0%"), ("5s", "20%"),
        ]  # fmt: skip

    def test_a_sample_covers_each_axis_evenly_and_is_the_same_every_time(self) -> None:
        wide = [Axis("a", tuple(map(str, range(10)))), Axis("b", tuple(map(str, range(10))))]
        chosen = points(wide, sample=10, seed=3)
        assert chosen == points(wide, sample=10, seed=3)
        assert {point["a"] for point in chosen} == {point["b"] for point in chosen} == set(map(str, range(10)))

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "not an axis"),
            ("a", "not an axis"),
            ("a=", "not an axis"),
            ("a=1,,2", "not an axis"),
            ("a=1,1", "twice"),
        ],
    )
    def test_an_axis_that_is_none(self, text: str, said: str) -> None:
        with pytest.raises(GridError, match=said):
            Axis.parse(text)

    def test_one_path_twice(self) -> None:
        with pytest.raises(GridError, match="swept twice"):
            points([TIMEOUT, TIMEOUT])

    def test_too_large_a_grid_asks_for_a_sample(self) -> None:
        wide = [Axis(name, tuple(map(str, range(200)))) for name in "abc"]
        with pytest.raises(GridError, match=r"8,000,000 points.*--sample"):
            points(wide)


class TestASweep:
    def test_goes_point_by_point_and_engine_by_engine(self) -> None:
        found = small()
        assert [(each.at["deployments.temporal.step_timeout"], each.engine) for each in found.results] == [
            (timeout, engine) for timeout in ("2s", "2s", "5s", "5s") for engine in ("temporal", "restate")
        ]

    def test_shows_what_the_field_decides(self) -> None:
        found = sweep("order-fulfillment", [TIMEOUT], ["temporal"], seeds=3, measures=["recovery_ms"])
        short, long = (each.measures["recovery_ms"] for each in found.results)
        assert short is not None
        assert long is not None
        assert long.value - short.value == pytest.approx(3_000, abs=50)

    def test_a_path_that_leads_nowhere_is_said_as_with_set(self) -> None:
        with pytest.raises(ScenarioProblems, match="strip") as raised:
            sweep("order-fulfillment", [Axis.parse("services.strip.failures=1%")], ["temporal"])
        assert raised.value.problems[0].file == "--over"

    def test_an_unknown_measure(self) -> None:
        with pytest.raises(GridError, match="p50_ms"):
            small(measures=["p50"])

    @pytest.mark.parametrize("processes", [2, 4])
    def test_the_number_of_processes_changes_nothing(self, processes: int) -> None:
        alone = small(mapper=partial(mapped, processes=1))
        assert small(mapper=partial(mapped, processes=processes)) == alone

    def test_a_point_is_what_a_run_with_that_setting_gives(self) -> None:
        from durascope.models.loading import load_scenario

        asked = load_scenario("order-fulfillment", Overrides(("services.stripe.failures=20%",)))
        axis = Axis.parse("services.stripe.failures=20%")
        found = sweep("order-fulfillment", [axis], ["inngest"], seeds=2)
        assert found.results[0].measures == compute(Task(asked, "inngest", 0, 2, found.measures))


class TestResuming:
    def test_finished_points_are_not_computed_again(self, tmp_path: Path) -> None:
        computed: list[int] = []

        def interrupted(work: Any, tasks: Sequence[Task]) -> Iterator[Any]:
            for number, task in enumerate(tasks):
                if number == 3:
                    raise KeyboardInterrupt
                computed.append(number)
                yield work(task)

        with pytest.raises(KeyboardInterrupt):
            small(out=tmp_path, mapper=interrupted)

        def rest(work: Any, tasks: Sequence[Task]) -> Iterator[Any]:
            computed.extend(range(len(tasks)))
            return map(work, tasks)

        assert small(out=tmp_path, mapper=rest) == small()
        assert len(computed) == 3 + 5

    def test_a_line_that_was_being_written_is_computed_again(self, tmp_path: Path) -> None:
        small(out=tmp_path)
        file = tmp_path / "points.jsonl"
        file.write_text(file.read_text()[:-20])
        assert small(out=tmp_path) == small()

    def test_a_folder_of_another_sweep_is_left_alone(self, tmp_path: Path) -> None:
        small(out=tmp_path)
        before = (tmp_path / "points.jsonl").read_bytes()
        with pytest.raises(GridError, match="another sweep"):
            sweep("order-fulfillment", [TIMEOUT], ["temporal"], seeds=3, out=tmp_path)
        assert (tmp_path / "points.jsonl").read_bytes() == before


class TestTheKnee:
    def test_is_where_one_worker_slot_is_full(self) -> None:
        axis = Axis.parse("workload.arrivals.poisson=1/s,5/s,200/s")
        slots = "deployments.temporal.workers=[{name: w, runs: workflows}, {name: a, runs: activities, slots: 1}]"
        asked = Overrides(
            (slots, "faults=[]", "workflows.fulfill-order.steps=[{run: a, takes: 100ms}]", "expect={}"), runs=100
        )
        found = sweep("order-fulfillment", [axis], ["temporal"], seeds=6, overrides=asked, measures=["p50_ms"])
        assert [knee.at for knee in found.knees] == ["200/s"]
        assert found.knees[0].times > 2

    def test_is_none_where_nothing_waits(self) -> None:
        axis = Axis.parse("workload.arrivals.every=10s,5s")
        found = sweep("agent", [axis], ["restate"], seeds=2, measures=["p50_ms"])
        assert [knee.at for knee in found.knees] == [None]

    def test_is_not_denied_by_a_load_that_is_over_before_a_queue_fills(self) -> None:
        axis = Axis.parse("workload.arrivals.every=10s,10ms")
        found = sweep(
            "order-fulfillment", [axis], ["restate"], seeds=2, measures=["p50_ms"],
            overrides=Overrides(("faults=[]",), runs=20),
        )  # fmt: skip
        knee = found.knees[0]
        assert knee.at is None
        assert knee.too_short_ms == 20 * 10
        assert knee.enough_runs is not None
        assert knee.enough_runs > 20
        longer = sweep(
            "order-fulfillment", [axis], ["restate"], seeds=2, measures=["p50_ms"],
            overrides=Overrides(("faults=[]",), runs=2 * knee.enough_runs),
        )  # fmt: skip
        assert longer.knees[0].too_short_ms is None


@pytest.mark.slow
class TestOnDask:
    """A real scheduler and workers on loopback."""

    @pytest.fixture
    def scheduler(self, tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[Any]]]]:
        pytest.importorskip("distributed")
        file = tmp_path / "scheduler.json"
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
        options = f"--nthreads 1 --host 127.0.0.1 --no-dashboard --no-nanny --local-directory {tmp_path}".split()
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(file), *options]
        started = [
            subprocess.Popen(
                [*dask, "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)], **quiet
            )
        ]
        try:
            for _ in range(600):
                if file.exists() and file.stat().st_size:
                    break
                time.sleep(0.05)
            started += [subprocess.Popen(worker, **quiet) for _ in range(2)]
            yield json.loads(file.read_text())["address"], started
        finally:
            for process in reversed(started):
                process.kill()
                process.wait()

    def test_gives_the_same_and_a_killed_worker_loses_nothing(
        self, scheduler: tuple[str, list[subprocess.Popen[Any]]]
    ) -> None:
        from durascope.experiments.cluster import mapper

        address, processes = scheduler
        killed: list[int] = []

        def kill_one(done: int, _of: int) -> None:
            if done == 2 and not killed:
                killed.append(processes[1].pid)
                os.kill(processes[1].pid, signal.SIGKILL)

        with mapper(address, wait_s=60) as on_cluster:
            assert small(mapper=on_cluster, progress=kill_one) == small()
        assert killed

    def test_nobody_there(self) -> None:
        pytest.importorskip("distributed")
        from durascope.experiments.cluster import ClusterError, mapper

        with pytest.raises(ClusterError, match="no Dask scheduler"), mapper("tcp://127.0.0.1:9", wait_s=0.5):
            pass
