"""`run` steps of a workflow: activities with their options, and the undo steps that they register."""

from __future__ import annotations

from typing import ClassVar

from durascope.models.attempt_limits import chosen_limit, start_to_close
from durascope.models.run_step import Retry
from durascope.models.steps import (
    Run,
)
from durascope.render.code.body import Scope
from durascope.render.code.facts import may_be_rejected
from durascope.render.code.layout import Expression, Group, call
from durascope.render.code.names import python_names, quoted
from durascope.render.code.program import Told
from durascope.render.code.python import timedelta
from durascope.render.code.python_body import formatted
from durascope.render.code.python_values import PythonValues
from durascope.render.code.temporal.facts import REJECTED, continues, is_entity
from durascope.render.code.temporal.python.names import OPTIONS, Named
from durascope.render.code.temporal.python.retrying import retry_policy
from durascope.render.code.temporal.queues import activity_queue


class ActivityCalls(PythonValues):
    """Writes a workflow's calls of activities."""

    differs: ClassVar[str] = "differs on each replay in the scenario; workflow.random() would not."

    def __init__(self, project: Named, told: Told) -> None:
        super().__init__(project, told, "workflow", "activities", "messages", "all_of", "first_of", "next_event",
                         "asyncio", "timedelta", "event", "request", "failure", "begin")  # fmt: skip
        self.project: Named = project
        self.workflow = told.workflow
        self.names = python_names(
            "run",
            "input",
            "undo",
            "compensate",
            "cancel_requested",
            "stop_if_cancelled",
            "task",
            "at",
            "serve",
            "lock",
            "asked",
            "begun",
            "request",
        )
        self.given = "self.input"
        self.entity = is_entity(told.workflow)
        self.resumes = any(continues(step) for step in told.workflow.steps)
        self.asks = bool(told.workflow.queries)

    def place(self, name: str) -> str:
        return f"self.{self.variables[name]}"

    def _arrived(self, event: str) -> str:
        return self.names.of(f"{event} events", "arrived")

    def unique(self) -> str:
        return "str(workflow.uuid4())"

    def random_number(self) -> str:
        return "workflow.random().random()"

    def future(self, step: Run, scope: Scope) -> Expression:
        operation = self.book.operation(self.told.name, step)
        self.needs.add(("app", "activities"))
        parts: list[str] = [f"activities.{self.project.activities[operation]}"]
        if operation.variables:
            arguments = [self.given, *(scope.get(name, "0") for name in operation.variables)]
            parts.append(f"args=[{', '.join(arguments)}]")
        else:
            parts.append(self.given)
        options = self._options(step)
        function = "workflow.execute_local_activity" if step.local else "workflow.execute_activity"
        return call(function, *parts, *options)

    def _options(self, step: Run) -> list[Expression]:
        deployment = self.project.deployment
        never = REJECTED if may_be_rejected(self.book.operation(self.told.name, step)) else None
        own = any((
            step.timeout, chosen_limit(self.book.scenario, step), step.total_timeout, step.queue_timeout, step.retry,
            step.heartbeat, step.queue, never,
        ))  # fmt: skip
        if not own and not step.local and step.cancellation == "try":
            return [f"**{OPTIONS}"]
        self.needs.add(("datetime", "timedelta"))
        options: list[Expression] = []
        if not step.local:
            options.append(f"task_queue={quoted(step.queue or activity_queue(deployment))}")
        options.append(f"start_to_close_timeout={timedelta(start_to_close(self.book.scenario, step))}")
        if step.total_timeout is not None:
            options.append(f"schedule_to_close_timeout={timedelta(step.total_timeout)}")
        if step.queue_timeout is not None:
            options.append(f"schedule_to_start_timeout={timedelta(step.queue_timeout)}")
        if step.heartbeat is not None and not step.local:
            options.append(f"heartbeat_timeout={timedelta(step.heartbeat.timeout)}")
        if step.retry is not None or never is not None:
            options.append(self._retry(step.retry or Retry(), never))
            if step.local and step.retry is not None and step.retry.local_threshold is not None:
                options.append(f"local_retry_threshold={timedelta(step.retry.local_threshold)}")
        if step.cancellation != "try":
            kind = {"wait": "WAIT_CANCELLATION_COMPLETED", "abandon": "ABANDON"}[step.cancellation]
            options.append(f"cancellation_type=workflow.ActivityCancellationType.{kind}")
        return options

    def _retry(self, retry: Retry, never: str | None = None) -> Expression:
        self.needs |= {("temporalio.common", "RetryPolicy"), ("datetime", "timedelta")}
        return retry_policy(retry, "retry_policy=", never)

    def simple(self, step: Run, scope: Scope) -> Expression | None:
        more = step.undo is not None or self.told.cancels or self.used_results(step)
        return None if more else self.future(step, scope)

    def run(self, step: Run, scope: Scope) -> None:
        if self.asks and not self.unwinding:
            self.source(f"self.at = {formatted(step.run, scope)}")
        super().run(step, scope)

    def undo_later(self, undo: Run, scope: Scope) -> None:
        made = self.future(undo, scope)
        used = [scope[name] for name in self.book.operation(self.told.name, undo).variables if name in scope]
        head = f"lambda {', '.join(f'{name}={name}' for name in used)}: " if used else "lambda: "
        assert isinstance(made, Group)
        self.source.statement("", call("self.undo.append", Group(f"{head}{made.head}", made.parts, made.tail)))
