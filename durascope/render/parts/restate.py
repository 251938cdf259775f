"""A scenario on Restate: the server as a durable proxy, its log and stores, and the service that it calls."""

from __future__ import annotations

from durascope.models.scenario import Scenario
from durascope.render.diagram import Diagram, Edge, Group, Node, Row, Section
from durascope.render.parts.keyed import key_name, key_rows
from durascope.render.parts.steps import Shown, calls, section, shown
from durascope.render.parts.world import awaited, caller, copies, proper, runtime, services, starters
from durascope.render.theme import engine_paints

_HOSTING = {
    "sidecar": "durable proxy, a container beside the service",
    "single": "durable proxy, one node for all services",
    "cluster": "durable proxy, a cluster for all services",
    "cloud": "durable proxy, Restate Cloud",
}
_KINDS = {"service": "service", "object": "virtual object", "workflow": "workflow service"}
_FRAME, _PART = engine_paints("restate")
_PROCESSOR = "partition-processor"
"""The lane of log, stores and inboxes."""


def architecture(scenario: Scenario) -> Diagram:
    """The diagram of the scenario's Restate deployment."""
    diagram = Diagram(scenario.title or scenario.scenario, direction="TB")
    server, service = scenario.deployments.restate.server, scenario.deployments.restate.service
    platform = proper(service.platform) if service.platform else ""
    parent = ""
    if server.hosting == "sidecar":
        subtitle = "server and service side by side" + (f", on {platform}" if platform else "")
        diagram.groups.append(Group("pod", "One pod (sidecar)", subtitle, "platform"))
        parent = "pod"
    title = "Restate Server" + (f" × {server.nodes}" if server.nodes > 1 else "")
    diagram.groups.append(Group("server", title, _HOSTING[server.hosting], "engine", parent, _FRAME))
    if not parent and platform:
        diagram.groups.append(Group("platform", platform, "hosts the service", "platform"))
        parent = "platform"
    _engine(diagram, scenario)
    _callers(diagram, scenario)
    _service(diagram, scenario, parent)
    services(diagram, scenario)
    diagram.across.append(("ingress", "log", "store"))
    if _queued(scenario):
        diagram.across.append(("keys", "invoker"))
    _notes(diagram, scenario)
    return diagram


def _keyed(scenario: Scenario) -> bool:
    """Whether invocations have a key: virtual objects and workflows."""
    return scenario.deployments.restate.service.kind != "service"


def _queued(scenario: Scenario) -> bool:
    """Whether invocations wait for their key; a workflow runs only once for a key."""
    return scenario.deployments.restate.service.kind == "object"


def _engine(diagram: Diagram, scenario: Scenario) -> None:
    server = scenario.deployments.restate.server
    rows = (Row("invocation", mark="1", key="invocation"), Row("result of a step", mark="2", key="result"),
            Row("… appended, never changed", key="last"))  # fmt: skip
    kept = [Row("journal of each invocation"), Row("timers")]
    if _keyed(scenario):
        kept.append(Row("K/V state of each key"))
    lines = ("append-only,", "replayed after a crash", f"{server.partitions} partitions")
    diagram.nodes += [
        Node(
            "ingress",
            "Ingress",
            ("HTTP, port 8080",),
            icon="proxy",
            group="server",
            paint=_PART,
            lanes=("ingress",),
            process="ingress",
        ),
        Node(
            "log",
            "Log",
            lines,
            "log",
            "log",
            group="server",
            sections=(Section(rows),),
            lanes=(_PROCESSOR,),
            process=_PROCESSOR,
        ),
        Node(
            "store",
            "RocksDB",
            ("embedded in the server",),
            "store",
            "store",
            "database",
            (Section(tuple(kept)),),
            group="server",
        ),
        Node(
            "invoker",
            "Invoker",
            ("pushes work to the service,", "retries with backoff"),
            icon="proxy",
            group="server",
            paint=_PART,
            lanes=("invoker",),
            process="invoker",
        ),
    ]
    diagram.edges += [
        Edge("ingress", "log/invocation", "append,\nthen go on", "store", "2", back=True),
        Edge("log/last", "store", "stored with", "store", "3", back=True),
    ]
    if _queued(scenario):
        diagram.nodes.append(_keys(scenario))
        diagram.edges += [
            Edge("log/invocation", "keys", "enqueue by key", "call", "4"),
            Edge("keys", "invoker", "first of each key", "call", "5", back=True),
        ]
    else:
        diagram.edges.append(Edge("log/invocation", "invoker", "invoke", "call", "4", weight=3))


