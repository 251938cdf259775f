"""`src/handlers.ts`: the services of the scenario, and their handlers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from durascope.models.scenario import RestateDeployment
from durascope.models.serving import ServiceKind
from durascope.models.targets import Target
from durascope.render.code.layout import Braces, Expression, Group, call
from durascope.render.code.names import quoted
from durascope.render.code.restate.facts import inactivity, retry_of, shared, uses
from durascope.render.code.restate.names import SIGNALS
from durascope.render.code.restate.typescript.handlers import Handlers
from durascope.render.code.restate.typescript.names import Named
from durascope.render.code.restate.typescript.steps import SDK
from durascope.render.code.typescript import STEP, Needs, documented, imports, number, obj, span

_MAKERS: Mapping[ServiceKind, str] = {"service": "service", "object": "object", "workflow": "workflow"}
_SIGNALS = f'''/** Sends a named signal, which only handlers can. */
async function sendSignal(
  ctx: restate.Context,
  request: {{ invocation: string; signal: string; payload: unknown }},
): Promise<void> {{
  const invocation = restate.InvocationIdParser.fromString(request.invocation);
  ctx.invocation(invocation).signal(request.signal).resolve(request.payload);
}}

const signals = restate.service({{ name: "{SIGNALS}", handlers: {{ send: sendSignal }} }});
'''


def handlers_file(project: Named, written: Sequence[tuple[Handlers, str]]) -> str:
    """The module."""
    needs: Needs = {need for each, _ in written for need in each.needs} | {SDK}
    needs |= {("./side-by-side", name) for each, _ in written for name in each.side_by_side}
    about = "/** The handlers: Restate calls them, and calls them again with what is in the journal. */"
    parts = [f"{about}\n\n{imports(needs)}"]
    if any(each.finishes_inside for each, _ in written):
        parts.append("/** A branch has ended the run. */\nclass Finished extends Error {}\n")
    parts += [handlers for _, handlers in written]
    parts += [_service(project, name, variable) for name, variable in project.services.items()]
    signals = uses(project.book, "signal")
    if signals:
        parts.append(_SIGNALS)
    last = Braces(STEP)
    documented(last, "What the endpoint serves.")
    names = [*project.services.values(), *(["signals"] if signals else [])]
    last.statement("export const services = ", Group("[", tuple(names), "]"))
    return "\n".join([*parts, last.text()])


def _service(project: Named, name: str, variable: str) -> str:
    targets = [each for each in project.targets if each.service == name]
    kind = targets[0].service_kind
    handlers = obj(*((each.handler, _handler(project, each)) for each in targets))
    members: list[tuple[str, Expression]] = [("name", quoted(name)), ("handlers", handlers)]
    options = _options(project.deployment, kind)
    if options:
        members.append(("options", obj(*options)))
    source = Braces(STEP)
    source.statement(f"const {variable} = ", call(f"restate.{_MAKERS[kind]}", obj(*members, broken=True)))
    return source.text()


def _handler(project: Named, target: Target) -> Expression:
    """The function, with its options where it has some."""
    function = project.handlers[target]
    timeout = inactivity(project.scenario, target.workflow)
    options = () if timeout is None else (obj(("inactivityTimeout", span(timeout))),)
    match target.service_kind:
        case "service":
            return call("restate.handlers.handler", *options, function) if options else function
        case "object" if shared(target):
            return call("restate.handlers.object.shared", *options, function)
        case "object":
            return call("restate.handlers.object.exclusive", *options, function) if options else function
        case _:
            way = "shared" if shared(target) else "workflow"
            return call(f"restate.handlers.workflow.{way}", *options, function) if options else function


def _options(deployment: RestateDeployment, kind: ServiceKind) -> list[tuple[str, Expression]]:
    service, default = deployment.service, RestateDeployment()
    options: list[tuple[str, Expression]] = []
    if "idempotency_retention" in service.model_fields_set:
        options.append(("idempotencyRetention", span(service.idempotency_retention)))
    if "journal_retention" in service.model_fields_set:
        options.append(("journalRetention", span(service.journal_retention)))
    if deployment.abort_timeout != default.abort_timeout:
        options.append(("abortTimeout", span(deployment.abort_timeout)))
    retry = retry_of(deployment)
    if retry is not None:
        policy: list[tuple[str, Expression]] = [
            ("initialInterval", span(retry.initial)),
            ("exponentiationFactor", number(retry.factor)),
            ("maxInterval", span(retry.max_interval)),
            ("maxAttempts", str(retry.max_attempts)),
            ("onMaxAttempts", quoted(retry.then)),
        ]
        options.append(("retryPolicy", obj(*policy)))
    if service.lazy_state and kind != "service":
        options.append(("enableLazyState", "true"))
    return options
