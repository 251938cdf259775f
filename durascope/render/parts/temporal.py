"""A scenario on Temporal: server, event history, task queues, pools of workers that poll them."""

from __future__ import annotations

from durascope.models import steps as s
from durascope.models.scenario import Scenario, TemporalWorker, Workflow
from durascope.render.diagram import Diagram, Edge, Group, Node, Row, Section, key
from durascope.render.parts.keyed import key_name, key_rows
from durascope.render.parts.steps import Shown, calls, most, program, section, whole
from durascope.render.parts.world import awaited, caller, copies, proper, runtime, services, starters
from durascope.render.theme import engine_paints

_HOSTING = {"dev": "development server", "self-hosted": "self-hosted", "cloud": "Temporal Cloud"}
_FRAME, _PART = engine_paints("temporal")
_SERVER = "temporal-server"
"""What messages call it."""


def architecture(scenario: Scenario) -> Diagram:
    """The diagram of the scenario's Temporal deployment."""
    server = scenario.deployments.temporal.server
    diagram = Diagram(scenario.title or scenario.scenario, direction="TB")
    diagram.groups.append(Group("server", "Temporal Server", _HOSTING[server.hosting], "engine", paint=_FRAME))
    diagram.nodes += [
        Node(
            "frontend",
            "Frontend",
            ("gRPC API", "keeps no state"),
            icon="proxy",
            group="server",
            paint=_PART,
            lanes=(_SERVER,),
            process=_SERVER,
        ),
        _history(scenario),
    ]
    _start(diagram, scenario)
    _workers(diagram, scenario)
    _signals(diagram, scenario)
    _persistence(diagram, scenario)
    diagram.across.append(("frontend", "history", "persistence"))
    services(diagram, scenario)
    _notes(diagram, scenario)
    return diagram


def _history(scenario: Scenario) -> Node:
    shards, hosting = scenario.deployments.temporal.server.shards, scenario.deployments.temporal.server.hosting
    first = next((line.step for each in scenario.workflows.values() for line in program(each.steps)), None)
    counted = isinstance(first, s.Run) and not first.local
    names = ["WorkflowExecutionStarted", "WorkflowTaskScheduled", "WorkflowTaskStarted", "WorkflowTaskCompleted"]
    if any(True for _ in scenario.runs()):
        names += ["ActivityTaskScheduled", "ActivityTaskStarted", "ActivityTaskCompleted"]
    rows = (
        *(Row(name, mark=str(at) if at < 5 or counted else "", key=name) for at, name in enumerate(names, 1)),
        Row("… appended, never changed", key="last"),
    )
    service = "history service" if hosting == "cloud" else f"history service, {shards} shard{'s' if shards > 1 else ''}"
    entity = any(map(_is_entity, scenario.workflows.values()))
    lines = ("append-only log,", f"one for each {key_name(scenario) if entity else 'run'}", service)
    return Node(
        "history",
        "Event history",
        lines,
        "log",
        "log",
        group="server",
        sections=(Section(rows),),
        lanes=("history",),
        process=_SERVER,
    )


def _is_entity(workflow: Workflow) -> bool:
    """Whether one run takes all requests of a key, as updates, one after the other."""
    return workflow.one_at_a_time and workflow.key is not None


def _entity(scenario: Scenario, name: str) -> Section:
    """What serializes: the run that all requests of a key go to, and the updates that wait in it."""
    rows = (Row("request", "update handler, one at a time", key=f"update.{name}"), *key_rows(scenario))
    return Section(rows, f"entity workflow, one for each {key_name(scenario)}")


def _start(diagram: Diagram, scenario: Scenario) -> None:
    for _name, workflow, who, what in starters(scenario):
        label = ("Update-with-Start" if _is_entity(workflow) else "StartWorkflow") + (f"\n{what}" if what else "")
        diagram.edges.append(Edge(caller(diagram, who), "frontend", label, "call", "1", weight=3))
    diagram.edges.append(Edge("frontend", "history/WorkflowExecutionStarted", "append\nthe start", "store", "2"))


