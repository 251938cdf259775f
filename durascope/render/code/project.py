"""A generated project: its files by path, and the templates of the files that contain little code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from durascope.models.scenario import Scenario
from durascope.render.code.names import one_line

Project = Mapping[str, str]
"""The text of each file by its path in the project."""


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("durascope.render.code"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def filled(template: str, **values: Any) -> str:
    """A template with its values filled in."""
    return _templates().get_template(template).render(**values)


def table(*rows: Sequence[object]) -> str:
    """Rows as a table in Markdown, its columns aligned as formatters do; the first row is the head.

    >>> print(table(("step", "attempts"), ("charge", 2)), end="")
    | step   | attempts |
    | ------ | -------- |
    | charge | 2        |
    """
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(3, *(len(row[n]) for row in texts)) for n in range(len(texts[0]))]
    rule = ["-" * width for width in widths]
    lines = [texts[0], rule, *texts[1:]]
    return "".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |\n" for line in lines
    )


def title_of(scenario: Scenario) -> str:
    """The scenario's title, or its name."""
    return one_line(scenario.title or scenario.scenario).rstrip(".")
