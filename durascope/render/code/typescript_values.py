"""The values of a workflow in TypeScript: fields of its input, and what results, events and state write."""

from __future__ import annotations

from collections.abc import Sequence

from durascope.models.steps import Clear, Get, Run, Set
from durascope.render.code.body import Scope
from durascope.render.code.conditions import Term
from durascope.render.code.program import Book, Told, Value
from durascope.render.code.typescript import TYPES, field_name, literal
from durascope.render.code.typescript_body import TypeScriptBody


class TypeScriptValues(TypeScriptBody):
    """Writes the steps of one workflow, whose input is `input`."""

    def __init__(self, book: Book, told: Told, *taken: str) -> None:
        super().__init__(book, told, *taken)
        self.variables: dict[str, str] = {}
        """The carried values that this workflow's code keeps: their identifiers, by name."""

    def value(self, name: str, scope: Scope) -> Term | None:
        if name in scope:
            return Term(scope[name], "number")
        value = self.told.values.get(name)
        if value is None:
            return None
        if value.source == "input":
            return Term(f"input.{field_name(name)}", value.kind)
        optional = not value.from_input and value.kind != "flag" and name != "attempts"
        return Term(self.variables[name], value.kind, optional)

    def type_of(self, name: str) -> tuple[str, str]:
        """The type of a carried value, and what it begins as."""
        value = self.told.values[name]
        type_ = TYPES[value.kind]
        if value.from_input:
            return type_, f"input.{field_name(name)}"
        if name == "attempts":
            return "number", "0"
        return (type_, "false") if value.kind == "flag" else (f"{type_} | undefined", "undefined")

    def given_field(self, name: str) -> Term | None:
        """A field of the run's input."""
        kind = self.told.input.get(name)
        return None if kind is None else Term(f"input.{field_name(name)}", kind)

    def name_variables(self) -> None:
        """Gives each carried value its variable."""
        for value in self.told.values.values():
            if value.source == "carried":
                self.variables[value.name] = self.locals.of(value.name, "value")

    def declared(self, value: Value) -> str:
        """The declaration of a carried value."""
        type_, first = self.type_of(value.name)
        shown = f"{first} as {type_}" if first == "undefined" else first
        return f"let {self.variables[value.name]} = {shown};"

    def used_results(self, step: Run) -> list[str]:
        """The named outcomes of a step that the workflow uses."""
        operation = self.book.operation(self.told.name, step)
        return [name for name in operation.results if name in self.variables]

    def take(self, arrived: str, fields: Sequence[str], path: str = "?.") -> None:
        """The fields of an event become values of the run; `path`: what stands between the event and a field."""
        for name in fields:
            variable = self.variables[name]
            self.source(f"{variable} = {arrived}{path}{field_name(name)} ?? {variable};")

    def state(self, step: Get | Set | Clear) -> None:
        """State that lasts as long as the run: its variables."""
        match step:
            case Set(set=name, value=value) if name in self.variables:
                self.source(f"{self.variables[name]} = {literal(value)};")
            case Set(set=name, value=value):
                self.comment(f"{name} = {value}: nothing in this workflow uses it.")
            case Clear(clear=name):
                cleared = self.variables if name == "*" else {name: self.variables.get(name)}
                for each, variable in cleared.items():
                    if variable is not None and not self.told.values[each].from_input:
                        self.source(f"{variable} = {self.type_of(each)[1]};")
            case Get():
                pass  # a variable of the workflow is read where it is used
