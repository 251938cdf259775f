"""Parts of the model on their own: the rate algorithm, cron expressions, bodies and their sizes."""

from __future__ import annotations

import json

import pytest

from durascope.models.cron import next_time
from durascope.models.flow import Flow
from durascope.models.units import SECOND
from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.flow import Gcra, priority
from durascope.simulators.inngest.functions import Function, Rules
from durascope.simulators.inngest.items import EDGE, Item
from durascope.simulators.inngest.protocol import STEP_PLANNED, STEP_RUN, Answer, Op, Request, done
from durascope.simulators.inngest.retries import backoff, retry_after
from durascope.simulators.inngest.state import RunState
from durascope.simulators.kernel.luck import Luck
from durascope.simulators.kernel.runs import RunInfo

MINUTE = 60_000_000
HOUR = 60 * MINUTE


def test_gcra_admits_its_burst_at_rest_and_then_one_per_emission() -> None:
    gcra = Gcra(limit=2, period=1_000, burst=2)
    assert [gcra.admit(0) for _ in range(4)] == [None, None, None, 500]
    assert gcra.admit(499) == 500
    assert gcra.admit(500) is None
    assert gcra.admit(500) == 1_000


def test_gcra_forgets_a_long_silence() -> None:
    gcra = Gcra(limit=1, period=1_000, burst=0)
    assert gcra.admit(0) is None
    assert gcra.admit(50_000) is None
    assert gcra.admit(50_000) == 51_000


@pytest.mark.parametrize(
    ("expression", "after", "comes"),
    [
        ("* * * * *", 0, MINUTE),
        ("*/15 * * * *", 0, 15 * MINUTE),
        ("0 8 * * *", 0, 8 * HOUR),
        ("0 8 * * *", 8 * HOUR, 32 * HOUR),
        ("30 9 * * 1-5", 0, (24 + 9) * HOUR + 30 * MINUTE),  # the first day is a Sunday
        ("0 0 * * sun", 0, 7 * 24 * HOUR),
        ("@hourly", 5, HOUR),
        ("0 0 1 * *", 0, 9 * 24 * HOUR),
        ("0 0 30 2 *", 0, None),
        ("nonsense", 0, None),
    ],
)
def test_a_schedule_comes_round(expression: str, after: int, comes: int | None) -> None:
    assert next_time(expression, after) == comes


def test_op_codes_of_a_kind_are_joined() -> None:
    ops = tuple(Op(STEP_PLANNED, name, name) for name in ("a", "b"))
    assert Answer(206, ops).text(0) == "-> 206 StepPlanned a, b"


def test_a_result_is_wrapped_and_hashed_as_it_travels() -> None:
    op = Op(STEP_RUN, "check-inventory", "check-inventory", done("check-inventory", {}, 36))
    assert op.hashed == "03e989b5c1a4a558648abda9476182c29d310212"
    assert op.memo is not None
    assert op.memo.size == len('{"data":') + 36 + 1


@pytest.mark.parametrize("data", [{}, {"id": "o-7"}, {"id": "o 7", "n": 70, "price": 9.5, "paid": True, "to": None}])
def test_an_event_is_as_big_as_its_json(data: dict[str, object]) -> None:
    sent = {"data": data, "id": "0" * 26, "name": "paid", "ts": 1_795_305_600_000, "user": {}}
    assert Event("paid", data, 0, 1).size() == len(json.dumps(sent, separators=(",", ":")))


@pytest.mark.parametrize(("asked", "given"), [(120, 120), (90_000, 43_200), (-90_000, -43_200)])
def test_a_priority_is_at_most_twelve_hours_either_way(asked: int, given: int) -> None:
    flow = Flow.model_validate({"priority": [{"when": "vip", "is": asked}, {"otherwise": 0}]})
    assert priority(flow.priority, {"vip": True}) == given
    assert priority(flow.priority, {"vip": False}) == 0


def test_a_bare_field_of_the_event_is_no_priority() -> None:
    assert priority(Flow.model_validate({"priority": "prio"}).priority, {"prio": 120}) == 0


@pytest.mark.parametrize(("asked", "given"), [(10_000, SECOND), (3 * SECOND, 3 * SECOND), (48 * HOUR, 24 * HOUR)])
def test_retry_after_lies_between_a_second_and_a_day(asked: int, given: int) -> None:
    assert retry_after(0, asked, whole_seconds=False) == given


def test_seconds_of_retry_after_count_from_the_second_that_is_running() -> None:
    assert retry_after(1_700_000, 3 * SECOND, whole_seconds=True) == 4 * SECOND


@pytest.mark.parametrize(("attempt", "least"), [(0, 15), (1, 30), (2, 60), (9, 7_200), (10, 7_200), (25, 7_200)])
def test_the_backoff_grows_to_two_hours_and_has_up_to_half_a_minute_on_top(attempt: int, least: int) -> None:
    items = [Item(EDGE, f"job {number}", 0, None, None) for number in range(20)]
    for item in items:
        item.attempt = attempt
    waits = [backoff(Luck(0), None, item) for item in items]
    assert all(least * SECOND <= wait < (least + 30) * SECOND for wait in waits)
    assert max(waits) - min(waits) > 10 * SECOND
    assert backoff(Luck(0), 3 * SECOND, items[0]) == 3 * SECOND


def test_the_first_result_of_a_step_is_kept() -> None:
    order = Function("order", "order", "function", "order", None, None, 5, Flow(), Rules.of(Flow()), (), None)
    state = RunState(RunInfo("run 1", "order", 1, None, {}, "run 1"), order, (), 0)
    first, second = done("a", {"n": 1}, 10), done("a", {"n": 2}, 10)
    assert state.save("a", first)
    assert not state.save("a", second)
    assert state.steps["a"] is first
    assert state.stack == ["a"]
    assert state.save("a", first)


def test_a_finished_step_leaves_what_its_group_waits_for() -> None:
    order = Function("order", "order", "function", "order", None, None, 5, Flow(), Rules.of(Flow()), (), None)
    state = RunState(RunInfo("run 1", "order", 1, None, {}, "run 1"), order, (), 0)
    state.pending = {"a": None, "b": None}
    state.save("b", done("b", {}, 10))
    assert list(state.pending) == ["a"]


def test_a_long_memo_is_shown_by_its_ends() -> None:
    names = [f"s{n}" for n in range(300)]
    steps = {name: done(name, {}, 2) for name in names}
    request = Request(None, "f", None, None, 0, 5, 1, "job", steps, tuple(names), 300, False, False, 0, 0)
    assert "s19, … 260 more …, s280" in request.line
    assert len(request.line) < 400
