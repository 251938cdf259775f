"""`src/messages.ts`: inputs, events and results as interfaces."""

from __future__ import annotations

from collections.abc import Mapping

from durascope.render.code.layout import Braces
from durascope.render.code.names import one_line
from durascope.render.code.temporal.typescript.names import Named
from durascope.render.code.typescript import STEP, TYPES, field_name


def messages_file(project: Named) -> str:
    """The module."""
    source = Braces(STEP)
    source("/** What workflows, activities and signals are given, and what they return. */")
    for name, told in project.book.workflows.items():
        fields = {f"{field_name(field)}": TYPES[kind] for field, kind in told.input.items()}
        _interface(source, project.inputs[name], f"The input of {name}.", fields)
    for name, event in project.book.events.items():
        fields = {f"{field_name(field)}?": TYPES[kind] for field, kind in event.fields.items()}
        _interface(source, project.events[name], f"What comes with {name}.", fields)
    for each, result in project.results.items():
        fields = {field_name(name): "number" if name == "attempts" else "boolean" for name in each.results}
        if each.step.size:
            fields["document"] = "string"
        _interface(source, result, f"What {each.name} has found out.", fields)
    return source.text()


def _interface(source: Braces, name: str, about: str, fields: Mapping[str, str]) -> None:
    source("", f"/** {one_line(about)} */")
    if not fields:
        source(f"export type {name} = Record<string, never>;")
        return
    with source.block(f"export interface {name}"):
        source(*(f"{field}: {kind};" for field, kind in fields.items()))
