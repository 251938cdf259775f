"""The page of a comparison: the question, the answer with its uncertainty, the evidence, what would change it.

It is made of the data that `durascope compare --format json` prints, so that every figure on it can be looked up there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from durascope.models.engine import named_in
from durascope.models.phrases import spell
from durascope.render.answer import answer, longer
from durascope.render.document import Block, Bullets, Document, Heading, Paragraph, Picture, Questions, Table
from durascope.render.figures import (
    MS,
    NONE,
    amount,
    between,
    count,
    dollars,
    listed,
    money,
    plainly,
    share,
    some,
    span,
)
from durascope.render.questions import questions

Data = Mapping[str, Any]


def page(data: Data, title_of: Callable[[str], str], pictures: Sequence[Picture] = ()) -> Document:
    """The whole page; `title_of` names an engine."""
    engines = list(data["engines"])
    names = [title_of(engine) for engine in engines]
    question = f"{data['title']}: {listed(names, 'or')}?"
    blocks: list[Block] = [
        Heading("In short"),
        *(Paragraph(sentence) for sentence in answer(data, title_of)),
        *_pictures(pictures, "comparison"),
        *_asked(data, title_of),
        Heading("What happens"),
        *_struck(data, title_of),
        _happens(data, engines, names),
        Paragraph(_LEGEND, quiet=True),
        *_differences(data, title_of),
        Heading("Where a run's time goes without faults"),
        _parts(data, engines, names),
        *_pictures(pictures, "load"),
        *_guarantees(data, engines, names),
        *_expected(data, engines, title_of),
        *_costs(data, engines),
        *_pictures(pictures, "costs"),
        *_self_hosted(data, engines, names),
        *_limits(data, engines, title_of),
        *_know(data, engines),
        *criteria_blocks(data, engines, names),
        Heading("What would change the answer"),
        Bullets(list(_changes(data, title_of))),
        Heading("How this was made"),
        Paragraph(_made(data)),
    ]
    return Document(question, blocks)


def _pictures(pictures: Sequence[Picture], of: str) -> list[Picture]:
    """Those whose file's name says that they are of this."""
    return [each for each in pictures if each.name.endswith(f".{of}.svg")]


_LEGEND: Final = (
    "On this page, ± and ranges are 95 % confidence intervals. A simulated figure without one is the same in every "
    "replication, to the digits shown. Counts of the scenario's own parts are exact. What is not simulated has its "
    "source and date next to it."
)


def _asked(data: Data, title_of: Callable[[str], str]) -> Iterator[Block]:
    found = list(questions(data, title_of))
    if data["alternatives"]:
        yield Heading("What people ask")
        yield Questions(found)


def criteria_page(data: Data, title_of: Callable[[str], str]) -> Document:
    """The criteria table alone."""
    engines = list(data["engines"])
    return Document("How the engines differ", list(criteria_blocks(data, engines, [title_of(e) for e in engines])))


# ---- what happens ----------------------------------------------------------------------------------------------------


def _happens(data: Data, engines: Sequence[str], names: Sequence[str]) -> Table:
    rows: list[tuple[str, Callable[[Data], str]]] = [
        ("completed", lambda e: share(e["completed"])),
        ("failed", lambda e: share(e["failed"])),
        ("stuck", lambda e: share(e["stuck"])),
        ("p50_ms", lambda e: between(e["latency_ms"].get("p50"))),
        ("p90_ms", lambda e: between(e["latency_ms"].get("p90"))),
        ("p99_ms", lambda e: between(e["latency_ms"].get("p99"))),
        ("delay_ms", lambda e: between(e["delay_ms"])),
        ("recovery_ms", lambda e: between(e["recovery_ms"])),
        ("duplicates_per_million", lambda e: count(e["duplicates_per_million"])),
        ("repeated_ms_per_crash", lambda e: between(e["repeated_ms_per_crash"])),
        ("repeated_tokens_per_crash", lambda e: some(e["repeated_tokens_per_crash"])),
        ("repeated_usd_per_crash", lambda e: money(e["repeated_usd_per_crash"])),
    ]
    return _by_engine(data, engines, names, [(data["titles"][name], cell) for name, cell in rows])


