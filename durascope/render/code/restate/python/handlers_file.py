"""`app/handlers.py`: the services of the scenario, and their handlers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from durascope.models.scenario import RestateDeployment
from durascope.models.serving import ServiceKind
from durascope.render.code import python
from durascope.render.code.layout import Expression, Group, Source, call
from durascope.render.code.names import quoted
from durascope.render.code.python import STEP, timedelta
from durascope.render.code.restate.facts import retry_of, uses
from durascope.render.code.restate.names import SIGNALS
from durascope.render.code.restate.python.handlers import Handlers
from durascope.render.code.restate.python.names import Named

_CLASSES: Mapping[ServiceKind, str] = {"service": "Service", "object": "VirtualObject", "workflow": "Workflow"}
_SIGNALS_HANDLER = f'''signals = restate.Service("{SIGNALS}")


@signals.handler("send")
async def send_signal(ctx: restate.Context, request: dict[str, Any]) -> None:
    """Sends a named signal, which only handlers can."""
    ctx.resolve_signal(request["invocation"], request["signal"], request["payload"])
'''


def handlers_file(project: Named, written: Sequence[tuple[Handlers, str]]) -> str:
    """The module."""
    needs = {need for each, _ in written for need in each.needs} | {("restate", "")}
    needs |= {("app.side_by_side", name) for each, _ in written for name in each.side_by_side}
    source = Source(STEP)
    made = [_service(project, name, needs) for name in project.services]
    signals = uses(project.book, "signal")
    if signals:
        needs.add(("typing", "Any"))
    source('"""The handlers: Restate calls them, and calls them again with what is in the journal."""', "")
    source(*python.imports(needs), "")
    for (_, variable), service in zip(project.services.items(), made, strict=True):
        source.statement(f"{variable} = ", service)
    if any(each.finishes_inside for each, _ in written):
        source("", "", "class Finished(Exception):")
        source('    """A branch has ended the run."""')
    text = source.text() + "".join(f"\n\n{handlers}" for _, handlers in written)
    services = [*project.services.values(), *(["signals"] if signals else [])]
    last = Source(STEP)
    last.statement("SERVICES = ", Group("[", tuple(services), "]"))
    last('"""What the endpoint serves."""')
    return text + (f"\n\n{_SIGNALS_HANDLER}" if signals else "") + f"\n\n{last.text()}"


def _service(project: Named, name: str, needs: set[tuple[str, str]]) -> Expression:
    deployment = project.deployment
    kind: ServiceKind = next(each.service_kind for each in project.targets if each.service == name)
    service, default = deployment.service, RestateDeployment()
    times = {each: getattr(service, each) for each in ("idempotency_retention", "journal_retention")
             if each in service.model_fields_set}  # fmt: skip
    if deployment.abort_timeout != default.abort_timeout:
        times["abort_timeout"] = deployment.abort_timeout
    options: list[Expression] = [f"{each}={timedelta(us)}" for each, us in times.items()]
    retry = retry_of(deployment)
    if retry is not None:
        options.append(
            call(
                "invocation_retry_policy=restate.InvocationRetryPolicy",
                f"initial_interval={timedelta(retry.initial)}",
                f"exponentiation_factor={float(retry.factor)!r}",
                f"max_interval={timedelta(retry.max_interval)}",
                f"max_attempts={retry.max_attempts}",
                f"on_max_attempts={quoted(retry.then)}",
            )
        )
    if options:
        needs.add(("datetime", "timedelta"))
    if service.lazy_state and kind != "service":
        options.append("enable_lazy_state=True")
    return call(f"restate.{_CLASSES[kind]}", quoted(name), *options)
