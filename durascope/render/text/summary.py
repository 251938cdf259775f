"""The numbers of a comparison, one column per engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from rich import box
from rich.table import Table
from rich.text import Text

from durascope.models.phrases import spell
from durascope.render.text.marks import engine_title

Metrics = Mapping[str, object]


def _ms(name: str) -> Callable[[Metrics], str]:
    def cell(metrics: Metrics) -> str:
        value = metrics.get(name)
        return spell(value * 1_000) if isinstance(value, (int, float)) else "–"

    return cell


def _latency(percentile: str) -> Callable[[Metrics], str]:
    def cell(metrics: Metrics) -> str:
        found = metrics.get("latency_ms")
        value = found.get(percentile) if isinstance(found, Mapping) else None
        return spell(value * 1_000) if isinstance(value, (int, float)) else "–"

    return cell


def _count(name: str) -> Callable[[Metrics], str]:
    def cell(metrics: Metrics) -> str:
        value = metrics.get(name)
        return f"{value:,.0f}" if isinstance(value, (int, float)) else "–"

    return cell


def _statuses(metrics: Metrics) -> str:
    found = metrics.get("by_status")
    if not isinstance(found, Mapping) or not found:
        return "–"
    if len(found) == 1 and next(iter(found.values())) == 1:
        return str(next(iter(found)))
    return ", ".join(f"{count:,} {status}" for status, count in found.items())


def _children(metrics: Metrics) -> str:
    found = metrics.get("children_by_status")
    if not isinstance(found, Mapping):
        return "–"
    parts = [f"{workflow}: {_statuses({'by_status': counts})}" for workflow, counts in found.items()]
    return "; ".join(parts)


def _delays(metrics: Metrics) -> str:
    """One mean, or one for each way in which runs ended."""
    found = metrics.get("delay_by_status_ms")
    if not isinstance(found, Mapping) or len(found) < 2:
        return _ms("delay_ms")(metrics)
    return ", ".join(f"{spell(mean * 1_000)} {status}" for status, mean in found.items())


def _money(metrics: Metrics) -> str:
    value = metrics.get("spent_usd")
    return f"{value:.3f} USD" if isinstance(value, float) and value else "–"


ONE_RUN: Final[tuple[tuple[str, Callable[[Metrics], str]], ...]] = (
    ("status", _statuses),
    ("called and started runs", _children),
    ("duration", _latency("max")),
    ("delay caused by faults", _delays),
    ("recovery time", _ms("recovery_ms")),
    ("recorded steps skipped on replay", _count("replayed_steps")),
    ("messages that no code handled", _count("unconsumed")),
    ("duplicate effects", _count("duplicate_effects")),
    ("spent on services", _money),
)
MANY_RUNS: Final[tuple[tuple[str, Callable[[Metrics], str]], ...]] = (
    ("status", _statuses),
    ("called and started runs", _children),
    ("duration p50", _latency("p50")),
    ("duration p90", _latency("p90")),
    ("duration p99", _latency("p99")),
    ("delay caused by faults, mean", _delays),
    ("recovery time, longest", _ms("recovery_ms")),
    ("messages that no code handled", _count("unconsumed")),
    ("duplicate effects", _count("duplicate_effects")),
    ("spent on services", _money),
)


def summary_table(metrics: Mapping[str, Metrics], *, runs: int) -> Table:
    """A row per number that any engine has; `metrics` maps an engine to its metrics."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for engine in metrics:
        table.add_column(engine_title(engine), justify="right")
    for words, cells in rows(metrics, runs=runs):
        table.add_row(words, *_told_apart(cells))
    return table


def rows(metrics: Mapping[str, Metrics], *, runs: int) -> list[tuple[str, list[str]]]:
    """What is counted, and a cell for each engine; what no engine has is left out."""
    listed = [(words, [cell(each) for each in metrics.values()]) for words, cell in _counted(runs)]
    return [(words, cells) for words, cells in listed if any(text != "–" for text in cells)]


def _counted(runs: int) -> tuple[tuple[str, Callable[[Metrics], str]], ...]:
    return ONE_RUN if runs <= 1 else MANY_RUNS


def _told_apart(cells: Sequence[str]) -> list[Text]:
    return [Text(cell, "dim" if cell == "–" else "") for cell in cells]
