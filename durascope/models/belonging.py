"""Where a field is written: for whoever writes it in another place."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel

from durascope.models.fields import parts_of

MOST_PLACES: Final = 2
"""A field that has more places is too common to be told."""


def places_of(field: str, root: type[BaseModel]) -> tuple[str, ...]:
    """The shortest paths to where a field may be written in `root`; () where nowhere, or in more than `MOST_PLACES`.

    >>> from durascope.models.scenario import Scenario
    >>> places_of("price", Scenario)
    ('services.NAME.price',)
    """
    found = [f"{path}.{field}".removeprefix(".") for path, fields in _parts(root) if field in fields]
    return tuple(found) if len(found) <= MOST_PLACES else ()


def _parts(root: type[BaseModel]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each part of the language once, by its shortest path, and its fields."""
    seen, waiting = {root}, deque([("", root)])
    while waiting:
        path, part = waiting.popleft()
        inside = list(parts_of(part))
        yield path, tuple(name for name, _, _ in inside)
        for name, way, other in inside:
            if other is not None and other not in seen:
                seen.add(other)
                waiting.append((f"{path}.{name}{way}".removeprefix("."), other))
