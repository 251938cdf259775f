"""What every part of a scenario is made of: the frozen base model, names, and plain values, which are never converted.

A part may be written in several forms (`key: 7` or `key: order-7`). Its form is decided by the shape of the
value before anything is validated, so that a mistake is reported once and where it is. The tags of these forms
and of other unions are put in « », which keeps them apart from the names of fields in an error's location.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Strict,
    Tag,
    model_serializer,
)

Flag = Annotated[bool, Strict()]
"""`true` or `false`, no other word."""
Whole = Annotated[int, Strict()]
"""A whole number."""
Number = Annotated[float, Strict()]
"""A number."""
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$")]
"""A name of the user's: of a step, service, workflow, event or field."""


def form(name: str) -> Tag:
    """The tag of one form of a part that has several."""
    return Tag(f"«{name}»")


def is_form(part: object) -> bool:
    """Whether a part of an error's location is a form's tag, not a place in the file."""
    return isinstance(part, str) and part.startswith("«")


def shape(value: object) -> str:
    """Which form a written value has: «mapping», «list», «number», «flag» or «text»."""
    match value:
        case dict() | BaseModel():
            return "«mapping»"
        case list() | tuple():
            return "«list»"
        case bool():
            return "«flag»"
        case int() | float():
            return "«number»"
        case _:
            return "«text»"


def by_shape(expected: str) -> Discriminator:
    """Decides a union by the shape of the value; `expected` says what may stand there."""
    return Discriminator(shape, custom_error_type="wrong_shape", custom_error_message=f"expected {expected}")


Scalar = Annotated[
    Annotated[Flag, form("flag")] | Annotated[Whole | Number, form("number")] | Annotated[str | None, form("text")],
    by_shape("text, a number, true or false"),
]
"""A plain value: text, a number, true or false, or nothing."""

Reference = Annotated[Annotated[Name, form("text")] | Annotated[Whole, form("number")], by_shape("a name or a number")]
"""A key, or the number of a run."""


class Model(BaseModel):
    """What every part of a scenario has in common: frozen, no unknown fields, fields by their written name."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)

    @classmethod
    def more_fields(cls) -> Mapping[str, type[Model]]:
        """Fields that the class itself does not have, because nobody knew them when it was written."""
        return {}

    @model_serializer(mode="wrap")
    def _without_what_is_not_set(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A field without a value is left out, as it would be in a file."""
        return {key: value for key, value in handler(self).items() if value is not None}


def fields_at(model: type[BaseModel], location: tuple[str | int, ...]) -> tuple[str, ...]:
    """The written names of the fields of the part of `model` that an error's location leads to; () for no model."""
    found: object = model
    for part in location:
        found = _inside(found, part)
    part = next((each for each in _members(found) if isinstance(each, type) and issubclass(each, BaseModel)), None)
    if part is None:
        return ()
    return (*(field.alias or name for name, field in part.model_fields.items()), *_more(part))


def parts_of(model: type[BaseModel]) -> Iterator[tuple[str, str, type[BaseModel] | None]]:
    """The written name of each field; with each model that it may hold, and what leads there: `.NAME` in a mapping."""
    for name, field in model.model_fields.items():
        held = list(_held(field.annotation, ""))
        for way, part in held or [("", None)]:
            yield field.alias or name, way, part
    for name, part in _more(model).items():
        yield name, "", part


def _held(annotation: object, way: str) -> Iterator[tuple[str, type[BaseModel]]]:
    for member in _members(annotation):
        if isinstance(member, type) and issubclass(member, BaseModel):
            yield way, member
        elif get_origin(member) in (dict, tuple, list):
            arguments = get_args(member)
            is_mapping = get_origin(member) is dict
            yield from _held(arguments[1 if is_mapping else 0], f"{way}.NAME" if is_mapping else way)


def _more(part: type[BaseModel]) -> Mapping[str, type[Model]]:
    return part.more_fields() if issubclass(part, Model) else {}


def _inside(annotation: object, part: str | int) -> object:
    """What an annotation says of one part inside of it: a field, an item, or one form of a union."""
    for member in _members(annotation):
        if is_form(part):
            if any(isinstance(each, Tag) and each.tag == part for each in getattr(member, "__metadata__", ())):
                return member
        elif isinstance(member, type) and issubclass(member, BaseModel):
            for name, field in member.model_fields.items():
                if part == (field.alias or name):
                    return field.annotation
            if part in _more(member):
                return _more(member)[str(part)]
        elif get_origin(member) in (dict, tuple, list):
            arguments = get_args(member)
            return arguments[1] if get_origin(member) is dict else arguments[0]
    return None


def _members(annotation: object) -> Iterator[object]:
    """The alternatives of a union, as they are tagged and without their tags; anything else alone."""
    if get_origin(annotation) is Annotated:
        yield annotation
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from _members(member)
    else:
        yield annotation
