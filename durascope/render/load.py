"""The architecture with a simulated run on it: how often each service was called, how full each queue was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.models.spans import ripe, spans
from durascope.models.trace import Trace
from durascope.render.architecture import diagram, in_columns
from durascope.render.diagram import Edge, Node, key
from durascope.render.graph import picture
from durascope.render.orthogonal import straightened
from durascope.render.picture import Picture
from durascope.render.queues import QueueLoad, loads

_MANY_RUNS = 10


def draw_loaded(scenario: Scenario, trace: Trace) -> Picture:
    """The architecture of the trace's engine; raises ValueError for one that has none."""
    drawn = diagram(scenario, trace.engine)
    all_spans = ripe(spans(trace, scenario))
    found = loads(all_spans)
    counts = Counter(span.step for span in all_spans if span.kind == "running")
    rate = _rate(trace)
    queues = {node.key: _matching(node, found) for node in drawn.nodes if node.shape == "queue"}
    drawn.nodes = [_node(node, scenario, trace, queues.get(node.key, []), counts) for node in drawn.nodes]
    drawn.edges = [_edge(edge, scenario, queues, counts, rate) for edge in drawn.edges]
    runs = "one run" if len(trace.runs) == 1 else f"{len(trace.runs)} runs"
    drawn.subtitle = f"With the load of {runs} in {spell(trace.ended_at)}, simulated (seed {trace.seed})."
    return picture(drawn, straightened(drawn, in_columns(drawn)))


def _rate(trace: Trace) -> float:
    """Seconds to divide a count by; 0 if there are too few runs for a rate."""
    return trace.ended_at / 1_000_000 if len(trace.runs) > _MANY_RUNS else 0.0


def _times(count: int, seconds: float) -> str:
    return f"× {count}" + (f" ({count / seconds:.3g}/s)" if seconds and count else "")


def _count(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _matching(node: Node, queue_loads: Sequence[QueueLoad]) -> list[QueueLoad]:
    """The trace's queues that the node stands for: those of its name, or, for the only node, all."""
    words = {node.title.lower(), node.key.rpartition(".")[2].lower()}
    kind = next((word for line in node.lines for word in ("workflow", "activity") if word in line), "")
    mine = [load for load in queue_loads if any(word in load.name.lower() for word in words)]
    told = [load for load in mine if kind in load.name] if kind else mine
    return told or mine


def _node(
    node: Node, scenario: Scenario, trace: Trace, queue: Sequence[QueueLoad], counts: Counter[str | None]
) -> Node:
    if queue:
        tasks = sum(len(load.waits) for load in queue)
        deepest = max(load.deepest for load in queue)
        longest = max(load.longest for load in queue)
        told = (f"{_count(tasks, 'task')}, at most {deepest} at once", f"waited up to {spell(longest)}")
        return replace(node, lines=(*node.lines, *told))
    service = next((name for name in scenario.services if node.key == key("service", name)), None)
    if service is None:
        return node
    steps = {step.label for _, step in scenario.runs() if step.on == service}
    steps |= {undo.label for _, step in scenario.runs() if (undo := step.undo_step) is not None and undo.on == service}
    calls = sum(counts[step] for step in steps)
    effects = sum(not entry.deduplicated for entry in trace.ledger if entry.service == service)
    return replace(node, lines=(*node.lines, f"{_count(calls, 'call')}, {_count(effects, 'effect')}"))


def _edge(
    edge: Edge, scenario: Scenario, queues: dict[str, list[QueueLoad]], counts: Counter[str | None], seconds: float
) -> Edge:
    for end in (edge.tail, edge.head):
        queue = queues.get(end.partition("/")[0])
        if queue and edge.style in ("poll", "call"):
            tasks = sum(len(load.waits) for load in queue)
            return replace(edge, label=f"{edge.label}\n{_times(tasks, seconds)}".strip())
    if edge.head.startswith("service."):
        steps = [step for _, step in scenario.runs()]
        steps += [undo for step in steps if (undo := step.undo_step) is not None]
        named = {
            step.label
            for step in steps
            if step.on is not None
            and edge.head == key("service", step.on)
            and (step.via or step.label).rpartition(".")[2] in edge.label.split("\n")
        }
        return replace(edge, label=f"{edge.label}\n{_times(sum(counts[each] for each in named), seconds)}")
    return edge
