"""An exploration as a page: guarantees per step and engine, the crash map, findings and remedies.

It is made of the data that `durascope explore --json` prints.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from durascope.models.phrases import spell
from durascope.models.workload import MOMENTS
from durascope.render.document import Block, Code, Command, Document, Heading, Paragraph, Picture, Table

Data = Mapping[str, Any]

_MS: Final = 1_000
SYMBOLS: Final = {"nothing": "·", "delay": "+", "duplicate": "◆", "stuck": "✖"}
_NAMED: Final = 4
"""The most steps named in one sentence."""
_ON_A_LINE: Final = 2
"""The most settings on one line."""
_SEVERITY: Final = tuple(SYMBOLS)


def page(
    data: Data, title_of: Callable[[str], str], pictures: Sequence[Picture] = (), *, tokens: bool = False
) -> Document:
    """The whole page; `title_of` names an engine, `tokens` tells how each finding is played again anywhere."""
    engines = list(data["engines"])
    names = [title_of(engine) for engine in engines]
    blocks: list[Block] = [
        Paragraph(_counted(data, title_of)),
        Heading("How many times each effect can happen per run, and the longest recovery"),
        _guarantees(data, engines, names),
        *_endless(data),
        *_vacuous(data, title_of),
        *_findings(data, title_of, tokens),
        *(pictures or _maps(data, title_of)),
        Heading("Promises"),
        _promises(data, engines, names),
        *_confirmed(data, title_of),
    ]
    return Document(f"{data['title']}: every {', '.join(data['what'])} at every moment", blocks)


def _counted(data: Data, title_of: Callable[[str], str]) -> str:
    points = ", ".join(_points(title_of(name), each) for name, each in data["engines"].items())
    pairs = sum(each["pairs"] for each in data["engines"].values())
    more = f" Then {pairs:,} pairs, the second while the engine recovers from the first." if pairs else ""
    swarms = sum(each["swarms"] for each in data["engines"].values())
    more += f" Then {swarms:,} random swarms of two to four, each with its own random draws." if swarms else ""
    early = " Interrupted: these are the results so far." if data["interrupted"] else ""
    return (
        f"Points: {points}. One disturbance at each; the scenario's own faults are left out.{more} "
        f"Seed {data['seed']}.{early}"
    )


def _points(title: str, explored: Data) -> str:
    merged = f" ({explored['merged']:,} merged with another)" if explored["merged"] else ""
    done = explored["simulated"] - explored["pairs"]
    left = explored["points"] - explored["merged"] - done
    return f"{title} {explored['points']:,}{merged}" + (f", {left:,} not tried" if left else "")


def _guarantees(data: Data, engines: Sequence[str], names: Sequence[str]) -> Table:
    steps = list(dict.fromkeys(step for each in data["engines"].values() for step in each["steps"]))
    rows = [[step, *(_guarantee(data["engines"][engine]["steps"].get(step)) for engine in engines)] for step in steps]
    rows.append(["a run, longest delay", *(_delay(data["engines"][engine]) for engine in engines)])
    return Table(["", *names], rows)


def _guarantee(step: Data | None) -> str:
    if step is None:
        return "–"
    low, high = step["effects"]
    most = "∞" if step["without_end"] else f"{high}"
    often = f"{low}" if f"{low}" == most else f"{low}–{most}"
    late, usd = step["worst_recovery_ms"], step["usd"]
    told = [often] if late is None else [often, spell(late * _MS)]
    if usd is not None:
        more = "…" if step["without_end"] else ""
        told.append(f"${usd[0]:g}" if usd[0] == usd[1] else f"${usd[0]:g}–{usd[1]:g}{more}")
    return " · ".join(told)


def _endless(data: Data) -> Iterator[Block]:
    """What ∞ stands for."""
    steps = [step for each in data["engines"].values() for step in each["steps"].values()]
    tried = max((len(step["with_crashes"]) for step in steps if step["without_end"]), default=0)
    if tried:
        yield Paragraph(
            f"∞: each further crash at the same moment repeats the effect once more (tried with 1 to {tried} crashes).",
            quiet=True,
        )


def _delay(explored: Data) -> str:
    late = explored["runs"]["worst_delay_ms"]
    return f"{explored['runs']['stuck']:,} × does not end" if late is None else spell(late * _MS)


def _vacuous(data: Data, title_of: Callable[[str], str]) -> Iterator[Block]:
    if data["vacuous"]:
        yield Paragraph("No disturbance changed anything on any engine. This exploration says nothing.")
        return
    calm = [title_of(name) for name, each in data["engines"].items() if not each["changed"]]
    if calm:
        yield Paragraph(f"{' and '.join(calm)}: no disturbance changed anything.")


def _maps(data: Data, title_of: Callable[[str], str]) -> Iterator[Block]:
    """A row a step, a column a moment; in each cell the worst for each target."""
    targets = list(dict.fromkeys(each["target"] for e in data["engines"].values() for each in e["map"]))
    if not targets:
        return
    yield Heading("What a disturbance at each moment leads to")
    yield Paragraph(
        f"In each cell, a disturbance of: {', '.join(targets)}.\n"
        "· nothing  + over 1 s late  ◆ an effect happens again  ✖ a run never ends"
    )
    for name, engine in data["engines"].items():
        worst: dict[tuple[str, str, str], int] = {}
        for each in engine["map"]:
            key = (each["step"], each["moment"], each["target"])
            worst[key] = max(worst.get(key, 0), _SEVERITY.index(each["leads_to"]))
        steps = list(dict.fromkeys(step for step, _, _ in worst))
        moments = [moment for moment in MOMENTS if any(m == moment for _, m, _ in worst)]
        rows = [
            [step, *(" ".join(_symbol(worst.get((step, moment, target))) for target in targets) for moment in moments)]
            for step in steps
        ]
        yield Table([title_of(name), *moments], rows)


def _symbol(severity: int | None) -> str:
    return " " if severity is None else SYMBOLS[_SEVERITY[severity]]


def _promises(data: Data, engines: Sequence[str], names: Sequence[str]) -> Table:
    first = next(iter(data["engines"].values()))
    rows: list[list[str]] = []
    for name, prop in first["properties"].items():
        cells: list[str] = []
        for engine in engines:
            each = data["engines"][engine]["properties"][name]
            if prop["kind"] == "always":
                cells.append("held" if each["held"] else f"broken by {each['broken_after']:,}")
            else:
                cells.append(f"seen in {each['seen_after']:,}" if each["held"] else "never seen")
        rows.append([f"{prop['kind']}: {prop['sentence']}", *cells])
    return Table(["", *names], rows, words=True)


def _findings(data: Data, title_of: Callable[[str], str], tokens: bool) -> Iterator[Block]:
    for name, each in data["engines"].items():
        if not each["findings"]:
            continue
        yield Heading(f"{title_of(name)}: findings")
        for number, (finding, others) in enumerate(alike(each["findings"]), start=1):
            yield Paragraph(f"{number}. {_headline(finding, others)}: {finding['cause']}.")
            yield Command(finding["reproduce"])
            recovery = "longest delay" if finding["property"] != "duplicate" else "longest recovery"
            yield from _tried(finding["remedies"], recovery, _again(data, name))
            if finding["smallest"]:
                yield Paragraph("The smallest scenario that shows it:")
                yield Code(finding["smallest"])
            if tokens:
                yield Command(f"durascope replay {finding['token']}")
        if each["together"] is not None:
            yield Paragraph("What helped against each finding, all at once:")
            yield from _tried([each["together"]], "longest delay", _again(data, name))


def _headline(finding: Data, others: Sequence[Data]) -> str:
    steps = [str(each["step"]) for each in others]
    named = steps if len(steps) <= _NAMED else [*steps[: _NAMED - 1], f"{len(steps) - _NAMED + 1} more steps"]
    listed = " and ".join([", ".join(named[:-1]), named[-1]] if named[1:] else named)
    times = f" (found with {finding['count']:,} disturbances)" if finding["count"] > 1 and not others else ""
    said = finding["sentence"]
    if finding["step"] is None or not said.startswith(finding["step"]):
        said = said[0].upper() + said[1:]
    return f"{said}{f', and so can {listed}' if steps else ''}{times}"


def alike(findings: Sequence[Data]) -> list[tuple[Data, list[Data]]]:
    """Steps that can happen again for the same reason are one finding; its example is the first of them."""
    groups: list[tuple[Data, list[Data]]] = []
    for finding in findings:
        kind = _kind(finding)
        known = next((others for first, others in groups if kind is not None and _kind(first) == kind), None)
        if known is None:
            groups.append((finding, []))
        else:
            known.append(finding)
    return groups


def _kind(finding: Data) -> tuple[Any, ...] | None:
    if finding["property"] != "duplicate":
        return None
    told = [
        (each["what"], each["target"], each["moment"], each["step"] == finding["step"], each["down_ms"])
        for each in finding["disturbances"]
    ]
    return (finding["sentence"].replace(finding["step"], ""), *told)


def _confirmed(data: Data, title_of: Callable[[str], str]) -> Iterator[Block]:
    """What the real engines did at the points that were taken to them."""
    points = data.get("confirmed", [])
    if not points:
        return
    right = sum(each["verdict"] == "confirmed" for each in points)
    yield Heading("On the real engines")
    yield Paragraph(f"{right} of {len(points)} points confirmed: the engine recorded what was predicted, line by line.")
    rows = [[title_of(each["engine"]), _struck(each), each["what"], _verdict(each)] for each in points]
    yield Table(["engine", "what broke", "finding", "verdict"], rows, words=True)


def _struck(point: Data) -> str:
    told = [
        f"{d['target']} {d['what']} {d['moment']} {d['step']}, {spell(d['down_ms'] * _MS)}"
        for d in point["disturbances"]
    ]
    return "; ".join(told)


def _verdict(point: Data) -> str:
    racy = " (as another way that the model can go)" if point["racy"] else ""
    return f"{point['verdict']}{racy}" + (f": {point['difference']}" if point["difference"] else "")


def _tried(remedies: Sequence[Data], run: str, explore: str) -> Iterator[Block]:
    """A row a remedy, the first without any; under it the lines that explore again with those that help.

    `run`: whose recovery or delay it is.
    """
    if not remedies:
        return
    prices = any(usd is not None for remedy in remedies for usd in remedy["usd"])
    head = ["tried", "", "", run, *(["its calls"] if prices else []), "undisturbed"]
    rows = [["as it is", "", *_side(remedies[0], 0, prices)]]
    rows += [[remedy["title"], _verdict_of(remedy), *_side(remedy, 1, prices)] for remedy in remedies]
    yield Table(head, rows)
    for remedy in remedies:
        if remedy["helped"] and not remedy["loses"]:
            settings = [shlex.join(("--set", setting)) for setting in remedy["settings"]]
            if len(settings) <= _ON_A_LINE:
                yield Command(" ".join([explore, *settings]))
            else:
                yield Code(" \\\n  ".join([explore, *settings]), "console")


def _verdict_of(remedy: Data) -> str:
    if not remedy["helped"]:
        return "does not help"
    return "helps: at most once" if remedy["loses"] else "helps"


def _side(remedy: Data, side: int, prices: bool) -> list[str]:
    """The figures before (0) or after (1): the finding's own, recovery, cost, time undisturbed."""
    recovery, usd = remedy["recovery_ms"][side], remedy["usd"][side]
    return [
        remedy[("before", "after")[side]],
        "–" if recovery is None else spell(recovery * _MS),
        *([f"${usd:g}" if usd is not None else "–"] if prices else []),
        spell(remedy["latency_ms"][side] * _MS),
    ]


def _again(data: Data, engine: str) -> str:
    """The command that explores this on one engine."""
    return f"durascope explore {data['called']} -e {engine} --moments"
