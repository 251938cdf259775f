"""`run` steps of a workflow: activities with their options, and the undo steps that they register."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final

from durascope.models.attempt_limits import start_to_close
from durascope.models.run_step import Retry
from durascope.models.steps import Run, Step
from durascope.render.code.body import Scope
from durascope.render.code.facts import may_be_rejected
from durascope.render.code.layout import Arrow, Braces, Expression, call, flat
from durascope.render.code.names import Names, quoted
from durascope.render.code.program import Operation, Told
from durascope.render.code.temporal.facts import REJECTED, is_entity
from durascope.render.code.temporal.queues import activity_queue
from durascope.render.code.temporal.typescript.names import Named
from durascope.render.code.typescript import duration, number, obj
from durascope.render.code.typescript_body import formatted
from durascope.render.code.typescript_values import TypeScriptValues

Options = tuple[tuple[str, Expression], ...]
"""The members of an object of options."""
SDK: Final = "@temporalio/workflow"


def retry_policy(retry: Retry, never: str | None = None) -> Expression:
    """A retry policy; what the scenario leaves out is the server's default. `never`: failures that end it at once."""
    members: list[tuple[str, Expression]] = []
    if retry.initial is not None:
        members.append(("initialInterval", duration(retry.initial)))
    if retry.factor is not None:
        members.append(("backoffCoefficient", number(retry.factor)))
    if retry.max_interval is not None:
        members.append(("maximumInterval", duration(retry.max_interval)))
    if retry.max_attempts is not None:
        members.append(("maximumAttempts", str(retry.max_attempts)))
    if never is not None:
        members.append(("nonRetryableErrorTypes", f"[{quoted(never)}]"))
    return obj(*members)


@dataclass(eq=False)
class Proxies:
    """The activities as workflows see them: one proxy for the options that most have, others by activity."""

    project: Named
    used: bool = False
    """Whether an activity has the options that most have."""
    _own: dict[tuple[Operation, bool, str], tuple[str, Options]] = field(
        default_factory=dict[tuple[Operation, bool, str], tuple[str, Options]]
    )

    def common(self) -> Options:
        deployment = self.project.deployment
        return (
            ("taskQueue", quoted(activity_queue(deployment))),
            ("startToCloseTimeout", duration(deployment.step_timeout)),
        )

    def of(self, operation: Operation, options: Options, names: Names, *, local: bool) -> str:
        """The expression of the function that the workflow calls."""
        if options == self.common() and not local:
            self.used = True
            return f"activities.{self.project.activities[operation]}"
        key = (operation, local, flat(obj(*options)))
        if key not in self._own:
            self._own[key] = (self.project.module.new(operation.name), options)
        return self._own[key][0]

    @property
    def needs(self) -> set[str]:
        """What they are made with."""
        local = {"proxyLocalActivities" for _, local, _ in self._own if local}
        remote = {"proxyActivities" for _, local, _ in self._own if not local}
        return local | remote | ({"proxyActivities"} if self.used else set())

    def write(self, source: Braces) -> None:
        """Their declarations."""
        if self.used:
            made = call("proxyActivities<typeof implementation>", obj(*self.common(), broken=True))
            source.statement("const activities = ", made)
        for (operation, local, _), (name, options) in self._own.items():
            function = self.project.activities[operation]
            pattern = function if function == name else f"{function}: {name}"
            kind = "proxyLocalActivities" if local else "proxyActivities"
            made = call(f"{kind}<typeof implementation>", obj(*options, broken=True))
            source.statement(f"const {{ {pattern} }} = ", made)


class ActivityCalls(TypeScriptValues):
    """Writes a workflow's calls of activities."""

    differs: ClassVar[str] = "differs on each replay in the scenario; the SDK's Math.random() does not."

    def __init__(self, project: Named, proxies: Proxies, told: Told) -> None:
        super().__init__(project.book, told, *project.taken)
        self.project = project
        self.proxies = proxies
        self.workflow = told.workflow
        self.entity = is_entity(told.workflow)
        self.asks = bool(told.workflow.queries)
        self.imported: set[str] = set()
        """What is used of the SDK."""

    def arrived(self, event: str) -> str:
        """Where the events of that name are kept until somebody waits for them."""
        return self.locals.of(f"{event} events", "arrived")

    def unique(self) -> str:
        self.imported.add("uuid4")
        return "uuid4()"

    def random_number(self) -> str:
        return "Math.random()"

    # ---- calls -------------------------------------------------------------------------------------------------

    def future(self, step: Run, scope: Scope) -> Expression:
        """The call."""
        operation = self.book.operation(self.told.name, step)
        function = self.proxies.of(operation, self._options(step), self.project.module, local=step.local)
        return call(function, "input", *(scope.get(name, "0") for name in operation.variables))

    def _options(self, step: Run) -> Options:
        queue, _ = self.proxies.common()
        members: list[tuple[str, Expression]] = []
        if not step.local:
            members.append(queue if step.queue is None else ("taskQueue", quoted(step.queue)))
        members.append(("startToCloseTimeout", duration(start_to_close(self.book.scenario, step))))
        if step.total_timeout is not None:
            members.append(("scheduleToCloseTimeout", duration(step.total_timeout)))
        if step.queue_timeout is not None:
            members.append(("scheduleToStartTimeout", duration(step.queue_timeout)))
        if step.heartbeat is not None and not step.local:
            members.append(("heartbeatTimeout", duration(step.heartbeat.timeout)))
        never = REJECTED if may_be_rejected(self.book.operation(self.told.name, step)) else None
        if step.retry is not None or never is not None:
            members.append(("retry", retry_policy(step.retry or Retry(), never)))
            if step.local and step.retry is not None and step.retry.local_threshold is not None:
                members.append(("localRetryThreshold", duration(step.retry.local_threshold)))
        if step.cancellation != "try":
            kind = {"wait": "WAIT_CANCELLATION_COMPLETED", "abandon": "ABANDON"}[step.cancellation]
            self.imported.add("ActivityCancellationType")
            members.append(("cancellationType", f"ActivityCancellationType.{kind}"))
        return tuple(members)

    def simple(self, step: Run, scope: Scope) -> Expression | None:
        more = step.undo is not None or self.told.cancels or self.used_results(step) or self.asks
        return None if more else self.future(step, scope)

    def run(self, step: Run, scope: Scope) -> None:
        if self.asks and not self.unwinding:
            self.source(f"at = {formatted(step.run, scope)};")
        super().run(step, scope)

    def undo_later(self, undo: Run, scope: Scope) -> None:
        self.source.statement("", call("compensations.push", Arrow("() =>", self.future(undo, scope))))

    def step(self, step: Step, scope: Scope) -> bool:
        """What stands after each step: a look at whether the run is to be cancelled."""
        reached = super().step(step, scope)
        if reached and step.kind in _LONG and self.told.cancels and not self.unwinding:
            self.source("stopIfCancelled();")
        return reached


_LONG: Final = frozenset(("run", "sleep", "wait_for", "call", "start", "send", "parallel", "race", "for_each"))
"""Steps during which a cancellation may come."""
