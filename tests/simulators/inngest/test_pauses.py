"""Pauses on their own: what waits for which event, and who consumes it (§9)."""

from __future__ import annotations

from typing import Any

from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.pauses import Pause, PauseStore
from durascope.simulators.kernel.runs import RunInfo


def pause(run: int, event: str = "paid", field: str | None = None, value: object = None) -> Pause:
    return Pause(RunInfo(f"run {run}", "order", run, None, {}, f"run {run}"), event, field, value, 0, 1_000)


def paid(**data: Any) -> Event:
    return Event("paid", data, 0, 1)


def test_an_event_finds_the_pauses_of_its_name() -> None:
    store, mine, other = PauseStore(), pause(1), pause(2, "shipped")
    store.add(mine)
    store.add(other)
    assert list(store.matching(paid())) == [mine]


def test_a_field_must_be_equal_in_the_event() -> None:
    store, seven, eight = PauseStore(), pause(1, field="order", value=7), pause(2, field="order", value=8)
    store.add(seven)
    store.add(eight)
    assert list(store.matching(paid(order=8))) == [eight]
    assert list(store.matching(paid())) == []


def test_a_pause_is_consumed_once() -> None:
    store, mine = PauseStore(), pause(1)
    store.add(mine)
    assert store.remove(mine)
    assert not store.remove(mine)
    assert list(store.matching(paid())) == []


def test_an_invocation_is_found_by_its_correlation_and_by_no_event() -> None:
    store, invoking = PauseStore(), pause(1)
    invoking.correlation = "run 1.ship"
    store.add(invoking)
    assert store.invoking("run 1.ship") is invoking
    assert list(store.matching(paid())) == []


def test_what_a_run_waits_for_goes_with_it() -> None:
    store = PauseStore()
    for each in (pause(1), pause(1, field="order", value=7), pause(2)):
        store.add(each)
    store.remove_run("run 1")
    assert [each.run.name for each in store.matching(paid(order=7))] == ["run 2"]


def test_nobody_listens_any_more_when_the_last_pause_is_gone() -> None:
    store, mine = PauseStore(), pause(1)
    store.add(mine)
    assert store.listens("paid")
    store.remove(mine)
    assert not store.listens("paid")


def test_a_store_that_has_lost_its_memory_knows_nobody() -> None:
    store, mine = PauseStore(), pause(1)
    store.add(mine)
    store.flush()
    assert not store.listens("paid")
    assert not store.remove(mine)
