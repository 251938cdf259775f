"""Reads packed traces as docs/player.md says, and pages as a browser would."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64decode
from html.parser import HTMLParser
from typing import Any

from durascope.models.trace import Event, Kind
from durascope.player.page import Bundle

SMALL = Bundle("document.title = 'played'", "body{margin:0}")
"""A small script in place of the player's: these tests are of what surrounds it."""

FIELDS = ("lane", "kind", "workflow", "run", "step", "attempt", "detail")


def events(pack: dict[str, Any], number: int) -> list[Event]:
    """The events of a trace."""
    trace = pack["traces"][number]
    found = [] if trace["base"] is None else events(pack, trace["base"])[: trace["keep"]]
    part = {name: column[trace["part"]] for name, column in pack["parts"].items()}
    for token, after, cause in zip(part["token"], part["after_us"], part["cause"], strict=True):
        at = (found[-1].at if found else 0) + after
        lane, kind, workflow, run, step, attempt, detail = (pack["tokens"][name][token] for name in FIELDS)
        if kind == "timer-set" and isinstance(detail, int):
            detail += at
        caused = len(found) - cause if cause else None
        found.append(Event(at, lane, Kind(kind), workflow, run, step, attempt, caused, detail))
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
    return b64decode(next(text for each, text in scripts(page) if each.get("id") == "durascope-data"))


def document(page: str) -> dict[str, Any]:
    return json.loads(gzip.decompress(packed(page)))


def policy(page: str) -> str:
    found = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)
    assert found is not None
    return found[1]
