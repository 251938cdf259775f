"""The answer of a comparison in three sentences, with their uncertainty: what goes wrong, how long, what it costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from durascope.render.figures import absolute, between, dollars, listed

Data = Mapping[str, Any]
TitleOf = Callable[[str], str]


def answer(data: Data, title_of: TitleOf) -> list[str]:
    """The three sentences; `title_of` names an engine."""
    return [_wrong(data, title_of), _how_long(data, title_of), how_much(data)]


def _wrong(data: Data, title_of: TitleOf) -> str:
    engines: Mapping[str, Any] = data["engines"]
    twice = {e: each["duplicates_per_million"] for e, each in engines.items() if each["duplicates_per_million"]}
    some = {e: _per_run(rate) for e, rate in twice.items() if rate["value"]}
    said: list[str] = []
    if some:
        rates = _by_engine(some, engines, title_of)
        said.append(f"Duplicate effects per run, with the scenario's faults: {rates}")
        if len(some) < len(engines):
            said[0] += f", and none on {listed([title_of(e) for e in engines if e not in some], 'and')}"
    else:
        most = max((rate["high"] or 0.0 for rate in twice.values()), default=0.0)
        said.append(f"No side effect happened twice on any engine (95 % bound: {most:,.0f} per million runs)")
    open_ = {e: _share(each["stuck"]) for e, each in engines.items() if each["stuck"] and each["stuck"]["value"]}
    failed = {e: _share(each["failed"]) for e, each in engines.items() if each["failed"] and each["failed"]["value"]}
    if open_:
        said.append(f"runs that never end: {_by_engine(open_, engines, title_of)}")
    if failed:
        said.append(f"runs that fail or are cancelled: {_by_engine(failed, engines, title_of)}")
    if not open_ and not failed:
        said.append("every run completed on every engine")
    return "; ".join(said) + "."


def _by_engine(found: Mapping[str, str], engines: Sequence[str] | Mapping[str, Any], title_of: TitleOf) -> str:
    """`0.99 on each engine`, or each with its own."""
    if len(found) == len(engines) > 1 and len(set(found.values())) == 1:
        return f"{next(iter(found.values()))} on each engine"
    return ", ".join(f"{value} on {title_of(engine)}" for engine, value in found.items())


def _per_run(rate: Mapping[str, float | None]) -> str:
    value, low, high = (rate[name] for name in ("value", "low", "high"))
    text = f"{(value or 0.0) / 1e6:.3g}"
    if low is None or high is None or high - low < (value or 0.0) / 500:
        return text
    return f"{text} ± {(high - low) / 2e6:.1g}"


def _share(found: Mapping[str, float]) -> str:
    value, low, high = found["value"], found["low"], found["high"]
    text = f"{value:.1%}".replace(".0%", "%")
    return text if high - low < 0.001 else f"{text} ({low:.0%} to {high:.0%})"


def _how_long(data: Data, title_of: TitleOf) -> str:
    engines: Mapping[str, Any] = data["engines"]
    means = {e: each["latency_ms"]["mean"] for e, each in engines.items() if "mean" in each["latency_ms"]}
    if not means:
        return "No run completed, so there is no duration to compare."
    ranked = sorted(means, key=lambda e: means[e]["value"])
    parts = [f"{between(means[e])} on {title_of(e)}" for e in ranked]
    with_faults = " and with the faults" if data["faults"] else ""
    if len(set(texts := [between(means[e]) for e in ranked])) == 1 < len(texts):
        # long waits hide what the engines add: then the distance is what tells them apart
        parts = [f"{texts[0]} on each engine"]
        shown = [d for d in data["differences"] if d["shown"]]
        if shown:
            parts[0] += f"; {longer(max(shown, key=lambda d: abs(d['ms']['value'])), title_of)}"
    text = f"A run takes, on average{with_faults}, {listed(parts, 'and')}"
    unclear = [d for d in data["differences"] if not d["shown"]]
    if unclear:
        pairs = ", ".join(f"{title_of(d['engine'])} and {title_of(d['other'])}" for d in unclear)
        text += f"; between {pairs} the data shows no difference"
    return text + "."


def longer(difference: Data, title_of: TitleOf) -> str:
    """Which of two engines takes longer, and by how much: a difference that the data shows."""
    ours, theirs, ms = title_of(difference["engine"]), title_of(difference["other"]), difference["ms"]
    slower, faster = (ours, theirs) if ms["value"] > 0 else (theirs, ours)
    return f"{slower} takes {between(absolute(ms))} longer than {faster}"


def how_much(data: Data) -> str:
    """A month on the cheapest plan of each vendor."""
    best: list[tuple[float, str]] = []
    for bills in data["costs"].values():
        known = [bill for bill in bills if bill["usd_per_month"] is not None]
        if known:
            bill = min(known, key=lambda each: each["usd_per_month"])
            more = bill["intervals"].get("price_of_failure")
            failing = f", {dollars(more)} of it for the faults" if more and more["value"] >= 0.01 else ""
            doubt = " (unconfirmed price)" if bill["confidence"] != "vendor" else ""
            usd = dollars(bill["intervals"].get("usd_per_month"))
            best.append((bill["usd_per_month"], f"{usd} on {bill['vendor']} {bill['plan']}{doubt}{failing}"))
    if not best:
        return "No vendor's prices are known for these engines."
    cheapest = "; ".join(text for _, text in sorted(best))
    return f"{data['runs_per_month']:,} runs a month cost, on the cheapest plan of each vendor, {cheapest}."
