"""`src/messages.ts`: inputs, events and results as interfaces."""

from __future__ import annotations

from durascope.render.code.layout import Braces
from durascope.render.code.temporal.typescript.names import Named
from durascope.render.code.typescript import STEP, TYPES, declared, field_name


def messages_file(project: Named) -> str:
    """The module."""
    source = Braces(STEP)
    source("/** What workflows, activities and signals are given, and what they return. */")
    for name, told in project.book.workflows.items():
        fields = {f"{field_name(field)}": TYPES[kind] for field, kind in told.input.items()}
        declared(source, project.inputs[name], f"The input of {name}.", fields)
    for name, event in project.book.events.items():
        fields = {f"{field_name(field)}?": TYPES[kind] for field, kind in event.fields.items()}
        declared(source, project.events[name], f"What comes with {name}.", fields)
    for each, result in project.results.items():
        fields = {field_name(name): "number" if name == "attempts" else "boolean" for name in each.results}
        if each.step.size:
            fields["document"] = "string"
        declared(source, result, f"What {each.name} has found out.", fields)
    return source.text()