def _struck(data: Data, title_of: Callable[[str], str]) -> Iterator[Block]:
    """The faults; what did not strike in every replication is said, for the figures are made of those, too."""
    lines: list[str] = []
    for each in data["faults"]:
        struck, of = each["struck"], data["replications"]
        if len(set(struck.values())) == 1:
            times = next(iter(struck.values()))
            missed = f" (it struck in {times:,} of {of:,})" if times < of else ""
        else:
            told = ", ".join(f"{times:,} on {title_of(engine)}" for engine, times in struck.items())
            missed = f" (of {of:,} replications it struck in {told})"
        lines.append(each["fault"] + missed)
    if lines:
        yield Paragraph("In every replication:" if len(lines) > 1 else f"In every replication: {lines[0]}.")
        if len(lines) > 1:
            yield Bullets(lines)


def _by_engine(
    data: Data, engines: Sequence[str], names: Sequence[str], rows: Sequence[tuple[str, Callable[[Data], str]]]
) -> Table:
    found = [[words, *(cell(data["engines"][engine]) for engine in engines)] for words, cell in rows]
    return Table(["", *names], [row for row in found if any(cell != NONE for cell in row[1:])])


def _differences(data: Data, title_of: Callable[[str], str]) -> Iterator[Block]:
    lines: list[str] = []
    for each in data["differences"]:
        ours, theirs = title_of(each["engine"]), title_of(each["other"])
        ms = each["ms"]
        if not each["shown"]:
            lines.append(f"{ours} and {theirs}: no significant difference ({span(ms)})")
        else:
            lines.append(longer(each, title_of))
    floors = [(title_of(e), floor) for e, floor in data["same_engine_twice_ms"].items() if floor]
    if floors:
        said = ", ".join(f"{name} {span(floor)}" for name, floor in floors)
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
        return lambda each: between(each["parts_ms"].get(part))

    return _by_engine(data, engines, names, [(text, of(part)) for part, text in words.items()])


def _expected(data: Data, engines: Sequence[str], title_of: Callable[[str], str]) -> Iterator[Block]:
    """What failures cost at their real rates."""
    rows: list[list[str]] = []
    for engine in engines:
        for each in data["expected"].get(engine, ()):
            runs = data["runs_per_month"]
            late = {end: None if ms is None else ms * runs for end, ms in each["delay_ms_per_run"].items()}
            cells = [count(each["duplicates_per_million"]), count(each["lost_per_million"]), between(late)]
            rows.append([f"{title_of(engine)}: {each['target']} fails", *cells])
    if rows:
        yield Heading("What failures cost at their rates")
        month = f"delay in all, {data['runs_per_month']:,} runs"
        yield Table(["", "duplicates per million runs", "runs lost per million", month], rows)
        points = sum(each["simulated"] for costs in data["expected"].values() for each in costs)
        yield Paragraph(
            f"A fault struck once in each interval between two events of a run ({points:,} simulations). Each result "
            "is weighted by the interval's length over the mean time between failures.",
            quiet=True,
        )


def _guarantees(data: Data, engines: Sequence[str], names: Sequence[str]) -> Iterator[Block]:
    """What holds wherever a process dies; steps with the same bounds share a row."""
    found = data["guarantees"]
    if not found:
        return
    known = [engine for engine in engines if engine in found]
    alike: dict[tuple[str, ...], list[str]] = {}
    for step in dict.fromkeys(step for engine in known for step in found[engine]["steps"]):
        alike.setdefault(tuple(_bounds(found[engine]["steps"].get(step)) for engine in known), []).append(step)
    rows = [[_steps(steps), *bounds] for bounds, steps in alike.items()]
    rows.append(["crashes after which a run never ends", *(_stuck(found[engine]) for engine in known)])
    rows.append(["longest delay", *(_latest(found[engine]["worst_delay_ms"]) for engine in known)])
    tried = ", ".join(f"{found[engine]['points']:,} on {names[engines.index(engine)]}" for engine in known)
    yield Heading("What holds if a process dies at any moment of a step")
    yield Paragraph("How many times each effect happens in a run, at least and at most:")
    yield Table(["", *(names[engines.index(engine)] for engine in known)], rows)
    yield Paragraph(
        f"Every crash of the app or the engine at a step's moment was simulated once, so these are bounds and not "
        f"estimates (under seed {data['seed']}): {tried}. durascope explore "
        f"{data['scenario']} tries every event, and names causes and remedies.",
        quiet=True,
    )