def _keys(scenario: Scenario) -> Node:
    """The queue of each key, with the keys of the workload where it names them."""
    lines = ("one at a time for a key,", "keys side by side")
    return Node(
        "keys",
        f"Queue per {key_name(scenario)}",
        lines,
        "queue",
        "queue",
        group="server",
        sections=(Section(key_rows(scenario)),),
        lanes=(_PROCESSOR,),
        process=_PROCESSOR,
        queue="inbox",
    )


def _callers(diagram: Diagram, scenario: Scenario) -> None:
    for _name, workflow, who, what in starters(scenario):
        diagram.edges.append(Edge(caller(diagram, who), "ingress", what or "call", "call", "1", weight=2))
        for event, signal in workflow.signals.items():
            how = f"cancel invocation\n({event})" if signal.then != "ignore" else event
            diagram.edges.append(Edge(caller(diagram, signal.from_ or "client"), "ingress", how, "signal"))
        for event in awaited(workflow):
            if event not in workflow.signals:
                diagram.edges.append(
                    Edge(caller(diagram, "your app"), "ingress", f"resolve promise\n{event}", "signal")
                )
        if _keyed(scenario):
            diagram.edges += [
                Edge(caller(diagram, who), "ingress", f"shared handler\n{query}", "signal")
                for query in workflow.queries
            ]


def _service(diagram: Diagram, scenario: Scenario, group: str) -> None:
    service = scenario.deployments.restate.service
    programs = {name: shown(name, each, "restate", service.sdk) for name, each in scenario.workflows.items()}
    sections: list[Section] = []
    for name, rows in programs.items():
        sections += _handler(scenario, name, rows)
    title = service.name or "Service"
    key = next((each.key for each in scenario.workflows.values() if each.key), None)
    kind = _KINDS[service.kind] + (f", one per {key}" if service.kind != "service" and key else "")
    lines = (f"{runtime(service.sdk)}, Restate SDK", kind)
    diagram.nodes.append(
        Node(
            "service",
            title,
            lines,
            "stack",
            "app",
            "code",
            tuple(sections),
            service.replicas,
            group=group,
            lanes=copies(service.name or "service", service.replicas),
            process=service.name or "service",
        )
    )
    number = "6" if _queued(scenario) else "5"
    stream = "HTTP/2 stream" if service.mode == "bidirectional" else "HTTP request"
    diagram.edges += [
        Edge(
            "invoker",
            "service/@head",
            f"{stream}: invoke;\nafter a crash again, with the journal to replay",
            "call",
            number,
            weight=3,
        ),
        Edge("service", "log/result", "result of each ctx.run", "result", str(int(number) + 2), back=True),
    ]
    for rows in programs.values():
        diagram.edges += calls("service", rows, scenario, str(int(number) + 1))


def _handler(scenario: Scenario, name: str, rows: list[Shown]) -> list[Section]:
    workflow = scenario.workflows[name]
    plain = [each for each in rows if not each.row.dashed]
    undo = tuple(each.row for each in rows if each.row.dashed)
    sections = [section(name, workflow, plain, "handler")]
    if undo:
        sections.append(Section(undo, "undo, in the handler's catch block"))
    if workflow.queries:
        words = "shared handler" if _keyed(scenario) else "not in a plain service: ask for the invocation's status"
        sections.append(Section(tuple(Row(query, words, key=f"query.{query}") for query in workflow.queries)))
    return sections


def _notes(diagram: Diagram, scenario: Scenario) -> None:
    deployment = scenario.deployments.restate
    if deployment.server.hosting == "sidecar":
        diagram.notes.append(
            "Restate documents a single server or a cluster that all services share, not a sidecar; drawn as a sidecar "
            "it shows what stands in front of what."
        )
    diagram.notes += [
        "The log is the point of no return; RocksDB holds it and what follows from it (each invocation's journal is a "
        "table there). Nothing is called before the invocation is in the log.",
        "A ctx.run closure happens at least once until its result is stored: a crash between its effect and the log "
        "repeats it.",
    ]
    if _queued(scenario):
        diagram.notes.append(
            "Only exclusive handlers wait for their key, and hold it through sleeps and retries; shared handlers do "
            "not wait."
        )
    if not _keyed(scenario) and any(each.queries for each in scenario.workflows.values()):
        diagram.notes.append(
            "A plain service has no handler that reads a running invocation: a query needs a virtual object or a "
            "workflow (kind: workflow), or the server's own introspection."
        )
