"""A workflow's program as the rows of a box: the steps in order, and which of them call what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from durascope.models import steps as s
from durascope.models.engine import engine as spec_of
from durascope.models.scenario import Scenario, Sdk, Workflow
from durascope.models.units import FOREVER, SECOND, format_duration
from durascope.render.bands import from_to, unnumbered
from durascope.render.diagram import Edge, Row, Section, Style, key

FOLD: Final = 4
"""From this many on, consecutive steps that make the same call, or whose names differ in a number, become one row."""
MOST_ROWS: Final = 48
"""Four times as many as make a column."""
NAMED: Final = 3
"""At most this many calls of one service are named on its arrow."""

_UNITS: Final = (("week", 604_800), ("day", 86_400), ("hour", 3_600), ("minute", 60))


@dataclass(frozen=True, slots=True)
class Line:
    """A step in the order of the program; `inside` says what it is part of ("side by side", "if in_stock")."""

    step: s.Step
    inside: str = ""
    undoes: str = ""
    """The step that this one undoes; empty for the others."""


def duration(us: int) -> str:
    """A duration in words where it is a whole number of a large unit: `7 days`, `30 days`, else `1m30s`."""
    if us >= FOREVER:
        return "for ever"
    for word, seconds in _UNITS[1:]:
        if us and us % (seconds * SECOND) == 0:
            count = us // (seconds * SECOND)
            return f"{count} {word}" + ("s" if count > 1 else "")
    return format_duration(us)


def program(steps: s.Steps, inside: str = "") -> Iterator[Line]:
    """Every step that does something, in the order in which it is written; undo steps are left out."""
    for step in steps:
        match step:
            case s.Parallel() | s.Race():
                word = "side by side" if isinstance(step, s.Parallel) else "race"
                for block in step.blocks():
                    yield from program(block, word)
            case s.Repeat() | s.ForEach():
                count = step.repeat if isinstance(step, s.Repeat) else step.for_each
                word = f"{count} times" if isinstance(step, s.Repeat) else f"{count} side by side"
                yield from program(step.do, word)
            case s.Choose():
                for choice in step.choose:
                    yield from program(choice.steps, f"if {choice.when}" if choice.when else "otherwise")
            case s.WaitFor():
                yield Line(step, inside)
                yield from program(step.then, "when it came")
                yield from program(step.on_timeout, "if the time is over")
            case s.Patched():
                yield from program(step.do, f"patched {step.patched}")
                yield from program(step.otherwise, "old code")
            case s.Get() | s.Set() | s.Clear() | s.Compute() | s.Awakeable():
                pass
            case _:
                yield Line(step, inside)


def undos(steps: s.Steps) -> Iterator[Line]:
    """The undo steps, in the order of the steps that they undo."""
    for step in s.walk(steps):
        if isinstance(step, s.Run | s.Call) and step.undo_step is not None:
            yield Line(step.undo_step, undoes=step.label)


@dataclass(frozen=True, slots=True)
class Shown:
    """A row with the steps it stands for."""

    row: Row
    lines: tuple[Line, ...]
    rest: bool = False
    """It stands for all the steps that have no row of their own."""

    @property
    def service(self) -> str | None:
        """The service that the row's steps call; of the rest none is named."""
        if self.rest:
            return None
        step = self.lines[0].step
        return step.on if isinstance(step, s.Run) else None


def shown(name: str, workflow: Workflow, engine: str, sdk: Sdk) -> list[Shown]:
    """As many rows of the workflow as there is room for."""
    return most(name, whole(name, workflow, engine, sdk), "steps")


def whole(name: str, workflow: Workflow, engine: str, sdk: Sdk) -> list[Shown]:
    """The rows of a workflow's program, then of its undo steps; equal calls in a row are folded."""
    rows: list[Shown] = []
    number = 1
    for lines in _folded([*program(workflow.steps)]):
        mark = f"{number}" if len(lines) == 1 else f"{number}–{number + len(lines) - 1}"
        number += len(lines)
        rows.append(Shown(_row(name, lines, mark, engine, sdk), lines))
    for line in [*undos(workflow.steps)]:
        row = _row(name, (line,), "", engine, sdk)
        rows.append(Shown(replace(row, hint=f"undoes {line.undoes}", dashed=True), (line,)))
    return rows


