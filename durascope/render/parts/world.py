"""What stands around the engine in every picture: callers on the left, services on the right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from durascope.models.scenario import Scenario, Sdk, Service, Workflow
from durascope.models.steps import WaitFor, walk
from durascope.models.units import SECOND, Spread, format_duration
from durascope.render.diagram import Diagram, Icon, Node, Shape, key

_ICONS: Final[dict[str, Icon]] = {
    "api": "api", "database": "database", "email": "email", "llm": "llm", "storage": "storage", "queue": "queue",
}  # fmt: skip
_SHAPES: Final[dict[str, Shape]] = {"database": "store", "storage": "store", "queue": "queue"}
_RUNTIMES: Final[dict[Sdk, str]] = {
    "typescript": "Node.js", "python": "Python", "go": "Go", "java": "Java", "kotlin": "Kotlin (JVM)", "dotnet": ".NET",
    "php": "PHP", "ruby": "Ruby", "rust": "Rust",
}  # fmt: skip
_NAMES: Final = {
    "kubernetes": "Kubernetes", "vercel": "Vercel", "next.js": "Next.js", "fastapi": "FastAPI",
    "postgresql": "PostgreSQL", "mysql": "MySQL", "sqlite": "SQLite", "cassandra": "Cassandra",
    "express": "Express", "flask": "Flask", "node": "Node.js", "aws-lambda": "AWS Lambda",
    "cloudflare": "Cloudflare", "django": "Django", "hono": "Hono",
}  # fmt: skip


def proper(name: str) -> str:
    """A product's name as it is written."""
    return _NAMES.get(name.lower(), name)


def runtime(sdk: Sdk) -> str:
    """What runs an SDK's code, for instance Node.js."""
    return _RUNTIMES[sdk]


def copies(name: str, count: int) -> tuple[str, ...]:
    """The lanes of a pool of processes."""
    return (name,) if count == 1 else tuple(f"{name}-{number}" for number in range(1, count + 1))


def caller(diagram: Diagram, name: str) -> str:
    """The key of a caller's node, which is added if it is not there yet."""
    found = key("caller", name)
    if all(node.key != found for node in diagram.nodes):
        diagram.nodes.append(Node(found, name, role="client", icon="client", lanes=("client",), process="client"))
    return found


def starters(scenario: Scenario) -> Iterator[tuple[str, Workflow, str, str]]:
    """Each workflow that something outside starts: its name, itself, who starts it, and with what."""
    for name, workflow in scenario.workflows.items():
        by = workflow.started_by
        if by is None:
            if name in scenario.started:
                yield name, workflow, "client", ""
        elif by.of is None:
            who = by.from_ or ("schedule" if by.cron else "client")
            yield name, workflow, who, by.event or by.request or by.cron or ""


def awaited(workflow: Workflow) -> list[str]:
    """The events that a workflow waits for, each once, in the order of its steps."""
    return list(dict.fromkeys(step.wait_for for step in walk(workflow.steps) if isinstance(step, WaitFor)))


def services(diagram: Diagram, scenario: Scenario) -> None:
    """Adds the services that arrows point to, one below the other."""
    heads = {edge.head for edge in diagram.edges}
    used = {key("service", name): name for name in scenario.services if key("service", name) in heads}
    diagram.nodes += [_service(name, scenario.services[name]) for name in used.values()]
    diagram.order = tuple(used)


def _latency(spread: Spread) -> str:
    """A service's latency, short: `p50 400ms, p99 1.5s`."""
    text = str(spread)
    for us in spread.values:
        if SECOND < us < 60 * SECOND:
            text = text.replace(format_duration(us), f"{us / SECOND:g}s")
    return text


def _service(name: str, service: Service) -> Node:
    lines = [service.kind, *_latency(service.latency).split(", ")]
    if service.price:
        lines.append(f"{service.price:.2f} USD a call")
    if service.deduplicates:
        lines.append("honours idempotency keys")
    return Node(
        key("service", name),
        service.title or name,
        tuple(lines),
        shape=_SHAPES.get(service.kind, "box"),
        role="service",
        icon=_ICONS[service.kind],
        process=name,
    )
