"""`services.py` of Python projects: the services as stand-ins, and calls of them."""

from __future__ import annotations

from durascope.render.code import python
from durascope.render.code.layout import Expression, Group, Source, call, flat
from durascope.render.code.names import one_line, python_names, quoted
from durascope.render.code.program import Book, Operation
from durascope.render.code.project import filled

OWN = "own code"
"""The service of steps that call none."""
_TAKEN = ("asyncio", "logging", "random", "Callable", "dataclass", "field", "log", "Seconds", "logger", "ServiceError",
          "Rejected", "always", "log_normal", "exponential", "uniform", "one_of", "Service")  # fmt: skip


def identifiers(book: Book) -> dict[str, str]:
    """The name of each service's stand-in."""
    names = python_names(*_TAKEN)
    return {name: names.new(name) for name in (*book.services(), *((OWN,) if _has_own(book) else ()))}


def _has_own(book: Book) -> bool:
    return any(each.step.on not in book.services() for each in book.operations)


def services_file(book: Book, *, counts: bool = False) -> str:
    """The module; `counts`: it counts attempts, where the engine does not tell their number."""
    spreads: set[str] = set()
    written: list[str] = []
    own = next((each.service for each in book.operations if each.step.on not in book.services()), None)
    known = {**book.services(), **({OWN: own} if own is not None else {})}
    for name, identifier in identifiers(book).items():
        service = known[name]
        parts: list[Expression] = [
            f"title={quoted(one_line(service.title or name))}",
            f"latency={flat(python.spread(service.latency))}",
        ]
        spreads.add(python.spread_function(service.latency))
        if service.failures:
            parts.append(f"failures={service.failures!r}")
        if service.rejections:
            parts.append(f"rejections={service.rejections!r}")
        if service.deduplicates:
            parts.append("deduplicates=True")
        source = Source(python.STEP)
        source.statement(f"{identifier} = ", call("Service", *parts))
        written.append(source.text().rstrip("\n"))
    spreads |= {python.spread_function(each) for operation in book.operations for each in operation.takes}
    asks = any(operation.asks for operation in book.operations)
    spreads |= {"always"} if asks else set()
    return filled("services.py.jinja", spreads=spreads, services=written, counts=counts, asks=asks)


def question_of(book: Book, operation: Operation, given: str) -> Expression:
    """The question whether the operation's effect is there already."""
    assert operation.step.check_first is not None
    takes = f"takes=services.always({python.seconds(operation.step.check_first)})"
    return call(f"services.{identifiers(book)[_service(book, operation)]}.has_done", _found_by(operation, given), takes)


def _service(book: Book, operation: Operation) -> str:
    """The service that it calls."""
    return str(operation.step.on) if operation.step.on in book.services() else OWN


def _found_by(operation: Operation, given: str) -> str:
    """What the service knows the effect by: the idempotency key, else the reference of the call."""
    key = operation.step.idempotency_key
    return "reference" if key is None else f"{given}.{python.field_name(key)}"


def call_of(
    book: Book, operation: Operation, given: str, attempt: str, needs: set[tuple[str, str]], *, effect: bool
) -> Expression:
    """The call that an operation makes; `given` is its input, `attempt` the expression of the attempt's number."""
    needs.add(("app", "services"))
    parts: list[Expression] = [quoted(operation.name)]
    if operation.step.idempotency_key is not None:
        parts.append(f"key={_found_by(operation, given)}")
    if operation.referred:
        parts.append("reference=reference")
    takes = [f"services.{flat(python.spread(each))}" for each in operation.takes]
    if len(takes) == 1:
        parts.append(f"takes={takes[0]}")
    elif takes:
        chosen = f"min({attempt}, {len(takes)}) - 1"
        parts.append(Group(f"takes=({', '.join(takes)})[", (chosen,), "]", between=""))
    if not effect:
        parts.append("effect=False")
    return call(f"services.{identifiers(book)[_service(book, operation)]}.call", *parts)
