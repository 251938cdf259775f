"""The rules that a scenario's names must obey: what is named exists, and what is asked for can happen."""

from __future__ import annotations

import re
from collections.abc import Iterable

from durascope.models.conditions import Condition
from durascope.models.doubts import endless_calls
from durascope.models.engine import engines
from durascope.models.faults import Change, Crash, Cut, Deploy, Fault, Hang, Outage, RandomFault
from durascope.models.names import Names, Written
from durascope.models.problems import Problem, did_you_mean, suggestion
from durascope.models.reachability import unreachable
from durascope.models.scenario import Scenario, Workflow
from durascope.models.source import Path, Value
from durascope.models.steps import Awakeable, Call, Choose, Run, Send, Sleep, Start, WaitFor
from durascope.models.workload import Trigger, WorkloadEvent

_TYPO = 0.75
"""How alike a free name must be to a known one to be taken for a slip of the pen."""


def check(scenario: Scenario, value: Value, doubtful: frozenset[str] = frozenset()) -> list[Problem]:
    """What is wrong with a scenario's references, each at its place in `value`, the document it was read from.

    Nothing is said of `doubtful` names: they stood in parts that could not be read.
    """
    checks = Checks(scenario, value, doubtful)
    for name, workflow in scenario.workflows.items():
        checks.workflow(name, workflow)
    for written in checks.names.steps:
        checks.step(written)
    checks.deployments()
    checks.workload()
    for number, fault in enumerate(scenario.faults):
        checks.fault(fault, ("faults", number))
    checks.expectations()
    if not doubtful:
        checks.endless()
    return checks.problems


