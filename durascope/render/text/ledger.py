"""The services' ledger: what really happened outside, counted there, with what happened twice marked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from rich import box
from rich.table import Table
from rich.text import Text

from durascope.models.effects import effects
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.render.step_names import StepNames
from durascope.render.text.marks import DUPLICATE, engine_title

NARROW: Final = 70
"""Characters of a terminal below which the services' names go, so that the steps' can stay."""


def ledger_table(scenario: Scenario, traces: Iterable[Trace], *, width: int = NARROW) -> Table:
    """A row per step, a column per engine: how often its effect happened, and how often once too often."""
    listed = list(traces)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    steps = _steps(scenario, listed)
    table.add_column("step", no_wrap=True)
    if width >= NARROW:
        table.add_column("service", style="dim")
    for trace in listed:
        table.add_column(engine_title(trace.engine), justify="right")
    names = StepNames(scenario)
    repeated = [Counter(mark.step for mark in effects(trace) if mark.duplicate) for trace in listed]
    for step in steps:
        written = names.named(step)
        service = None if written is None else written.on
        title = scenario.services[service].title if service in scenario.services else None
        cells = [_cell(trace.effects, twice[step], step) for trace, twice in zip(listed, repeated, strict=True)]
        table.add_row(step, *([title or service or ""] if width >= NARROW else []), *cells)
    return table


def _steps(scenario: Scenario, traces: Iterable[Trace]) -> list[str]:
    """The steps that began on any engine: those of the scenario in its order, then those that only a run brought."""
    begun = list(dict.fromkeys(step for trace in traces for step in trace.effects))
    places = {label: place for place, label in enumerate(dict.fromkeys(step.run for _, step in scenario.runs()))}
    names = StepNames(scenario)

    def place(step: str) -> tuple[int, tuple[int, ...]]:
        """Rounds of a loop and branches side by side stand where their step is written, by their numbers."""
        written = names.named(step)
        if written is None or written.run not in places:
            return len(places), ()
        return places[written.run], tuple(map(int, re.findall(r"\d+", step))) if step != written.run else ()

    return sorted(begun, key=place)


def _cell(counts: Mapping[str, int], twice: int, step: str) -> Text:
    if step not in counts:
        return Text("–", "dim")
    text = Text(str(counts[step]), "green" if not twice else "red")
    if twice:
        text.append(f" {DUPLICATE.character * min(twice, 5)}", DUPLICATE.style)
    return text
