"""Every engine's states: a table says which event leads where, and any other event is an error that names both."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from itertools import product
from typing import Any

import pytest

from durascope.simulators.database.rows import FOLLOWS, Row, Status
from durascope.simulators.inngest import items
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.states import UnexpectedEvent, after
from durascope.simulators.restate import session
from durascope.simulators.temporal import mutable_state

TABLES: list[tuple[type[StrEnum], Mapping[Any, Any]]] = [
    (mutable_state.ActivityStatus, mutable_state.NEXT),
    (items.State, items.NEXT),
    (session.State, session.NEXT),
]


def missing() -> list[tuple[Mapping[Any, Any], StrEnum, str]]:
    return [
        (table, state, event)
        for states, table in TABLES
        for state, event in product(states, sorted({event for _, event in table}))
        if (state, event) not in table
    ]


@pytest.mark.parametrize(("table", "state", "event"), missing())
def test_an_event_without_a_transition_is_an_error_that_names_it_and_the_state(
    table: Mapping[Any, Any], state: StrEnum, event: str
) -> None:
    with pytest.raises(UnexpectedEvent, match=f"^it is {state}: there is no {event} then$"):
        after(table, "it", state, event)


@pytest.mark.parametrize(("states", "table"), TABLES)
def test_every_state_but_the_first_is_led_to(states: type[StrEnum], table: Mapping[Any, Any]) -> None:
    assert set(states) - set(table.values()) <= {next(iter(states))}


@pytest.mark.parametrize(("status", "becomes"), list(product(Status, Status)))
def test_a_row_becomes_what_follows_its_status_and_nothing_else(status: Status, becomes: Status) -> None:
    row = Row(RunInfo("run 1", "order", 1, None, {}, "run 1"), None, status=status)
    if becomes in FOLLOWS.get(status, ()):
        row.become(becomes)
        assert row.status is becomes
        return
    with pytest.raises(UnexpectedEvent, match=f"^run 1 is {status}: there is no {becomes} then$"):
        row.become(becomes)
