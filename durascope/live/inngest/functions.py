"""The functions that an app of a scenario serves, made with the SDK: triggers, flow control, failure handlers."""

from __future__ import annotations

import ast
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Final

import inngest

from durascope.live.inngest.steps import Sending, matches
from durascope.models.conditions import Condition
from durascope.models.flow import Flow, PriorityArm
from durascope.simulators.inngest.functions import Function

APP: Final = "durascope"
Handler = Callable[[str, inngest.Context], Awaitable[Any]]
"""Runs the function of that name."""


def client(server: str, signing_key: str | None = None) -> inngest.Inngest:
    """The SDK's client, for the server at that address; with a signing key, for one that is no dev server."""
    return inngest.Inngest(
        app_id=APP,
        api_base_url=server,
        event_api_base_url=server,
        event_key=APP,
        signing_key=signing_key,
        is_production=signing_key is not None,
        middleware=[Sending],
    )


async def let_go(of: inngest.Inngest) -> None:
    """Closes the client's connections; the SDK keeps them for as long as the process lives."""
    await of._http_client._http_client.aclose()
    of._http_client._http_client_sync.close()


def served(of: inngest.Inngest, functions: Mapping[str, Function], handler: Handler) -> list[inngest.Function[Any]]:
    """The SDK's functions; a failure handler comes with the function that it is of."""
    return [
        _function(of, function, functions, handler) for function in functions.values() if function.kind != "on-failure"
    ]


def function_id(name: str) -> str:
    """How a function is called in requests: `fnId`."""
    return f"{APP}-{name}"


def _function(
    of: inngest.Inngest, function: Function, functions: Mapping[str, Function], handler: Handler
) -> inngest.Function[Any]:
    async def code(context: inngest.Context) -> Any:
        return await handler(function.name, context)

    async def failed(context: inngest.Context) -> Any:
        return await handler(f"{function.name}-failure", context)

    has_handler = f"{function.name}-failure" in functions
    return of.create_function(
        fn_id=function.name,
        trigger=_trigger(function),
        retries=function.max_attempts - 1,
        on_failure=failed if has_handler else None,
        cancel=[
            inngest.Cancel(event=each.event, if_exp=None if each.field is None else matches(each.field))
            for each in function.cancel_on
        ]
        or None,
        **flow_control(function.flow),
    )(code)


def _trigger(function: Function) -> inngest.TriggerEvent | inngest.TriggerCron:
    if function.cron is not None:
        return inngest.TriggerCron(cron=function.cron)
    return inngest.TriggerEvent(event=function.event, expression=about(function))


def about(function: Function) -> str | None:
    """The expression by which a handler is triggered only by events about the function that it is of."""
    return None if function.of is None else f"event.data.function_id == '{function_id(function.of)}'"


def flow_control(flow: Flow) -> dict[str, Any]:
    """The scenario's flow control as arguments of `create_function`."""
    found: dict[str, Any] = {}
    if flow.concurrency is not None:
        each = flow.concurrency
        found["concurrency"] = [inngest.Concurrency(limit=each.limit, key=field_of(each.key), scope=each.scope)]
    if flow.throttle is not None:
        each = flow.throttle
        more = {} if each.burst is None else {"burst": each.burst}
        found["throttle"] = inngest.Throttle(
            limit=each.limit, period=_time(each.period), key=field_of(each.key), **more
        )
    if flow.rate_limit is not None:
        each = flow.rate_limit
        found["rate_limit"] = inngest.RateLimit(limit=each.limit, period=_time(each.period), key=field_of(each.key))
    if flow.debounce is not None:
        each = flow.debounce
        timeout = None if each.timeout is None else _time(each.timeout)
        found["debounce"] = inngest.Debounce(period=_time(each.period), key=field_of(each.key), timeout=timeout)
    if flow.batch is not None:
        each = flow.batch
        found["batch_events"] = inngest.Batch(
            max_size=each.max_size, timeout=_time(each.timeout), key=field_of(each.key)
        )
    if flow.idempotency is not None:
        found["idempotency"] = field_of(flow.idempotency)
    if flow.singleton is not None:
        found["singleton"] = inngest.Singleton(mode=flow.singleton.mode, key=field_of(flow.singleton.key))
    if flow.priority is not None:
        found["priority"] = inngest.Priority(run=priority_of(flow.priority))
    if flow.timeouts is not None:
        start, finish = flow.timeouts.start, flow.timeouts.finish
        found["timeouts"] = inngest.Timeouts(
            start=None if start is None else _time(start), finish=None if finish is None else _time(finish)
        )
    return found


def field_of(name: str | None) -> str | None:
    return None if name is None else f"event.data.{name}"


def _time(us: int) -> timedelta:
    return timedelta(microseconds=us)


def priority_of(priority: str | tuple[PriorityArm, ...]) -> str:
    """One expression: `event.data.vip ? 120 : 0`."""
    if isinstance(priority, str):
        return f"event.data.{priority}"
    text = "0"
    for arm in reversed(priority):
        text = str(arm.otherwise) if arm.when is None else f"{cel(arm.when)} ? {arm.is_} : {text}"
    return text


def cel(condition: Condition) -> str:
    """The condition in CEL, over the fields of the event."""
    return _cel(ast.parse(condition.text, mode="eval").body)


_SIGNS: Final[dict[type[ast.cmpop], str]] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip


def _cel(node: ast.expr) -> str:
    match node:
        case ast.BoolOp(op=op, values=parts):
            return f"({(' && ' if isinstance(op, ast.And) else ' || ').join(map(_cel, parts))})"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return f"!{_cel(operand)}"
        case ast.UnaryOp(operand=operand):
            return f"-{_cel(operand)}"
        case ast.Compare(left=left, ops=ops, comparators=terms):
            pairs = zip((left, *terms), ops, terms, strict=False)
            compared = [f"{_cel(one)} {_SIGNS[type(op)]} {_cel(other)}" for one, op, other in pairs]
            return compared[0] if len(compared) == 1 else f"({' && '.join(compared)})"
        case ast.Name(id=name):
            return name if name in ("true", "false", "null") else f"event.data.{name}"
        case ast.Constant(value=value):
            return f"'{value}'" if isinstance(value, str) else str(value).lower()
        case _:
            raise AssertionError(node)
