"""Streams that are closed, full or of another encoding, signals, and files that are there whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from durascope.cli import main
from durascope.models.files import write_whole
from durascope.models.loading import load_scenario
from durascope.models.visible import cell, visible, visible_json
from durascope.simulators.simulate import simulate
from tests.cli.commands import durascope

RUN = f"{sys.executable} -m durascope run order-fulfillment -e restate"


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), **environment},
    )


def test_a_closed_stdout_is_said() -> None:
    answer = shell(f"{RUN} >&-")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "standard output" in answer.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_said() -> None:
    answer = shell(f"{RUN} > /dev/full")
    assert answer.returncode == 2
    assert "standard output: No space left on device" in answer.stderr


def test_a_closed_stderr_does_not_change_the_status(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("scenario: 1")
    assert shell(f"{sys.executable} -m durascope check {wrong} 2>&-").returncode == 2


@pytest.mark.parametrize("columns", ["0", "-5", "wide"])
def test_a_width_that_is_none_is_not_one(columns: str) -> None:
    assert "Restate" in shell(RUN, COLUMNS=columns).stdout


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_an_encoding_without_box_drawing_gets_a_drawing_in_ascii(encoding: str) -> None:
    told = subprocess.run(
        ["bash", "-c", RUN],
        capture_output=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), "PYTHONIOENCODING": encoding},
    ).stdout.decode(encoding)
    assert "---" in told
    assert "\\u2" not in told


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_whole(tmp_path / "a.txt", "old")

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left") as raised:
        write_whole(file, "new")
    assert raised.value.filename == str(file)
    assert [each.read_text() for each in tmp_path.iterdir()] == ["old"]


def test_an_interrupt_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_whole(tmp_path / "a.txt", "old")

    def interrupted(_file: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(file, "new")
    assert [each.read_text() for each in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_an_interrupt_that_a_library_makes_another_error_of_is_no_bug_of_ours(
    number: int, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(_arguments: object) -> None:
        try:
            os.kill(os.getpid(), number)
            signal.sigtimedwait([], 1)  # the handler runs here at the latest
        except (KeyboardInterrupt, SystemExit):
            raise ValueError("Error building `default` serializer") from None

    monkeypatch.setattr("durascope.cli.app.build", build)
    assert main(["run", "order-fulfillment"]) == status
    assert capsys.readouterr().err == "durascope: interrupted\n"


def test_a_written_file_has_the_permissions_of_any_new_one_or_of_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    assert write_whole(tmp_path / "a", "new").stat().st_mode == (tmp_path / "plain").stat().st_mode
    (tmp_path / "a").chmod(0o600)
    assert write_whole(tmp_path / "a", "newer").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("command", "out", "said"),
    [
        ("run order-fulfillment", "file/x", "file: this is a file, not a folder"),
        ("compare order-fulfillment", "file/x", "file: this is a file, not a folder"),
        ("sweep order-fulfillment --over workload.runs=1,2", "file/x", "file: this is a file, not a folder"),
        ("explore order-fulfillment --format markdown", "file/x.md", "file: this is a file, not a folder"),
        ("explore order-fulfillment --format markdown", "none/x.md", "none: there is no such folder"),
        ("diagram order-fulfillment", "file/x", "file: this is a file, not a folder"),
        ("export order-fulfillment --format jsonl", "file/x", "file: this is a file, not a folder"),
        ("report order-fulfillment", "file/x.html", "file: this is a file, not a folder"),
    ],
)
def test_a_place_where_nothing_can_be_written_is_told_before_the_work(
    command: str, out: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("kept", "utf-8")

    def works(*_arguments: object, **_named: object) -> None:
        pytest.fail("it has worked first")

    for worker in ("durascope.simulators.simulate.simulate", "durascope.experiments.pool.mapped"):
        monkeypatch.setattr(worker, works)
    answer = durascope(*command.split(), "--out", str(tmp_path / out))
    assert answer.status == 2
    assert said in answer.err
    assert (tmp_path / "file").read_text("utf-8") == "kept"


def test_acting_characters_are_shown() -> None:
    assert visible("a\x1b[31m\x9b\u202e\x7f\tb\n") == "a\u241b[31m‹U+009B›‹U+202E›\u2421\tb\n"
    assert visible_json('"\x9b\u202e"') == '"\\u009b\\u202e"'


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(1)"])
def test_a_cell_is_no_formula(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("name", ["order-fulfillment", "onboarding", "agent-fan-out"])
def test_sixty_columns_break_no_name(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["run", name]) == 0
    printed = capsys.readouterr().out
    tables = printed.partition("Side effects, as the services counted them")[2]
    begun = simulate(load_scenario(name), "temporal").effects
    assert [step for step in begun if f" {step} " not in tables] == []
    assert "…" not in tables
    assert max(map(len, tables.splitlines())) <= 60
