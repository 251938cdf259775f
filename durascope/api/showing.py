"""How results show themselves in a notebook."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from durascope.models.scenario import Scenario

HEIGHT: Final = 760
"""Pixels that a page has in a notebook."""


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


def played(scenario: Scenario, engines: Sequence[str], seed: int) -> str | None:
    """The page of results, for a notebook, without crashes that nobody has asked for; None: it is not installed."""
    from durascope.player.document import document
    from durascope.player.page import NoPlayer, html

    try:
        page = html(document(scenario, engines, seed=seed, forked=False), embed=True)
    except NoPlayer:
        return None
    return framed(page, scenario.title or scenario.scenario)


def framed(page: str, title: str) -> str:
    """A page inside of another: it runs its own script, and can reach nothing outside."""
    return (
        f'<iframe sandbox="allow-scripts" title="{escape(title)}" width="100%" height="{HEIGHT}" '
        f'style="border:0" srcdoc="{escape(page)}"></iframe>'
    )
