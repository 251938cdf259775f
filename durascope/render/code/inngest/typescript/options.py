"""What `createFunction` is told of a function: its id, what triggers it, retries, flow control, what cancels it."""

from __future__ import annotations

from collections.abc import Iterator

from durascope.models.flow import Flow
from durascope.render.code.inngest import facts
from durascope.render.code.inngest.typescript.names import Named
from durascope.render.code.layout import Expression, Group
from durascope.render.code.names import one_line, quoted
from durascope.render.code.program import Told
from durascope.render.code.typescript import Needs, field_name, obj

Options = Iterator[tuple[str, Expression]]
"""The members of an object of options."""


def options(project: Named, told: Told, needs: Needs) -> Options:
    """The options of a workflow's function."""
    yield "id", quoted(told.name)
    if told.workflow.title:
        yield "name", quoted(one_line(told.workflow.title))
    yield "triggers", Group("[", (_trigger(project, told, needs),), "]")
    yield "retries", str(facts.retries(project.scenario, told.workflow))
    yield from flow_control(facts.flow_of(project.scenario, told.name), told)
    cancels = [_cancel(project, event, field, needs) for event, field in facts.cancel_on(told.workflow)]
    if cancels:
        yield "cancelOn", Group("[", tuple(cancels), "]")
    if not project.deployment.app.optimize_parallelism:
        yield "optimizeParallelism", "false"


def _trigger(project: Named, told: Told, needs: Needs) -> Expression:
    schedule = facts.cron(told.workflow)
    if schedule is not None:
        needs.add(("inngest", "cron"))
        return f"cron({quoted(schedule)})"
    event = project.events[facts.trigger(told.name, told.workflow)]
    needs.add(("./messages", event))
    by = told.workflow.started_by
    if by is None or by.of is None:
        return event
    return obj(("event", event), ("if", quoted(project.about(by.of))))


def _cancel(project: Named, event: str, field: str | None, needs: Needs) -> Expression:
    needs.add(("./messages", project.events[event]))
    match = () if field is None else (("if", quoted(project.matches(field))),)
    return obj(("event", project.events[event]), *match)


def flow_control(flow: Flow, told: Told) -> Options:
    """The scenario's flow control."""
    if flow.concurrency is not None:
        scope = () if flow.concurrency.scope == "fn" else (("scope", quoted(flow.concurrency.scope)),)
        yield "concurrency", obj(("limit", str(flow.concurrency.limit)), *_key(flow.concurrency.key), *scope)
    if flow.throttle is not None:
        each = flow.throttle
        burst = () if each.burst is None else (("burst", str(each.burst)),)
        yield "throttle", obj(("limit", str(each.limit)), ("period", time(each.period)), *burst, *_key(each.key))
    if flow.rate_limit is not None:
        each = flow.rate_limit
        yield "rateLimit", obj(("limit", str(each.limit)), ("period", time(each.period)), *_key(each.key))
    if flow.debounce is not None:
        timeout = () if flow.debounce.timeout is None else (("timeout", time(flow.debounce.timeout)),)
        yield "debounce", obj(("period", time(flow.debounce.period)), *timeout, *_key(flow.debounce.key))
    if flow.batch is not None:
        each = flow.batch
        timeout = quoted(f"{facts.whole_seconds(each.timeout)}s")
        yield "batchEvents", obj(("maxSize", str(each.max_size)), ("timeout", timeout), *_key(each.key))
    if flow.idempotency is not None:
        yield "idempotency", _field(flow.idempotency)
    if flow.singleton is not None:
        yield "singleton", obj(("mode", quoted(flow.singleton.mode)), *_key(flow.singleton.key))
    if flow.priority is not None:
        names = {name: field_name(name) for name in told.input}
        yield "priority", obj(("run", quoted(facts.priority(flow.priority, told, names))))
    if flow.timeouts is not None:
        limits = {"start": flow.timeouts.start, "finish": flow.timeouts.finish}
        yield "timeouts", obj(*((name, time(each)) for name, each in limits.items() if each is not None))


def _key(field: str | None) -> tuple[tuple[str, str], ...]:
    return () if field is None else (("key", _field(field)),)


def _field(field: str) -> str:
    return quoted(f"event.data.{field_name(field)}")


def time(us: int) -> str:
    """A period in whole units: `"3s"`, `"2m"`."""
    seconds = facts.whole_seconds(us)
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return quoted(f"{seconds // size}{unit}")
    return quoted(f"{seconds}s")
