"""The source of a sequence, for Mermaid and for D2: the same lanes and the same lines as in the picture."""

from __future__ import annotations

from collections.abc import Iterator

from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.render.conversation import Conversation, Item
from durascope.render.folding import FoldedConversation

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


def mermaid(talk: Conversation, folded: FoldedConversation, scenario: Scenario, title: str) -> str:
    """A `sequenceDiagram`."""
    ids = _names(talk, folded)
    lines = [f"---\ntitle: {_quoted(title)}\n---", "sequenceDiagram"]
    for identifier, name, role in _lanes(talk, folded, scenario):
        lines.append(f"    {_SYMBOLS.get(role, 'participant')} {identifier} as {_plain(name)}")
    for item in folded.items:
        lines += (f"    {line}" for line in _mermaid_item(item, ids))
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
        yield f"Note right of {ids[item.lane]}: {_plain(f'{item.text} ({at})')}"


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


def d2(talk: Conversation, folded: FoldedConversation, scenario: Scenario, title: str) -> str:
    """A D2 sequence diagram."""
    ids = _names(talk, folded)
    lines = [
        f"title: {_quoted(title)} {{shape: text; near: top-center}}",
        'sequence: "" {',
        "  shape: sequence_diagram",
    ]
    for identifier, name, role in _lanes(talk, folded, scenario):
        shape = " {shape: person}" if role == "client" else ""
        lines.append(f"  {identifier}: {_quoted(name)}{shape}")
    for item in folded.items:
        lines += (f"  {line}" for line in _d2_item(item, ids))
    return "\n".join([*lines, "}"]) + "\n"


def _d2_item(item: Item, ids: dict[str, str]) -> Iterator[str]:
    if item.sort == "fold":
        first = next(iter(ids.values()))
        yield f"{first}.{_quoted(item.text)}"
    elif item.lane not in ids:
        return
    elif item.to is not None and item.to in ids:
        styles = ["style.stroke-dash: 4"] if item.sort == "return" else []
        styles += ["target-arrowhead: {shape: cross}", 'style.stroke: "#b42318"'] if item.fate else []
        tail = f" {{{'; '.join(styles)}}}" if styles else ""
        yield f"{ids[item.lane]} -> {ids[item.to]}: {_quoted(_words(item))}{tail}"
    elif item.to is None:
        yield f"{ids[item.lane]}.{_quoted(f'{item.text} ({spell(item.at)})')}"
