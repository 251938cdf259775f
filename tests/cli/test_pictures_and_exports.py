"""`durascope diagram` and `durascope export`: what they write, what it is called, and what they say when they can't."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.commands import durascope


def test_all_views_of_an_engine_are_written_as_svg(tmp_path: Path) -> None:
    outcome = durascope("diagram", "payment", "--engine", "queue", "--out", str(tmp_path))
    assert outcome.status == 0
    assert outcome.err.splitlines()[-1].startswith(f"look at {tmp_path / 'payment.queue.timeline.svg'}: "), (
        "what to see"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "payment.queue.journal.svg",
        "payment.queue.queues.svg",
        "payment.queue.sequence.svg",
        "payment.queue.timeline.svg",
        "payment.workflow.svg",
    ]


def test_many_pictures_are_counted_and_not_listed(tmp_path: Path) -> None:
    told = durascope("diagram", "payment", "-e", "queue", "-f", "svg", "-f", "mermaid", "--out", str(tmp_path)).err
    assert f"wrote {len(list(tmp_path.iterdir()))} pictures to {tmp_path}/" in told
    assert told.count(".svg") == 1, "the one to look at"


def test_a_view_in_the_formats_that_it_has(tmp_path: Path) -> None:
    arguments = ("--view", "sequence", "-e", "queue", "-f", "mermaid", "-f", "d2", "-f", "png", "-f", "dot")
    assert durascope("diagram", "payment", *arguments, "--out", str(tmp_path)).status == 0
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["payment.queue.sequence.d2", "payment.queue.sequence.mmd", "payment.queue.sequence.png"]


def test_a_view_that_lacks_the_format_is_refused(tmp_path: Path) -> None:
    outcome = durascope("diagram", "payment", "-v", "timeline", "-e", "queue", "-f", "dot", "--out", str(tmp_path))
    assert outcome.status == 2
    assert "timeline cannot be written as dot" in outcome.err


def test_a_comparison_needs_two_engines(tmp_path: Path) -> None:
    outcome = durascope("diagram", "payment", "-v", "comparison", "-e", "queue", "--out", str(tmp_path))
    assert outcome.status == 2
    assert "two engines" in outcome.err


def test_the_workflow_is_painted_with_a_run(tmp_path: Path) -> None:
    outcome = durascope("diagram", "payment", "-v", "workflow", "-e", "queue", "--paint", "--out", str(tmp_path))
    assert outcome.status == 0
    assert "crashed" in (tmp_path / "payment.queue.workflow.svg").read_text(encoding="utf-8")


def test_one_engines_trace_goes_to_stdout() -> None:
    outcome = durascope("export", "payment", "--format", "jsonl", "-e", "queue")
    assert outcome.status == 0
    assert [json.loads(line)["number"] for line in outcome.out.splitlines()[:3]] == [0, 1, 2]


def test_traces_go_to_a_folder(tmp_path: Path) -> None:
    assert durascope("export", "payment", "-f", "otlp", "-e", "queue", "--out", str(tmp_path)).status == 0
    assert [path.name for path in tmp_path.iterdir()] == ["payment.queue.otlp.json"]


def test_several_engines_need_a_folder() -> None:
    outcome = durascope("export", "payment", "-f", "csv", "-e", "queue", "-e", "restate")
    assert outcome.status == 2
    assert "--out DIR" in outcome.err


def test_a_format_that_there_is_not_is_refused() -> None:
    outcome = durascope("export", "payment", "-f", "pigeon", "-e", "queue")
    assert outcome.status == 2
    assert "perfetto, otlp, jsonl, csv, markdown" in outcome.err


def test_a_missing_extra_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "perfetto.protos.perfetto.trace.perfetto_trace_pb2", None)
    outcome = durascope("export", "payment", "-f", "perfetto", "-e", "queue", "--out", str(tmp_path))
    assert outcome.status == 2
    assert (
        outcome.err
        == "durascope: error: the format perfetto needs the extra `traces`: pip install 'durascope[traces]'\n"
    )
