"""`src/messages.ts`: inputs, events and results as types."""

from __future__ import annotations

from collections.abc import Mapping

from durascope.render.code.layout import Braces
from durascope.render.code.names import one_line
from durascope.render.code.restate.typescript.names import Named
from durascope.render.code.typescript import STEP, TYPES, declared, field_name


def messages_file(project: Named) -> str:
    """The module."""
    source = Braces(STEP)
    source("/** What handlers and steps are given, and what they return. */")
    for name, told in project.book.workflows.items():
        fields = {field_name(field): TYPES[kind] for field, kind in told.input.items()}
        declared(source, project.inputs[name], f"The input of {name}.", fields)
    for name, event in project.book.events.items():
        declared(source, project.events[name], f"What comes with {name}.", _optional(event.fields))
    for target, name in project.requests.items():
        source("", f"/** {one_line(f'What {target.name} is asked with.')} */")
        source(f"export type {name} = {project.inputs[target.workflow]} & {project.events[target.name]};")
    for each, result in project.results.items():
        fields = {field_name(name): "number" if name == "attempts" else "boolean" for name in each.results}
        if each.step.size:
            fields["document"] = "string"
        declared(source, result, f"What {each.name} has found out.", fields)
    return source.text()


def _optional(fields: Mapping[str, str]) -> dict[str, str]:
    return {f"{field_name(field)}?": TYPES[kind] for field, kind in fields.items()}  # pyright: ignore[reportArgumentType]
