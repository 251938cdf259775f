"""The workflows of a scenario: what the code of each run was, written once for all runs of the same code."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from durascope.importing.branches import waits
from durascope.importing.temporal.activities import retry_of
from durascope.importing.temporal.chains import Chain, retried, started_again
from durascope.importing.temporal.entities import is_entity, programs, requests
from durascope.importing.temporal.fitting import Fit
from durascope.importing.temporal.loops import folded, rounds
from durascope.importing.temporal.observing import REJECTED, Command, Observed, failure_of, span
from durascope.importing.temporal.program import Program, program
from durascope.importing.temporal.reading import Event
from durascope.importing.temporal.readings import Reading
from durascope.importing.temporal.recording import Recording
from durascope.importing.temporal.resets import resumed
from durascope.importing.temporal.steps import Written, longest, written
from durascope.importing.temporal.ways import WAY, WHY, one_of_ways, shape
from durascope.importing.writing import Noted, without_comments
from durascope.models.durations import format_duration


class Bodies:
    """The workflows so far."""

    def __init__(self, recording: Recording, fit: Fit, reading: Reading, lost: Collection[Command]) -> None:
        self.recording = recording
        self.reading = reading
        self.lost = lost
        """Activities whose first attempt was under way when its worker died."""
        self.fit = fit
        self.workflows: dict[str, dict[str, Any]] = {}
        self.notes: dict[str, None] = {}
        self.heard: dict[int, dict[str, None]] = {}
        """Signals that the recorded runs send to each other, by the receiver."""
        self.receivers: dict[str, str] = {}
        """Runs that are not among the recordings and took a signal: the workflow of each, by key."""
        self.ways: dict[Chain, list[int]] = {}
        """Which way each request to an entity went."""

    def of(self, chain: Chain) -> str:
        """The name of the workflow that the chain is a run of; it is written if it is a new one."""
        kind = named(chain.first.workflow)
        body = self._body(self.recording.latest(chain))
        names = [kind, *(f"{kind}-{number}" for number in range(2, 1000))]
        plain = without_comments(body)
        for name in names:
            known = self.workflows.get(name)
            if known is None:
                self.workflows[name] = body
                return name
            if without_comments(known) == plain or (chain.parent is not None and shape(known) == shape(plain)):
                return name  # of children that do the same, the first one's times: events tell a child by its type
        return names[-1]

    def roots(self) -> list[str]:
        """The workflows of the runs that were started from outside; each declares the signals that others send it."""
        started = [self.of(root) for root in self.recording.started]
        for number, names in self.heard.items():
            workflow = self.workflows[started[number]]
            waited = str(without_comments(workflow["steps"]))
            for name in names:
                if f"'wait_for': {name!r}" not in waited:
                    workflow.setdefault("signals", {}).setdefault(name, {"then": "ignore"})
        return started

    def named(self, kind: str) -> str:
        """The workflow of that type of which most runs are."""
        return named(kind)

    def _body(self, chain: Chain) -> dict[str, Any]:
        if is_entity(chain.first):
            return self._entity(chain)
        codes = [program(each, _cancelling(each)) for each in chain.code]
        each = [self._written(chain, one) for one in codes]
        last, code = chain.last, each[-1]
        base = self.recording.reset_from(chain)
        if base is not None:
            on, run = base
            ended = run.history.last.kind != "WorkflowExecutionTerminated" and run.closed
            before = self._written(on, program(run, _cancelling(run)))
            code.steps = resumed(before.steps, code.steps, ended=ended)
            code.updates = longest(before.updates, code.updates)
        first = chain.first.history.first
        body: dict[str, Any] = {}
        if started_again(chain):
            body |= {"key": "id", "id_conflict": "use-existing", "input": {"id": "unique"}}
        steps = folded(code.steps) if len(each) == 1 or retried(last) else rounds([one.steps for one in each])
        body["steps"] = [*steps, *_ending(last, codes[-1])]
        signals = _signals(chain, codes[-1])
        if signals:
            body["signals"] = signals
        updates = {**code.updates, **_rejected(chain)}
        if updates:
            body["updates"] = updates
        if code.on_failure:
            body["on_failure"] = code.on_failure
        if first.get("retryPolicy"):
            body["retry"] = retry_of(first["retryPolicy"]) or {"initial": "1s"}
        if span(first, "workflowRunTimeout"):
            body["run_timeout"] = format_duration(span(first, "workflowRunTimeout"))
        if code.undone and last.history.last.kind == "WorkflowExecutionCompleted" and codes[-1].cancelled is None:
            body["after_undo"] = "complete"
        return body

    def _entity(self, chain: Chain) -> dict[str, Any]:
        """What it does for a request; where that was not always the same, each request says which way it went."""
        asked = [each for execution in chain.executions for each in requests(execution)]
        codes = [code for execution in chain.executions for code in programs(execution)]
        each = [self._written(chain, code) for code in codes]
        taken = [(one.steps, ask.ended is None) for one, ask in zip(each, asked, strict=True)]
        steps, self.ways[chain] = one_of_ways(taken, apart=self.reading.apart)
        several = len(set(self.ways[chain])) > 1
        body: dict[str, Any] = {"key": "entity", "one_at_a_time": True}
        body["input"] = {"entity": "unique", **({WAY: 1} if several else {})}
        body["steps"] = Noted(steps, WHY) if several else steps
        waited = {wait.name for code in codes for wait in waits(code.steps)}
        signals: dict[str, Any] = {}
        for code in codes:
            for name, told in _signals(chain, code).items():
                if isinstance(told, Noted) or name not in {*signals, *waited}:
                    signals[name] = told
        if signals:
            body["signals"] = signals
        on_failure = max((one.on_failure for one in each), key=len)
        if on_failure:
            body["on_failure"] = on_failure
        if span(chain.first.history.first, "workflowRunTimeout"):
            body["run_timeout"] = format_duration(span(chain.first.history.first, "workflowRunTimeout"))
        return body

    def _written(self, chain: Chain, code: Program) -> Written:
        timeout = span(chain.first.history.first, "workflowRunTimeout")
        return written(
            code, replace(self.recording.defaults, run_timeout=timeout), self.fit, _Others(self, chain), self.lost
        )

    def child(self, chain: Chain, command: Command) -> str:
        """The workflow of a child; one step stands for it where its history is not there."""
        found = chain.children.get(command)
        alike = (each for each in chain.children.values() if each.first.workflow == command.name)
        found = found or next(alike, None)  # it may have been refused because the other one was still there
        if found is not None:
            return self.of(found)
        note = f"The history of the child {command.name} is not among the files: one step stands for all that it did."
        self.notes[note] = None
        return self._stub(command)

    def receiver(self, key: str, command: Command) -> str:
        """A run that took a signal and is not among the recordings: it waits for that signal and does nothing else."""
        there = command.ended is None or command.ended.kind != "SignalExternalWorkflowExecutionFailed"
        workflow, _, name = key.rpartition("/")
        workflow = named(workflow or "receiver")
        known = self.workflows.setdefault(workflow, {"key": "id", "input": {"id": "unique"}, "steps": []})
        wait = {"wait_for": command.name}
        if wait not in known["steps"]:
            known["steps"].append(wait)
        if there:
            self.receivers.setdefault(name, workflow)
        note = f"The history of {key} is not among the files: it is a run that waits for {command.name}."
        self.notes[note] = None
        return name

    def _stub(self, command: Command) -> str:
        """A workflow in the place of one whose history is not there."""
        name, ended, started = named(command.name), command.ended, command.started
        took = 1_000_000 if ended is None or started is None else max(1000, ended.at - started.at - 30_000)
        step: dict[str, Any] = {"run": f"all of {name}", "takes": format_duration(took // 1000 * 1000)}
        if command.failed and ended is not None:
            step["fails"] = {"always": True, "error": failure_of(ended.a)[0], "retryable": False}
        self.workflows.setdefault(name, {"steps": [step]})
        return name


class _Others:
    """What a run's code calls the others."""

    def __init__(self, bodies: Bodies, chain: Chain) -> None:
        self.bodies = bodies
        self.chain = chain

    def workflow(self, command: Command) -> str:
        return self.bodies.child(self.chain, command)

    def receiver(self, command: Command) -> str | int:
        to = str((command.asked.a.get("workflowExecution") or {}).get("workflowId") or "unknown")
        for number, root in enumerate(self.bodies.recording.started, 1):
            if root.workflow_id == to:
                self.bodies.heard.setdefault(number - 1, {})[command.name] = None
                return number
        return self.bodies.receiver(to, command)


