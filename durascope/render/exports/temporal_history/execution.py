"""One execution, and those that it knows: what the writers of its events ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID, uuid5

from durascope.models.trace import Trace
from durascope.render.exports.temporal_history.values import Event, History, Json, payloads

IDS: Final = UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")
"""The name space that all ids are made in."""
NAMESPACE: Final = "default"


class Runs:
    """All executions of a trace, by name and by their place in a chain."""

    def __init__(self, trace: Trace, histories: Sequence[History]) -> None:
        self.trace = trace
        self._by_name = {each["name"]: each for each in histories}
        self._in_chain = {(each["run"]["run"], each["execution"]): each for each in histories}

    def id(self, *what: object) -> str:
        """An id: the same for the same seed, scenario and thing."""
        told = (self.trace.seed, self.trace.scenario, *what)
        return str(uuid5(IDS, "/".join(str(each) for each in told)))

    def named(self, name: str | None) -> History | None:
        return None if name is None else self._by_name.get(name)

    def in_chain(self, history: History, execution: int) -> History | None:
        """The execution of that number in the chain that `history` is part of."""
        return self._in_chain.get((history["run"]["run"], execution))

    def execution(self, name: str | None) -> Json:
        """Workflow id and run id of the execution of that name."""
        found = self.named(name)
        return {"workflowId": "" if found is None else found["workflow_id"], "runId": self.id("run", name)}

    def root(self, history: History) -> str:
        """The name of the run at the top of the parents."""
        parent = history["parent"]
        above = None if parent is None else self.named(parent["name"])
        return history["name"] if above is None else self.root(above)


class Execution:
    """One execution whose events are being written."""

    def __init__(self, runs: Runs, history: History) -> None:
        self.runs = runs
        self.history = history
        self.events: Sequence[Event] = history["events"]
        self._ends = {each["started_event_id"]: each for each in self.events if each.get("started_event_id")}
        self._cancels = {
            each["scheduled_event_id"]: each for each in self.events if each["kind"] == "ActivityTaskCancelRequested"
        }

    def at(self, number: int) -> Event:
        """The event of that number."""
        return self.events[number - 1]

    def before(self, event: Event, *kinds: str) -> Event | None:
        """The latest event of these kinds before that one."""
        earlier = (self.at(number) for number in range(event["id"] - 1, 0, -1))
        return next((each for each in earlier if each["kind"] in kinds), None)

    def ended_by(self, started: Event) -> Event | None:
        """The event that closes what that one has started."""
        return self._ends.get(started["id"])

    def cancel_request(self, cancelled: Event) -> Event:
        """What an activity was cancelled upon."""
        return self._cancels[cancelled["scheduled_event_id"]]

    def worker_before(self, event: Event) -> str:
        """Who has completed the latest workflow task: the server does in its name what its commands ask."""
        task = self.before(event, "WorkflowTaskCompleted")
        return "" if task is None else task["identity"]

    @property
    def run_id(self) -> str:
        return self.runs.id("run", self.history["name"])

    def next_in_chain(self) -> History | None:
        return self.runs.in_chain(self.history, self.history["execution"] + 1)

    def request_id(self, event: Event) -> str:
        return self.runs.id("request", self.history["name"], event["id"])

    @property
    def version(self) -> Json:
        """The build of the worker."""
        return {"buildId": f"durascope-{self.runs.trace.version}"}

    @property
    def namespace(self) -> Json:
        return {"namespace": NAMESPACE, "namespaceId": self.runs.id("namespace", NAMESPACE)}

    @property
    def task_timeout(self) -> int:
        """Of its workflow tasks: no longer than the run may last."""
        timeout, run_timeout = self.history["task_timeout"], self.history["run_timeout"]
        return min(timeout, run_timeout) if run_timeout else timeout


def argument(history: History) -> Json:
    """What the interpreting workflow is told of itself: its only argument."""
    given: Json = dict(history["run"])
    if history["entity"]:
        given["entity"] = True
    execution = history["execution"] - (history["attempt"] - 1)
    if execution > 1:
        given |= {"resume_at": history["resume_at"], "state": history["carried"], "execution": execution}
    return payloads(given)


def links(event: Event) -> Json:
    """The pair of events that an activity's end points back to."""
    begun = {"startedEventId": str(event["started_event_id"])} if event.get("started_event_id") else {}
    return {"scheduledEventId": str(event["scheduled_event_id"]), **begun}
