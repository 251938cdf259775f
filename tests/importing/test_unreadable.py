"""Files that are no recordings, or damaged ones: a sentence with the event's number, and nothing else."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from durascope.importing.files import imported
from durascope.importing.unreadable import UnreadableRecording

GOOD = Path(__file__).parent / "temporal" / "happy-path.json"

Events = list[dict[str, Any]]


def said(tmp_path: Path, content: str | bytes) -> str:
    file = tmp_path / "broken.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    with pytest.raises(UnreadableRecording) as found:
        imported([file])
    return str(found.value)


def changed(change: Callable[[Events], object]) -> str:
    document = json.loads(GOOD.read_text("utf-8"))
    change(document["events"])
    return json.dumps(document)


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    text = GOOD.read_text("utf-8")
    assert "is cut off at line" in said(tmp_path, text[: len(text) // 2])
    assert "in event 17" in said(tmp_path, text[: len(text) // 2])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "it is empty"),
        ("   \n", "it is empty"),
        ("scenario: x", "line 1, column 1: this is not JSON"),
        (b"\xff\xfe\x00", "byte 0 is not UTF-8"),
        ("[" * 100_000, "nested too deep"),
        ('{"a": 1}', "not a recording of Temporal"),
        ('{"events": []}', "not a recording of Temporal"),
        ("[1, 2]", "not a recording of Temporal"),
        ('"history"', "not a recording of Temporal"),
        (f'[{{"eventType": "x", "eventId": {"9" * 5000}}}]', "number of more than 4,300 digits"),
    ],
    ids=range(10),
)
def test_a_foreign_file(tmp_path: Path, content: str | bytes, expected: str) -> None:
    assert expected in said(tmp_path, content)


def test_another_process_hears_it_whole() -> None:
    told = UnreadableRecording("a.json", "it is empty", "a recording is JSON")
    heard = pickle.loads(pickle.dumps(told))
    assert (str(heard), heard.file, heard.what, heard.help) == (
        "a.json: it is empty", "a.json", "it is empty", "a recording is JSON",
    )  # fmt: skip


DAMAGES: list[tuple[Callable[[Events], object], str]] = [
    (lambda events: events.pop(4), "event 5 is missing: event 6 is in its place"),
    (lambda events: events.pop(0), "event 1 is missing"),
    (lambda events: events.insert(7, {}), "event 8 has no eventType"),
    (lambda events: events[9].pop("eventType"), "event 10 has no eventType"),
    (lambda events: events[9].update(eventType="EVENT_TYPE_1"), "event 10 has the type"),
    (lambda events: events[9].update(eventTime="yesterday"), "event 10 has no time"),
    (lambda events: events[9].update(eventTime="2026-02-31T00:00:00Z"), "event 10 has no time"),
    (
        lambda events: events[6]["activityTaskCompletedEventAttributes"].update(scheduledEventId="99"),
        "event 7 refers to event 99, which is not before it",
    ),
    (
        lambda events: events[6]["activityTaskCompletedEventAttributes"].update(scheduledEventId="2"),
        "refers to event 2, which is WorkflowTaskScheduled",
    ),
]


@pytest.mark.parametrize(("change", "expected"), DAMAGES, ids=range(len(DAMAGES)))
def test_a_damaged_history_names_the_event(tmp_path: Path, change: Callable[[Events], object], expected: str) -> None:
    assert expected in said(tmp_path, changed(change))
