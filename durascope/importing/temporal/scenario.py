"""Histories as a scenario: the workflows, how Temporal is deployed, who started the runs and sent what, what died."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from durascope.importing.imported import Imported
from durascope.importing.temporal.activities import Defaults, retry_of
from durascope.importing.temporal.chains import Chain, chains, retried
from durascope.importing.temporal.deaths import deaths
from durascope.importing.temporal.lines import lines
from durascope.importing.temporal.observing import Command, Observed, What, failure_of, span
from durascope.importing.temporal.program import Program, program
from durascope.importing.temporal.reading import Event, History
from durascope.importing.temporal.steps import Written, without_comments, written
from durascope.importing.temporal.workers import deployment
from durascope.importing.writing import Noted
from durascope.importing.writing import written as yaml_of
from durascope.models.durations import format_duration
from durascope.models.reading import parse_scenario

STEP_TIMEOUT: Final = 10_000_000
"""start-to-close where no activity was recorded."""


def imported(histories: Sequence[History], name: str) -> Imported:
    """The scenario that these histories are the recording of; `name` is its id."""
    return _Import(chains(histories), name).imported()


class _Import:
    def __init__(self, roots: list[Chain], name: str) -> None:
        self.roots = roots
        self.name = name
        self.all = [each for root in roots for each in root.all()]
        self.workflows: dict[str, dict[str, Any]] = {}
        self.notes: list[str] = []
        self.began = min(each.begun for each in roots)
        timeouts = Counter(
            span(command.asked.a, "startToCloseTimeout")
            for chain in self.all
            for each in chain.executions
            for command in each.commands
            if command.what is What.ACTIVITY and not span(command.asked.a, "scheduleToCloseTimeout")
        )
        timeouts.pop(0, None)
        usual = timeouts.most_common(1)[0][0] if timeouts else STEP_TIMEOUT
        self.defaults = Defaults(roots[0].first.queue, usual)

    def imported(self) -> Imported:
        started = [self._workflow(root) for root in self.roots]
        told = deaths(self.roots, self.began)
        document: dict[str, Any] = {
            "scenario": self.name,
            "title": f"Imported: {self.roots[0].first.workflow}",
            "workflows": self.workflows,
            "deployments": {"temporal": deployment(self.all, self.defaults, told)},
            "workload": self._workload(started),
        }
        if told.faults:
            document["faults"] = told.faults
        text = yaml_of(document)
        scenario = parse_scenario(text, f"{self.name}.yaml")
        records = {name: lines(each.history.raw) for chain in self.all for name, each in chain.named()}
        still_open = frozenset(name for chain in self.all for name, each in chain.named() if not each.closed)
        return Imported("temporal", scenario, text, records, still_open, self.notes)

    # ---- workflows -----------------------------------------------------------------------------------------

    def _workflow(self, chain: Chain) -> str:
        """The name of the workflow that the chain is a run of; it is written if it is a new one."""
        kind = _name(chain.first.workflow)
        body = self._body(chain)
        names = [kind, *(f"{kind}-{number}" for number in range(2, 1000))]
        plain = without_comments(body)
        for name in names:
            known = self.workflows.get(name)
            if known is None:
                self.workflows[name] = body
                return name
            if without_comments(known) == plain:
                return name
        return names[-1]

    def _body(self, chain: Chain) -> dict[str, Any]:
        programs = [program(each, self._cancelling(each)) for each in chain.executions]
        each = [written(one, self.defaults, lambda command: self._child(chain, command)) for one in programs]
        last, code = chain.last, each[-1]
        first = chain.first.history.first
        body: dict[str, Any] = {}
        steps = code.steps if len(each) == 1 or retried(last) else _rounds(each)
        signals = self._signals(chain, programs[-1])
        body["steps"] = [*steps, *_ending(last, programs[-1])]
        if signals:
            body["signals"] = signals
        if code.updates:
            body["updates"] = code.updates
        if code.on_failure:
            body["on_failure"] = code.on_failure
        retry = retry_of(first.get("retryPolicy"))
        if first.get("retryPolicy"):
            body["retry"] = retry or {"initial": "1s"}
        if span(first, "workflowRunTimeout"):
            body["run_timeout"] = format_duration(span(first, "workflowRunTimeout"))
        if code.undone and last.history.last.kind == "WorkflowExecutionCompleted" and programs[-1].cancelled is None:
            body["after_undo"] = "complete"
        return body

    def _child(self, chain: Chain, command: Command) -> str:
        found = chain.children.get(command)
        if found is not None:
            return self._workflow(found)
        self.notes.append(
            f"The history of the child {command.name} is not among the files: it is one step that takes as long as it."
        )
        return self._stub(command)

    def _stub(self, command: Command) -> str:
        """A workflow in the place of one whose history is not there."""
        name, ended, started = _name(command.name), command.ended, command.started
        took = 1_000_000 if ended is None or started is None else max(1000, ended.at - started.at - 30_000)
        step: dict[str, Any] = {"run": f"all of {name}", "takes": format_duration(took // 1000 * 1000)}
        if command.failed and ended is not None:
            step["fails"] = {"always": True, "error": failure_of(ended.a)[0], "retryable": False}
        self.workflows.setdefault(name, {"steps": [step]})
        return name

    def _cancelling(self, execution: Observed) -> Event | None:
        """A signal whose name says that it cancels, if something was done after it."""
        return next((each for each in execution.signals if "cancel" in each.a["signalName"].lower()), None)

    def _signals(self, chain: Chain, code: Program) -> dict[str, Any]:
        waited = _waited(code)
        found: dict[str, Any] = {}
        for each in (signal for execution in chain.executions for signal in execution.signals):
            name = each.a["signalName"]
            if code.cancelled is not None and code.cancelled.a.get("signalName") == name:
                found[name] = Noted({"then": "cancel"}, "inferred from its name and from what followed")
            elif name not in waited:
                found[name] = {"then": "ignore"}
        return found

    # ---- workload ------------------------------------------------------------------------------------------

    def _workload(self, started: Sequence[str]) -> dict[str, Any]:
        told: dict[str, Any] = {"runs": len(self.roots)}
        if len(self.workflows) > 1:
            told["of"] = started[0] if len(set(started)) == 1 else list(started)
        if len(self.roots) > 1:
            told["arrivals"] = {"at": [self._time(root.begun - self.began) for root in self.roots]}
        events = [
            each
            for number, root in enumerate(self.roots, 1)
            for execution in root.executions
            for each in self._events(number, execution)
        ]
        if events:
            told["events"] = [each for _, each in sorted(events, key=lambda pair: pair[0])]
        return told

    def _events(self, number: int, execution: Observed) -> list[tuple[int, Any]]:
        """What reached a run from outside, and when."""
        found: list[tuple[int, Any]] = []
        for event in execution.history.events:
            at = execution.history.begun - self.began + event.at
            when = {"to": number, "at": self._time(at)}
            match event.kind:
                case "WorkflowExecutionSignaled":
                    found.append((at, {"send": event.a["signalName"], **when}))
                case "WorkflowExecutionUpdateAccepted":
                    found.append((at, {"update": event.a["acceptedRequest"]["input"]["name"], **when}))
                case "WorkflowExecutionCancelRequested":
                    found.append((at, {"operator": "cancel", **when}))
                case "WorkflowExecutionTerminated":
                    found.append((at, {"operator": "kill", **when}))
                case _:
                    pass
        return found

    def _time(self, us: int) -> str:
        return format_duration(us // 1000 * 1000)


def _name(written: str) -> str:
    """A name that scenarios take."""
    return re.sub(r"\s+", " ", written).strip()[:190] or "unnamed"


def _waited(code: Program) -> set[str]:
    from durascope.importing.temporal.program import waits

    return {each.name for each in waits(code.steps)}


def _rounds(each: Sequence[Written]) -> list[Any]:
    """Executions that continue each other: rounds of one loop."""
    rounds = [without_comments(one.steps) for one in each]
    return [{"repeat": len(rounds), "do": each[0].steps, "continue_as_new_every": 1}]


def _ending(execution: Observed, code: Program) -> list[Any]:
    """The step that ends the run, where that is not the end of its steps."""
    last = execution.history.last
    if last.kind == "WorkflowExecutionFailed" and code.cause is None:
        error, message = failure_of(last.a)
        return [{"fail": message or error}]
    return []
