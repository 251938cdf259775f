"""A scenario on Inngest: the events, the engine's queue and state, and the app that it calls step by step."""

from __future__ import annotations

from durascope.models.scenario import Scenario, Signal
from durascope.models.units import format_duration
from durascope.render.diagram import Diagram, Edge, Group, Node, Row, Section
from durascope.render.parts.steps import Shown, calls, section, shown
from durascope.render.parts.world import awaited, caller, copies, proper, runtime, services, starters
from durascope.render.theme import engine_paints

_HOSTING = {
    "dev": ("Inngest Dev Server", "one process on the developer's machine"),
    "self-hosted": ("Inngest Server", "self-hosted"),
    "cloud": ("Inngest Cloud", "managed"),
}
_FRAME, _PART = engine_paints("inngest")


def architecture(scenario: Scenario) -> Diagram:
    """The diagram of the scenario's Inngest deployment."""
    diagram = Diagram(scenario.title or scenario.scenario, direction="TB")
    title, subtitle = _HOSTING[scenario.deployments.inngest.server.hosting]
    diagram.groups.append(Group("server", title, subtitle, "engine", paint=_FRAME))
    _engine(diagram, scenario)
    _events(diagram, scenario)
    _app(diagram, scenario)
    services(diagram, scenario)
    diagram.across += [("events", "queue"), ("executor", "state")]
    _notes(diagram, scenario)
    return diagram


def _engine(diagram: Diagram, scenario: Scenario) -> None:
    server = scenario.deployments.inngest.server
    where = (
        "replicated store"
        if server.hosting == "cloud"
        else "Redis"
        if server.survives
        else "in memory: gone with the process"
    )
    state = (
        Row("results of finished steps", key="results"),
        Row("waits, cancellations", "pauses", key="pauses"),
    )
    diagram.nodes += [
        Node(
            "events",
            "Event API",
            ("takes events in and", "starts and wakes runs"),
            icon="event",
            group="server",
            paint=_PART,
            lanes=("event-api", "runner"),
            process="event-api",
        ),
        Node(
            "queue",
            "Queue",
            ("one item: the next step,", "a retry, a sleep's end"),
            "queue",
            "queue",
            group="server",
            lanes=("queue",),
            process="queue",
        ),
        Node(
            "executor",
            "Executor",
            ("orchestrates: one item,", "one request to the app"),
            icon="proxy",
            group="server",
            paint=_PART,
            lanes=("executor", "api"),
            process="executor",
        ),
        Node("state", "Run state", (where,), "store", "store", "database", (Section(state),), group="server"),
    ]
    flow = _flow_words(scenario)
    diagram.edges += [
        Edge("events", "queue", "new run" + (f"\n{flow}" if flow else ""), "call", "2", back=True),
        Edge("queue", "executor", "lease an item,\nadd the next", "call", "3", both=True, weight=3),
        Edge("executor", "state/results", "load, then save each result", "store", "4", both=True, back=True),
    ]


def _flow_words(scenario: Scenario) -> str:
    flow = scenario.deployments.inngest.flow
    parts: list[str] = []
    if flow.concurrency:
        parts.append(
            f"at most {flow.concurrency.limit} at once"
            + (f" per {flow.concurrency.key}" if flow.concurrency.key else "")
        )
    others = ("throttle", "rate_limit", "debounce", "batch", "singleton", "idempotency", "priority", "timeouts")
    parts += [name.replace("_", " ") for name in others if getattr(flow, name)]
    return ", ".join(parts)


def _events(diagram: Diagram, scenario: Scenario) -> None:
    for name, workflow, who, what in starters(scenario):
        event = what or f"{name}/start"
        diagram.edges.append(Edge(caller(diagram, who), "events", event, "call", "1", weight=2))
        for signal, how in workflow.signals.items():
            diagram.edges.append(
                Edge(caller(diagram, how.from_ or "client"), "events", _cancels(signal, how), "signal")
            )
        for waited in awaited(workflow):
            if waited not in workflow.signals:
                diagram.edges.append(Edge(caller(diagram, "your app"), "events", waited, "signal"))


