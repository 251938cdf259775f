"""A scenario's workflows as graphs of steps: branches, parallel parts, waits with timeouts, and the way back (undo).

With `paint`, what happened in a run colours the steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from durascope.models import steps as s
from durascope.models.changes import Versions
from durascope.models.engine import title_of
from durascope.models.faults import Deploy
from durascope.models.scenario import Scenario, Workflow
from durascope.render.diagram import Diagram, Edge, Group, Node, key
from durascope.render.flow import Flow
from durascope.render.graph import WIDEST, picture
from durascope.render.graphviz_layout import lay_out
from durascope.render.orthogonal import straightened
from durascope.render.picture import Picture
from durascope.render.theme import State

_COLUMNS: Final = 3


def diagram(
    scenario: Scenario,
    engine: str | None = None,
    *,
    workflow: str | None = None,
    paint: Mapping[str, State] | None = None,
    whose: str = "a run",
    columns: int = 1,
) -> Diagram:
    """The graph before it is laid out. Raises ValueError for a workflow that the scenario does not have."""
    if workflow is not None and workflow not in scenario.workflows:
        raise ValueError(f"{workflow!r} is not a workflow of {scenario.scenario}: {', '.join(scenario.workflows)}")
    title = scenario.title or scenario.scenario
    drawn = Diagram(f"{title} · workflow" + (f" on {title_of(engine)}" if engine else ""), direction="TB")
    drawn.subtitle = (
        "The steps in their order." if paint is None else f"The steps, coloured with what happened in {whose}."
    )
    drawn.description = f"The steps of the workflows of the scenario {scenario.scenario}."
    drawn.words["stack"] = "many that are alike"
    deployed = list(_deployed(scenario))
    framed = len(scenario.workflows) > 1 or bool(deployed)
    for name, each in scenario.workflows.items():
        if workflow in (None, name):
            _workflow(drawn, scenario, name, each, paint or {}, columns, framed=framed)
    for name, frame, each in deployed:
        if workflow in (None, name):
            _workflow(drawn, scenario, frame, each, paint or {}, columns, framed=True, old=scenario.workflows[name])
            drawn.notes += _difference(name, scenario.workflows[name], each)
    _notes(drawn, scenario)
    return drawn


def draw(
    scenario: Scenario,
    engine: str | None = None,
    *,
    workflow: str | None = None,
    paint: Mapping[str, State] | None = None,
    whose: str = "a run",
) -> Picture:
    """The steps of all workflows, or of one; many that follow each other stand in as many columns as there is room for.

    `paint` maps a step's label to what happened to it (done, replayed, retried, crashed, undone, never-reached) in the
    run that `whose` names; `engine` names the engine in the title, for a run on it.

    >>> from durascope.models.loading import load_scenario
    >>> draw(load_scenario("payment")).title
    'Payments, one at a time for each user · workflow'
    """
    for columns in range(_COLUMNS, 1, -1):
        drawn = diagram(scenario, engine, workflow=workflow, paint=paint, whose=whose, columns=columns)
        if (layout := lay_out(drawn)).width <= WIDEST:
            return picture(drawn, straightened(drawn, layout))
    drawn = diagram(scenario, engine, workflow=workflow, paint=paint, whose=whose)
    return picture(drawn, straightened(drawn, lay_out(drawn)))


def _deployed(scenario: Scenario) -> Iterator[tuple[str, str, Workflow]]:
    """(workflow, its frame, its code) for each deploy of new code, one after the other."""
    versions = Versions(dict(scenario.workflows))
    for number, fault in enumerate(fault for fault in scenario.faults if isinstance(fault, Deploy)):
        code = versions.deploy(fault)
        if not fault.rollback:
            yield fault.deploy, f"{fault.deploy}, {'new code' if not number else f'new code {number + 1}'}", code


def _difference(name: str, old: Workflow, new: Workflow) -> list[str]:
    """What the new code has that the old one has not, and the other way round."""
    before, after = ({step.label: None for step in each.walk()} for each in (old, new))
    said = [f"adds {label} to {name}" for label in after if label not in before]
    said += [f"takes {label} out of {name}" for label in before if label not in after]
    return [f"The deploy {' and '.join(said)}; runs in flight began with the old code."] if said else []


def _workflow(
    drawn: Diagram,
    scenario: Scenario,
    name: str,
    workflow: Workflow,
    paint: Mapping[str, State],
    columns: int,
    *,
    framed: bool,
    old: Workflow | None = None,
) -> None:
    """`old`: the code that this one replaces. Of new code only the way ahead is drawn, what is new in it at length."""
    frame = key("workflow", name)
    if framed:
        drawn.groups.append(Group(frame, name, workflow.title or "", "engine"))
    else:
        frame = ""
    known = frozenset() if old is None else frozenset(step.label for step in old.walk())
    flow = Flow(drawn, scenario, name, frame, paint, columns, known=known)
    by = workflow.started_by
    trigger = ((by.event or by.request or by.cron) if by else None) or "start"
    who = (f"from {by.from_}",) if by and by.from_ else ()
    start = flow.node("start", Node("", trigger, who, "pill", "end", group=frame))
    ends = flow.chain(workflow.steps, [(start, "", "next")])
    if ends:
        flow.join(ends, flow.node("end", Node("", "completed", (), "pill", "end", group=frame)))
    if old is not None:
        return
    for update, each in workflow.updates.items():
        entry = flow.node(f"update {update}", Node("", update, ("update",), "pill", "end", group=frame))
        flow.chain(each.steps, [(entry, "", "next")])
    undone = flow.undo()
    _failure(drawn, flow, workflow, frame, undone)


def _failure(drawn: Diagram, flow: Flow, workflow: Workflow, frame: str, undone: list[str]) -> None:
    """How the way back begins and ends: signals that cancel, the failed end, and what runs after it."""
    needed = bool(undone or workflow.on_failure)
    cancels = {event: each for event, each in workflow.signals.items() if each.then != "ignore"}
    if not needed and not cancels:
        return
    word = "completed, undone" if workflow.after_undo == "complete" else "failed or cancelled"
    end = flow.node("failed", Node("", word, (), "pill", "end", group=frame))
    if undone:
        drawn.edges.append(Edge(undone[0], end, "", "undo", back=not workflow.on_failure))
    for event, signal in cancels.items():
        lines = (f"from {signal.from_}",) if signal.from_ else ()
        entry = flow.node(f"signal {event}", Node("", event, lines, "pill", "client", "event", group=frame))
        if undone:  # the way back leads up: it is entered from below
            drawn.edges.append(Edge(entry, undone[-1], "cancel", "signal", back=True))
        else:
            drawn.edges.append(Edge(entry, end, "cancels", "signal"))
    if workflow.on_failure:
        flow.chain(workflow.on_failure, [(end, "on failure", "undo")])


def _notes(drawn: Diagram, scenario: Scenario) -> None:
    if any(isinstance(step, s.Run) and step.undo for each in scenario.workflows.values() for step in each.walk()):
        drawn.notes.append(
            "A step that fails for good, and a cancellation, undo in reverse order every step that has begun: the way "
            "back is entered at the last of them."
        )
    if any(each.queries for each in scenario.workflows.values()):
        names = ", ".join(dict.fromkeys(query for each in scenario.workflows.values() for query in each.queries))
        drawn.notes.append(f"Queries ({names}) read the state of a run and change nothing.")
