"""The values of a workflow in Python: fields of its input, and what results, events and state write."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from durascope.models.steps import Run
from durascope.render.code import python
from durascope.render.code.body import Scope
from durascope.render.code.conditions import Term
from durascope.render.code.layout import Expression, call
from durascope.render.code.program import Told
from durascope.render.code.python import TYPES
from durascope.render.code.python_body import PythonBody
from durascope.render.code.python_messages import Messages


class PythonValues(PythonBody):
    """Writes the steps of one workflow, whose input is `given`."""

    given: str
    unique: ClassVar[str]
    """An expression that is another one each time, and the same in a replay."""

    def __init__(self, messages: Messages, told: Told, *taken: str) -> None:
        super().__init__(messages.book, told, *taken)
        self.messages = messages
        self.attributes: dict[str, str] = {}
        """The carried values that this workflow's code keeps: their identifiers, by name."""

    @abstractmethod
    def place(self, name: str) -> str:
        """Where a carried value is kept: a variable, an attribute."""

    def value(self, name: str, scope: Scope) -> Term | None:
        if name in scope:
            return Term(scope[name], "number")
        value = self.told.values.get(name)
        if value is None:
            return None
        if value.source == "input":
            return Term(f"{self.given}.{python.field_name(name)}", value.kind)
        optional = not value.from_input and value.kind != "flag" and name != "attempts"
        return Term(self.place(name), value.kind, optional)

    def field(self, name: str) -> Term | None:
        """A field of the input."""
        kind = self.told.input.get(name)
        return None if kind is None else Term(f"{self.given}.{python.field_name(name)}", kind)

    def initial(self, name: str) -> str:
        """What a carried value begins as."""
        value = self.told.values[name]
        if value.from_input:
            return f"given.{python.field_name(name)}"
        return "0" if name == "attempts" else "False" if value.kind == "flag" else "None"

    def input_of(self, target: str, key: str | None) -> Expression:
        """A called run's input: the caller's fields of the same names, else stand-ins."""
        told = self.book.workflows[target]
        self.needs.add(("app.messages", self.messages.inputs[target]))
        parts: list[str] = []
        for name, kind in told.input.items():
            if name == told.workflow.key and key is not None:
                text = key if key.startswith(("'", '"')) else f"str({key})"
            elif self.told.input.get(name) == kind:
                text = f"{self.given}.{python.field_name(name)}"
            else:
                text = f"str({self.unique})" if kind == "text" else python.ZERO[kind]
            parts.append(f"{python.field_name(name)}={text}")
        return call(self.messages.inputs[target], *parts)

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

    def used_results(self, step: Run) -> list[str]:
        """The named outcomes of a step that the workflow uses."""
        operation = self.book.operation(self.told.name, step)
        return [name for name in operation.results if name in self.attributes]

    def take(self, arrived: str, fields: Sequence[str]) -> None:
        """The fields of an event become values of the run."""
        for name in fields:
            field = f"{arrived}.{python.field_name(name)}"
            self.source(f"if {arrived} is not None and {field} is not None:")
            self.source(f"    {self.place(name)} = {field}")
