"""The values of a workflow in Python: their types, the classes of messages, and what events bring."""

from __future__ import annotations

from collections.abc import Sequence

from durascope.render.code.layout import Expression, call
from durascope.render.code.program import Told
from durascope.render.code.python import TYPES
from durascope.render.code.python_body import PythonBody
from durascope.render.code.python_messages import Messages


class PythonValues(PythonBody):
    """Writes the steps of one workflow, whose messages are instances of classes."""

    given = "given"

    def __init__(self, messages: Messages, told: Told, *taken: str) -> None:
        super().__init__(messages.book, told, *taken)
        self.messages = messages

    def input_of(self, target: str, key: str | None) -> Expression:
        """A called run's input."""
        self.needs.add(("app.messages", self.messages.inputs[target]))
        fields = (f"{name}={text}" for name, text in self.fields_for(target, key))
        return call(self.messages.inputs[target], *fields)

    def type_of(self, name: str) -> str:
        """A carried value's type."""
        value = self.told.values[name]
        if value.kind == "any":
            self.needs.add(("typing", "Any"))
            return "Any"
        if name == "attempts":
            return "int"
        optional = not value.from_input and value.kind != "flag"
        return TYPES[value.kind] + (" | None" if optional else "")

    def take(self, arrived: str, fields: Sequence[str]) -> None:
        """The fields of an event become values of the run."""
        for name in fields:
            field = f"{arrived}.{self.field_name(name)}"
            with self.when(f"{arrived} is not None and {field} is not None"):
                self.assign(name, field)
