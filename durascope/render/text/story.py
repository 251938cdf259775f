"""The whole story of a comparison in the terminal, from what was asked to the numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from durascope.models.effects import recoveries
from durascope.models.engine import engine as spec_of
from durascope.models.engine import title_of
from durascope.models.failures import failure_sentences
from durascope.models.phrases import fault_text, missing
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.models.waits import longest, why
from durascope.render.text.ledger import ledger_table
from durascope.render.text.marks import engine_title, legend
from durascope.render.text.records import RecordTables
from durascope.render.text.summary import summary_table
from durascope.render.text.timeline import timeline


def tell(
    console: Console,
    scenario: Scenario,
    traces: Sequence[Trace],
    metrics: Mapping[str, Mapping[str, object]],
    *,
    records: bool = True,
) -> None:
    """Prints the story; `metrics` maps each trace's engine to its numbers."""
    console.print(heading(scenario))
    told = [trace for trace in traces if trace.events]
    if told:
        console.print(legend(console.width))
        for trace in told:
            console.print(engine_story(trace, scenario, console.width))
    if records:
        names = {trace.engine: _same_run(trace) for trace in traces if trace.records}
        if names:
            console.print(Text(f"History of {', '.join(dict.fromkeys(names.values()))} on each engine", "bold"))
            console.print(
                RecordTables({each.engine: each.records[names[each.engine]] for each in traces if each.records})
            )
            for spec in filter(lambda spec: spec.record_reads, map(spec_of, names)):
                console.print(Text(f"{spec.title}: {spec.record_reads}", "dim"))
            console.print()
    if any(trace.effects for trace in traces):
        console.print(Text("Side effects, as the services counted them", "bold"))
        console.print(ledger_table(scenario, traces, width=console.width))
    console.print(Text("Summary", "bold"))
    console.print(summary_table(metrics, runs=scenario.workload.runs))


def verdict_table(verdicts: Mapping[str, Sequence[tuple[str, bool, str]]]) -> Table:
    """What the scenario expects, and on which engines it held; `verdicts` are (expected, held, found) by engine."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for engine in verdicts:
        table.add_column(engine_title(engine))
    for row in zip(*verdicts.values(), strict=True):
        cells = [Text("✓", "green") if held else Text(f"✗ {found}", "bold red") for _, held, found in row]
        table.add_row(row[0][0], *cells)
    return table


def heading(scenario: Scenario) -> RenderableType:
    """The title, what it is about in a paragraph, and the faults."""
    lines = [Text(scenario.title or scenario.scenario, "bold")]
    about = first_paragraph(scenario.about)
    lines += [Text(about)] if about else []
    lines += [Text.assemble(("fault: ", "red"), fault_text(fault)) for fault in scenario.faults]
    return Group(Text(), *lines, Text())


def first_paragraph(markdown: str) -> str:
    """The first paragraph on one line, without marks of emphasis and code.

    >>> first_paragraph("An order.\\n\\nIt is paid, then shipped.")
    'An order.'
    """
    paragraph = " ".join(markdown.strip().partition("\n\n")[0].split())
    return re.sub(r"(\*\*|`)(.+?)\1", r"\2", paragraph)


def engine_story(trace: Trace, scenario: Scenario, width: int) -> RenderableType:
    """One engine: its timeline, why work took so long to resume, why runs failed, and its notes on this scenario."""
    parts: list[RenderableType] = [
        Rule(engine_title(trace.engine), style="dim", align="left"),
        Padding(timeline(trace, scenario, width - 2), (0, 0, 0, 1)),
    ]
    worst = longest(recoveries(trace))
    if worst is not None:
        clause = why(trace, worst, title_of(trace.engine))
        parts.append(Padding(Text(clause[0].upper() + clause[1:] + ".", "red"), (0, 0, 0, 2)))
    parts += [Padding(Text(cause, "red"), (0, 0, 0, 2)) for cause in failure_sentences(trace)]
    missed = [fault for number, fault in enumerate(scenario.faults) if number not in trace.struck]
    notes = [*(f"Never struck: {missing(fault)}." for fault in missed), *trace.notes]
    parts += [Padding(Text(note, "yellow"), (0, 0, 0, 2)) for note in notes]
    return Group(*parts, Text())


def _same_run(trace: Trace) -> str:
    """The run whose record is shown: the first start, or its first execution, whatever the engine lists first."""
    return next((name for name in ("run 1", "run 1.1") if name in trace.records), next(iter(trace.records)))
