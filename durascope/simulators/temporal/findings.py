"""What is read off at the end: each run's record and status, what the cases compare, and what it all costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from durascope.models.scenario import Scenario
from durascope.models.trace import Unconsumed
from durascope.simulators.engine import Findings
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.temporal.billing import actions_beside, actions_of
from durascope.simulators.temporal.constants import event_bytes
from durascope.simulators.temporal.events import (
    ActivityTaskScheduled,
    ActivityTaskTimedOut,
    MarkerRecorded,
    StartChildWorkflowExecutionInitiated,
    TimerStarted,
    WorkflowExecutionSignaled,
    WorkflowExecutionUpdateAccepted,
    WorkflowTaskFailed,
    WorkflowTaskScheduled,
    WorkflowTaskTimedOut,
)
from durascope.simulators.temporal.history import HistoryEvent
from durascope.simulators.temporal.history_export import histories
from durascope.simulators.temporal.lines import line
from durascope.simulators.temporal.mutable_state import MutableState
from durascope.simulators.temporal.shard import HistoryStore
from durascope.simulators.temporal.standstill import unconsumed, unended
from durascope.simulators.temporal.task_queues import sdks


class Accounts:
    """Counts what closes and keeps what is asked for; no part of Temporal looks at it."""

    def __init__(self, world: World, scenario: Scenario, store: HistoryStore, *, records: bool) -> None:
        """`records`: whether the runs' records are wanted."""
        self.world = world
        self.scenario = scenario
        self.store = store
        self.records = records
        self.counters: Counter[str] = Counter()
        self._kinds: Counter[type[HistoryEvent]] = Counter()
        """All events by kind."""
        self._sizes = _Sizes(event_bytes())
        self.states: list[MutableState] = []
        self._starts: Counter[str] = Counter()
        self._no_runs: dict[str, str] = {}
        self._answers: dict[str, list[str]] = {}
        self._replayed: dict[str, dict[str, int]] = {}
        self._notes: dict[str, None] = {}

    # ---- told while it happens -----------------------------------------------------------------------------

    def start(self, run: RunInfo, answer: str) -> None:
        self._starts[answer] += 1
        if answer != "started":
            self._no_runs[run.name] = answer

    def answer(self, name: str, answer: str) -> None:
        self._answers.setdefault(name, []).append(answer)

    def replayed(self, process: str, step: str) -> None:
        steps = self._replayed.setdefault(process, {})
        steps[step] = steps.get(step, 0) + 1
        self.counters["replayed_steps"] += 1

    def note(self, note: str) -> None:
        self._notes[note] = None

    def closed(self, state: MutableState) -> None:
        self._count(state)
        if self.records:
            self.states.append(state)

    def _count(self, state: MutableState) -> None:
        counters, history = self.counters, state.history
        kinds = list(map(type, history.events[state.copied :] if state.copied else history.events))
        self._kinds.update(kinds)
        size, events = history.payload_bytes + sum(map(self._sizes.__getitem__, kinds)), len(kinds)
        counters["executions"] += 1
        counters["billable_actions"] += actions_beside(state) + (state.copied > 0)  # the reset itself
        counters["history_events"] += events
        counters["history_bytes"] += size
        if events > counters["largest_history_events"]:
            counters["largest_history_events"] = events
        if size > counters["largest_history_bytes"]:
            counters["largest_history_bytes"] = size
        if state.payload_warnings or state.continue_as_new_suggested or state.warned:
            counters["history_limit_warnings"] += state.warned
            counters["payload_limit_warnings"] += state.payload_warnings
            counters["continue_as_new_suggested"] += state.continue_as_new_suggested
        if state.retries or state.heartbeats or state.queries:
            counters["activity_retries"] += state.retries
            counters["heartbeats"] += state.heartbeats
            counters["queries"] += state.queries

    # ---- read at the end -----------------------------------------------------------------------------------

    def findings(self) -> Findings:
        open_runs = [state for state in self.store.runs.values() if state.open]
        for state in open_runs:
            self._count(state)
        counters = self.counters.copy()
        counters["billable_actions"] += actions_of(self._kinds)
        for kind, name in _COUNTED.items():
            counters[name] += self._kinds[kind]
        found = Findings(counters={name: count for name, count in counters.items() if count or name in self.counters})
        states = sorted([*self.states, *(open_runs if self.records else ())], key=lambda state: state.run_id)
        anew = self._numbered_anew(states)
        found.recorded_as.update(anew)
        begun = self.world.recorder.runs
        found.no_runs.update({name: answer for name, answer in self._no_runs.items() if name not in begun})
        names = self._names(states, anew)
        lasts: dict[str, int] = {}
        taken: list[Unconsumed] = []
        for state in states:
            name = names[state.run_id]
            found.records[name] = [line(event) for event in state.history.events]
            found.status[name] = state.status.value
            if state.open:
                found.unended.append(unended(state, name))
            taken += unconsumed(state, name, self.scenario.workflows)
            began = state.history.events[0].at  # a run that another was reset to has that one's beginning
            lasts[name] = (state.closed_at or self.world.now) - began
        for name, run in self.world.recorder.runs.items():
            if self.records and "." not in name and name not in found.status and run.workflow in self._entities():
                found.status[name] = run.status
        found.facts.update(
            starts=dict(self._starts),
            answers={name: _summed(answers) for name, answers in self._answers.items()},
            replayed=self._replayed,
            lasts=lasts,
            histories=histories(states, names, sdks(self.scenario.deployments.temporal)),
        )
        if self.records:
            found.unconsumed = taken
        found.notes.extend(self._notes)
        return found

    def _entities(self) -> set[str]:
        return {name for name, workflow in self.scenario.workflows.items() if workflow.one_at_a_time}

    def _numbered_anew(self, states: list[MutableState]) -> dict[str, str]:
        """Where starts were refused or attached, or one made two runs: runs are numbered as they came to be."""
        renamed: dict[str, str] = {}
        if self._starts["refused"] or self._starts["attached"] or any(_is_again(state.run) for state in states):
            for state in states:
                if state.run.name.split(" again")[0] == f"run {state.run.number}":
                    renamed.setdefault(state.run.name, f"run {len(renamed) + 1}")
        return {old: new for old, new in renamed.items() if old != new}

    def _names(self, states: list[MutableState], renamed: Mapping[str, str]) -> dict[int, str]:
        """Names of executions: `run 1`, or `run 1.1`, `run 1.2` where a run went on as another."""
        chained = {state.run.name for state in states if state.options.execution > 1}
        names: dict[int, str] = {}
        for state in states:
            head, slash, child = state.run.name.partition("/")
            started, dot, execution = head.partition(".")
            shown = f"{renamed.get(started, started)}{dot}{execution}{slash}{child}"
            names[state.run_id] = f"{shown}.{state.options.execution}" if state.run.name in chained else shown
        return names