def _bounds(bounds: Sequence[int] | None) -> str:
    if bounds is None:
        return NONE
    least, most = bounds
    return f"{least}" if least == most else f"{least} to {most}"


def _steps(steps: Sequence[str]) -> str:
    return ", ".join(steps) if len(steps) <= 3 else f"{', '.join(steps[:2])} and {len(steps) - 2} more"


def _stuck(explored: Data) -> str:
    return f"{explored['stuck']:,} of {explored['points']:,}" if explored["stuck"] else "0"


def _latest(ms: float | None) -> str:
    return "does not end" if ms is None else spell(ms * MS)


# ---- costs and limits ------------------------------------------------------------------------------------------------


def _costs(data: Data, engines: Sequence[str]) -> Iterator[Block]:
    if not data["costs"]:
        return
    rows: list[list[str]] = []
    for engine in engines:
        for bill in data["costs"].get(engine, ()):
            mark = "" if bill["confidence"] == "vendor" else " (unconfirmed)"
            if bill["usd_per_month"] is None:
                cells = ["not on this plan", NONE, NONE, NONE]
            else:
                known = bill["intervals"]
                names = ("usd_per_month", "usd_without_faults", "price_of_failure")
                stored = known["storage_usd_per_month"] if bill["storage_usd_per_month"] else None
                cells = [*(dollars(known.get(name)) for name in names), dollars(stored)]
            rows.append([f"{bill['vendor']} {bill['plan']}{mark}", *cells])
    yield Heading(f"What {data['runs_per_month']:,} runs a month cost")
    yield Table(["", "a month", "without faults", "price of failure", "extra storage"], rows)
    for engine in engines:
        source = data["prices"].get(engine)
        if source:
            doubt = "" if source["confidence"] == "vendor" else " Second-hand, unconfirmed."
            yield Paragraph(
                f"{source['vendor']} bills by the {source['unit']}. {source['what_counts']} Source: {source['source']} "
                f"(retrieved {source['retrieved']}).{doubt}",
                quiet=True,
            )


def _self_hosted(data: Data, engines: Sequence[str], names: Sequence[str]) -> Iterator[Block]:
    """What one's own machines have to bear."""
    found = data["self_hosted"]
    rows = [
        ["worker slots that are busy, on average", *(amount(found[e]["busy_slots"]) for e in engines)],
        ["engine and network busy, at most", *(amount(found[e]["engine_hours"], " h") for e in engines)],
        [f"stored, kept {data['retention_days']} days", *(amount(found[e]["stored_gb"], " GB") for e in engines)],
        ["requests, tasks or polls per second", *(amount(found[e]["requests_per_second"]) for e in engines)],
    ]
    rows = [row for row in rows if any(cell != NONE for cell in row[1:])]
    if rows:
        yield Heading(f"Self-hosted: what {data['runs_per_month']:,} runs a month need")
        yield Table(["", *names], rows)
        yield Paragraph(
            "From the models, without faults. A slot is busy while a step runs, its calls included. Engine and "
            "network: the hours in which runs wait for neither a step nor a timer, an upper bound of the engine's CPU "
            "time. The people who run them are not counted.",
            quiet=True,
        )


def _used(part: float) -> str:
    return f"{part:.2%}" if part >= 0.0001 else "under 0.01%"


def _limits(data: Data, engines: Sequence[str], title_of: Callable[[str], str]) -> Iterator[Block]:
    rows: list[list[str]] = []
    for engine in engines:
        for use in data["limits"].get(engine, ())[:3]:
            grow = "" if use["growth"] is None else f"at {use['growth']:,.0f} × this size" if use["growth"] >= 10 else (
                f"at {use['growth']:.1f} × this size" if use["growth"] >= 1 else "hit"
            )  # fmt: skip
            rows.append([f"{title_of(engine)}: {use['what']}", _used(use["share"]), grow, use["then"]])
    if rows:
        yield Heading("Which limits it meets")
        yield Table(["", "used", "reached", "what happens there"], rows, words=True)
        dated = [
            f"{data['prices'][engine]['vendor']}: {data['prices'][engine]['source']} "
            f"(retrieved {data['prices'][engine]['retrieved']})"
            for engine in engines
            if engine in data["prices"]
        ]
        yield Paragraph(
            f"Used: the largest of {data['replications']:,} replications, so no interval; use grows in proportion to "
            f"size. Limits: {'; '.join(dated)}. Hosts of the app: their documentation, looked up 2026-11.",
            quiet=True,
        )


