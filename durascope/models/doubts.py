"""What is probably not meant: valid scenarios that hardly show what their author wants to see, each with a fix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal, cast

from durascope.models.names import Names, Written
from durascope.models.problems import Problem
from durascope.models.scenario import Count, Scenario
from durascope.models.source import Path, Value
from durascope.models.steps import Call, Choose, Fail, Finish, Patched, Run, Send, Start, WaitFor

UNLIKE: Final = 3
"""Deployments differ a lot in size if one has this many times the processes of another."""
_ENDS: Final[dict[Literal["failed", "cancelled"], str]] = {"failed": "fail", "cancelled": "are cancelled"}
"""What runs do that end so."""
_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_][\w-]*)\}")
_CONDITIONAL: Final = ("choose", "then", "on_timeout", "otherwise", "updates", "on_failure", "faults", "undo")
"""Where one of two steps of a name may be all that a run does."""


def doubts(scenario: Scenario, value: Value) -> list[Problem]:
    """Warnings, each at its place in `value`, the document that the scenario was read from."""
    doubter = _Doubts(scenario, value)
    for rule in (
        doubter.workers, doubter.waits, doubter.keys, doubter.names_used_twice, doubter.zero_timeouts,
        doubter.silent_sdk, doubter.sizes, doubter.placeholders, doubter.effects_in_loops, doubter.addressees,
        doubter.empty_promises,
    ):  # fmt: skip
        rule()
    return sorted(set(doubter.found))


class _Doubts:
    def __init__(self, scenario: Scenario, value: Value) -> None:
        self.scenario = scenario
        self.value = value
        self.names = Names.of(scenario)
        self.found: list[Problem] = []

    def warn(self, code: str, message: str, path: Path, fix: str, *, key: bool = False) -> None:
        problem = self.value.problem(code, message, path, key=key, help=fix)
        self.found.append(replace(problem, severity="warning"))

    def workers(self) -> None:
        """Temporal: somebody must poll for workflows, for activities, and every queue that a step names."""
        workers, path = self.scenario.deployments.temporal.workers, ("deployments", "temporal", "workers")
        for what in ("workflows", "activities"):
            if not any(worker.runs in (what, "both") for worker in workers):
                self.warn("no-worker", f"no worker runs {what}", path, f"add a worker with `runs: {what}`, or `both`")
        queues = {worker.queue for worker in workers if worker.runs != "workflows"}
        for written in self.names.steps:
            queue = written.step.queue if isinstance(written.step, Run) else None
            if queue is not None and queue not in queues:
                fix = f"add a worker with `queue: {queue}`, or leave the step's queue out"
                self.warn("no-worker", f"no worker polls the queue `{queue}`", (*written.path, "queue"), fix)

    def placeholders(self) -> None:
        """`{i}` in the name of a step stands for the number of the block around it that has `as: i`."""
        for written in self.names.steps:
            name = written.step.run if isinstance(written.step, Run) else None
            for placeholder in _PLACEHOLDER.findall(name or ""):
                if placeholder not in self._numbered(written.path):
                    fix = f"write `as: {placeholder}` beside the `for_each` or `repeat` around it"
                    self.warn("no-number", f"`{{{placeholder}}}` stands for nothing here", (*written.path, "run"), fix)

    def effects_in_loops(self) -> None:
        """An effect has one name in all rounds of a loop: from the second on, each counts as a duplicate."""
        for written in self.names.steps:
            effect = written.step.effect if isinstance(written.step, Run) else None
            if effect is not None and not _PLACEHOLDER.search(effect) and self._is_in_loop(written.path):
                message = f"the effect `{effect}` is the same in each round: all but the first count as duplicates"
                numbers = sorted(self._numbered(written.path))
                fix = "leave `effect` out" if not numbers else f"write `effect: {effect}-{{{numbers[-1]}}}`"
                self.warn("same-effect", message, (*written.path, "effect"), f"{fix}, if each round has its own")

    def _is_in_loop(self, path: Path) -> bool:
        return any("repeat" in each or "for_each" in each for each in self._around(path))

    def addressees(self) -> None:
        """A key that no run can have; where `workload.keys` says which there are, that is an error of its own."""
        workload = self.scenario.workload
        if workload.keys:
            return
        keys = self._keys()
        begun_by = [workflow.started_by for workflow in self.scenario.workflows.values()]
        beginning = {start.event for start in begun_by if start is not None}
        fields = (*self.names.fields, *(each.key for each in self.scenario.workflows.values() if each.key is not None))
        for number, event in enumerate(workload.events):
            to = event.to
            if not isinstance(to, str) or to == "each" or to.endswith("%") or to in keys or event.send in beginning:
                continue
            if not to.startswith(tuple(f"{field}-" for field in fields)):  # the form of keys that are made up
                fix = "write a run's number, as in `to: 1`, or `to: each`, or name the runs' keys in `workload.keys`"
                self.warn("unknown-key", f"no run has the key `{to}`", ("workload", "events", number, "to"), fix)

    def _keys(self) -> set[str]:
        """The keys that are written down."""
        workload, steps = self.scenario.workload, (written.step for written in self.names.steps)
        given = [*(each.input for each in self.scenario.workflows.values()), *(workload.inputs or ())]
        given += [event.with_ for event in workload.events]
        named = {str(step.key) for step in steps if isinstance(step, Call | Start) and step.key is not None}
        return {str(value) for each in given for value in each.values()} | named | set(self.scenario.workflows)

    def empty_promises(self) -> None:
        """Expectations that hold whatever happens."""
        expect = self.scenario.expect
        shares = expect.completed if isinstance(expect.completed, dict) else {None: expect.completed}
        fix = "leave it out; to expect that runs fail, write `failed: {at_least: 100%}`"
        for workflow, share in shares.items():
            if share == 0:
                path: Path = ("expect", "completed", *(() if workflow is None else (workflow,)))
                self.warn("always-holds", "at least 0% of the runs complete, whatever happens", path, fix)
        for status, verb in _ENDS.items():
            bounds = expect.bounds_of(status)
            if bounds is not None and not bounds.at_least and bounds.at_most in (None, 1):
                message = f"at most 100% of the runs {verb}, whatever happens"
                self.warn("always-holds", message, ("expect", status), f"write `{status}: {{at_least: 100%}}`")
        counts = [(("expect", "effects", step), wanted) for step, wanted in expect.effects.items()]
        for path, wanted in [*counts, (("expect", "unconsumed"), expect.unconsumed)]:
            if isinstance(wanted, Count) and not wanted.at_least and wanted.at_most is None:
                bounded = "add `at_most: N`, or write the number"
                self.warn("always-holds", "at least 0 is always true", path, bounded)

    def _numbered(self, path: Path) -> set[str]:
        """The names of the numbers of the blocks around a place."""
        return {str(each["as"]) for each in self._around(path) if "as" in each}

    def _around(self, path: Path) -> Iterator[dict[str, object]]:
        """The mappings that a place stands in, as they are written."""
        for length in range(len(path)):
            written = self.value.find(path[:length]).plain
            if isinstance(written, dict):
                yield cast("dict[str, object]", written)

    def waits(self) -> None:
        """A wait without a timeout ends only if somebody sends what it waits for."""
        workload = self.scenario.workload
        sent = {event.send for event in workload.events}
        sent |= {written.step.send for written in self.names.steps if isinstance(written.step, Send)}
        if workload.start_with is not None:
            sent.add(workload.start_with.send)
        for written in self.names.steps:
            step = written.step
            if isinstance(step, WaitFor) and step.timeout is None and step.wait_for not in sent:
                event = step.wait_for
                fix = f"send it in `workload.events: [{{send: {event}, to: 1, at: 1s}}]`, or give the wait a timeout"
                self.warn("never-sent", f"nobody sends `{event}`", (*written.path, "wait_for"), fix)

    def keys(self) -> None:
        """A key that no input has gets a value of its own; an idempotency key that no input has is not handed over."""
        workload = self.scenario.workload
        fields = {field for each in self.scenario.workflows.values() for field in each.input}
        given = [*(workload.inputs or ()), *(event.with_ for event in workload.events)]
        fields |= {field for each in given for field in each}
        steps = [written.step for written in self.names.steps]
        called = {step.call for step in steps if isinstance(step, Call) and step.key is not None}
        for name, workflow in self.scenario.workflows.items():
            of_workload = workload.keys is not None and name in self.scenario.started
            if workflow.key is not None and workflow.key not in fields and not of_workload and name not in called:
                fix = f"add `input: {{{workflow.key}: unique}}`"
                message = f"no input has the key `{workflow.key}`: each run gets one of its own"
                self.warn("unknown-key", message, ("workflows", name, "key"), fix)
        for written in self.names.steps:
            step = written.step
            handed = step.idempotency_key if isinstance(step, Run) else None
            if handed is not None and handed not in fields and handed != self.scenario.workflows[written.workflow].key:
                message = f"no input has `{handed}`: the step hands over no idempotency key"
                fix = f"add `{handed}` to the workflow's `input`, or name one of its fields"
                self.warn("unknown-key", message, (*written.path, "idempotency_key"), fix)

    def names_used_twice(self) -> None:
        """Faults and expectations name steps; which of two do they mean?"""
        seen: dict[tuple[str, str], Written] = {}
        for written in self.names.steps:
            if not isinstance(written.step, Run) or any(part in _CONDITIONAL for part in written.path):
                continue
            first = seen.setdefault((written.workflow, written.step.run), written)
            if first is not written:
                message = f"`{written.workflow}` has two steps `{written.step.run}`"
                self.warn("same-name", message, (*written.path, "run"), "give each a name of its own")

    def zero_timeouts(self) -> None:
        for written in self.names.steps:
            for field in ("timeout", "queue_timeout", "total_timeout"):
                if getattr(written.step, field, None) == 0:
                    message = f"`{field}: 0s` is over before anything can happen"
                    self.warn("zero-timeout", message, (*written.path, field), "leave it out for none")
            if isinstance(written.step, Run) and written.step.heartbeat and written.step.heartbeat.timeout == 0:
                message = "a heartbeat timeout of 0s is none: nobody notices that the attempt is silent"
                self.warn("zero-timeout", message, (*written.path, "heartbeat", "timeout"), "write how long, as in 10s")

    def silent_sdk(self) -> None:
        """Inngest's TypeScript SDK checkpoints by default, the Python SDK that stands in has no checkpointing."""
        deployments = self.scenario.deployments
        if "inngest" not in deployments.model_fields_set:
            return
        app = deployments.inngest.app
        if "sdk" not in app.model_fields_set and "checkpointing" not in app.model_fields_set:
            message = "the app's SDK is not named: it is Python's, which does not checkpoint as TypeScript's does"
            fix = "write `app: {sdk: typescript}` or python"
            self.warn("silent-default", message, ("deployments", "inngest"), fix, key=True)

    def sizes(self) -> None:
        """What is compared should be alike, or differ on purpose."""
        deployments, written = self.scenario.deployments, self.scenario.deployments.model_fields_set
        sizes = {
            "temporal": sum(each.replicas for each in deployments.temporal.workers if each.runs != "workflows"),
            "inngest": deployments.inngest.app.replicas,
            "restate": deployments.restate.service.replicas,
        }
        sizes = {engine: size for engine, size in sizes.items() if engine in written}
        if len(sizes) < 2:
            return
        most, least = max(sizes, key=sizes.__getitem__), min(sizes, key=sizes.__getitem__)
        if sizes[most] >= UNLIKE * sizes[least]:
            message = (
                f"{sizes[most]} processes run steps on {most}, {sizes[least]} on {least}: under load, that decides "
                "more than the engine does"
            )
            self.warn("unlike-sizes", message, ("deployments", least), "give both the same `replicas`", key=True)


def endless_calls(scenario: Scenario, names: Names) -> Iterator[str]:
    """Workflows whose every run calls another of themselves, with no key that would stop it."""
    calls: dict[str, set[str]] = {name: set() for name in scenario.workflows}
    for written in names.steps:
        step = written.step
        if isinstance(step, Call) and step.key is None and not any(part in _CONDITIONAL for part in written.path):
            calls[written.workflow].add(step.call)
    for name, workflow in scenario.workflows.items():
        if any(isinstance(step, Choose | Finish | Fail | Patched) for step in workflow.walk()):
            calls[name] = set()  # it may end before it comes to the call
    for name, called in calls.items():
        reached: set[str] = set()
        waiting = list(called)
        while waiting:
            next_one = waiting.pop()
            if next_one not in reached:
                reached.add(next_one)
                waiting += calls.get(next_one, ())
        if name in reached:
            yield name
