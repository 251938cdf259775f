"""Turns what pydantic says of a document into problems with places, one for each thing that is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from pydantic import BaseModel, ValidationError

from durascope.models.belonging import places_of
from durascope.models.durations import Misread, shown
from durascope.models.faults import FAULT_KINDS
from durascope.models.fields import fields_at, is_form
from durascope.models.problems import Problem, did_you_mean, suggestion
from durascope.models.source import Path, Value
from durascope.models.step_names import kindless_help, naming_help
from durascope.models.steps import STEP_KINDS
from durascope.models.synonyms import synonym

Part = TypeVar("Part", bound=BaseModel)

_ROUNDS: Final = 20
_STEP_FORMS: Final = frozenset(f"«{kind}»" for kind in STEP_KINDS)
_WORDS_FOR_BOOLEANS: Final = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def validate(model: type[Part], value: Value) -> tuple[Part | None, list[Problem]]:
    """The model that a document describes, or what is wrong with it."""
    try:
        return model.model_validate(value.plain, by_alias=True, by_name=False), []
    except ValidationError as error:
        errors = error.errors(include_url=False)
        inner = {each["loc"][:end] for each in errors for end in range(len(each["loc"]))}
        # a list is too short, too, when its items are wrong: that is said once
        told = (each for each in errors if each["type"] != "too_short" or each["loc"] not in inner)
        return None, [_problem(model, value, each) for each in told]


def salvage(model: type[Part], value: Value) -> tuple[Part, Value, frozenset[str]] | None:
    """The model without the parts that are wrong, so that the rest can be checked too.

    With it come what is left of the document, and the names that stood in what was left out. None if too
    little would be left.
    """
    lost: set[str] = set()
    for _ in range(_ROUNDS):
        try:
            return model.model_validate(value.plain, by_alias=True, by_name=False), value, frozenset(lost)
        except ValidationError as error:
            paths = {value.existing(_written(each["loc"])) for each in error.errors(include_url=False)}
        if () in paths:
            return None
        for path in sorted(paths, key=lambda path: [str(part).zfill(9) for part in path], reverse=True):
            if value.existing(path) == path:
                lost |= {str(path[-1]), *value.find(path).texts()}
                value = value.replaced(path, None)
    return None


def _written(location: tuple[str | int, ...]) -> Path:
    """The path in the file that an error's location means."""
    return tuple(part for part in location if not is_form(part) and part != "[key]")


def _problem(model: type[BaseModel], value: Value, error: Any) -> Problem:
    location: tuple[str | int, ...] = error["loc"]
    path, kind = _written(location), str(error["type"])
    field = str(path[-1]) if path else ""
    match kind:
        case "extra_forbidden":
            help = _meant(model, value, location, field)  # noqa: A001
            return value.problem("unknown-field", f"`{field[:60]}` is not a field here", path, key=True, help=help)
        case "missing":
            what = "one more value is" if isinstance(path[-1], int) else f"`{field}` is"
            return value.problem("missing-field", f"{what} missing", path[:-1])
        case "step_kind" | "fault_kind":
            return _kind(value, path, "step" if kind == "step_kind" else "fault")
        case "value_error" if isinstance(misread := error["ctx"]["error"], Misread):
            return value.problem("bad-value", str(misread), (*path, *misread.at), help=misread.help)
        case _:
            explain = _EXPLAINED.get(kind, _pydantic)
            message, help = explain(error)  # noqa: A001
            if not help and kind in _MAPPING:
                fields = fields_at(model, location)
                help = suggestion("", fields, "its fields") if fields else "write `NAME: …` for each"  # noqa: A001
            return value.problem("bad-value", message, path, key="[key]" in location, help=help)


def _meant(model: type[BaseModel], value: Value, location: tuple[str | int, ...], field: str) -> str:
    """For a field that is none here: which one is meant, or where it belongs, and what there is."""
    fields = fields_at(model, location[:-1])
    if len(location) > 1 and location[-2] in _STEP_FORMS:
        step = value.find(_written(location[:-1])).plain
        if named := naming_help(step, field, fields):
            return named
    inside = [each for each in fields if field in fields_at(model, (*location[:-1], each))]
    if len(inside) == 1:
        return f"it belongs one level deeper: `{inside[0]}: {{{field}: …}}`"
    help = suggestion(synonym(field, fields) or field, fields, "the fields here")  # noqa: A001
    places = () if help.startswith("did you mean") else places_of(field, model)
    return f"it belongs at {' or '.join(places)}; {help}" if places else help