class Checks:
    """A scenario, what is wrong with it so far, and what the rules are made of. An engine's own rules get it, too."""

    def __init__(self, scenario: Scenario, value: Value, doubtful: frozenset[str]) -> None:
        self.scenario = scenario
        self.value = value
        self.doubtful = doubtful
        self.names = Names.of(scenario)
        self.problems: list[Problem] = []

    # what the rules are made of

    def wrong(self, code: str, message: str, path: Path, help: str = "", *, key: bool = False) -> None:  # noqa: A002
        self.problems.append(self.value.problem(code, message, path, key=key, help=help))

    def known(
        self, what: str, name: str, among: Iterable[str], path: Path, *, key: bool = False, plural: str = ""
    ) -> bool:
        """A name must be one of those; `what` says what they are."""
        names = list(among)
        if name in names or name in self.doubtful:
            return name in names
        meant = did_you_mean(name, [*names, *self.doubtful])
        help = suggestion(name, [meant] if meant else names, f"the {plural or what + 's'} here")  # noqa: A001
        self.wrong(_code(what), f"there is no {what} `{name[:60]}`", path, help, key=key)
        return False

    def no_slip(self, what: str, name: str, among: Iterable[str], path: Path) -> None:
        """A name that may be new must not be a known one, misspelt."""
        names = list(among)
        meant = None if name in names or name in self.doubtful else did_you_mean(name, names, _TYPO)
        if meant is not None:
            self.wrong(
                _code(what),
                f"there is no {what} `{name[:60]}`",
                path,
                f"did you mean `{meant}`?",
            )

    def condition(self, condition: Condition | None, names: Iterable[str], path: Path) -> None:
        for name in sorted(condition.names if condition else ()):
            self.known("result or field", name, names, path, plural="results and fields")

    # workflows

    def workflow(self, name: str, workflow: Workflow) -> None:
        path = ("workflows", name)
        if workflow.key is not None and workflow.input:
            self.no_slip("field", workflow.key, workflow.input, (*path, "key"))
        if workflow.started_by is not None and workflow.started_by.of is not None:
            self.known("workflow", workflow.started_by.of, self.scenario.workflows, (*path, "started_by", "of"))
        for signal, each in workflow.signals.items():
            if each.match is not None:
                self.known("field", each.match, self.names.fields, (*path, "signals", signal, "match"))
        for update, each in workflow.updates.items():
            self.condition(each.rejects, self.names.values(name), (*path, "updates", update, "rejects"))

    def step(self, written: Written) -> None:
        path = written.path
        match written.step:
            case Run() as run:
                if run.on is not None:
                    self.known("service", run.on, self.scenario.services, (*path, "on"))
                if run.idempotency_key is not None:
                    values = self.names.values(written.workflow)
                    self.no_slip("field", run.idempotency_key, values, (*path, "idempotency_key"))
            case Awakeable(awakeable=event):
                self.known("event", event, self.names.awaited, (*path, "awakeable"))
            case Call(call=called):
                self.called(called, (*path, "call"))
            case Start(start=started):
                self.called(started, (*path, "start"))
            case Send() as send if send.to is None:
                self.no_slip("event", send.send, self.names.heard, (*path, "send"))
            case Send() as send:
                self.known("event", send.send, self.names.heard, (*path, "send"))
            case WaitFor(match=str(match)):
                self.known("field", match, self.names.fields, (*path, "match"))
            case Choose() as choose:
                values = self.names.values(written.workflow)
                for index, choice in enumerate(choose.choose):
                    self.condition(choice.when, values, (*path, "choose", index, "when"))
            case _:
                pass

    def called(self, name: str, path: Path) -> None:
        """A workflow is called; what a service does is a step of its own."""
        if name in self.scenario.services and name not in self.scenario.workflows:
            help = f"`{name}` is a service, and a step uses it: write `run: NAME` with `on: {name}`"  # noqa: A001
            self.wrong("unknown-workflow", f"there is no workflow `{name[:60]}`", path, help)
        else:
            self.known("workflow", name, self.scenario.workflows, path)

    def deployments(self) -> None:
        for each in engines():
            if each.checks:
                each.checks.load()(self)

    # workload

    def workload(self) -> None:
        scenario, workload, path = self.scenario, self.scenario.workload, ("workload",)
        if workload.of is None and len(scenario.workflows) > 1 and workload.runs and not self.doubtful:
            message = "there are several workflows, and nothing says which one the runs are of"
            self.wrong("missing-field", message, path, f"add `of: {next(iter(scenario.workflows))}`")
        for index, name in enumerate(workload.of or ()):
            self.known("workflow", name, scenario.workflows, (*path, "of", index))
        times = workload.arrivals.at
        if times is not None and len(times) not in (1, workload.runs) and "runs" not in self.doubtful:
            message = f"{len(times)} arrival times for {workload.runs} run{'s' * (workload.runs != 1)}"
            self.wrong(
                "bad-value", message, (*path, "arrivals", "at"), f"write `runs: {len(times)}`, or one time for all"
            )
        start = workload.start_with
        if start is not None and start.send is not None:
            self.known("event", start.send, self.names.heard, (*path, "start_with", "send"))
        if start is not None and start.update is not None:
            self.known("update", start.update, self.updates(), (*path, "start_with", "update"))
        for index, event in enumerate(workload.events):
            self.event(event, (*path, "events", index))

    def updates(self) -> list[str]:
        return [update for workflow in self.scenario.workflows.values() for update in workflow.updates]

    def event(self, event: WorkloadEvent, path: Path) -> None:
        if event.send is not None:
            self.known("event", event.send, self.names.heard, (*path, "send"))
        if event.update is not None:
            self.known("update", event.update, self.updates(), (*path, "update"))
        if event.query is not None:
            queries = [query for workflow in self.scenario.workflows.values() for query in workflow.queries]
            self.known("query", event.query, queries, (*path, "query"), plural="queries")
        if event.of is not None:
            self.known("workflow", event.of, self.scenario.workflows, (*path, "of"))
        if event.step is not None:
            self.known("step", event.step, self.names.labels, (*path, "step"))
        if event.from_ is not None and event.operator != "restart":
            self.wrong("bad-value", "only a restart starts from an entry", (*path, "from"), "write `operator: restart`")
        if event.to is not None:
            self.addressee(event, event.to, (*path, "to"))
        self.trigger(event.when, (*path, "when"))
        if event.when is not None and isinstance(event.when.event, int):
            help = "name a step and its moment"  # noqa: A001
            self.wrong("unreachable", "only a fault can follow an event by its number", (*path, "when", "event"), help)

    def addressee(self, event: WorkloadEvent, to: str | int, path: Path) -> None:
        """`to`: a run's number, a key, `each`, or a share of the runs."""
        workload = self.scenario.workload
        starting = [each for each in workload.events if self.starts(each)]
        if isinstance(to, int):
            most = workload.runs + len(starting) + sum(each.operator == "restart" for each in workload.events)
            if not 1 <= to <= most and not self.doubtful & {"runs", "workload", "started_by"}:
                self.wrong("unknown-run", f"there is no run {to}", path, f"runs are numbered from 1 to {most}")
        elif to.endswith("%"):
            if not _is_share(to):
                self.wrong("bad-value", f"`{to[:60]}` is not a share", path, "write a share between 0% and 100%")
        elif to != "each" and workload.keys and not self.starts(event):
            sent = [str(each.to) for each in starting if each.to is not None]
            values = [str(field) for each in starting for field in each.with_.values()]
            self.known("key", to, [*map(str, workload.keys), *sent, *values], path)

    def starts(self, event: WorkloadEvent) -> bool:
        starts = [workflow.started_by for workflow in self.scenario.workflows.values()]
        return event.send is not None and any(start is not None and start.event == event.send for start in starts)

    def trigger(self, trigger: Trigger | None, path: Path) -> None:
        """A moment must come."""
        if trigger is None:
            return
        kinds = [written.step for written in self.names.steps]
        if trigger.event == "SleepStarted" and not any(isinstance(step, Sleep) for step in kinds):
            self.wrong("unreachable", "no step sleeps", (*path, "event"), "name a step and its moment")
        if trigger.event == "WaitStarted" and not any(isinstance(step, WaitFor) for step in kinds):
            self.wrong("unreachable", "no step waits for an event", (*path, "event"), "name a step and its moment")
        if trigger.step is None:
            return
        steps = self.names.called(trigger.step)
        if not steps and not self.known("step", trigger.step, self.names.labels, (*path, "step")):
            return
        reasons = [unreachable(trigger, step) for step in steps]
        if reasons and all(reasons) and reasons[0] is not None:
            field, message, help = reasons[0]  # noqa: A001
            self.wrong("unreachable", message, (*path, field), help)

    # faults and expectations

    def fault(self, fault: Fault, path: Path) -> None:
        match fault:
            case Crash(crash=component) | Hang(hang=component):
                kind = "crash" if isinstance(fault, Crash) else "hang"
                self.known("component", component, self.names.replicas, (*path, kind))
                self.replica(component, fault.replica, (*path, "replica"))
            case Outage(outage=service):
                self.known("service", service, self.scenario.services, (*path, "outage"))
            case Cut(cut=(first, second)):
                for index, component in enumerate((first, second)):
                    both = (*self.names.replicas, *self.scenario.services)
                    self.known("component", component, both, (*path, "cut", index))
                if first == second:
                    self.wrong("unreachable", f"`{first}` cannot be cut off from itself", (*path, "cut", 1))
            case Deploy() as deploy:
                if self.known("workflow", deploy.deploy, self.scenario.workflows, (*path, "deploy")):
                    self.rollback(deploy, path)
                    for index, change in enumerate(deploy.change):
                        self.change(deploy, change, (*path, "change", index))
            case RandomFault(random=random):
                self.known("component", random.crash, self.names.replicas, (*path, "random", "crash"))
        if not isinstance(fault, RandomFault):
            self.trigger(fault.when, (*path, "when"))

    def replica(self, component: str, replica: int | None, path: Path) -> None:
        most = self.names.replicas.get(component)
        if replica is not None and most is not None and replica > most and not self.doubtful & {"replicas", "workers"}:
            message = f"`{component}` has no replica {replica}"
            self.wrong("unreachable", message, path, f"on no engine does it have more than {most}")

    def rollback(self, deploy: Deploy, path: Path) -> None:
        """There must be something to roll back."""
        others = [each for each in self.scenario.faults if isinstance(each, Deploy) and each.deploy == deploy.deploy]
        if deploy.rollback and not any(not each.rollback for each in others):
            message = f"there is no deploy of `{deploy.deploy}` to roll back"
            self.wrong("unreachable", message, (*path, "rollback"), "add the deploy that it undoes, with its `change`")

    def change(self, deploy: Deploy, change: Change, path: Path) -> None:
        labels = self.names.labels_in(deploy.deploy, self.scenario)
        for old in change.rename or {}:
            self.known("step", old, labels, (*path, "rename", old), key=True)
        if change.drop is not None:
            self.known("step", change.drop, labels, (*path, "drop"))
        if change.insert is not None:
            self.known("step", change.insert.before, labels, (*path, "insert", "before"))
        for index, name in enumerate(change.swap or ()):
            self.known("step", name, labels, (*path, "swap", index))

    def endless(self) -> None:
        for name in endless_calls(self.scenario, self.names):
            message = f"`{name}` calls itself, and what it calls does so again: no run ever ends"
            fix = "call it in a `choose` whose condition comes to an end, or with another `key:`"
            self.wrong("endless-calls", message, ("workflows", name), fix, key=True)

    def expectations(self) -> None:
        completed = self.scenario.expect.completed
        for name in completed if isinstance(completed, dict) else ():
            self.known("workflow", name, self.scenario.workflows, ("expect", "completed", name), key=True)
        steps = [label for label, steps in self.names.labels.items() if any(isinstance(step, Run) for step in steps)]
        for step in self.scenario.expect.effects:
            self.known("step", step, steps, ("expect", "effects", step), key=True)


def _code(what: str) -> str:
    return f"unknown-{what}" if what.isalpha() else "unknown-name"


def _is_share(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,9})?%", text) is not None and float(text[:-1]) <= 100
