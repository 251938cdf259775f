"""The inputs of a workload's runs, and the payloads of its events, as Python that makes them."""

from __future__ import annotations

from collections.abc import Mapping

from durascope.models.scenario import InputPool, InputShare, InputUniform
from durascope.render.code import python
from durascope.render.code.layout import Expression, Group, Source, call, flat
from durascope.render.code.names import Names, in_f_string, quoted
from durascope.render.code.program import Book, Told


class Inputs:
    """Writes a function for each workflow's input."""

    def __init__(self, book: Book, messages: Mapping[str, str], events: Mapping[str, str], names: Names) -> None:
        self.book = book
        self.workload = book.scenario.workload
        self.messages = messages
        """The class of each workflow's input."""
        self.payloads = events
        """The class of each event."""
        self.needs: set[tuple[str, str]] = set()
        self.names = names
        self.started = list(dict.fromkeys(book.scenario.started))
        self.inputs = {name: names.new(f"{name} input") for name in self.started}

    def _input(self, source: Source, told: Told) -> None:
        name = self.messages[told.name]
        self.needs.add(("app.messages", name))
        keys = self.workload.keys or ()
        parts: list[Expression] = []
        for field, kind in told.input.items():
            spec: object = told.workflow.input.get(field, "unique")
            if field == told.workflow.key and keys:
                every = Group("[", tuple(quoted(str(key)) for key in keys), "]")
                text = f"{flat(every)}[(number - 1) % {len(keys)}]"
            else:
                text = self._drawn(field, spec, kind)
            given = [each.get(field) for each in self.workload.inputs or ()]
            if any(each is not None for each in given) and field != told.workflow.key:
                rows = {n: value for n, value in enumerate(given, 1) if value is not None}
                table = "{" + ", ".join(f"{n}: {self._typed(v, kind)}" for n, v in rows.items()) + "}"
                text = f"{table}.get(number, {text})"
            parts.append(f"{python.field_name(field)}={text}")
        uses = any("number" in str(part) for part in parts)
        source("", "", f"def {self.inputs[told.name]}({'number' if uses else '_number'}: int) -> {name}:")
        with source.deeper():
            source('"""The input of a run, by its number."""')
            source.statement("return ", call(name, *parts))

    def _typed(self, value: object, kind: str) -> str:
        return python.literal(value) if kind != "text" else quoted(str(value))

    def _numbered(self, prefix: str, number: str) -> str:
        """A text that ends with the run's number: a literal where that is known."""
        return quoted(f"{prefix}{number}") if number.isdigit() else f'f"{in_f_string(prefix)}{{{number}}}"'

    def _drawn(self, field: str, spec: object, kind: str, number: str = "number") -> str:
        """An expression for a field of an input."""
        match spec:
            case InputPool(pool=pool):
                self.needs.add(("random", ""))
                return f'f"{in_f_string(field)}-{{random.randint(1, {pool})}}"'
            case InputUniform(uniform=(low, high)):
                self.needs.add(("random", ""))
                return f"round(random.uniform({low!r}, {high!r}), 2)"
            case InputShare(share=share):
                self.needs.add(("random", ""))
                return f"random.random() < {share!r}"
            case "unique":
                return self._numbered(f"{field}-", number) if kind == "text" else python.ZERO[kind]  # pyright: ignore[reportArgumentType]
            case _:
                return python.literal(spec)

    def _payload(self, event: str, values: object) -> Expression:
        self.needs.add(("app.messages", self.payloads[event]))
        given = values if isinstance(values, dict) else {}
        fields = self.book.events[event].fields
        parts = [
            f"{python.field_name(str(n))}={self._typed(v, fields[str(n)])}"
            for n, v in given.items()
            if str(n) in fields
        ]
        return call(self.payloads[event], *parts)
