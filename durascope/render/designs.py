"""What a second design changes, as a page: made of the data that `durascope diff --format json` prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from durascope.models.phrases import spell
from durascope.render.document import Block, Document, Heading, Paragraph, Picture, Table
from durascope.render.figures import MS, figure

_MARK: Final = {"better": "better", "worse": "worse", "no difference": "no significant difference"}


def page(data: Mapping[str, Any], title_of: Callable[[str], str], pictures: tuple[Picture, ...] = ()) -> Document:
    """The page, ready for a pull request; `title_of` names an engine."""
    same = data["before"] == data["after"]
    title = f"{data['before']}: before and after" if same else f"{data['before']} → {data['after']}"
    counts = {verdict: sum(c["verdict"] == verdict for c in data["changes"]) for verdict in ("better", "worse")}
    lead = (
        f"{counts['better']} figures are better, {counts['worse']} are worse; {data['replications']} replications "
        f"per design, paired under the same seeds from {data['seed']} on; 95 % confidence."
    )
    weaker = [title_of(engine) for engine, each in data["guarantees"].items() if each["weaker"]]
    if weaker:
        lead += f" Less is guaranteed than before on {', '.join(weaker)}."
    blocks: list[Block] = [Paragraph(lead)]
    for engine in dict.fromkeys(change["engine"] for change in data["changes"]):
        rows = [_row(change) for change in data["changes"] if change["engine"] == engine]
        blocks += [Heading(title_of(engine)), Table(["", "before", "after", "difference", ""], rows, words=True)]
        held = data["guarantees"].get(engine)
        if held:
            blocks.append(Paragraph(f"If a process dies at any moment of a step: {_guarantees(held)}."))
        money = data["usd_per_month"].get(engine)
        if money:
            runs = f"{data['runs_per_month']:,}"
            blocks.append(Paragraph(f"{runs} runs a month: {_usd(money['before'])} → {_usd(money['after'])}."))
        share = data["limit_share"].get(engine)
        if share:
            blocks.append(Paragraph(f"Nearest limit: {share['before']:.2%} → {share['after']:.2%} used."))
    if pictures:
        blocks += [Heading(f"One run under seed {data['seed']}, before and after"), *pictures]
    return Document(title, blocks)


def _guarantees(held: Mapping[str, Any]) -> str:
    """What has changed: how many times an effect can happen, whether runs end, how late they are."""
    before, after = held["before"], held["after"]
    steps = dict.fromkeys([*before["steps"], *after["steps"]])
    moved = [
        f"{step} happens {_times(before['steps'].get(step))} → {_times(after['steps'].get(step))} times"
        for step in steps
        if before["steps"].get(step) != after["steps"].get(step)
    ]
    told = [*moved] or ["every effect happens as many times as before"]
    if before["stuck"] != after["stuck"]:
        told.append(f"crashes after which the run never ends: {before['stuck']:,} → {after['stuck']:,}")
    if before["worst_delay_ms"] != after["worst_delay_ms"]:
        told.append(f"longest delay {_late(before['worst_delay_ms'])} → {_late(after['worst_delay_ms'])}")
    return "; ".join(told)


def _times(bounds: list[int] | None) -> str:
    if bounds is None:
        return "–"
    return f"{bounds[0]}" if bounds[0] == bounds[1] else f"{bounds[0]} to {bounds[1]}"


def _late(ms: float | None) -> str:
    return "without end" if ms is None else spell(ms * MS)


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
