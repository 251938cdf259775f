"""The names of steps in a loop: labels with the loop's variables filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping


def filled(label: str, scope: Mapping[str, object]) -> str:
    """The label with `{variable}` replaced by the loop variables around it.

    >>> filled("ask-{i}", {"i": 3})
    'ask-3'
    """
    if "{" in label:
        for name, value in scope.items():
            label = label.replace(f"{{{name}}}", str(value))
    return label


def scope_of(label: str, name: str) -> dict[str, object]:
    """The loop variables in a label, read off the name that was made of it.

    >>> scope_of("ask-{i}", "ask-3")
    {'i': '3'}
    """
    if "{" not in label:
        return {}
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(label))
    found = re.fullmatch(pattern, name)
    return {} if found is None else dict(found.groupdict())
