"""The scenario language as a JSON Schema (2020-12), for editors: completion, hints and checks while typing."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final, cast

from pydantic import TypeAdapter

from durascope.models.fields import Model
from durascope.models.scenario import Scenario
from durascope.models.spreads import Spread
from durascope.models.steps import Step
from durascope.models.units import Duration

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FILE_NAME: Final = "durascope.schema.json"
"""What the schema's file is called beside a scenario."""
TITLE: Final = "durascope scenario"

_Schema = dict[str, Any]
_SHARED: Final[dict[str, tuple[Any, str]]] = {
    "Duration": (Duration, "A number and a unit (us ms s m h d w), several times: 250ms, 1m30s."),
    "Spread": (Spread, "How long something takes: a duration or a distribution."),
    "Step": (Step, "A mapping with one key that says what kind of step it is; the others are options."),
}
"""Parts that are used all over the language, and are therefore written once."""
_SHORT_FORMS: Final[dict[tuple[str, str], _Schema]] = {
    ("Run", "undo"): {"type": "string", "description": "The name of the step that undoes this one."},
    ("Run", "fails"): {"type": "integer", "minimum": 0, "description": "That many attempts fail, before their effect."},
    ("Workload", "of"): {"type": "string", "description": "The workflow that is started."},
    ("Deploy", "change"): {"$ref": "#/$defs/Change"},
    ("Parallel", "parallel"): {"$ref": "#/$defs/Step"},
    ("Race", "race"): {"$ref": "#/$defs/Step"},
}
"""Fields that may be written shorter than the model has them; those of branches are of each branch."""


def scenario_schema() -> _Schema:
    """The schema of a scenario file."""
    schema = Scenario.model_json_schema(by_alias=True)
    parts: dict[str, _Schema] = schema["$defs"]
    for name, model in {**_models(), "Scenario": Scenario}.items():
        part = schema if name == "Scenario" else parts.get(name)
        if part is not None:
            _tidy(part, model)
    for (name, field), short in _SHORT_FORMS.items():
        _allow(parts[name]["properties"], field, short)
    shared = {name: _without_names(TypeAdapter(kind).json_schema()) for name, (kind, _) in _SHARED.items()}
    names = {json.dumps(each, sort_keys=True): name for name, each in shared.items()}
    parts |= {name: {**each, "description": _SHARED[name][1]} for name, each in shared.items()}
    for name, part in list(parts.items()):
        parts[name] = _shortened(part, names, top=name in shared)
    whole = _shortened({key: value for key, value in schema.items() if key != "$defs"}, names, top=True)
    return {"$schema": DIALECT, **whole, "title": TITLE, "$defs": dict(sorted(parts.items()))}


def _models() -> dict[str, type[Model]]:
    """All parts of the language by name."""
    found: dict[str, type[Model]] = {}
    waiting: list[type[Model]] = [Model]
    while waiting:
        for model in waiting.pop().__subclasses__():
            found[model.__name__] = model
            waiting.append(model)
    return found


def _tidy(part: _Schema, model: type[Model]) -> None:
    """Fields described by their docstrings, with defaults as a file writes them, and without titles."""
    all_written = model.model_construct(set(model.model_fields))
    defaults = all_written.model_dump(mode="json", by_alias=True, warnings=False)
    described = dict(_documented(model))
    part.pop("title", None)
    for name, field in part.get("properties", {}).items():
        field.pop("title", None)
        field.pop("default", None)
        if defaults.get(name) not in (None, "", [], {}):
            field["default"] = defaults[name]
        if name in described:
            field["description"] = described[name]


def _documented(model: type[Model]) -> Iterator[tuple[str, str]]:
    """The docstrings of the fields of a model, its own and those it has from others."""
    for base in reversed(model.__mro__):
        if not issubclass(base, Model) or base is Model:
            continue
        (body,) = (part.body for part in ast.parse(inspect.getsource(base)).body if isinstance(part, ast.ClassDef))
        for field, after in pairwise(body):
            match field, after:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    yield model.model_fields[name].alias or name, inspect.cleandoc(text)
                case _:
                    pass


def _allow(fields: dict[str, _Schema], name: str, short: _Schema) -> None:
    """Lets a field have a short form, too."""
    field = fields[name]
    if name in ("parallel", "race"):
        field["items"] = {"anyOf": [short, field["items"]]}
    else:
        rest = {key: field.pop(key) for key in ("default", "description") if key in field}
        fields[name] = {**rest, "anyOf": [short, *field.get("anyOf", [field])]}


def _shortened(schema: Any, names: dict[str, str], *, top: bool = False) -> Any:
    """The schema with references in place of shared parts."""
    if isinstance(schema, list):
        return [_shortened(each, names) for each in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    mapping = cast("_Schema", schema)
    name = None if top else names.get(json.dumps(_without_names(mapping), sort_keys=True))
    if name is not None:
        kept = {key: mapping[key] for key in ("description", "default") if key in mapping}
        return {"$ref": f"#/$defs/{name}", **kept}
    return {key: _shortened(value, names) if key != "default" else value for key, value in mapping.items()}


def _without_names(schema: _Schema) -> _Schema:
    return {key: value for key, value in schema.items() if key not in ("title", "description", "default", "$defs")}
