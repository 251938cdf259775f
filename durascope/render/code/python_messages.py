"""`app/messages.py` of Python projects: inputs, events and results as classes."""

from __future__ import annotations

from collections.abc import Mapping

from durascope.render.code import python
from durascope.render.code.layout import Source
from durascope.render.code.names import one_line, pascal, python_names
from durascope.render.code.program import Book, Kind
from durascope.render.code.python import STEP, TYPES


class Messages:
    """What messages are called."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.scenario = book.scenario
        self.classes_of_messages = messages = python_names("dataclass", "BaseModel", "Any", form=pascal)
        self.inputs = {name: messages.new(f"{name} input") for name in book.workflows}
        self.events = {name: messages.new(name) for name in book.events}
        self.results = {each: messages.new(f"{each.name} result") for each in book.operations if each.results}


def messages_file(project: Messages, *, pydantic: bool = False) -> str:
    """The module: data classes, or models of pydantic."""
    source = Source(STEP)
    kinds = [kind for each in project.book.workflows.values() for kind in each.input.values()]
    kinds += [kind for each in project.book.events.values() for kind in each.fields.values()]
    base = "BaseModel" if pydantic else None
    needs = {("pydantic", "BaseModel") if pydantic else ("dataclasses", "dataclass")}
    needs |= {("typing", "Any")} if "any" in kinds else set()
    source('"""What the workflows and their steps are given, and what they return."""', "")
    source(*python.imports(needs))
    for name, each in project.book.workflows.items():
        fields = {f: TYPES[k] for f, k in each.input.items()}
        message_class(source, project.inputs[name], f"The input of {name}.", fields, base)
    for name, each in project.book.events.items():
        message_class(source, project.events[name], f"What comes with {name}.", optional_fields(each.fields), base)
    for each, result in project.results.items():
        fields = {name: "int" if name == "attempts" else "bool" for name in each.results}
        if each.step.size:
            fields["document"] = "str"
        message_class(source, result, f"What {each.name} has found out.", fields, base)
    return source.text()


def message_class(source: Source, name: str, about: str, fields: Mapping[str, str], base: str | None) -> None:
    """A class of a message: derived from that one, or a data class."""
    head = [f"class {name}({base}):"] if base is not None else ["@dataclass", f"class {name}:"]
    source("", "", *head, f'    """{one_line(about)}"""')
    if fields:
        source("", *(f"    {python.field_name(field)}: {kind}" for field, kind in fields.items()))


def optional_fields(fields: Mapping[str, Kind]) -> dict[str, str]:
    """The types of fields that may be left out."""
    return {field: f"{TYPES[kind]} | None = None" for field, kind in fields.items()}
