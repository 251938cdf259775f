"""The values of a workflow in TypeScript: their declarations, and what events bring."""

from __future__ import annotations

from collections.abc import Sequence

from durascope.render.code.program import Value
from durascope.render.code.typescript import TYPES
from durascope.render.code.typescript_body import TypeScriptBody


class TypeScriptValues(TypeScriptBody):
    """Writes the steps of one workflow, whose input is `input`."""

    given = "input"

    def declared(self, value: Value) -> str:
        """The declaration of a carried value."""
        first, type_ = self.initial(value.name), TYPES[value.kind]
        shown = f"{first} as {type_} | undefined" if first == "undefined" else first
        return f"let {self.variables[value.name]} = {shown};"

    def take(self, arrived: str, fields: Sequence[str], path: str = "?.") -> None:
        """The fields of an event become values of the run; `path`: what stands between the event and a field."""
        for name in fields:
            self.assign(name, f"{arrived}{path}{self.field_name(name)} ?? {self.place(name)}")