def most(name: str, rows: list[Shown], what: str) -> list[Shown]:
    """As many as there is room for; one more row says how many others there are."""
    if len(rows) <= MOST_ROWS:
        return rows
    rest = [line for each in rows[MOST_ROWS - 1 :] for line in each.lines]
    more = Shown(Row(f"… {len(rest)} more {what}", key=f"{name}.rest"), tuple(rest), rest=True)
    return [*rows[: MOST_ROWS - 1], more]


def _folded(lines: list[Line]) -> Iterator[tuple[Line, ...]]:
    at = 0
    while at < len(lines):
        end = at + 1
        while end < len(lines) and _same_call(lines[at], lines[end]):
            end += 1
        if end - at >= FOLD:
            yield tuple(lines[at:end])
        else:
            yield from ((line,) for line in lines[at:end])
        at = end


def _same_call(one: Line, other: Line) -> bool:
    a, b = one.step, other.step
    if not (isinstance(a, s.Run) and isinstance(b, s.Run)):
        return False
    if (a.on, a.via, one.inside) != (b.on, b.via, other.inside):
        return False
    return a.via is not None or (a.label != b.label and unnumbered(a.label) == unnumbered(b.label))


def _row(name: str, lines: tuple[Line, ...], mark: str, engine: str, sdk: Sdk) -> Row:
    line = lines[0]
    text = words(line.step) if len(lines) == 1 else from_to(line.step.label, lines[-1].step.label)
    hint = ", ".join(filter(None, (how(line.step, engine, sdk), line.inside)))
    return Row(text, hint, mark, key=f"{name}.{line.step.label}.{mark or 'undo'}")


def words(step: s.Step) -> str:
    """A step in a few words."""
    match step:
        case s.Sleep():
            return f"sleep {duration(step.sleep)}"
        case s.WaitFor():
            limit = f", up to {duration(step.timeout)}" if step.timeout is not None else ""
            return f"wait for {step.wait_for}{limit}"
        case s.Call() | s.Start() | s.Send():
            return f"{step.kind} {step.label}"
        case s.Fail():
            return f"fail: {step.fail}"
        case _:
            return step.label


def how(step: s.Step, engine: str, sdk: Sdk) -> str:
    """What the engine's SDK calls such a step."""
    names = spec_of(engine).steps.get(step.kind)
    return names[sdk == "python"] if names else ""


def section(
    name: str, workflow: Workflow, rows: list[Shown], kind: Literal["workflow", "function", "handler"]
) -> Section:
    """The rows under the workflow's name and what starts it."""
    by = workflow.started_by
    trigger = (by.event or by.request or (f"cron {by.cron}" if by.cron else "")) if by else ""
    return Section(tuple(each.row for each in rows), f"{kind} {name}" + (f" ← {trigger}" if trigger else ""))


def calls(node: str, rows: list[Shown], scenario: Scenario, number: str) -> Iterator[Edge]:
    """The arrows to the services that the rows call: one for each service, and one for what undoes things there."""
    by_service: dict[tuple[str, Style], list[tuple[str, str]]] = {}
    for each in rows:
        for line in each.lines if each.rest else each.lines[:1]:
            service = line.step.on if isinstance(line.step, s.Run) else None
            if service is not None and service in scenario.services:
                style: Style = "undo" if line.undoes else "call"
                by_service.setdefault((service, style), []).append((each.row.key, _method(line.step)))
    for (service, style), those in by_service.items():
        row, first = those[0]
        methods = "\n".join(method for _, method in those)
        label = methods if len(those) <= NAMED else f"{len(those)} steps,\n{first} …"
        yield Edge(f"{node}/{row}", key("service", service), label, style, number if style == "call" else "")


def _method(step: s.Step) -> str:
    """The last part of the name of the code that makes the call: `charge` of `PaymentService.charge`."""
    return ((step.via if isinstance(step, s.Run) else None) or step.label).rpartition(".")[2]
