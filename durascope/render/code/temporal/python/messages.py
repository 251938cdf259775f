"""`app/messages.py`: inputs, events and results as data classes."""

from __future__ import annotations

from collections.abc import Mapping

from durascope.render.code import python
from durascope.render.code.layout import Source
from durascope.render.code.names import one_line
from durascope.render.code.python import STEP, TYPES
from durascope.render.code.temporal.python.names import Named


def messages_file(project: Named) -> str:
    source = Source(STEP)
    kinds = [kind for each in project.book.workflows.values() for kind in each.input.values()]
    kinds += [kind for each in project.book.events.values() for kind in each.fields.values()]
    needs = {("dataclasses", "dataclass")} | ({("typing", "Any")} if "any" in kinds else set())
    source('"""What workflows, activities and signals are given, and what they return."""', "")
    source(*python.imports(needs))
    for name, each in project.book.workflows.items():
        _dataclass(source, project.inputs[name], f"The input of {name}.", {f: TYPES[k] for f, k in each.input.items()})
    for name, each in project.book.events.items():
        fields = {field: f"{TYPES[kind]} | None = None" for field, kind in each.fields.items()}
        _dataclass(source, project.events[name], f"What comes with {name}.", fields)
    for each, result in project.results.items():
        fields = {name: "int" if name == "attempts" else "bool" for name in each.results}
        if each.step.size:
            fields["document"] = "str"
        _dataclass(source, result, f"What {each.name} has found out.", fields)
    return source.text()


def _dataclass(source: Source, name: str, about: str, fields: Mapping[str, str]) -> None:
    source("", "", "@dataclass", f"class {name}:", f'    """{one_line(about)}"""')
    if fields:
        source("", *(f"    {python.field_name(field)}: {kind}" for field, kind in fields.items()))