def _workers(diagram: Diagram, scenario: Scenario) -> None:
    pools = scenario.deployments.temporal.workers
    flow = [pool for pool in pools if pool.runs != "activities"]
    doing = [pool for pool in pools if pool.runs != "workflows"]
    platforms = list(dict.fromkeys(pool.platform for pool in pools))
    for at, platform in enumerate(platforms):
        where = f"Workers on {proper(platform)}" if platform else "Workers"
        diagram.groups.append(Group(f"platform{at}", where, "your processes, which poll the server", "platform"))
    everything = {name: whole(name, each, "temporal", flow[0].sdk) for name, each in scenario.workflows.items()}
    programs = {name: most(name, rows, "steps") for name, rows in everything.items()}
    for pool in flow:
        _queue(diagram, scenario, pool, "workflow")
    for pool in doing:
        _queue(diagram, scenario, pool, "activity")
    for pool in pools:
        group = f"platform{platforms.index(pool.platform)}"
        rows = most(pool.name, _activities(scenario, everything, pool, doing), "activities")
        _pool(diagram, scenario, pool, programs, rows, group)


def _queue(diagram: Diagram, scenario: Scenario, pool: TemporalWorker, kind: str) -> None:
    name = pool.queue or pool.name
    node = key("queue", kind, name)
    unused = kind == "activity" and not any(True for _ in scenario.runs())
    if unused or any(each.key == node for each in diagram.nodes):
        return
    lines = (f"{kind} tasks", "task queue")
    diagram.nodes.append(
        Node(node, name, lines, "queue", "queue", group="server", lanes=("matching",), process=_SERVER, queue=name)
    )
    number, event = ("3", "WorkflowTaskScheduled") if kind == "workflow" else ("6", "ActivityTaskScheduled")
    diagram.edges.append(Edge(f"history/{event}", node, f"{kind} task", "call", number, weight=2))


def _pool(
    diagram: Diagram,
    scenario: Scenario,
    pool: TemporalWorker,
    programs: dict[str, list[Shown]],
    activities: list[Shown],
    group: str,
) -> None:
    worker, queue = key("worker", pool.name), pool.queue or pool.name
    lines = [f"{runtime(pool.sdk)}, Temporal SDK"]
    sections: list[Section] = []
    if pool.runs != "activities":
        lines.append(f"keeps up to {pool.cache} runs in memory")
        for name, rows in programs.items():
            workflow = scenario.workflows[name]
            plain = [each for each in rows if not each.row.dashed]
            if _is_entity(workflow):
                sections.append(_entity(scenario, name))
            sections += [section(name, workflow, plain, "workflow"), *_handlers(scenario, name)]
        diagram.edges += [
            Edge(
                key("queue", "workflow", queue),
                f"{worker}/@head",
                "poll\nworkflow tasks",
                "poll",
                "4",
                both=True,
                weight=2,
            ),
            Edge(
                worker,
                "history/WorkflowTaskCompleted",
                "commands: the next\nstep, a timer, the end",
                "result",
                "5",
                back=True,
            ),
        ]
    if activities and pool.runs != "workflows":
        lines.append(f"{pool.slots} slots")
        sections.append(Section(tuple(each.row for each in activities), "activities"))
        diagram.edges += [
            Edge(
                key("queue", "activity", queue),
                f"{worker}/@head",
                "poll\nactivity tasks",
                "poll",
                "7",
                both=True,
                weight=2,
            ),
            Edge(
                worker,
                "history/ActivityTaskCompleted",
                "result: appended, and\na new workflow task (3)",
                "result",
                "9",
                back=True,
            ),
            *calls(worker, activities, scenario, "8"),
        ]
    diagram.nodes.append(
        Node(
            worker,
            pool.name,
            tuple(lines),
            "stack",
            "app",
            "code",
            tuple(sections),
            pool.replicas,
            group=group,
            lanes=copies(pool.name, pool.replicas),
            process=pool.name,
        )
    )


