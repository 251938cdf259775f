"""`services.ts` of TypeScript projects: the services as stand-ins, and calls of them."""

from __future__ import annotations

from durascope.render.code import typescript
from durascope.render.code.layout import Braces, Expression, Group, call, flat
from durascope.render.code.names import one_line, quoted, typescript_names
from durascope.render.code.program import Book, Operation
from durascope.render.code.project import filled
from durascope.render.code.typescript import milliseconds, obj, spread

OWN = "own code"
"""The service of steps that call none."""
_TAKEN = ("setTimeout", "Milliseconds", "ServiceError", "Rejected", "always", "logNormal", "exponential", "uniform",
          "oneOf", "Service", "ServiceOptions", "CallOptions")  # fmt: skip


def identifiers(book: Book) -> dict[str, str]:
    """The name of each service's stand-in."""
    names = typescript_names(*_TAKEN)
    own = (OWN,) if any(each.step.on not in book.services() for each in book.operations) else ()
    return {name: names.new(name) for name in (*book.services(), *own)}


def services_file(book: Book, *, counts: bool = False) -> str:
    """The module; `counts`: it counts attempts, where the engine does not tell their number."""
    own = next((each.service for each in book.operations if each.step.on not in book.services()), None)
    known = {**book.services(), **({OWN: own} if own is not None else {})}
    spreads = {typescript.spread_function(each) for operation in book.operations for each in operation.takes}
    written: list[str] = []
    for name, identifier in identifiers(book).items():
        service = known[name]
        spreads.add(typescript.spread_function(service.latency))
        members: list[tuple[str, Expression]] = [
            ("title", quoted(one_line(service.title or name))),
            ("latency", spread(service.latency)),
        ]
        if service.failures:
            members.append(("failures", typescript.number(service.failures)))
        if service.rejections:
            members.append(("rejections", typescript.number(service.rejections)))
        if service.deduplicates:
            members.append(("deduplicates", "true"))
        source = Braces(typescript.STEP)
        source.statement(f"export const {identifier} = ", call("new Service", obj(*members, broken=True)))
        written.append(source.text())
    asks = any(operation.asks for operation in book.operations)
    spreads |= {"always"} if asks else set()
    return filled("services.ts.jinja", spreads=spreads, services=written, counts=counts, asks=asks)


def question_of(book: Book, operation: Operation, given: str, *, signal: str | None = None) -> Group:
    """The question whether the operation's effect is there already; `signal` is what aborts it."""
    assert operation.step.check_first is not None
    members: list[tuple[str, Expression]] = [("takes", f"services.always({milliseconds(operation.step.check_first)})")]
    if signal is not None:
        members.append(("signal", signal))
    return call(
        f"services.{identifiers(book)[_service(book, operation)]}.hasDone", _found_by(operation, given), obj(*members)
    )


def _service(book: Book, operation: Operation) -> str:
    """The service that it calls."""
    return str(operation.step.on) if operation.step.on in book.services() else OWN


def _found_by(operation: Operation, given: str) -> str:
    """What the service knows the effect by: the idempotency key, else the reference of the call."""
    key = operation.step.idempotency_key
    return "reference" if key is None else f"{given}.{typescript.field_name(key)}"


def call_of(
    book: Book, operation: Operation, given: str, attempt: str, *, effect: bool, signal: str | None = None
) -> Expression:
    """The call that an operation makes; `given` is its input, `attempt` the expression of the attempt's number.

    `signal` is what aborts the call.
    """
    members: list[tuple[str, Expression]] = []
    if operation.step.idempotency_key is not None:
        members.append(("key", _found_by(operation, given)))
    if operation.referred:
        members.append(("reference", "reference"))
    takes = [f"services.{flat(spread(each))}" for each in operation.takes]
    if len(takes) == 1:
        members.append(("takes", takes[0]))
    elif takes:
        members.append(("takes", f"[{', '.join(takes)}][Math.min({attempt}, {len(takes)}) - 1]"))
    if not effect:
        members.append(("effect", "false"))
    if signal is not None:
        members.append(("signal", signal))
    options = (obj(*members),) if members else ()
    return call(f"services.{identifiers(book)[_service(book, operation)]}.call", quoted(operation.name), *options)
