"""The source of a sequence, for Mermaid and for D2: the same lanes and the same lines as in the picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.models.trace import Kind
from durascope.render.conversation import Conversation, Item
from durascope.render.folding import FoldedConversation
from durascope.render.sequence_sheet import silences
from durascope.render.silence import Silences
from durascope.render.timescale import break_words

_SYMBOLS = {"client": "actor"}
_ENTITIES = str.maketrans({"#": "#35;", ";": "#59;", "\n": " "})


def _lanes(talk: Conversation, folded: FoldedConversation, scenario: Scenario) -> list[tuple[str, str, str]]:
    """(identifier, title, role) of each lane that says something."""
    used = {name for item in folded.items if item.sort != "fold" for name in (item.lane, item.to)}
    lanes = [(name, role) for name, role in talk.lanes if name in used]
    found: list[tuple[str, str, str]] = []
    for number, (name, role) in enumerate(lanes):
        found.append((f"p{number}", talk.title_of(name, scenario), role))
    return found


def _names(talk: Conversation, folded: FoldedConversation) -> dict[str, str]:
    used = {name for item in folded.items if item.sort != "fold" for name in (item.lane, item.to)}
    return {name: f"p{number}" for number, name in enumerate(name for name, _ in talk.lanes if name in used)}


# ---- Mermaid -------------------------------------------------------------------------------------------------


_THEME: Final = """\
config:
  theme: base
  themeVariables:
    noteBkgColor: "#f6f7f9"
    noteBorderColor: "#8b95a5"
    noteTextColor: "#1a202c"
    actorBkg: "#ffffff"
    actorBorder: "#4a5568"
    actorLineColor: "#8b95a5"
    signalColor: "#1a202c"
  sequence: {width: 190, noteMargin: 12}"""
_DOWN: Final = "rect rgb(253, 227, 224)"
"""The ground of what happens while something is dead or does not answer."""


def mermaid(talk: Conversation, folded: FoldedConversation, scenario: Scenario, title: str, reasons: Silences) -> str:
    """A `sequenceDiagram`; what is down is red, and silences say what is waited for."""
    ids = _names(talk, folded)
    lines = [f"---\ntitle: {_quoted(title)}\n{_THEME}\n---", "sequenceDiagram"]
    for identifier, name, role in _lanes(talk, folded, scenario):
        lines.append(f"    {_SYMBOLS.get(role, 'participant')} {identifier} as {_plain(name)}")
    down: set[str] = set()
    for item, silence in silences(folded.items, folded.quiet):
        if silence and ids:
            why = reasons.of(item.at - silence, item.at).words
            lines.append(f"    Note over {_all(ids)}: {_plain(f'{break_words(silence)} {why}')}")
        if item.lane in ids and _breaks(item):
            lines += [] if down else [f"    {_DOWN}"]
            down.add(item.lane)
        lines += (f"    {line}" for line in _mermaid_item(item, ids))
        if item.lane in down and _is_back(item):
            down.discard(item.lane)
            lines += [] if down else ["    end"]
    lines += ["    end"] if down else []
    lines += (f"    Note over {_all(ids)}: Folded: {_plain(note)}" for note in folded.notes if ids)
    return "\n".join(lines) + "\n"


def _mermaid_item(item: Item, ids: dict[str, str]) -> Iterator[str]:
    at = spell(item.at)
    if item.sort == "fold":
        yield f"Note over {_all(ids)}: {_plain(item.text)}"
    elif item.lane not in ids:
        return
    elif item.to is not None and item.to in ids:
        arrow = {"return": "--"}.get(item.sort, "-") + ("x" if item.fate else ">>")
        yield f"{ids[item.lane]}{arrow}{ids[item.to]}: {_plain(_words(item))}"
    elif item.to is None:
        mark = {"crash": "✗ ", "restart": "▶ "}.get(item.sort, "")
        yield f"Note right of {ids[item.lane]}: {_plain(f'{mark}{item.text} ({at})')}"


def _breaks(item: Item) -> bool:
    return item.sort == "crash" or item.kind in (Kind.HUNG, Kind.OUTAGE_STARTED)


def _is_back(item: Item) -> bool:
    return item.sort == "restart" or item.kind in (Kind.RESUMED, Kind.OUTAGE_ENDED)


def _words(item: Item) -> str:
    effect = {"effect": " ◆ effect", "again": " ◆ the same effect again", "known": " ◇ key known: no effect"}.get(
        item.effect, ""
    )
    return f"{item.text}{f' ({item.fate})' if item.fate else ''}{effect}"


def _all(ids: dict[str, str]) -> str:
    places = list(ids.values())
    return f"{places[0]},{places[-1]}" if len(places) > 1 else places[0]


def _plain(text: str) -> str:
    """Without what has a meaning in Mermaid: `;` ends a line, `#` begins an entity."""
    return text.translate(_ENTITIES).strip() or "-"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# ---- D2 ------------------------------------------------------------------------------------------------------


_RED: Final = '{style.fill: "#fde3e0"; style.stroke: "#b42318"}'


def d2(talk: Conversation, folded: FoldedConversation, scenario: Scenario, title: str, reasons: Silences) -> str:
    """A D2 sequence diagram; what breaks is red, and silences say what is waited for."""
    ids = _names(talk, folded)
    lines = [
        f"title: {_quoted(title)} {{shape: text; near: top-center}}",
        'sequence: "" {',
        "  shape: sequence_diagram",
    ]
    for identifier, name, role in _lanes(talk, folded, scenario):
        shape = " {shape: person}" if role == "client" else ""
        lines.append(f"  {identifier}: {_quoted(name)}{shape}")
    for item, silence in silences(folded.items, folded.quiet):
        if silence and ids:
            since = item.at - silence
            why = reasons.of(since, item.at).words
            lines.append(
                f"  {next(iter(ids.values()))}.{_quoted(f'{break_words(silence)} {why} (from {spell(since)})')}"
            )
        lines += (f"  {line}" for line in _d2_item(item, ids))
    return "\n".join([*lines, "}"]) + "\n"


def _d2_item(item: Item, ids: dict[str, str]) -> Iterator[str]:
    if item.sort == "fold":
        first = next(iter(ids.values()))
        yield f"{first}.{_quoted(f'{item.text} ({spell(item.at)})')}"
    elif item.lane not in ids:
        return
    elif item.to is not None and item.to in ids:
        styles = ["style.stroke-dash: 4"] if item.sort == "return" else []
        styles += ["target-arrowhead: {shape: cross}", 'style.stroke: "#b42318"'] if item.fate else []
        tail = f" {{{'; '.join(styles)}}}" if styles else ""
        yield f"{ids[item.lane]} -> {ids[item.to]}: {_quoted(_words(item))}{tail}"
    elif item.to is None:
        red = f": {_RED}" if _breaks(item) or item.tone == "bad" else ""
        yield f"{ids[item.lane]}.{_quoted(f'{item.text} ({spell(item.at)})')}{red}"