def named(name: str) -> str:
    """A name that scenarios take."""
    return re.sub(r"\s+", " ", name).strip()[:190] or "unnamed"


def _cancelling(execution: Observed) -> Event | None:
    """A signal whose name says that it cancels."""
    return next((each for each in execution.signals if "cancel" in each.a["signalName"].lower()), None)


def _signals(chain: Chain, code: Program) -> dict[str, Any]:
    waited = {each.name for each in waits(code.steps)}
    found: dict[str, Any] = {}
    for each in (signal for execution in chain.executions for signal in execution.signals):
        name = each.a["signalName"]
        if code.cancelled is not None and code.cancelled.a.get("signalName") == name:
            then = "cancel-now" if code.interrupted else "cancel"
            found[name] = Noted({"then": then}, "Inferred from its name, and from what followed.")
        elif name not in waited:
            found[name] = {"then": "ignore"}
    return found


def _rejected(chain: Chain) -> dict[str, Any]:
    """An update that stands for those that were rejected."""
    if not any(each.refusing for each in chain.executions):
        return {}
    why = "A task that no event brought about, and that did nothing: an update came that was rejected."
    return {REJECTED: Noted({"steps": [], "rejects": "refused"}, f"Inferred, and its name is not known. {why}")}


def _ending(execution: Observed, code: Program) -> list[Any]:
    """The step that ends the run, where that is not the end of its steps."""
    last = execution.history.last
    if last.kind == "WorkflowExecutionFailed" and code.cause is None:
        error, message = failure_of(last.a)
        return [{"fail": message or error}]
    return []