def _kind(value: Value, path: Path, what: str) -> Problem:
    """A step or fault that has no key which says what it is, or several."""
    kinds = tuple(STEP_KINDS) if what == "step" else FAULT_KINDS
    written = value.find(path).plain
    if not isinstance(written, dict):
        return value.problem("bad-value", f"a {what} is a mapping", path, help=f"write {{{kinds[0]}: NAME}}")
    written = cast("dict[str, object]", written)
    keys = list(written)
    found = [key for key in keys if key in kinds]
    if found:
        both = " and ".join(f"`{key}`" for key in found)
        message = f"a {what} has one type; this has both {both}"
        return value.problem(f"unknown-{what}", message, (*path, found[1]), key=True, help="write one of them")
    meant = [(key, kind) for key in keys if (kind := synonym(key, kinds) or did_you_mean(key, kinds))]
    if meant:
        key, kind = meant[0]
        message = f"`{key[:60]}` is not a kind of {what}"
        return value.problem(f"unknown-{what}", message, (*path, key), key=True, help=f"did you mean `{kind}`?")
    message = f"this {what} has no type"
    help = kindless_help(written, kinds) if what == "step" else f"kinds of {what}: {', '.join(kinds)}"  # noqa: A001
    return value.problem(f"unknown-{what}", message, path, help=help)


def _pydantic(error: Any) -> tuple[str, str]:
    message = str(error["msg"])
    return message[:1].lower() + message[1:], ""


def _text(error: Any) -> tuple[str, str]:
    given = error["input"]
    quotable = isinstance(given, (bool, int, float))
    return f"expected text, not {_what(given)}", f'write "{given}" in quotes' if quotable else ""


def _boolean(error: Any) -> tuple[str, str]:
    meant = _WORDS_FOR_BOOLEANS.get(str(error["input"]).lower())
    help = f"did you mean `{meant}`?" if meant else "write `true` or `false`"  # noqa: A001
    return f"expected true or false, not {_what(error['input'])}", help


def _one_of(error: Any) -> tuple[str, str]:
    expected = re.findall(r"'([^']*)'|(\d+)", error["ctx"]["expected"])
    words = [word or number for word, number in expected]
    given = error["input"]
    return f"{_what(given)} is not valid here", suggestion(str(given)[:60], words, "use one of")


def _pattern(error: Any) -> tuple[str, str]:
    if "a-z" in error["ctx"]["pattern"]:
        kebab = "-".join(re.findall(r"[a-z0-9]+", str(error["input"]).lower()))
        meant = f"did you mean `{kebab}`? " if re.fullmatch(error["ctx"]["pattern"], kebab) else ""
        explained = f"{meant}ids are kebab-case: lower-case letters, digits and hyphens"
        return f"{shown(error['input'])} is not an id", explained
    return f"{shown(error['input'])} is not a name", "a name is one line without spaces at its ends"


def _expected(what: str) -> Callable[[Any], tuple[str, str]]:
    return lambda error: (f"expected {what}, not {_what(error['input'])}", "")


def _list(error: Any) -> tuple[str, str]:
    given = error["input"]
    if isinstance(given, dict):
        return "expected a list, not a mapping", "each item of a list begins with `- `"
    item = f"{{{given}: NAME}}" if given in STEP_KINDS else str(given)[:60]
    return f"expected a list, not {_what(given)}", f"write `[{item}]`" if isinstance(given, (str, int, float)) else ""


def _number(what: str) -> Callable[[Any], tuple[str, str]]:
    def explain(error: Any) -> tuple[str, str]:
        quoted = isinstance(error["input"], str) and error["input"].isdecimal()
        return f"expected {what}, not {_what(error['input'])}", "write it without quotes" if quoted else ""

    return explain


def _bound(relation: str, limit: str) -> Callable[[Any], tuple[str, str]]:
    return lambda error: (f"must be {relation} {error['ctx'][limit]}, not {_what(error['input'])}", "")


def _what(given: object) -> str:
    """A value as messages name it."""
    match given:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case bool():
            return str(given).lower()
        case _:
            return shown(given)


_MAPPING: Final = ("model_type", "model_attributes_type", "dict_type")
_EXPLAINED: Final[dict[str, Callable[[Any], tuple[str, str]]]] = {
    "string_type": _text,
    "bool_type": _boolean,
    "int_type": _number("a whole number"),
    "int_from_float": _number("a whole number"),
    "float_type": _number("a number"),
    "model_type": _expected("a mapping"),
    "model_attributes_type": _expected("a mapping"),
    "dict_type": _expected("a mapping"),
    "tuple_type": _list,
    "literal_error": _one_of,
    "string_pattern_mismatch": _pattern,
    "string_too_short": lambda _: ("a name has at least one character", ""),
    "string_too_long": lambda error: (f"this is longer than {error['ctx']['max_length']} characters", ""),
    "too_short": lambda error: (f"at least {error['ctx']['min_length']} is needed here", ""),
    "too_long": lambda error: (f"there are more than {error['ctx']['max_length']}", ""),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than_equal": _bound("at most", "le"),
}
"""What an error of pydantic means to someone who writes a scenario: the message, and the help."""
