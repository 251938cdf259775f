"""How results show themselves in a notebook."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from html import escape
from typing import Protocol


class Showing(Protocol):
    """Something that has a look of its own in HTML."""

    def _repr_html_(self) -> str: ...


def mimebundle(shown: Showing, include: object, exclude: object) -> dict[str, str]:
    """Plain text and HTML; only those that the notebook asks for."""
    bundle = {"text/plain": repr(shown), "text/html": shown._repr_html_()}
    if isinstance(include, Collection) and include:
        bundle = {kind: data for kind, data in bundle.items() if kind in include}
    if isinstance(exclude, Collection):
        bundle = {kind: data for kind, data in bundle.items() if kind not in exclude}
    return bundle


def html_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; nothing (None) is an empty cell."""
    cells = "".join(f"<th>{escape(each)}</th>" for each in head)
    lines = ("".join(f"<td>{'' if each is None else escape(str(each))}</td>" for each in row) for row in rows)
    return f"<table><tr>{cells}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"
