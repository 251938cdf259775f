"""The program module: a workflow's code as coroutines in asyncio's order, asked and fed by an SDK."""

from __future__ import annotations

from typing import Any

import pytest

from durascope.models.reading import parse_scenario
from durascope.models.scenario import Workflow
from durascope.models.steps import Call, Clear, Get, Patched, Run, Send, Set, Sleep, Start, WaitFor
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.program.endings import RunCancelled, WorkflowFailure
from durascope.simulators.program.interpreter import LOOP, Program
from durascope.simulators.program.loop import Coroutine, Future, Loop
from durascope.simulators.program.sdk import Sdk
from durascope.simulators.simulate import simulate


class Recording(Sdk):
    """An SDK that writes down what it is asked and is answered by the test."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.asked: list[str] = []
        self.open: dict[str, Future] = {}
        self.cancel_before: str | None = None

    def _ask(self, what: str) -> Coroutine:
        self.asked.append(what)
        future = self.open[what] = self.loop.future()
        try:
            return (yield future)
        finally:
            if future.cancelled:
                self.asked.append(f"cancel {what}")

    def answer(self, what: str, result: Any = None) -> None:
        self.open[what].resolve(result)
        self.loop.run()

    def fail(self, what: str) -> None:
        self.open[what].fail(WorkflowFailure("failed", step=what))
        self.loop.run()

    def run(self, step: Run, name: str, key: str) -> Coroutine:
        return self._ask(key)

    def sleep(self, step: Sleep, name: str, key: str) -> Coroutine:
        return self._ask(key)

    def wait_for(self, step: WaitFor, name: str, key: str) -> Coroutine:
        return self._ask(key)

    def call(self, step: Call, name: str, key: str) -> Coroutine:
        return self._ask(key)

    def start(self, step: Start, name: str, key: str) -> Coroutine:
        return self._ask(key)

    def send(self, step: Send, name: str, key: str) -> Coroutine:
        return self._ask(key)

    def state(self, step: Get | Set | Clear) -> Coroutine:
        return self._ask(step.kind)

    def patched(self, step: Patched) -> Coroutine:
        return self._ask(step.patched)

    def before_step(self, step: object) -> None:
        if isinstance(step, Run) and step.run == self.cancel_before:
            raise RunCancelled("asked to", returns=True)


def program(*steps: object, **workflow: object) -> tuple[Recording, Any]:
    sdk = Recording()
    run = RunInfo("run 1", "order", 1, None, {"amount": 5}, "run 1")
    code = Workflow.model_validate({"steps": list(steps), **workflow})
    task = sdk.loop.task(Program(code, run, sdk, compute_time=lambda _s, _k: 0).main())
    sdk.loop.run()
    return sdk, task


def test_steps_are_asked_for_one_after_the_other() -> None:
    sdk, task = program({"run": "a"}, {"run": "b"})
    assert sdk.asked == ["a"]
    sdk.answer("a")
    sdk.answer("b")
    assert (sdk.asked, task.done, task.exception) == (["a", "b"], True, None)


def test_parallel_branches_are_asked_for_in_program_order() -> None:
    sdk, task = program({"parallel": [{"run": "a"}, [{"run": "b"}, {"run": "c"}]]}, {"run": "d"})
    assert sdk.asked == ["a", "b"]
    sdk.answer("b")
    sdk.answer("a")
    assert sdk.asked == ["a", "b", "c"]
    sdk.answer("c")
    sdk.answer("d")
    assert task.done


def test_the_loser_of_a_race_notices_one_turn_after_the_winner_has_gone_on() -> None:
    sdk, _ = program({"race": [{"run": "a"}, {"sleep": "20s", "name": "nap"}]}, {"run": "b"})
    sdk.answer("a")
    assert sdk.asked == ["a", "nap", "b", "cancel nap"]


def test_a_failure_undoes_in_reverse_what_has_been_begun() -> None:
    sdk, task = program({"run": "a", "undo": "undo-a"}, {"run": "b", "undo": "undo-b"}, {"run": "c"})
    sdk.answer("a")
    sdk.fail("b")
    sdk.answer("undo-b")
    sdk.answer("undo-a")
    assert sdk.asked == ["a", "b", "undo-b", "undo-a"]
    assert isinstance(task.exception, WorkflowFailure)


def test_after_undo_complete_ends_the_run_as_completed() -> None:
    sdk, task = program({"run": "a", "undo": "undo-a"}, {"run": "b"}, after_undo="complete")
    sdk.answer("a")
    sdk.fail("b")
    sdk.answer("undo-a")
    assert (task.exception, task.result) == (None, "undone")


def test_a_wish_to_cancel_is_seen_before_the_next_step_and_undoes() -> None:
    sdk, task = program({"run": "a", "undo": "undo-a"}, {"run": "b"})
    sdk.cancel_before = "b"
    sdk.answer("a")
    sdk.answer("undo-a")
    assert (sdk.asked, task.result) == (["a", "undo-a"], "cancelled")


def test_a_choice_follows_results_and_input() -> None:
    choice = {"choose": [{"when": "in_stock and amount > 3", "do": [{"run": "yes"}]}, {"otherwise": [{"run": "no"}]}]}
    for in_stock, asked in ((True, "yes"), (False, "no")):
        sdk, _ = program({"run": "check"}, choice)
        sdk.answer("check", {"in_stock": in_stock})
        assert sdk.asked[-1] == asked


def test_each_use_of_a_name_has_a_key_of_its_own() -> None:
    sdk, _ = program({"repeat": 3, "do": [{"run": "work"}]})
    for key in ("work", "work:1", "work:2"):
        sdk.answer(key)
    assert sdk.asked == ["work", "work:1", "work:2"]


def test_a_loop_variable_fills_in_names() -> None:
    sdk, _ = program({"for_each": 3, "as": "n", "do": [{"run": "tool-{n}"}]})
    assert sdk.asked == ["tool-1", "tool-2", "tool-3"]


def test_for_each_begins_only_as_many_at_once_as_it_may() -> None:
    sdk, _ = program({"for_each": 3, "as": "n", "at_once": 2, "do": [{"run": "tool-{n}"}]})
    assert sdk.asked == ["tool-1", "tool-2"]
    sdk.answer("tool-2")
    assert sdk.asked == ["tool-1", "tool-2", "tool-3"]


def test_all_parallel_branches_are_awaited_before_the_first_failure_counts() -> None:
    sdk, task = program({"parallel": [{"run": "a"}, {"run": "b"}]})
    sdk.fail("a")
    assert not task.done
    sdk.answer("b")
    assert isinstance(task.exception, WorkflowFailure)


def test_finish_ends_the_run_early() -> None:
    sdk, task = program({"run": "a"}, {"finish": "early"}, {"run": "b"})
    sdk.answer("a")
    assert (task.result, sdk.asked) == ("early", ["a"])


@pytest.mark.parametrize("engine", ["temporal", "restate"])
def test_finish_in_the_handler_of_an_update_ends_that_handler(engine: str) -> None:
    """It has ended the simulation once."""
    scenario = parse_scenario("""