def _is_again(run: RunInfo) -> bool:
    """Whether it is what a repeated start request has started another time."""
    return run.name.endswith(" again")


class _Sizes(dict[type[HistoryEvent], int]):
    """Bytes by kind of event."""

    def __init__(self, by_name: Mapping[str, int]) -> None:
        super().__init__()
        self._by_name = by_name

    def __missing__(self, kind: type[HistoryEvent]) -> int:
        size = self[kind] = self._by_name.get(kind.kind, self._by_name["other"])
        return size


_COUNTED: Final[dict[type[HistoryEvent], str]] = {
    WorkflowTaskScheduled: "workflow_tasks",
    WorkflowTaskTimedOut: "workflow_task_timeouts",
    WorkflowTaskFailed: "workflow_task_failures",
    ActivityTaskScheduled: "activities",
    ActivityTaskTimedOut: "activity_timeouts",
    TimerStarted: "timers",
    WorkflowExecutionSignaled: "signals",
    WorkflowExecutionUpdateAccepted: "updates",
    StartChildWorkflowExecutionInitiated: "child_workflows",
    MarkerRecorded: "markers",
}


def _summed(answers: list[str]) -> str:
    if len(answers) == 1:
        return answers[0]
    return ", ".join(f"{count} {answer}" for answer, count in Counter(answers).items())
