"""The inputs of a workload's runs, and the payloads of its events, as TypeScript that makes them."""

from __future__ import annotations

from collections.abc import Mapping

from durascope.models.scenario import InputPool, InputShare, InputUniform
from durascope.render.code.layout import Braces, Expression
from durascope.render.code.names import Names, quoted
from durascope.render.code.program import Book, Told
from durascope.render.code.typescript import ZERO, Needs, documented, field_name, literal, number, obj, template


class TypeScriptInputs:
    """Writes a function for each workflow's input."""

    def __init__(self, book: Book, messages: Mapping[str, str], module: str, names: Names) -> None:
        self.book = book
        self.workload = book.scenario.workload
        self.messages = messages
        """The type of each workflow's input."""
        self.module = module
        """Where those types are."""
        self.needs: Needs = set()
        self.names = names
        self.started = list(dict.fromkeys(book.scenario.started))
        self.inputs = {name: names.new(f"{name} input") for name in self.started}

    def input(self, source: Braces, told: Told) -> None:
        """The function that makes the input of a run."""
        name = self.messages[told.name]
        self.needs.add((self.module, f"type {name}"))
        members = [(field_name(field), self._field(told, field)) for field in told.input]
        used = any("number" in str(value) for _, value in members)
        source("")
        documented(source, "The input of a run, by its number.")
        with source.block(f"export function {self.inputs[told.name]}({'' if used else '_'}number: number): {name}"):
            source.statement("return ", obj(*members))

    def _field(self, told: Told, field: str) -> str:
        kind = told.input[field]
        keys = self.workload.keys or ()
        if field == told.workflow.key:
            if keys:
                return f"[{', '.join(quoted(str(key)) for key in keys)}][(number - 1) % {len(keys)}]"
            return self.drawn(field, told.workflow.input.get(field, "unique"), kind)
        text = self.drawn(field, told.workflow.input.get(field, "unique"), kind)
        given = {n: each[field] for n, each in enumerate(self.workload.inputs or (), 1) if each.get(field) is not None}
        if not given:
            return text
        last = max(given)
        values = [self.typed(given[n], kind) if n in given else "undefined" for n in range(1, last + 1)]
        return f"[{', '.join(values)}][number - 1] ?? {text}"

    def typed(self, value: object, kind: str) -> str:
        """A value as a literal of that kind."""
        return literal(value) if kind != "text" else quoted(str(value))

    def drawn(self, field: str, spec: object, kind: str, run: str = "number") -> str:
        """An expression for a field of an input."""
        match spec:
            case InputPool(pool=pool):
                return template((f"{field}-", False), (f"1 + Math.floor(Math.random() * {pool})", True))
            case InputUniform(uniform=(low, high)):
                spread = number(round(high - low, 6))
                return f"Math.round(({number(low)} + Math.random() * {spread}) * 100) / 100"
            case InputShare(share=share):
                return f"Math.random() < {number(share)}"
            case "unique":
                return self.numbered(f"{field}-", run) if kind == "text" else ZERO[kind]  # pyright: ignore[reportArgumentType]
            case _:
                return literal(spec)

    def numbered(self, prefix: str, run: str) -> str:
        """A text that ends with the run's number: a literal where that is known."""
        return template((prefix, False), (run, not run.isdigit()))

    def payload(self, event: str, values: object) -> Expression:
        """What goes with an event."""
        given = values if isinstance(values, dict) else {}
        fields = self.book.events[event].fields
        return obj(*((field_name(str(n)), self.typed(v, fields[str(n)])) for n, v in given.items() if str(n) in fields))
