"""What `create_function` is told of a function: its id, what triggers it, retries, flow control, what cancels it."""

from __future__ import annotations

from collections.abc import Iterator

from durascope.models.flow import Flow
from durascope.render.code import python
from durascope.render.code.inngest import facts
from durascope.render.code.inngest.python.names import Named
from durascope.render.code.layout import Expression, Group, call
from durascope.render.code.names import one_line, quoted
from durascope.render.code.program import Told
from durascope.render.code.python import timedelta


def options(project: Named, told: Told) -> Iterator[Expression]:
    """The arguments for a workflow's function."""
    yield f"fn_id={quoted(told.name)}"
    if told.workflow.title:
        yield f"name={quoted(one_line(told.workflow.title))}"
    yield _assigned("trigger", _trigger(project, told))
    yield f"retries={facts.retries(project.scenario, told.workflow)}"
    for name, value in flow_control(facts.flow_of(project.scenario, told.name), told):
        yield _assigned(name, value)
    cancels = [
        call("inngest.Cancel", f"event={quoted(event)}", *_expression("if_exp", field and project.matches(field)))
        for event, field in facts.cancel_on(told.workflow)
    ]
    if cancels:
        yield Group("cancel=[", tuple(cancels), "]")
    if told.workflow.on_failure:
        yield f"on_failure={project.failed[told.name]}"


def _assigned(name: str, value: Expression) -> Expression:
    if isinstance(value, Group):
        return Group(f"{name}={value.head}", value.parts, value.tail, broken=value.broken)
    return f"{name}={value}"


def _trigger(project: Named, told: Told) -> Expression:
    schedule, by = facts.cron(told.workflow), told.workflow.started_by
    if schedule is not None:
        return call("inngest.TriggerCron", f"cron={quoted(schedule)}")
    event = quoted(facts.trigger(told.name, told.workflow))
    about = None if by is None or by.of is None else project.about(by.of)
    return call("inngest.TriggerEvent", f"event={event}", *_expression("expression", about))


def _expression(name: str, text: str | None) -> tuple[str, ...]:
    return () if text is None else (f"{name}={quoted(text)}",)


def flow_control(flow: Flow, told: Told) -> Iterator[tuple[str, Expression]]:
    """The scenario's flow control."""
    if flow.concurrency is not None:
        scope = () if flow.concurrency.scope == "fn" else (f"scope={quoted(flow.concurrency.scope)}",)
        made = call("inngest.Concurrency", f"limit={flow.concurrency.limit}", *_key(flow.concurrency.key), *scope)
        yield "concurrency", Group("[", (made,), "]")
    if flow.throttle is not None:
        each = flow.throttle
        burst = () if each.burst is None else (f"burst={each.burst}",)
        limit = (f"limit={each.limit}", f"period={timedelta(each.period)}")
        yield "throttle", call("inngest.Throttle", *limit, *burst, *_key(each.key))
    if flow.rate_limit is not None:
        each = flow.rate_limit
        limit = (f"limit={each.limit}", f"period={timedelta(each.period)}")
        yield "rate_limit", call("inngest.RateLimit", *limit, *_key(each.key))
    if flow.debounce is not None:
        timeout = () if flow.debounce.timeout is None else (f"timeout={timedelta(flow.debounce.timeout)}",)
        period = f"period={timedelta(flow.debounce.period)}"
        yield "debounce", call("inngest.Debounce", period, *timeout, *_key(flow.debounce.key))
    if flow.batch is not None:
        size = (f"max_size={flow.batch.max_size}", f"timeout={timedelta(flow.batch.timeout)}")
        yield "batch_events", call("inngest.Batch", *size, *_key(flow.batch.key))
    if flow.idempotency is not None:
        yield "idempotency", _field(flow.idempotency)
    if flow.singleton is not None:
        yield "singleton", call("inngest.Singleton", f"mode={quoted(flow.singleton.mode)}", *_key(flow.singleton.key))
    if flow.priority is not None:
        names = {name: python.field_name(name) for name in told.input}
        yield "priority", call("inngest.Priority", f"run={quoted(facts.priority(flow.priority, told, names))}")
    if flow.timeouts is not None:
        limits = {"start": flow.timeouts.start, "finish": flow.timeouts.finish}
        given = (f"{name}={timedelta(each)}" for name, each in limits.items() if each is not None)
        yield "timeouts", call("inngest.Timeouts", *given)


def _key(field: str | None) -> tuple[str, ...]:
    return () if field is None else (f"key={_field(field)}",)


def _field(field: str) -> str:
    return quoted(f"event.data.{python.field_name(field)}")
