"""Every engine's states: a table says which event leads where, and any other event is an error that names both."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from itertools import product
from typing import Any

import pytest

from durascope.models.scenario import Scenario
from durascope.simulators.database.rows import FOLLOWS, Row, Status
from durascope.simulators.inngest import items, stores
from durascope.simulators.kernel.network import Network
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.states import UnexpectedEvent, after
from durascope.simulators.kernel.world import World
from durascope.simulators.queue import engine as queue
from durascope.simulators.restate import session, store
from durascope.simulators.temporal import mutable_state

TABLES: list[tuple[type[StrEnum], Mapping[Any, Any]]] = [
    (mutable_state.ActivityStatus, mutable_state.NEXT),
    (items.State, items.NEXT),
    (stores.Status, stores.ENDS),
    (session.State, session.NEXT),
    (store.Status, store.NEXT),
    (queue.Status, queue.ENDS),
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
    with pytest.raises(UnexpectedEvent, match=f"^it is {state}: no transition for {event}$"):
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
    with pytest.raises(UnexpectedEvent, match=f"^run 1 is {status}: no transition for {becomes}$"):
        row.become(becomes)


def test_a_run_that_inngest_shows_as_ended_does_not_end_again() -> None:
    history = stores.History(World(0, full=True), "history", keeps_spans=False)
    assert history.ended("run 1", "completion") is stores.Status.COMPLETED
    with pytest.raises(UnexpectedEvent, match=r"^run 1 is completed: no transition for cancellation$"):
        history.ended("run 1", "cancellation")


def test_a_job_that_has_ended_does_not_end_again() -> None:
    world = World(0, full=True)
    run, jobs = RunInfo("run 1", "order", 1, None, {}, "run 1"), queue.BrokerStore({}, {}, {})
    scenario = Scenario.model_validate({"scenario": "s", "workflows": {"order": {"steps": [{"run": "a"}]}}})
    broker = queue.Broker(world, Network(world), jobs, scenario)
    broker.publish(run)
    message = jobs.messages["run 1"]
    broker.done(message, "acknowledgement")
    broker.done(message, "rejection")
    assert jobs.status == {"run 1": queue.Status.COMPLETED}, "the second answer found no message"
    jobs.messages["run 1"] = message
    with pytest.raises(UnexpectedEvent, match=r"^run 1 is completed: no transition for rejection$"):
        broker.done(message, "rejection")
