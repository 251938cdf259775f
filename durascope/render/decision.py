"""The page of a comparison: the question, the answer with its uncertainty, the evidence, what would change it.

It is made of the data that `durascope compare --format json` prints, so that every figure on it can be looked up there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from durascope.models.engine import named_in
from durascope.models.phrases import spell
from durascope.render.document import Block, Bullets, Document, Heading, Paragraph, Picture, Table

_NONE: Final = "–"
_MS: Final = 1_000

Data = Mapping[str, Any]


def page(data: Data, title_of: Callable[[str], str], pictures: Sequence[Picture] = ()) -> Document:
    """The whole page; `title_of` names an engine."""
    engines = list(data["engines"])
    names = [title_of(engine) for engine in engines]
    question = f"{data['title']}: {_listed(names, 'or')}?"
    blocks: list[Block] = [
        Heading("In short"),
        *(Paragraph(sentence) for sentence in answer(data, title_of)),
        *pictures[:1],
        Heading("What happens"),
        *_struck(data, title_of),
        _happens(data, engines, names),
        *_differences(data, title_of),
        Heading("Where a run's time goes without faults"),
        _parts(data, engines, names),
        *_expected(data, engines, title_of),
        *_costs(data, engines),
        *_limits(data, engines, title_of),
        *_know(data, engines, title_of),
        *pictures[1:],
        *criteria_blocks(data, engines, names),
        Heading("What would change the answer"),
        Bullets(list(_changes(data))),
        Heading("How this was made"),
        Paragraph(_made(data)),
    ]
    return Document(question, blocks)


def criteria_page(data: Data, title_of: Callable[[str], str]) -> Document:
    """The criteria table alone."""
    engines = list(data["engines"])
    return Document("How the engines differ", list(criteria_blocks(data, engines, [title_of(e) for e in engines])))


# ---- the answer ------------------------------------------------------------------------------------------------------


def answer(data: Data, title_of: Callable[[str], str]) -> list[str]:
    """Three sentences: what goes wrong, how long it takes, what it costs."""
    return [_wrong(data, title_of), _how_long(data, title_of), _how_much(data)]


def _wrong(data: Data, title_of: Callable[[str], str]) -> str:
    engines: Mapping[str, Any] = data["engines"]
    twice = {e: each["duplicates_per_million"] for e, each in engines.items() if each["duplicates_per_million"]}
    some = [e for e, rate in twice.items() if rate["value"]]
    open_ = [e for e, each in engines.items() if each["stuck"] and each["stuck"]["value"]]
    failed = [e for e, each in engines.items() if each["failed"] and each["failed"]["value"]]
    said: list[str] = []
    if some:
        rates = ", ".join(f"{title_of(e)} {_per_run(twice[e]['value'])}" for e in some)
        said.append(f"With the scenario's faults a side effect happens again (per run: {rates})")
    else:
        most = max((rate["high"] or 0.0 for rate in twice.values()), default=0.0)
        said.append(f"No side effect happened twice on any engine (at most {most:,.0f} per million runs, at 95 %)")
    for words, which in (("have not ended", open_), ("ended otherwise than completed", failed)):
        if which:
            key = "stuck" if which is open_ else "failed"
            shares = ", ".join(f"{engines[e][key]['value']:.1%} on {title_of(e)}" for e in which)
            said.append(f"runs that {words}: {shares}")
    if not open_ and not failed:
        said.append("every run completed on every engine")
    return "; ".join(said) + "."


def _per_run(per_million: float) -> str:
    return f"{per_million / 1e6:.3g}"


def _how_long(data: Data, title_of: Callable[[str], str]) -> str:
    engines: Mapping[str, Any] = data["engines"]
    means = {e: each["latency_ms"]["mean"] for e, each in engines.items() if "mean" in each["latency_ms"]}
    if not means:
        return "No run completed, so there is no duration to compare."
    ranked = sorted(means, key=lambda e: means[e]["value"])
    parts = [f"{title_of(e)} {_between(means[e])}" for e in ranked]
    text = f"A run takes, on average and with the faults: {', '.join(parts)}"
    unclear = [d for d in data["differences"] if not d["shown"]]
    if unclear:
        pairs = ", ".join(f"{title_of(d['engine'])} and {title_of(d['other'])}" for d in unclear)
        text += f"; between {pairs} the data shows no difference"
    return text + "."


def _how_much(data: Data) -> str:
    best: list[tuple[float, str]] = []
    for bills in data["costs"].values():
        known = [bill for bill in bills if bill["usd_per_month"] is not None]
        if known:
            bill = min(known, key=lambda each: each["usd_per_month"])
            more = bill["usd_per_month"] - bill["usd_without_faults"]
            failing = f", {_usd(more)} of it for the faults" if more >= 0.01 else ""
            doubt = ", unconfirmed price" if bill["confidence"] != "vendor" else ""
            best.append(
                (
                    bill["usd_per_month"],
                    f"{bill['vendor']} {bill['plan']} {_usd(bill['usd_per_month'])}{failing}{doubt}",
                )
            )
    if not best:
        return "No vendor's prices are known for these engines."
    listed = "; ".join(text for _, text in sorted(best))
    return f"{data['runs_per_month']:,} runs a month cost, on the cheapest plan of each vendor: {listed}."


# ---- what happens ----------------------------------------------------------------------------------------------------


def _happens(data: Data, engines: Sequence[str], names: Sequence[str]) -> Table:
    rows: list[tuple[str, Callable[[Data], str]]] = [
        ("completed", lambda e: _share(e["completed"])),
        ("failed or cancelled", lambda e: _share(e["failed"])),
        ("not ended", lambda e: _share(e["stuck"])),
        ("duration p50 (median)", lambda e: _between(e["latency_ms"].get("p50"))),
        ("duration p90", lambda e: _between(e["latency_ms"].get("p90"))),
        ("duration p99", lambda e: _between(e["latency_ms"].get("p99"))),
        ("delay caused by faults", lambda e: _between(e["delay_ms"])),
        ("recovery time", lambda e: _between(e["recovery_ms"])),
        ("duplicate effects per million runs", lambda e: _count(e["duplicates_per_million"])),
        ("work repeated per run", lambda e: _between(e["repeated_ms_per_run"])),
        ("spent on repeated work per run", lambda e: _money(e["repeated_usd_per_run"])),
    ]
    return _by_engine(data, engines, names, rows)


def _struck(data: Data, title_of: Callable[[str], str]) -> Iterator[Block]:
    """The faults; what did not strike in every replication is said, for the figures are made of those, too."""
    lines: list[str] = []
    for each in data["faults"]:
        missed = [
            f"{title_of(engine)} {count} of {data['replications']}"
            for engine, count in each["struck"].items()
            if count < data["replications"]
        ]
        lines.append(each["fault"] + (f" (struck: {', '.join(missed)} replications)" if missed else ""))
    if lines:
        yield Paragraph("In every replication:" if len(lines) > 1 else f"In every replication: {lines[0]}.")
        if len(lines) > 1:
            yield Bullets(lines)


def _by_engine(
    data: Data, engines: Sequence[str], names: Sequence[str], rows: Sequence[tuple[str, Callable[[Data], str]]]
) -> Table:
    found = [[words, *(cell(data["engines"][engine]) for engine in engines)] for words, cell in rows]
    return Table(["", *names], [row for row in found if any(cell != _NONE for cell in row[1:])])


def _differences(data: Data, title_of: Callable[[str], str]) -> Iterator[Block]:
    lines: list[str] = []
    for each in data["differences"]:
        ours, theirs = title_of(each["engine"]), title_of(each["other"])
        ms = each["ms"]
        if not each["shown"]:
            lines.append(f"{ours} and {theirs}: no difference that the data shows ({_range(ms)})")
        else:
            slower, faster = (ours, theirs) if ms["value"] > 0 else (theirs, ours)
            lines.append(f"{slower} takes {_between(_absolute(ms))} longer than {faster}")
    floors = [(title_of(e), floor) for e, floor in data["same_engine_twice_ms"].items() if floor]
    if floors:
        said = ", ".join(f"{name} {_range(floor)}" for name, floor in floors)
        lines.append(f"The same engine twice, its own random choices drawn anew, differs by: {said}")
    if lines:
        yield Paragraph("Mean duration of a run, compared pair by pair under the same random seeds:")
        yield Bullets(lines)


def _parts(data: Data, engines: Sequence[str], names: Sequence[str]) -> Table:
    words = {
        "execution": "steps execute",
        "idle": "timers and waits for events",
        "backoff": "backoff of failed attempts",
        "assignment": "tasks wait for a worker or a request",
        "transitions": "the engine's own transitions",
    }

    def of(part: str) -> Callable[[Data], str]:
        return lambda each: _between(each["parts_ms"].get(part))

    return _by_engine(data, engines, names, [(text, of(part)) for part, text in words.items()])


def _expected(data: Data, engines: Sequence[str], title_of: Callable[[str], str]) -> Iterator[Block]:
    """What failures cost at their real rates."""
    rows: list[list[str]] = []
    for engine in engines:
        for each in data["expected"].get(engine, ()):
            late = each["delay_ms_per_run"]["value"] * data["runs_per_month"]
            cells = [_count(each["duplicates_per_million"]), _count(each["lost_per_million"]), spell(late * _MS)]
            rows.append([f"{title_of(engine)}: {each['target']} fails", *cells])
    if rows:
        yield Heading("What failures cost at their rates")
        month = f"delay in all, {data['runs_per_month']:,} runs"
        yield Table(["", "duplicates per million runs", "runs lost per million", month], rows)
        points = sum(each["simulated"] for costs in data["expected"].values() for each in costs)
        yield Paragraph(
            f"Each stretch between two events of a run was struck once ({points:,} simulations) and weighed with its "
            "length over the mean time between failures.",
            quiet=True,
        )


# ---- costs and limits ------------------------------------------------------------------------------------------------


def _costs(data: Data, engines: Sequence[str]) -> Iterator[Block]:
    if not data["costs"]:
        return
    rows: list[list[str]] = []
    for engine in engines:
        for bill in data["costs"].get(engine, ()):
            mark = "" if bill["confidence"] == "vendor" else " (unconfirmed)"
            if bill["usd_per_month"] is None:
                cells = ["not on this plan", _NONE, _NONE, _NONE]
            else:
                without = bill["usd_without_faults"]
                failing = None if without is None else bill["usd_per_month"] - without
                storage = bill["storage_usd_per_month"]
                cells = [
                    _usd(bill["usd_per_month"]),
                    _NONE if without is None else _usd(without),
                    _NONE if failing is None else _usd(failing),
                    _usd(storage) if storage else _NONE,
                ]
            rows.append([f"{bill['vendor']} {bill['plan']}{mark}", *cells])
    yield Heading(f"What {data['runs_per_month']:,} runs a month cost")
    yield Table(["", "a month", "without faults", "price of failure", "storage beside it"], rows)
    for engine in engines:
        source = data["prices"].get(engine)
        if source:
            doubt = "" if source["confidence"] == "vendor" else " Second-hand, unconfirmed."
            yield Paragraph(
                f"{source['vendor']} bills by the {source['unit']}. {source['what_counts']} Source: {source['source']} "
                f"(retrieved {source['retrieved']}).{doubt}",
                quiet=True,
            )


def _limits(data: Data, engines: Sequence[str], title_of: Callable[[str], str]) -> Iterator[Block]:
    rows: list[list[str]] = []
    for engine in engines:
        for use in data["limits"].get(engine, ())[:3]:
            grow = "" if use["growth"] is None else f"at {use['growth']:,.0f} × this size" if use["growth"] >= 10 else (
                f"at {use['growth']:.1f} × this size" if use["growth"] >= 1 else "hit"
            )  # fmt: skip
            rows.append([f"{title_of(engine)}: {use['what']}", f"{use['share']:.2%}", grow, use["then"]])
    if rows:
        yield Heading("Which limits it meets")
        yield Table(["", "used", "reached", "what happens there"], rows, words=True)


# ---- what an engineer should know ------------------------------------------------------------------------------------


def _know(data: Data, engines: Sequence[str], title_of: Callable[[str], str]) -> Iterator[Block]:
    yield Heading("What an engineer should know")
    lines: list[str] = []
    for engine in engines:
        away = data["engine_away"].get(engine)
        if away:
            down = spell(away["down_ms"] * _MS)
            lines.append(f"{title_of(engine)}: the engine is killed halfway and is back after {down}: {_led_to(away)}.")
    for engine in engines:
        told = data["deploy"].get(engine)
        if told:
            change = f"a deploy halfway through a run adds a step before {told['before']}"
            lines.append(f"{title_of(engine)}: {change}: {_led_to(told)}.")
    for engine in engines:
        lines += [named_in(engine, note) for note in data["notes"].get(engine, ())]
    for row in data.get("guarantees", ()):
        lines.append(row)
    yield Bullets(lines)


def _led_to(told: Mapping[str, Any]) -> str:
    """How the runs ended, how much later, and what happened again."""
    statuses: Mapping[str, int] = told["statuses"]
    words = {"running": "never ends", "paused": "is paused, and does not end by itself"}
    ended = ", ".join(
        words.get(status, status) if count == 1 else f"{count:,} {status}" for status, count in statuses.items()
    )
    delay = "" if told["delay_ms"] is None else f", {spell(told['delay_ms'] * _MS)} later"
    again = told["duplicates"]
    twice = f", {again:,} duplicate effect{'s' if again > 1 else ''}" if again > 0 else ""
    return f"{ended}{delay}{twice}"


def criteria_blocks(data: Data, engines: Sequence[str], names: Sequence[str]) -> Iterator[Block]:
    """The criteria, and what was measured beside them."""
    source = data["criteria_source"]
    rows = [[row["criterion"], *(str(row.get(engine, _NONE)) for engine in engines)] for row in data["criteria"]]
    rows += [
        [f"{row['what']} (measured)", *(_plainly(row.get(engine)) for engine in engines)] for row in data["measured"]
    ]
    yield Heading("Criteria")
    yield Table(["", *names], rows, words=True)
    yield Paragraph(
        f"Source: {source['source']} (retrieved {source['retrieved']}, {source['confidence']}). The rows marked as "
        "measured are this scenario's, without its faults.",
        quiet=True,
    )


def _changes(data: Data) -> Iterator[str]:
    month = data["runs_per_month"]
    below = [each for each in data["crossovers"] if each["runs_per_month"] <= month]
    above = [each for each in data["crossovers"] if each["runs_per_month"] > month]
    for each in below[-1:]:
        yield f"Below {each['runs_per_month']:,} runs a month the cheapest plan is {each['below']}."
    for each in above[:1]:
        yield f"From {each['runs_per_month']:,} runs a month on, the cheapest plan is {each['above']}."
    yield "Timeouts and backoffs decide recovery: change one with --set and compare again."
    yield "Other faults: name them with --crash, or let durascope explore try every moment."


def _made(data: Data) -> str:
    precision = data["precision"]
    reached = "reached" if precision["reached"] else "not reached: the budget of replications was spent"
    return (
        f"durascope {data['version']}, {data['replications']} replications of {data['runs_per_replication']:,} run(s) "
        f"per engine under seeds {data['seed']} to {data['seed'] + data['replications'] - 1}, the same for all; "
        f"95 % confidence intervals; wanted precision of the mean duration {precision['asked']:.0%}: {reached}. "
        f"Again: durascope compare {data['scenario']} --seed {data['seed']} --replications {data['replications']}."
    )


# ---- figures ---------------------------------------------------------------------------------------------------------


def _between(ms: Mapping[str, float | None] | None) -> str:
    """A duration with its interval: `12 ± 0.1 s`, or `31.2 s (29.5 to 33.5 s)` where it is lopsided."""
    if ms is None or ms["value"] is None:
        return _NONE
    text = spell(ms["value"] * _MS)
    low, high, value = ms["low"], ms["high"], ms["value"]
    if low is None or high is None:
        return f"{text} ({_range(ms)})"
    half = (high - low) / 2
    if half <= abs(value) / 500:
        return text
    if abs((high + low) / 2 - value) > half / 5:
        return f"{text} ({_range(ms)})"
    number, _, unit = text.partition(" ")
    if " " in unit:  # two units
        return f"{text} ± {spell(half * _MS)}"
    reach = half / _UNIT_MS[unit]
    return f"{number} ± {reach:.2g} {unit}" if reach < 10 else f"{number} ± {reach:.0f} {unit}"


_UNIT_MS: Final = {"µs": 1e-3, "ms": 1.0, "s": 1e3, "min": 6e4, "h": 3.6e6, "d": 8.64e7}


def _range(ms: Mapping[str, float | None]) -> str:
    """From the low to the high bound: `29.5 to 33.5 s`."""
    low, high = ms["low"], ms["high"]
    if low is None and high is None:
        return "no interval from one replication"
    if high is None:
        return f"over {spell((low or 0) * _MS)}"
    lowest, highest = spell((low or 0) * _MS), spell(high * _MS)
    if lowest == highest:
        return lowest
    number, unit = lowest.rsplit(" ", 1) if " " in lowest else (lowest, "")
    short = number if highest.endswith(f" {unit}") and " " not in number else lowest
    return f"{short} to {highest}"


def _absolute(ms: Mapping[str, float | None]) -> Mapping[str, float | None]:
    value = ms["value"] or 0.0
    if value >= 0:
        return ms
    low, high = ms["low"], ms["high"]
    return {"value": -value, "low": None if high is None else -high, "high": None if low is None else -low}


def _share(found: Mapping[str, float] | None) -> str:
    if found is None:
        return _NONE
    text = f"{found['value']:.1%}".replace(".0%", "%")
    if found["value"] == 1:
        return f"{text} (at least {found['low']:.1%})"
    if found["value"] == 0:
        return f"{text} (at most {found['high']:.1%})"
    return f"{text} ({found['low']:.1%} to {found['high']:.1%})"


def _count(found: Mapping[str, float | None] | None) -> str:
    if found is None or found["value"] is None:
        return _NONE
    value, low, high = found["value"], found["low"], found["high"]
    if not value:
        return "0" if not high else f"0 (at most {high:,.0f})"
    if value < 10:
        return f"{value:.2g}" if low is None or high is None else f"{value:.2g} ({max(low, 0.0):.2g} to {high:.2g})"
    if low is None or high is None or low == high:
        return f"{value:,.0f}"
    return f"{value:,.0f} ± {(high - low) / 2:,.0f}"


def _money(found: Mapping[str, float | None] | None) -> str:
    if found is None or not found["value"]:
        return _NONE
    low, high = found["low"], found["high"]
    text = f"${found['value']:.4f}"
    return text if low is None or high is None or low == high else f"{text} ({low:.4f} to {high:.4f})"


def _usd(amount: float) -> str:
    return f"${amount:,.2f}"


def _plainly(value: object) -> str:
    return f"{value:,.4g}" if isinstance(value, (int, float)) and value < 1000 else (
        f"{value:,.0f}" if isinstance(value, (int, float)) else _NONE
    )  # fmt: skip


def _listed(names: Sequence[str], word: str) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"
