"""Writes scenarios as YAML that reads back equal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

from durascope.models.fields import Model
from durascope.models.yaml12 import SCALARS

_BREAKS: Final = re.compile(r"[\r\x85\u2028\u2029]")
"""Line ends that YAML would read as plain ones."""


class _Dumper(yaml.SafeDumper):
    """Quotes what any version of YAML would take for something else than text; long texts are blocks."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        style = '"' if _BREAKS.search(text) else "|" if "\n" in text else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _Dumper.represent_text)
for _tag, _form, _first in SCALARS:
    _Dumper.add_implicit_resolver(_tag, _form, list(_first))


def as_plain(model: Model) -> dict[str, Any]:
    """The model as plain values, written as in a file: `{"latency": "30ms", …}`."""
    return model.model_dump(mode="json", by_alias=True)


def as_brief(model: Model) -> dict[str, Any]:
    """The model as plain values, without what a file may leave out."""
    return model.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def as_written(model: Model) -> dict[str, Any]:
    """The model as plain values, without what was not written."""
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


def yaml_of(plain: Mapping[str, Any]) -> str:
    """Plain values as YAML 1.2."""
    return yaml.dump(dict(plain), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def as_yaml(model: Model) -> str:
    """The model as YAML 1.2, all defaults included."""
    return yaml_of(as_plain(model))


def as_short_yaml(model: Model) -> str:
    """The model as YAML 1.2, without what was not written; reads back equal, too."""
    return yaml_of(as_written(model))


def one_line(value: object) -> str:
    """A value on one line, as a person writes it: `{run: charge, takes: 30ms}`."""
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1 << 30, default_flow_style=True)
    return text.removesuffix("\n").removesuffix("\n...")