def _handlers(scenario: Scenario, name: str) -> list[Section]:
    workflow = scenario.workflows[name]
    events = [*workflow.signals, *(event for event in awaited(workflow) if event not in workflow.signals)]
    rows = [
        *(Row(event, "signal handler", key=f"signal.{name}.{event}") for event in events),
        *(Row(update, "update handler", key=f"update.{name}.{update}") for update in workflow.updates),
        *(Row(query, "query handler", key=f"query.{name}.{query}") for query in workflow.queries),
    ]
    return [Section(tuple(rows))] if rows else []


def _activities(
    scenario: Scenario, programs: dict[str, list[Shown]], pool: TemporalWorker, doing: list[TemporalWorker]
) -> list[Shown]:
    """The activities that the pool's queue gets, by the name of the code that they run, each once."""
    found: dict[str, Shown] = {}
    default = doing[0].queue or doing[0].name
    for rows in programs.values():
        for each in rows:
            step = each.lines[0].step
            if isinstance(step, s.Run) and (step.queue or default) == (pool.queue or pool.name):
                name = step.via or each.row.text
                hint = each.row.hint if each.row.dashed else each.row.text if step.via else ""
                row = Row(name, hint, each.row.mark, f"activity.{name}", each.row.dashed)
                found.setdefault(name, Shown(row, each.lines))
    order = [*scenario.services]
    return sorted(found.values(), key=lambda each: order.index(each.service) if each.service in order else -1)


def _signals(diagram: Diagram, scenario: Scenario) -> None:
    pool = next(pool for pool in scenario.deployments.temporal.workers if pool.runs != "activities")
    worker, queue = key("worker", pool.name), key("queue", "workflow", pool.queue or pool.name)
    for name, workflow in scenario.workflows.items():
        for event, signal in workflow.signals.items():
            who = caller(diagram, signal.from_ or "client")
            diagram.edges.append(Edge(who, "frontend", f"SignalWorkflow\n{event}", "signal"))
            diagram.edges.append(Edge(queue, f"{worker}/signal.{name}.{event}", event, "signal"))
        for event in awaited(workflow):
            if event not in workflow.signals:
                diagram.edges.append(
                    Edge(caller(diagram, "your app"), "frontend", f"SignalWorkflow\n{event}", "signal")
                )
        starter = next((who for other, _, who, _ in starters(scenario) if other == name), "client")
        for update in workflow.updates:
            diagram.edges.append(Edge(caller(diagram, starter), "frontend", f"UpdateWorkflow\n{update}", "signal"))
        for query in workflow.queries:
            diagram.edges.append(Edge(caller(diagram, starter), "frontend", f"QueryWorkflow\n{query}", "signal"))
            diagram.edges.append(Edge(queue, f"{worker}/query.{name}.{query}", query, "signal"))


def _persistence(diagram: Diagram, scenario: Scenario) -> None:
    server = scenario.deployments.temporal.server
    title = "Cloud storage" if server.hosting == "cloud" else proper(server.persistence)
    lines = ("histories, queues,", "timers: one transaction", "for each change")
    diagram.nodes.append(Node("persistence", title, lines, "store", "store", "database"))
    diagram.edges.append(Edge("history/last", "persistence", "persist", "store"))


def _notes(diagram: Diagram, scenario: Scenario) -> None:
    timeout = scenario.deployments.temporal
    diagram.notes += [
        "The server is drawn as its frontend, one run's history and the task queues; a real one has frontend, history, "
        "matching and worker services, and all runs' histories.",
        "After its first task a run's workflow tasks go through a queue of the one worker that has it in memory "
        "(sticky queue, not drawn); if that worker is gone, another replays the event history.",
        "A result is recorded once; the effect of an activity happens at least once: it is repeated if its worker dies "
        "before the report.",
    ]
    if any(map(_is_entity, scenario.workflows.values())):
        diagram.notes.append(
            f"The requests of a {key_name(scenario)} are updates of one run, which handles one after the other; those "
            "of others have runs of their own and go on side by side."
        )
    if timeout.eager_activities and any(pool.runs == "both" for pool in timeout.workers):
        diagram.notes.append(
            "Up to three activities of a workflow task start at once on the worker that asked for them (eager start), "
            "past the queue."
        )