def _cancels(event: str, how: Signal) -> str:
    return event if how.then == "ignore" else f"{event}\n(cancelOn)"


def _app(diagram: Diagram, scenario: Scenario) -> None:
    app = scenario.deployments.inngest.app
    framework = proper(app.framework)
    if app.platform:
        diagram.groups.append(Group("platform", proper(app.platform), f"hosts the {framework} app", "platform"))
    programs = {name: shown(name, each, "inngest", app.sdk) for name, each in scenario.workflows.items()}
    undoing = sum(any(each.row.dashed for each in rows) for rows in programs.values())
    count = len(programs) + undoing
    route = Row(app.endpoint, f"registers {count} function{'s' if count > 1 else ''} (PUT)", key="route")
    sections = [Section((route,), "route")]
    for name, rows in programs.items():
        sections += _functions(scenario, name, rows)
    title = f"{framework} app"
    lines = (f"{runtime(app.sdk)}, Inngest SDK", "the function exits between requests")
    platform = "platform" if app.platform else ""
    diagram.nodes.append(
        Node(
            "app",
            title,
            lines,
            "stack",
            "app",
            "code",
            tuple(sections),
            app.replicas,
            group=platform,
            lanes=copies("app", app.replicas),
            process="app",
        )
    )
    _requests(diagram, scenario)
    for rows in programs.values():
        diagram.edges += calls("app", rows, scenario, "6")


def _functions(scenario: Scenario, name: str, rows: list[Shown]) -> list[Section]:
    workflow = scenario.workflows[name]
    plain = [each for each in rows if not each.row.dashed]
    undo = tuple(each.row for each in rows if each.row.dashed)
    sections = [section(name, workflow, plain, "function")]
    cancels = ", ".join(event for event, signal in workflow.signals.items() if signal.then != "ignore")
    if undo:
        trigger = " ← inngest/function.cancelled, .failed" if cancels else " ← inngest/function.failed"
        sections.append(Section(undo, f"function {name}-undo{trigger}"))
    if workflow.queries:
        queries = tuple(Row(query, "no queries: store the state yourself") for query in workflow.queries)
        sections.append(Section(queries))
    return sections


def _requests(diagram: Diagram, scenario: Scenario) -> None:
    app = scenario.deployments.inngest.app
    checkpoints = app.checkpoints
    way = "Connect (WebSocket)" if app.transport == "connect" else f"HTTP POST {app.endpoint}"
    once = "once, and again after a sleep, wait or failure" if checkpoints else "once per step"
    diagram.edges.append(
        Edge("executor", "app/route", f"{way}\n{once}, with all stored results", "call", "5", weight=3)
    )
    answer = (
        "checkpoint: POST the result of each step" if checkpoints else "206: the step's result, or what it waits for"
    )
    diagram.edges.append(Edge("app", "executor", answer, "result", "7", back=True))


def _notes(diagram: Diagram, scenario: Scenario) -> None:
    deployment = scenario.deployments.inngest
    checkpoints = deployment.app.checkpoints
    if checkpoints:
        diagram.notes.append(
            "Checkpointing is on (the TypeScript SDK's default): the steps of a run go on within one request, and each "
            "result is posted to the engine meanwhile, after the code has gone on. With it off, each step is a request."
        )
    else:
        diagram.notes.append(
            "n steps take n + 1 requests: the last one only collects the function's return value. A sleep or a "
            'wait takes one that runs nothing. "Exits" means that the handler returns; the process may live on.'
        )
    diagram.notes += [
        "Finished steps come back from the stored results, which travel in the body of every request: the function "
        "runs from the top and skips them.",
        "A result is stored after the step's effect: a crash in between repeats the step, so every effect happens at "
        f"least once. A failed request is retried {deployment.retries} times"
        + ("." if deployment.backoff == "default" else f", {format_duration(int(deployment.backoff))} apart."),
    ]
    if any(awaited(each) for each in scenario.workflows.values()):
        diagram.notes.append("A wait exists once its request was answered: a matching event that came before is lost.")
    if not deployment.server.survives:
        diagram.notes.append("This server keeps queue and state in memory: if it is killed, no run goes on.")
