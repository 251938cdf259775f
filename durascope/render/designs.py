"""What a second design changes, as a page: made of the data that `durascope diff --format json` prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from durascope.render.document import Block, Document, Heading, Paragraph, Picture, Table
from durascope.render.figures import figure

_MARK: Final = {"better": "better", "worse": "worse", "no difference": "no difference that the data shows"}


def page(data: Mapping[str, Any], title_of: Callable[[str], str], pictures: tuple[Picture, ...] = ()) -> Document:
    """The page, ready for a pull request; `title_of` names an engine."""
    same = data["before"] == data["after"]
    title = f"{data['before']}: before and after" if same else f"{data['before']} → {data['after']}"
    counts = {verdict: sum(c["verdict"] == verdict for c in data["changes"]) for verdict in ("better", "worse")}
    lead = (
        f"{counts['better']} figures are better, {counts['worse']} are worse; {data['replications']} replications a "
        f"design, paired under the same seeds from {data['seed']} on; 95 % confidence."
    )
    blocks: list[Block] = [Paragraph(lead)]
    for engine in dict.fromkeys(change["engine"] for change in data["changes"]):
        rows = [_row(change) for change in data["changes"] if change["engine"] == engine]
        blocks += [Heading(title_of(engine)), Table(["", "before", "after", "difference", ""], rows, words=True)]
        money = data["usd_per_month"].get(engine)
        if money:
            runs = f"{data['runs_per_month']:,}"
            blocks.append(Paragraph(f"{runs} runs a month: {_usd(money['before'])} → {_usd(money['after'])}."))
        share = data["limit_share"].get(engine)
        if share:
            blocks.append(Paragraph(f"Nearest limit: {share['before']:.2%} → {share['after']:.2%} used."))
    blocks += pictures
    return Document(title, blocks)


def _row(change: Mapping[str, Any]) -> list[str]:
    name = change["measure"]
    before, after, difference = (change[key] for key in ("before", "after", "difference"))
    cells = [figure(name, None if found is None else found["value"]) for found in (before, after)]
    return [change["title"], *cells, _difference(name, difference), _MARK[change["verdict"]]]


def _difference(name: str, found: Mapping[str, float | None] | None) -> str:
    if found is None:
        return "–"
    value, low, high = found["value"] or 0.0, found["low"], found["high"]
    text = f"{'+' if value > 0 else ''}{figure(name, value)}"
    if low is None or high is None or low == high:
        return text
    return f"{text} ({figure(name, low)} to {figure(name, high)})"


def _usd(amount: float | None) -> str:
    return "not on any plan" if amount is None else f"${amount:,.2f}"
