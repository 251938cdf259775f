"""Hostile and huge files: whatever stands in a recording, it is imported or refused with a sentence, and soon."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from durascope.importing import json_text
from durascope.importing.checking import check
from durascope.importing.files import imported
from durascope.importing.temporal import scenario
from durascope.importing.unreadable import UnreadableRecording
from durascope.models.loading import load_scenario
from durascope.render.exports.restate_journal import tables
from durascope.simulators.simulate import simulate
from tests.pace import seconds_of

HERE = Path(__file__).parent / "temporal"
BAD: list[Any] = [
    None, "", 0, -1, [], {}, "x", {"a": 1}, True, 1e300, "9" * 30, "\0\x1b[2J", [1], 10**20, "a" * 500, "-5s", "{k}",
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values inside."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*path, key)
        yield from places(each, (*path, key))


def spoilt(document: Any, chance: random.Random) -> Any:
    """The document with a value gone, or another in its place."""
    document = json.loads(json.dumps(document))
    path = chance.choice(list(places(document)))
    around = document
    for key in path[:-1]:
        around = around[key]
    if chance.random() < 0.3:
        del around[path[-1]]
    else:
        around[path[-1]] = chance.choice(BAD)
    return document


def recording(which: str) -> Any:
    if which == "restate":
        trace = simulate(load_scenario("order-fulfillment"), "restate", full=True, records=True)
        return [row for found in tables(trace).values() for row in found]
    return json.loads((HERE / f"{which}.json").read_text("utf-8"))


@pytest.mark.parametrize("which", ["crash-mid-activity", "child-workflow", "parallel-staggered", "restate"])
def test_a_spoilt_recording_is_imported_or_refused(which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenario, "ROUNDS", 1)
    good, file = recording(which), tmp_path / "spoilt.json"
    refused: list[str] = []
    for seed in range(120):
        file.write_text(json.dumps(spoilt(good, random.Random(seed))), "utf-8")
        try:
            imported([file])
        except UnreadableRecording as problem:
            refused.append(str(problem))
    assert 20 < len(refused) < 110
    assert all(each.startswith("spoilt.json: ") for each in refused)


def test_a_name_cannot_act_on_the_terminal(tmp_path: Path) -> None:
    document = recording("happy-path")
    for event in document["events"]:
        started = event.get("workflowExecutionStartedEventAttributes")
        if started:
            started["workflowType"]["name"] = "order\x1b[2J: {x} # no comment\n- list"
    file = tmp_path / "odd.json"
    file.write_text(json.dumps(document), "utf-8")
    found = imported([file])
    assert "\x1b" not in found.text
    out = tmp_path / "odd.yaml"
    out.write_text(found.text, "utf-8")
    assert load_scenario(out) == found.scenario


def test_a_file_that_is_too_big(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "LARGEST", 1000)
    with pytest.raises(UnreadableRecording, match="at most 1,000 are read"):
        imported([HERE / "happy-path.json"])


def history_of(events: int, kinds: int) -> dict[str, Any]:
    """A long run: one activity after the other, of so many types."""
    told: list[dict[str, Any]] = []
    shared = {"name": "q", "kind": "TASK_QUEUE_KIND_NORMAL"}
    sticky = {"name": "s", "kind": "TASK_QUEUE_KIND_STICKY", "normalName": "q"}
    at = 0

    def add(kind: str, ms: int, **attributes: Any) -> str:
        nonlocal at
        at += ms
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1_767_225_600 + at // 1000))
        number = str(len(told) + 1)
        key = f"{kind[0].lower()}{kind[1:]}EventAttributes"
        told.append({"eventId": number, "eventTime": f"{when}.{at % 1000:03}Z", "eventType": kind, key: attributes})
        return number

    add("WorkflowExecutionStarted", 0, workflowType={"name": "loop"}, taskQueue=shared, attempt=1)
    while True:
        scheduled = add("WorkflowTaskScheduled", 0, taskQueue=sticky if len(told) > 1 else shared, attempt=1)
        started = add("WorkflowTaskStarted", 3, scheduledEventId=scheduled, identity="w")
        done = add("WorkflowTaskCompleted", 6, scheduledEventId=scheduled, startedEventId=started, identity="w")
        by = {"workflowTaskCompletedEventId": done}
        if len(told) + 7 > events:
            add("WorkflowExecutionCompleted", 0, **by)
            return {"events": told}
        name = {"name": f"work-{len(told) // 6 % kinds}"}
        asked = add("ActivityTaskScheduled", 0, activityType=name, taskQueue=shared, startToCloseTimeout="10s", **by)
        begun = add("ActivityTaskStarted", 0, scheduledEventId=asked, identity="w", attempt=1)
        add("ActivityTaskCompleted", 30, scheduledEventId=asked, startedEventId=begun, identity="w")


@pytest.mark.parametrize("kinds", [1, 10_000], ids=["one activity", "all different"])
def test_the_longest_history_that_there_is(kinds: int, tmp_path: Path) -> None:
    """51,200 events, above which Temporal ends a run: at most 3 s of this machine's time."""
    document = history_of(51_200, kinds)
    assert len(document["events"]) > 51_190
    file = tmp_path / "long.json"
    file.write_text(json.dumps(document), "utf-8")
    taken, found = seconds_of(lambda: imported([file]))
    assert taken < 3
    assert not check(found)
    if kinds == 1:
        assert "repeat: 8532" in found.text
