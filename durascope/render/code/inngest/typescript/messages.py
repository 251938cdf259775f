"""`src/messages.ts`: the events that the app sends and receives, and what its steps find out."""

from __future__ import annotations

from collections.abc import Mapping

from durascope.render.code.inngest import facts
from durascope.render.code.inngest.typescript.names import Named
from durascope.render.code.layout import Braces, call
from durascope.render.code.names import one_line, quoted
from durascope.render.code.typescript import STEP, TYPES, field_name, imports, obj


def messages_file(project: Named) -> str:
    """The module."""
    source = Braces(STEP)
    for event, fields in project.fields.items():
        written = {f"{field_name(name)}{'' if each.always else '?'}": TYPES[each.kind] for name, each in fields.items()}
        _type(source, project.payloads[event], f"What comes with {event}.", written)
        schema = f"staticSchema<{project.payloads[event]}>()"
        source("")
        source.statement(
            f"export const {project.events[event]} = ", call("eventType", quoted(event), obj(("schema", schema)))
        )
    for name, told in project.book.workflows.items():
        if facts.cron(told.workflow) is not None:
            written = {field_name(field): TYPES[kind] for field, kind in told.input.items()}
            _type(source, project.inputs[name], f"The input of {name}.", written)
    for each, result in project.results.items():
        found = {field_name(name): "number" if name == "attempts" else "boolean" for name in each.results}
        if each.step.size:
            found["document"] = "string"
        _type(source, result, f"What {each.name} has found out.", found)
    head = "/** The events that the app sends and receives, and what its steps find out. */"
    needs = {("inngest", "eventType"), ("inngest", "staticSchema")} if project.fields else set[tuple[str, str]]()
    return "\n".join([head, "", *([imports(needs)] if needs else []), source.text().lstrip("\n")])


def _type(source: Braces, name: str, about: str, fields: Mapping[str, str]) -> None:
    """A type, not an interface: a schema's has to be open to an index."""
    source("", f"/** {one_line(about)} */")
    if not fields:
        source(f"export type {name} = Record<string, never>;")
        return
    with source.block(f"export type {name} =", ";"):
        source(*(f"{field}: {kind};" for field, kind in fields.items()))
