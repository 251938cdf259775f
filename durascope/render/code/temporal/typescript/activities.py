"""`src/activities.ts`: an activity for each operation, which calls its service once."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Final

from durascope.render.code.layout import Braces, Expression, Group, call
from durascope.render.code.names import camel, one_line, quoted
from durascope.render.code.program import Operation
from durascope.render.code.temporal.typescript.names import Named
from durascope.render.code.typescript import (
    STEP,
    Needs,
    documented,
    duration,
    field_name,
    imports,
    milliseconds,
    number,
    obj,
)
from durascope.render.code.typescript_services import call_of

_ATTEMPT: Final = "Context.current().info.attempt"


def activities_file(project: Named) -> str:
    """The module."""
    source = Braces(STEP)
    needs: Needs = {("./services", "* as services")}
    for each in project.book.operations:
        source("")
        _activity(project, source, each, needs)
    return f"/** The activities: each calls a service once. */\n\n{imports(needs)}{source.text()}"


def _activity(project: Named, source: Braces, it: Operation, needs: Needs) -> None:
    needs.add(("./messages", f"type {project.inputs[it.workflow]}"))
    result = project.results.get(it)
    if result is not None:
        needs.add(("./messages", f"type {result}"))
    returns = result or ("string" if it.step.size else "void")
    used = it.step.idempotency_key is not None
    parameters = [f"{'' if used else '_'}input: {project.inputs[it.workflow]}"]
    parameters += [f"_{camel(name)}: number" for name in it.variables]
    documented(source, _about(it))
    source.statement(
        f"export async function {project.activities[it]}", Group("(", tuple(parameters)), f": Promise<{returns}> {{"
    )
    with source.deeper():
        if _body(project, source, it, needs):
            _returned(source, it, result, needs)
    source("}")


def _body(project: Named, source: Braces, it: Operation, needs: Needs) -> bool:
    """The call and its failures; returns whether it can end well."""
    step, fails = it.step, it.step.fails
    attempt = _ATTEMPT
    if len(it.takes) > 1 or (fails is not None and not fails.always):
        needs.add(("@temporalio/activity", "Context"))
        source("const { attempt } = Context.current().info;")
        attempt = "attempt"
    if step.heartbeat is not None and step.heartbeat.every != "never":
        _heartbeat(project, source, it, attempt, needs)
        return True
    if fails is not None:
        with source.block(f"if ({attempt} <= {fails.times})") if not fails.always else nullcontext():
            after = fails.moment == "after-effect"
            source.statement("await ", call_of(project.book, it, "input", attempt, effect=after))
            source.statement("throw ", _failure(it, needs))
        if fails.always:
            return False
    source.statement("await ", call_of(project.book, it, "input", attempt, effect=step.effect_at != "never"))
    return True


def _failure(it: Operation, needs: Needs) -> Expression:
    fails = it.step.fails
    assert fails is not None
    needs.add(("@temporalio/activity", "ApplicationFailure"))
    error = quoted(fails.error)
    if fails.retry_after is None:
        return call(f"ApplicationFailure.{'retryable' if fails.retryable else 'nonRetryable'}", error, error)
    members: list[tuple[str, Expression]] = [("message", error), ("type", error)]
    if not fails.retryable:
        members.append(("nonRetryable", "true"))
    members.append(("nextRetryDelay", duration(fails.retry_after)))
    return call("ApplicationFailure.create", obj(*members))


def _heartbeat(project: Named, source: Braces, it: Operation, attempt: str, needs: Needs) -> None:
    heartbeat = it.step.heartbeat
    assert heartbeat is not None
    every = heartbeat.every if isinstance(heartbeat.every, int) else heartbeat.timeout // 2
    needs.add(("@temporalio/activity", "Context"))
    source("const context = Context.current();")
    source(f"const beating = setInterval(() => context.heartbeat(), {milliseconds(every)});")
    with source.block("try"):
        source.statement(
            "await ",
            call_of(project.book, it, "input", attempt, effect=True, signal="context.cancellationSignal"),
        )
    with source.block("finally"):
        source("clearInterval(beating);")


def _returned(source: Braces, it: Operation, result: str | None, needs: Needs) -> None:
    document = f'"x".repeat({max(1, it.step.size - 2)})' if it.step.size else None
    if result is None:
        if document is not None:
            source(f"return {document};")
        return
    members: list[tuple[str, Expression]] = []
    for name in it.results:
        if name == "attempts":
            needs.add(("@temporalio/activity", "Context"))
            members.append(("attempts", _ATTEMPT))
        else:
            members.append((field_name(name), f"Math.random() < {number((it.step.result or {})[name])}"))
    if document is not None:
        members.append(("document", document))
    source.statement("return ", obj(*members))


def _about(it: Operation) -> str:
    via = f"{one_line(it.step.via)}: " if it.step.via else ""
    service = one_line(it.service.title or it.step.on or "") if it.step.on else ""
    return f"{via}calls {service}." if service else f"{via}code of this service's own."
