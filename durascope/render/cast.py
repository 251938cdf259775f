"""The cast of a conversation: at most eight life lines, by merging those that are not part of the story.

It merges the processes of a pool to which nothing happens, then the engine's parts, then the services that only do what
they are asked, and if that is not enough, those of the story, too. Messages inside a merged life line are not drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from durascope.models.engine import title_of
from durascope.models.scenario import Scenario
from durascope.render import measure
from durascope.render.conversation import Conversation, Item, Role, pool_of
from durascope.render.theme import BODY

MOST: Final = 8
"""How many life lines can be told apart at the width of a README."""
_BESIDE: Final = 28.0
"""The space that a head needs beside its text: its frame, and the gap to the next head."""
ENGINE: Final = "the engine"
OTHER_SERVICES: Final = "other services"


def cast(talk: Conversation, scenario: Scenario, engine: str, *, room: float) -> tuple[Conversation, list[str]]:
    """The conversation with life lines whose heads find room beside each other, and a note for each that stands for
    several."""
    titles: dict[str, str] = {}
    members: dict[str, list[str]] = {}
    for merged, title, lanes in (*_merges(talk, engine, _story(talk)), *_merges(talk, engine, frozenset())):
        spoken = _spoken(talk)
        heads = [measure.width(talk.title_of(lane, scenario), BODY, bold=True) + _BESIDE for lane in spoken]
        if len(spoken) <= MOST and sum(heads) <= room:
            break
        named = [talk.title_of(lane, scenario) for lane in lanes if lane in spoken]
        if len(named) > 1:
            talk = _merged(talk, merged, title, frozenset(lanes))
            titles[merged] = title
            members.setdefault(merged, []).extend(named)
    return talk, [f"{title}: {', '.join(members[merged])}" for merged, title in titles.items()]


def _spoken(talk: Conversation) -> list[str]:
    said = {name for item in talk.items for name in (item.lane, item.to)}
    return [name for name, _ in talk.lanes if name in said]


def _story(talk: Conversation) -> frozenset[str]:
    """Who breaks, is not reached, tries again or does something again."""
    return frozenset(name for item in talk.items if item.eventful for name in (item.lane, item.to) if name is not None)


def _merges(talk: Conversation, engine: str, story: frozenset[str]) -> Iterator[tuple[str, str, Sequence[str]]]:
    """What may be merged, the least missed first: (its name, its title, the life lines)."""
    pools: dict[str, list[str]] = {}
    for name, role in talk.lanes:
        if role == "app" and name not in story:
            pools.setdefault(pool_of(name), []).append(name)
    for pool, lanes in pools.items():
        yield f"{pool} (others)", f"other {pool}s" if _struck(pool, story) else f"{pool}s", lanes
    yield ENGINE, title_of(engine), [name for name, role in talk.lanes if role == "part"]
    yield (
        OTHER_SERVICES,
        OTHER_SERVICES if story else "services",
        [n for n, role in talk.lanes if role == "service" and n not in story],
    )


def _struck(pool: str, story: frozenset[str]) -> bool:
    return any(name.startswith(pool) for name in story)


def _merged(talk: Conversation, name: str, title: str, lanes: frozenset[str]) -> Conversation:
    lanes_and_roles: dict[str, Role] = {}
    for lane, role in talk.lanes:
        lanes_and_roles.setdefault(name if lane in lanes else lane, role)
    items = [_renamed(item, name, lanes) for item in talk.items]
    return replace(
        talk,
        lanes=tuple(lanes_and_roles.items()),
        items=tuple(_once([item for item in items if item.lane != item.to])),
        spans=tuple(replace(span, lane=name) if span.lane in lanes else span for span in talk.spans),
        titles={**talk.titles, name: title},
    )


def _renamed(item: Item, name: str, lanes: frozenset[str]) -> Item:
    speaker = name if item.lane in lanes else item.lane
    return replace(item, lane=speaker, to=name if item.to in lanes else item.to)


def _once(items: Sequence[Item]) -> Iterator[Item]:
    """Parts that die together die once."""
    told: set[tuple[str, str, int]] = set()
    for item in items:
        key = (item.sort, item.lane, item.at)
        if item.sort not in ("crash", "restart") or key not in told:
            told.add(key)
            yield item
