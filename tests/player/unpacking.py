"""Reads packed traces as docs/player.md says, and pages as a browser would."""

from __future__ import annotations

import gzip
import json
import re
from base64 import a85decode
from html.parser import HTMLParser
from typing import Any

from durascope.models.trace import Event, Kind
from durascope.player.page import Bundle

SMALL = Bundle("document.title = 'played'", "body{margin:0}")
"""A small script in place of the player's: these tests are of what surrounds it."""

FIELDS = ("lane", "kind", "workflow", "run", "step", "attempt", "detail")


def in_a_row(pack: dict[str, Any]) -> list[int]:
    """Of all traces' events, each one's row in the table of events."""
    copies, found = pack["copies"], list[int]()
    fresh = iter(copies["fresh"])
    for new, same, back in zip(copies["new"], copies["same"], copies["back"], strict=True):
        found += [next(fresh) for _ in range(new)]
        assert same <= back
        found += found[len(found) - back : len(found) - back + same]
    return found


def tokens(pack: dict[str, Any], number: int) -> list[tuple[int, int, int | None]]:
    """The token, the time and the cause of each event of a trace."""
    begun = sum(pack["traces"]["length"][:number])
    found: list[tuple[int, int, int | None]] = []
    for row in in_a_row(pack)[begun : begun + pack["traces"]["length"][number]]:
        token, of, between, after = (pack["events"][name][row] for name in ("token", "cause", "between", "after_us"))
        cause = None if of < 0 else [n for n, (each, _, _) in enumerate(found) if each == of][-1 - between]
        since = found[-1 if cause is None else cause][1] if found else 0
        found.append((token, since + after, cause))
    return found


def events(pack: dict[str, Any], number: int) -> list[Event]:
    """The events of a trace."""
    found: list[Event] = []
    for token, at, cause in tokens(pack, number):
        lane, kind, workflow, run, step, attempt, detail = (pack["tokens"][name][token] for name in FIELDS)
        if kind == "timer-set" and isinstance(detail, int):
            detail += at
        found.append(Event(at, lane, Kind(kind), workflow, run, step, attempt, cause, detail))
    return found


def ledger(pack: dict[str, Any], number: int) -> list[tuple[int, dict[str, Any]]]:
    """The entries of the services' ledgers, each with its event."""
    effects = rows(pack["effects"])
    of_token = pack["tokens"]["effect"]
    found = [(n, effects[of_token[t]]) for n, (t, _, _) in enumerate(tokens(pack, number)) if of_token[t] is not None]
    return found + [(-1, effects[row]) for row in pack["traces"]["loose"][number]]


def runs(pack: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """How the runs of a trace ended, with `ended_us`."""
    told = tokens(pack, number)
    end = (told[-1][1] if told else 0) + pack["traces"]["quiet_us"][number]
    found = [rows(pack["runs"])[row] for row in pack["traces"]["runs"][number]]
    return [{**run, "ended_us": None if (b := run["before_end_us"]) is None else end - b} for run in found]


def forks(document: dict[str, Any], engine: str) -> list[dict[str, Any]]:
    """The forks of an engine, each with all that its kind has."""
    found: list[dict[str, Any]] = []
    first = trace = 0
    for row in rows(document["forks"][engine]):
        first, trace = first + row["from"], trace + row["trace"]
        kind, last = document["fork_kinds"][row["kind"]], first + row["more"]
        phrase = kind["phrase"].replace("{}", str(last))
        found.append({**kind, "phrase": phrase, "from": first, "to": last, "trace": trace})
    return found


def rows(table: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


class _Scripts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[dict[str, str | None], str]] = []
        self._open: dict[str, str | None] | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self._open, self._text = dict(attrs), ""

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "script" and self._open is not None:
            self.elements.append((self._open, self._text))
            self._open = None


def scripts(page: str) -> list[tuple[dict[str, str | None], str]]:
    """Every script element of a page: attributes and text."""
    parser = _Scripts()
    parser.feed(page)
    return parser.elements


def about(page: str) -> dict[str, Any]:
    return json.loads(next(text for each, text in scripts(page) if each.get("id") == "durascope-meta"))


def packed(page: str) -> bytes:
    return bytes_of(next(text for each, text in scripts(page) if each.get("id") == "durascope-data"))


def bytes_of(text: str) -> bytes:
    """Of what is packed in letters."""
    return a85decode(text.replace("v", "<"))


def document(page: str) -> dict[str, Any]:
    return json.loads(gzip.decompress(packed(page)))


def policy(page: str) -> str:
    found = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)
    assert found is not None
    return found[1]