# ---- what an engineer should know ------------------------------------------------------------------------------------


def _know(data: Data, engines: Sequence[str]) -> Iterator[Block]:
    """What the models themselves say of each engine and this scenario."""
    lines = [named_in(engine, note) for engine in engines for note in data["notes"].get(engine, ())]
    if lines:
        yield Heading("What an engineer should know")
        yield Bullets(lines)


def criteria_blocks(data: Data, engines: Sequence[str], names: Sequence[str]) -> Iterator[Block]:
    """The criteria, and what was measured beside them."""
    source = data["criteria_source"]
    rows = [[row["criterion"], *(str(row.get(engine, NONE)) for engine in engines)] for row in data["criteria"]]
    rows += [
        [f"{row['what']} (measured)", *(plainly(row.get(engine)) for engine in engines)] for row in data["measured"]
    ]
    yield Heading("Criteria")
    yield Table(["", *names], rows, words=True)
    others = [
        f"{row['criterion']}: {row['source']} (retrieved {row['retrieved']})"
        for row in data["criteria"]
        if row["source"] != source["source"]
    ]
    yield Paragraph(
        f"Source: {source['source']} (retrieved {source['retrieved']}, {source['confidence']}). {'. '.join(others)}. "
        "The rows marked as measured are this scenario's, without its faults.",
        quiet=True,
    )


def _changes(data: Data, title_of: Callable[[str], str]) -> Iterator[str]:
    calm = {title_of(engine): each["calm_ms"] for engine, each in data["engines"].items() if each["calm_ms"]}
    if data["faults"] and calm:
        ranked = sorted(calm, key=lambda name: calm[name]["value"])
        told = listed([f"{between(calm[name])} on {name}" for name in ranked], "and")
        yield f"Without its faults a run takes {told}."
    for engine, knob in data["knobs"].items():
        before, after = between(knob["before_ms"]), between(knob["mean_ms"])
        moved = "takes as long" if before == after else f"takes {after} instead of {before}"
        yield f"{title_of(engine)}: with {knob['path']} at {knob['now']} instead of {knob['was']} a run {moved}."
    month = data["runs_per_month"]
    below = [each for each in data["crossovers"] if each["runs_per_month"] <= month]
    above = [each for each in data["crossovers"] if each["runs_per_month"] > month]
    for each in below[-1:]:
        yield f"Below {_runs(each)} runs a month {each['below']} is the cheapest plan; from there on, {each['above']}."
    for each in above[:1]:
        yield f"From {_runs(each)} runs a month on, {each['above']} is cheaper than {each['below']}."
    if data["faults"] and not data["expected"]:
        yield "Here, the faults strike in every run. To say how rare they really are: --mtbf app=30d,engine=90d."
    yield "Other settings and faults: --set and --crash; durascope sweep finds the value from which a setting matters."


def _runs(crossover: Data) -> str:
    at, low, high = (crossover[name] for name in ("runs_per_month", "low", "high"))
    if low is None or high is None or high - low <= at / 1000:
        return f"{at:,}"
    return f"{at:,} ({low:,} to {high:,})"


def _made(data: Data) -> str:
    precision = data["precision"]
    spent = "time was over (--budget)" if precision["out_of_time"] else "budget of replications was spent"
    reached = "reached" if precision["reached"] else f"not reached: the {spent}"
    runs = data["runs_per_replication"]
    return (
        f"durascope {data['version']}, {data['replications']} replications of {runs:,} run{'s' * (runs != 1)} "
        f"per engine under seeds {data['seed']} to {data['seed'] + data['replications'] - 1}, the same for all; "
        f"95 % confidence intervals; requested precision of the mean duration {precision['asked']:.0%}: {reached}. "
        f"To reproduce: {data['again']}."
    )