scenario: s
workflows:
  w:
    key: id
    input: {id: unique}
    steps: [{run: a, takes: 1s}]
    updates: {change: {steps: [{run: b, takes: 10ms}, {finish: early}, {run: c}]}}
workload: {of: w, events: [{update: change, to: 1, at: 300ms}]}
deployments: {restate: {service: {kind: object}}}
""")
    trace = simulate(scenario, engine)
    assert trace.effects == {"a": 1, "b": 1}


@pytest.mark.parametrize("engine", ["temporal", "restate", "inngest"])
def test_finish_after_a_failure_ends_only_what_is_done_about_it(engine: str) -> None:
    scenario = parse_scenario("""
scenario: s
workflows:
  w:
    steps: [{fail: no}]
    on_failure: [{run: tell, takes: 10ms}, {finish: told}, {run: more}]
workload: {of: w}
""")
    trace = simulate(scenario, engine)
    assert trace.effects == {"tell": 1}
    assert trace.status["run 1"] == "failed"


def test_busy_code_stops_everything_until_it_is_done() -> None:
    sdk = Recording()
    run = RunInfo("run 1", "order", 1, None, {}, "run 1")
    steps = [{"parallel": [[{"compute": "1s", "name": "think"}, {"run": "a"}], {"run": "b"}]}]
    code = Workflow.model_validate({"steps": steps})
    sdk.loop.task(Program(code, run, sdk, compute_time=lambda _s, _k: 1_000_000).main())
    block = sdk.loop.run()
    assert block is not None
    assert (block.us, sdk.asked) == (1_000_000, [])
    sdk.loop.unblock()
    assert sdk.loop.run() is None
    assert sdk.asked == ["a", "b"]


@pytest.mark.parametrize("resume_at", [0, LOOP + 2])
def test_a_continued_run_takes_up_its_loop_where_the_last_one_left_it(resume_at: int) -> None:
    sdk = Recording()
    run = RunInfo("run 1", "loop", 1, None, {}, "run 1")
    code = Workflow.model_validate(
        {
            "steps": [
                {"run": "before"},
                {"repeat": 3, "as": "n", "do": [{"run": "work-{n}"}], "continue_as_new_every": 2},
            ]
        }
    )
    sdk.loop.task(Program(code, run, sdk, compute_time=lambda _s, _k: 0, resume_at=resume_at).main())
    sdk.loop.run()
    assert sdk.asked == (["before"] if not resume_at else ["work-3"])
