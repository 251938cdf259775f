"""`app/activities.py`: an activity for each operation, which calls its service once."""

from __future__ import annotations

from contextlib import nullcontext

from durascope.render.code import python
from durascope.render.code.layout import Source, call
from durascope.render.code.names import one_line, quoted, snake
from durascope.render.code.program import Operation
from durascope.render.code.python import STEP, timedelta
from durascope.render.code.python_services import call_of
from durascope.render.code.temporal.python.names import Named


def activities_file(project: Named) -> str:
    source = Source(STEP)
    needs: set[tuple[str, str]] = {("temporalio", "activity")}
    for each in project.book.operations:
        source("", "")
        _activity(project, source, each, needs)
    head = ['"""The activities: each calls a service once."""', "", *python.imports(needs)]
    return "\n".join(head) + "\n" + source.text()


def _activity(project: Named, source: Source, it: Operation, needs: set[tuple[str, str]]) -> None:
    given = "given"
    needs.add(("app.messages", project.inputs[it.workflow]))
    variables = "".join(f", {snake(name)}: int" for name in it.variables)
    result = project.results.get(it)
    returns = result or ("str" if it.step.size else "None")
    used = it.step.idempotency_key is not None
    name = given if used else f"_{given}"
    source(f"@activity.defn(name={quoted(it.name)})")
    source(f"async def {project.activities[it]}({name}: {project.inputs[it.workflow]}{variables}) -> {returns}:")
    with source.deeper():
        source(f'"""{_about(it)}"""')
        if _body(project, source, it, given, needs):
            _returned(source, it, result, needs)


def _body(project: Named, source: Source, it: Operation, given: str, needs: set[tuple[str, str]]) -> bool:
    """The call and its failures; returns whether it can end well."""
    step, fails = it.step, it.step.fails
    attempt = "activity.info().attempt"
    if step.heartbeat is not None and step.heartbeat.every != "never":
        _heartbeat(project, source, it, given, attempt, needs)
        return True
    if fails is not None:
        if not fails.always:
            source(f"if {attempt} <= {fails.times}:")
        with source.deeper() if not fails.always else nullcontext():
            after = fails.moment == "after-effect"
            source.statement("await ", call_of(project.book, it, given, attempt, needs, effect=after))
            needs.add(("temporalio.exceptions", "ApplicationError"))
            parts = [quoted(fails.error), f"type={quoted(fails.error)}"]
            if not fails.retryable:
                parts.append("non_retryable=True")
            if fails.retry_after is not None:
                needs.add(("datetime", "timedelta"))
                parts.append(f"next_retry_delay={timedelta(fails.retry_after)}")
            source.statement("raise ", call("ApplicationError", *parts))
        if fails.always:
            return False
    source.statement("await ", call_of(project.book, it, given, attempt, needs, effect=step.effect_at != "never"))
    return True


def _heartbeat(
    project: Named, source: Source, it: Operation, given: str, attempt: str, needs: set[tuple[str, str]]
) -> None:
    heartbeat = it.step.heartbeat
    assert heartbeat is not None
    every = heartbeat.every if isinstance(heartbeat.every, int) else heartbeat.timeout // 2
    needs.add(("asyncio", ""))
    source.statement(
        "work = ", call("asyncio.create_task", call_of(project.book, it, given, attempt, needs, effect=True))
    )
    source(f"while not (await asyncio.wait([work], timeout={python.seconds(every)}))[0]:")
    with source.deeper():
        source("activity.heartbeat()")
    source("await work")


def _returned(source: Source, it: Operation, result: str | None, needs: set[tuple[str, str]]) -> None:
    document = None
    if it.step.size:
        document = f'"x" * {max(1, it.step.size - 2)}'
    if result is None:
        if document is not None:
            source(f"return {document}")
        return
    needs.add(("app.messages", result))
    parts: list[str] = []
    for name in it.results:
        if name == "attempts":
            parts.append("attempts=activity.info().attempt")
            continue
        needs.add(("random", ""))
        share = (it.step.result or {})[name]
        parts.append(f"{python.field_name(name)}=random.random() < {share!r}")
    if document is not None:
        parts.append(f"document={document}")
    source.statement("return ", call(result, *parts))


def _about(it: Operation) -> str:
    via = f"{one_line(it.step.via)}: " if it.step.via else ""
    service = one_line(it.service.title or it.step.on or "") if it.step.on else ""
    return f"{via}calls {service}." if service else f"{via}code of this service's own."
