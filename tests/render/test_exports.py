"""Each export is opened by a real reader of its format."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import sys
from functools import cache
from typing import Any

import pytest

from durascope.models.effects import effects
from durascope.models.engine import names
from durascope.models.loading import builtin_names, load_scenario
from durascope.models.spans import spans
from durascope.models.trace import Trace
from durascope.render.excerpt import excerpt
from durascope.render.exports import MissingExtra, export, filename, formats
from durascope.simulators.simulate import simulate
from tests.render.hand_made import SCENARIO, crash_and_replay

ENGINES = names()
of_every_engine = pytest.mark.parametrize("engine", ENGINES)


@cache
def _trace(name: str, engine: str) -> Trace:
    """Of a run that is stuck for ever only the beginning: what there is to test is in it."""
    return excerpt(simulate(load_scenario(name), engine))


def _exported(name: str, engine: str, format: str) -> bytes:  # noqa: A002 - what the package calls it
    return export(_trace(name, engine), load_scenario(name), format)


@of_every_engine
@pytest.mark.parametrize("name", builtin_names())
def test_every_line_of_json_lines_is_an_event(name: str, engine: str) -> None:
    lines = [json.loads(line) for line in _exported(name, engine, "jsonl").decode().splitlines()]
    events = _trace(name, engine).events
    assert [line["number"] for line in lines] == list(range(len(events)))
    assert [(line["at_us"], line["kind"], line["step"]) for line in lines] == [(e.at, e.kind, e.step) for e in events]
    assert all(line["cause"] is None or line["cause"] < line["number"] for line in lines)


@of_every_engine
def test_csv_has_a_header_and_a_row_for_each_event(engine: str) -> None:
    rows = list(csv.DictReader(io.StringIO(_exported("payment", engine, "csv").decode(), newline="")))
    events = _trace("payment", engine).events
    assert [(int(row["at_us"]), row["lane"], row["kind"]) for row in rows] == [(e.at, e.lane, e.kind) for e in events]
    assert list(rows[0]) == ["number", "at_us", "lane", "kind", "workflow", "run", "step", "attempt", "cause", "detail"]


@of_every_engine
def test_markdown_has_tables_whose_rows_are_whole(engine: str) -> None:
    text = _exported("payment", engine, "markdown").decode()
    for table in re.findall(r"(?:^\|.*\|$\n?)+", text, re.MULTILINE):
        head, rule, *rows = table.splitlines()
        cells = head.count("|")
        assert set(rule) <= set("| -")
        assert rows
        assert [row for row in (rule, *rows) if len(re.findall(r"(?<!\\)\|", row)) != cells] == []
    assert text.count("| run 1 | stripe-charge |") == sum(
        span.kind == "running" and span.run == "run 1" and span.step == "stripe-charge"
        for span in spans(_trace("payment", engine))
    )


# ---- OTLP ----------------------------------------------------------------------------------------------------


def _otlp(data: bytes) -> Any:
    """Read with OpenTelemetry's own types; OTLP writes ids as hex where protobuf's JSON has base64."""
    from google.protobuf import json_format
    from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

    def as_base64(found: re.Match[str]) -> str:
        return f'"{found[1]}": "{base64.b64encode(bytes.fromhex(found[2])).decode()}"'

    text = re.sub(r'"(traceId|spanId|parentSpanId)": "([0-9a-f]+)"', as_base64, data.decode())
    return json_format.Parse(text, TracesData())


def _spans_of(traces: Any) -> list[Any]:
    return [span for resource in traces.resource_spans for scope in resource.scope_spans for span in scope.spans]


@of_every_engine
@pytest.mark.parametrize("name", builtin_names())
def test_otlp_is_read_by_opentelemetry(name: str, engine: str) -> None:
    trace = _trace(name, engine)
    found = _spans_of(_otlp(_exported(name, engine, "otlp")))
    ids = [span.span_id for span in found]
    assert len(set(ids)) == len(ids)
    assert {len(span.trace_id) for span in found} == {16}
    assert {len(span.span_id) for span in found} == {8}
    assert [span.name for span in found if span.end_time_unix_nano < span.start_time_unix_nano] == []
    assert {span.parent_span_id for span in found} - set(ids) <= {b""}
    assert {link.span_id for span in found for link in span.links} <= set(ids)
    attempts = [span for span in found if _attribute(span, "durascope.kind") == "running"]
    assert len(attempts) == sum(span.kind == "running" for span in spans(trace, load_scenario(name)))


def _attribute(span: Any, key: str) -> str:
    return next((each.value.string_value for each in span.attributes if each.key == key), "")


def test_otlp_links_a_replay_to_what_it_replays() -> None:
    found = _spans_of(_otlp(export(crash_and_replay(), SCENARIO, "otlp")))
    names = {span.span_id: span.name for span in found}
    replays = [[names[link.span_id] for link in span.links] for span in found if span.name == "replay"]
    assert replays == [["reserve"], ["reserve", "charge"]]
    charges = [span for span in found if span.name == "charge"]
    assert [span.status.code for span in charges] == [2, 1]
    assert [event.name for span in charges for event in span.events] == ["effect", "duplicate effect"]


# ---- Perfetto ------------------------------------------------------------------------------------------------


def _perfetto(data: bytes) -> Any:
    from importlib import import_module

    types: Any = import_module("perfetto.protos.perfetto.trace.perfetto_trace_pb2")
    trace = types.Trace()
    trace.ParseFromString(data)
    return trace, types.TrackEvent


@of_every_engine
@pytest.mark.parametrize("name", builtin_names())
def test_perfetto_slices_are_whole_and_never_overlap_on_a_track(name: str, engine: str) -> None:
    trace, event_types = _perfetto(_exported(name, engine, "perfetto"))
    tracks = {packet.track_descriptor.uuid for packet in trace.packet if packet.HasField("track_descriptor")}
    open_on: dict[int, int] = {}
    last = 0
    begun = 0
    for packet in trace.packet:
        if not packet.HasField("track_event"):
            continue
        event = packet.track_event
        assert event.track_uuid in tracks
        assert packet.timestamp >= last
        last = packet.timestamp
        if event.type == event_types.TYPE_SLICE_BEGIN:
            begun += 1
            open_on[event.track_uuid] = open_on.get(event.track_uuid, 0) + 1
            assert open_on[event.track_uuid] == 1, event.name
        elif event.type == event_types.TYPE_SLICE_END:
            open_on[event.track_uuid] -= 1
    assert set(open_on.values()) == {0}
    assert begun >= len(spans(_trace(name, engine)))


def test_perfetto_flows_lead_from_cause_to_effect() -> None:
    trace, event_types = _perfetto(export(crash_and_replay(), SCENARIO, "perfetto"))
    events = [packet.track_event for packet in trace.packet if packet.HasField("track_event")]
    out = {flow: event.name for event in events for flow in event.flow_ids}
    into = {flow: event.name for event in events for flow in event.terminating_flow_ids}
    assert set(out) == set(into)
    pairs = {(out[flow], into[flow]) for flow in out}
    assert ("charge #1", "down: crash") in pairs
    instants = [event.name for event in events if event.type == event_types.TYPE_INSTANT]
    assert "effect of charge again" in instants
    assert "crashed" in instants


def test_without_its_extra_a_format_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "perfetto.protos.perfetto.trace.perfetto_trace_pb2", None)
    with pytest.raises(MissingExtra, match=r"the format perfetto needs the extra `traces`: pip install"):
        export(crash_and_replay(), SCENARIO, "perfetto")


def test_a_format_of_one_engine_refuses_the_others() -> None:
    for name, each in formats().items():
        if each.engines and "queue" not in each.engines:
            with pytest.raises(ValueError, match=f"the format {name} is for"):
                export(_trace("payment", "queue"), load_scenario("payment"), name)


def test_files_are_named_after_scenario_and_engine() -> None:
    assert filename(_trace("payment", "queue"), "otlp") == "payment.queue.otlp.json"


@of_every_engine
@pytest.mark.parametrize("name", builtin_names())
def test_duplicates_in_the_trace_are_those_that_the_world_counted(name: str, engine: str) -> None:
    trace = _trace(name, engine)
    assert sum(mark.duplicate for mark in effects(trace)) == trace.counters["duplicate_effects"]
