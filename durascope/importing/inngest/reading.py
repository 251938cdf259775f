"""Run traces out of files: the span tree of `run.trace`, as Inngest's API and its dev server give it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from durascope.importing.unreadable import UnreadableRecording

Node = Mapping[str, Any]

EXPORT: Final = "ask the dev server's GraphQL API for run(runID: …) { trace { … } } with its childrenSpans"
OPS: Final = ("RUN", "SLEEP", "WAIT_FOR_EVENT", "INVOKE")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a run."""

    name: str
    op: str
    begin: int
    """Microseconds of the Unix epoch."""
    end: int | None
    failed: bool
    attempts: int
    spans: Sequence[tuple[int, int | None, str]]
    """Begin, end and status of its attempts, where they are told."""
    info: Node


@dataclass(frozen=True, slots=True)
class RunTrace:
    """One run."""

    id: str
    function: str
    status: str
    begin: int
    end: int | None
    steps: Sequence[Step]
    root: Node


def looks_like(document: object) -> bool:
    """Whether a JSON document may be a run trace."""
    return any(True for _ in _roots(document))


def run_traces(documents: Sequence[object], file: str) -> list[RunTrace]:
    """The run traces of a file. Raises `UnreadableRecording`."""
    found = [_run(root, file) for document in documents for root in _roots(document)]
    if not found:
        raise UnreadableRecording(file, "there is no run trace in it", EXPORT)
    return found


def _roots(document: object) -> Iterator[Node]:
    """The root spans, wherever the document has them."""
    if isinstance(document, list):
        for each in cast("list[object]", document):
            yield from _roots(each)
    if isinstance(document, dict):
        inner = cast("dict[str, object]", document)
        if "childrenSpans" in inner and ("runID" in inner or inner.get("isRoot")):
            yield inner
            return
        for key in ("data", "run", "trace", "runTrace"):
            yield from _roots(inner.get(key))


def _run(root: Node, file: str) -> RunTrace:
    name = str(root.get("functionID") or root.get("name") or "function")
    begin = _time(root.get("startedAt")) or _time(root.get("queuedAt"))
    if begin is None:
        raise UnreadableRecording(file, "the root span has neither startedAt nor queuedAt", EXPORT)
    children = root.get("childrenSpans") or []
    if not isinstance(children, list):
        raise UnreadableRecording(file, "the root span's childrenSpans is not a list", EXPORT)
    steps = [_step(each, number, file) for number, each in enumerate(cast("list[Any]", children), 1)]
    found = sorted((each for each in steps if each is not None), key=lambda step: step.begin)
    status = str(root.get("status") or "RUNNING")
    return RunTrace(str(root.get("runID") or "run"), name, status, begin, _time(root.get("endedAt")), found, root)


def _step(span: Any, number: int, file: str) -> Step | None:
    """A span as a step; None: it is the function's own, and no step's."""
    if not isinstance(span, dict):
        raise UnreadableRecording(file, f"span {number} is not an object", EXPORT)
    told = cast("dict[str, Any]", span)
    op = str(told.get("stepOp") or "")
    if op not in OPS:
        return None
    begin = _time(told.get("startedAt")) or _time(told.get("queuedAt"))
    if begin is None:
        raise UnreadableRecording(file, f"span {number} ({told.get('name')!s:.60}) has no time", EXPORT)
    attempts, children, info = told.get("attempts"), told.get("childrenSpans"), told.get("stepInfo")
    spans = [
        (_time(each.get("startedAt")) or begin, _time(each.get("endedAt")), str(each.get("status") or ""))
        for each in (cast("list[Any]", children) if isinstance(children, list) else [])
        if isinstance(each, dict)
    ]
    return Step(
        name=str(told.get("name") or f"step {number}")[:190].strip(),
        op=op,
        begin=begin,
        end=_time(told.get("endedAt")),
        failed=str(told.get("status")) == "FAILED",
        attempts=attempts if isinstance(attempts, int) and not isinstance(attempts, bool) and attempts > 0 else 1,
        spans=spans,
        info=cast("Node", info) if isinstance(info, dict) else {},
    )


def moment(told: object) -> int | None:
    """A time of a span, in microseconds of the Unix epoch."""
    return _time(told)


def _time(told: object) -> int | None:
    if not isinstance(told, str):
        return None
    try:
        return round(datetime.fromisoformat(told).timestamp() * 1e6)
    except (ValueError, OverflowError):
        return None
