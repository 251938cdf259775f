"""What is read from Restate's tables and streams, without a server: lines, events, status, frames, targets."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from durascope.importing.restate import rows
from durascope.live.engine import Recording
from durascope.live.processes import LiveProblem
from durascope.live.restate.attempts import Frames, protobuf_fields
from durascope.live.restate.outside import Attempts, Awakeables
from durascope.live.restate.server import find
from durascope.live.verification import differences
from durascope.models.loading import load_scenario
from durascope.models.targets import Targets
from durascope.render.exports.restate_journal import invocation_id, tables
from durascope.simulators.simulate import simulate

CASES = Path(__file__).parent.parent / "conformance" / "restate"
FILES = sorted(CASES.glob("*.yaml"))


def command(kind: str, name: str = "", **fields: Any) -> dict[str, Any]:
    entry = {"Command": {kind: {**fields, "name": name}}}
    return {"index": 0, "entry_type": f"Command: {kind}", "name": name, "entry_json": json.dumps(entry)}


def completion(kind: str, number: int, **fields: Any) -> dict[str, Any]:
    entry = {"Notification": {"Completion": {kind: {"completion_id": number, **fields}}}}
    return {"index": 0, "entry_type": f"Notification: {kind}", "entry_json": json.dumps(entry)}


def signal(**number: Any) -> dict[str, Any]:
    entry = {"Notification": {"Signal": {"id": number, "result": "Void"}}}
    return {"index": 0, "entry_type": "Notification: Signal", "entry_json": json.dumps(entry)}


FAILURE: dict[str, Any] = {"result": {"Failure": {"code": 422, "message": "no"}}}
CALL: dict[str, Any] = {
    "request": {"invocation_id": "inv_1", "invocation_target": {"Service": {"name": "S", "handler": "mail_it"}}}
}


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (command("Input", payload=[]), "Input"),
        (command("Run", "charge", completion_id=3), "Run charge #3"),
        (command("Sleep", completion_id=2, wake_up_time=1), "Sleep #2"),
        (command("GetPromise", key="verified", completion_id=1), "GetPromise verified #1"),
        (command("GetEagerState", key="n", result="Void"), "GetEagerState n"),
        (command("GetLazyStateKeys", completion_id=3), "GetLazyStateKeys #3"),
        (command("Call", **CALL, invocation_id_completion_id=2, result_completion_id=3), "Call mail-it #2 #3"),
        (command("OneWayCall", **CALL, invocation_id_completion_id=6), "OneWayCall mail-it #6"),
        (command("SendSignal", signal_id={"Index": 1}, result="Void"), "SendSignal 1 (cancel)"),
        (command("SendSignal", signal_id={"Name": "go"}), "SendSignal go"),
        (command("CompleteAwakeable", id="sign_1", result={"Success": []}), "CompleteAwakeable"),
        (command("Output", **FAILURE), "Output failed 422"),
        (completion("Run", 3, result={"Success": []}), "> Run #3"),
        (completion("Call", 2, **FAILURE), "> Call #2 failed 422"),
        (completion("Sleep", 2), "> Sleep #2"),
        (signal(Index=1), "> Signal 1 (cancel)"),
        (signal(Index=17), "> Signal 17"),
        (signal(Name="go"), "> Signal go"),
    ],
)
def test_a_row_of_the_journal_is_a_line(row: Mapping[str, Any], line: str) -> None:
    assert rows.line(row, {"mail_it": "mail-it"}.__getitem__) == line


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_exported_rows_read_as_the_lines_they_come_from(file: Path) -> None:
    scenario = load_scenario(file)
    trace = simulate(scenario, "restate", full=True)
    found = tables(trace)
    for run, lines in trace.records.items():
        number = invocation_id(run)
        assert rows.lines([row for row in found["sys_journal"] if row["id"] == number]) == list(lines)
        row = next((row for row in found["sys_invocation"] if row["id"] == number), None)
        assert rows.status(row) == trace.status[run]


def test_an_event_is_told_with_its_code_and_place() -> None:
    told = json.dumps({"restate_doc_error_code": "RT0010"})
    row = {"event_type": "TransientError", "event_json": told, "after_journal_entry_index": 5}
    assert rows.event(row) == "TransientError RT0010 after 5"
    assert rows.event({"event_type": "Paused", "event_json": told, "after_journal_entry_index": 4}) == "Paused after 4"


@pytest.mark.parametrize(
    ("row", "status"),
    [
        (None, "removed"),
        ({"status": "completed", "completion_result": "success"}, "completed"),
        ({"status": "completed", "completion_result": "failure", "completion_failure": "[409] killed"}, "killed"),
        ({"status": "completed", "completion_result": "failure", "completion_failure": "[409] cancelled"}, "cancelled"),
        ({"status": "completed", "completion_result": "failure", "completion_failure": "[409] Cancelled"}, "cancelled"),
        ({"status": "completed", "completion_result": "failure", "completion_failure": "[500] no"}, "failed"),
        ({"status": "paused"}, "paused"),
        ({"status": "backing-off"}, "running"),
    ],
)
def test_how_an_invocation_ended(row: Mapping[str, Any] | None, status: str) -> None:
    assert rows.status(row) == status


def test_frames_are_told_however_the_stream_is_cut() -> None:
    def frame(kind: int, body: bytes) -> bytes:
        return kind.to_bytes(2, "big") + bytes(2) + len(body).to_bytes(4, "big") + body

    stream = frame(0x0404, b"run") + frame(0x0001, b"") + frame(0x0003, b"end")
    for size in range(1, len(stream) + 1):
        frames = Frames()
        chunks = (stream[at : at + size] for at in range(0, len(stream), size))
        assert [kind for chunk in chunks for kind in frames.types(chunk)] == [0x0404, 0x0001, 0x0003]


def test_a_start_message_tells_its_entries() -> None:
    message = b"\x12\x05inv_1" + b"\x18\xac\x02" + b"\x38\x01"
    assert dict(protobuf_fields(message)) == {2: b"inv_1", 3: 300, 7: 1}


def test_an_attempt_whose_process_died_has_lost_its_connection() -> None:
    attempts = Attempts()
    attempts.started({"invocation": "inv_1", "entries": 1, "retries": 0, "process": "service", "attempt": 1})
    assert attempts.facts("inv_1", []) is None
    attempts.lost("service")
    attempts.started({"invocation": "inv_1", "entries": 6, "retries": 3, "process": "service", "attempt": 1})
    attempts.ended({"invocation": "inv_1", "process": "service", "attempt": 1, "how": "completed"})
    assert attempts.facts("inv_1", []) == [
        {"entries": 1, "ends": "connection-lost"},
        {"entries": 6, "retries": 3, "ends": "completed"},
    ]


def test_an_attempts_end_that_is_heard_of_after_the_next_ones_start_is_its_own() -> None:
    attempts = Attempts()
    for number in (1, 2):
        attempts.started(
            {"invocation": "inv_1", "entries": 5 * number, "retries": 0, "process": "service", "attempt": number}
        )
    for number, how in ((1, "suspended"), (2, "completed")):
        attempts.ended({"invocation": "inv_1", "process": "service", "attempt": number, "how": how})
    assert attempts.facts("inv_1", []) == [{"entries": 5, "ends": "suspended"}, {"entries": 10, "ends": "completed"}]


def test_a_stream_that_the_server_resets_is_aborted_unless_it_has_died() -> None:
    attempts = Attempts()
    attempts.started({"invocation": "inv_1", "entries": 1, "retries": 0, "process": "service", "attempt": 1})
    attempts.ended({"invocation": "inv_1", "process": "service", "attempt": 1, "how": "disconnected"})
    assert attempts.facts("inv_1", []) == [{"entries": 1, "ends": "aborted"}]
    died = [attempts.rows["inv_1"][0].ended_at or 0.0]
    assert attempts.facts("inv_1", died) == [{"entries": 1, "ends": "connection-lost"}]


def test_an_event_that_comes_before_its_awakeable_is_kept() -> None:
    resolved: list[str] = []
    awakeables = Awakeables()
    awakeables.resolve("run 1", "go", 1, resolved.append)
    awakeables.learn("run 1", "go", "sign_1")
    awakeables.learn("run 1", "go", "sign_1")
    awakeables.resolve("run 1", "go", 1, resolved.append)
    assert resolved == ["sign_1", "sign_1"]


def test_handlers_have_names_that_restate_takes() -> None:
    targets = Targets(load_scenario(CASES / "promise-peeked-and-answered-twice.yaml"))
    run = targets.of("onboard-user")
    assert run.path("w-1") == "/onboard_user/w-1/onboard_user"
    assert targets.label(run.handler) == "onboard-user"
    assert targets.of("onboard-user", "complete-promise", "email-verified").handler == "complete_email_verified"
    assert targets.of("onboard-user", "query", "email-verified").handler == "query_email_verified"


def test_differences_are_told_by_run() -> None:
    scenario = load_scenario(CASES / "sequential-steps.yaml")
    trace = simulate(scenario, "restate")
    as_predicted = Recording(
        "s", "s", trace.records, trace.status, trace.effects, {"attempts": trace.facts["attempts"]}
    )
    assert differences(trace, as_predicted) == []
    unknown = Recording("s", "s", trace.records, trace.status, trace.effects, {"attempts": {"run 1": None}})
    assert differences(trace, unknown) == []
    other = {"attempts": {"run 1": [{"entries": 2, "ends": "completed"}]}}
    wrong = differences(trace, Recording("s", "s", trace.records, trace.status, trace.effects, other))
    assert [each.what for each in wrong] == ["attempts of run 1"]


def test_what_is_missing_is_one_line_that_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LiveProblem, match="npm install @restatedev/restate-server") as missing:
        find()
    assert "\n" not in str(missing.value)
    with pytest.raises(LiveProblem, match="is no program"):
        find(str(tmp_path / "restate-server"))


def test_the_server_is_found_where_npm_puts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / ".engines" / "node_modules" / ".bin" / "restate-server"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n", "utf-8")
    program.chmod(0o755)
    (tmp_path / "inner").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path / "inner")
    assert find() == str(program)


def test_verify_without_the_server_exits_with_2(tmp_path: Path) -> None:
    case = str(CASES / "sequential-steps.yaml")
    done = subprocess.run(
        [sys.executable, "-m", "durascope", "verify", case, "--engine", "restate"],
        cwd=tmp_path,
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "npm install @restatedev/restate-server" in done.stderr
    assert done.stdout == ""


def test_steps_have_ended_in_the_order_of_their_results() -> None:
    journal = [
        command("Run", "a", completion_id=1),
        command("Run", "b", completion_id=2),
        completion("Run", 2, **FAILURE),
        command("Sleep", completion_id=3, wake_up_time=1),
        completion("Sleep", 3),
        completion("Run", 1),
    ]
    numbered = [{**row, "index": index} for index, row in enumerate(journal)]
    assert list(rows.ended(numbered)) == ["b", "a"]
