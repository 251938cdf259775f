"""How results show themselves in a notebook."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from durascope.models.scenario import Scenario
    from durascope.render.document import Document

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


def frame_of(rows: Sequence[Mapping[str, object]]) -> Any:
    """Rows as a pandas data frame. Raises ImportError if pandas is not installed."""
    try:
        import pandas  # pyright: ignore[reportMissingImports, reportMissingModuleSource]
    except ModuleNotFoundError:
        raise ImportError("a frame needs pandas: pip install pandas (the rows need nothing)") from None
    return pandas.DataFrame(list(rows))


class Shown(ABC):
    """A result that has rows, and a look of its own in a notebook."""

    @property
    @abstractmethod
    def rows(self) -> list[dict[str, object]]:
        """The figures as flat rows."""

    def frame(self) -> Any:
        """The rows as a pandas data frame. Raises ImportError if pandas is not installed."""
        return frame_of(self.rows)

    @abstractmethod
    def _repr_html_(self) -> str: ...

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return mimebundle(self, include, exclude)


class Page(Shown):
    """A result that is a page, too: the one that the command of the same name prints."""

    @abstractmethod
    def _page(self) -> Document: ...

    def markdown(self) -> str:
        """The page as Markdown."""
        return self._page().markdown()

    def html(self) -> str:
        """The page as HTML."""
        return self._page().html()

    def _repr_html_(self) -> str:
        return self.html()
