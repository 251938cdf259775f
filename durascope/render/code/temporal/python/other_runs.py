"""Steps that reach other runs: calls and starts of children, signals."""

from __future__ import annotations

from durascope.models.steps import (
    Call,
    Send,
    Start,
)
from durascope.render.code.body import Scope
from durascope.render.code.events import run_id
from durascope.render.code.layout import Expression, call
from durascope.render.code.names import in_f_string, quoted
from durascope.render.code.python import timedelta
from durascope.render.code.python_body import formatted
from durascope.render.code.temporal.python.activity_calls import ActivityCalls
from durascope.render.code.temporal.queues import workflow_queue


class OtherRuns(ActivityCalls):
    """Writes what a workflow does with other runs."""

    def _child(self, target: str, name: str, reference: object, scope: Scope) -> list[Expression]:
        told = self.book.workflows[target]
        key = self.reference(reference, scope)
        parts: list[Expression] = [f"{self.project.classes[target]}.run", self.input_of(target, key)]
        if key is not None:
            identity = (
                f'f"{in_f_string(target)}/{{{key}}}"'
                if not key.startswith(("'", '"'))
                else quoted(f"{target}/{reference}")
            )
        else:
            label = formatted(name, scope)
            inner = label[2:-1] if label.startswith("f") else in_f_string(name)
            if scope and not any(f"{{{each}}}" in name for each in scope):
                inner += "".join(f"-{{{each}}}" for each in scope.values())
            identity = f'f"{{workflow.info().workflow_id}}/{inner}"'
        parts += [f"id={identity}", f"task_queue={quoted(workflow_queue(self.project.deployment, target))}"]
        if told.workflow.retry is not None:
            parts.append(self._retry(told.workflow.retry))
        return parts

    def call(self, step: Call, scope: Scope) -> None:
        self.register(step, scope)
        parts = self._child(step.call, step.label, step.key, scope)
        timeout = step.timeout or self.book.workflows[step.call].workflow.run_timeout
        if timeout is not None:
            self.needs.add(("datetime", "timedelta"))
            parts.append(f"run_timeout={timedelta(timeout)}")
        if step.on_close not in (None, "terminate"):
            parts.append(_close(step.on_close))
        self.source.statement("await ", call("workflow.execute_child_workflow", *parts))

    def start(self, step: Start, scope: Scope) -> None:
        if step.after:
            self.needs.add(("datetime", "timedelta"))
            self.comment("A child has no start delay: its parent sleeps before it starts it.")
            self.source(f"await workflow.sleep({timedelta(step.after)})")
        self._begin(step.start, step.label, step.key, scope, step.on_close)

    def _begin(self, target: str, name: str, key: object, scope: Scope, on_close: str | None = None) -> None:
        parts = self._child(target, name, key, scope)
        timeout = self.book.workflows[target].workflow.run_timeout
        if timeout is not None:
            self.needs.add(("datetime", "timedelta"))
            parts.append(f"run_timeout={timedelta(timeout)}")
        parts.append(_close(on_close or "abandon"))
        self.source.statement("await ", call("workflow.start_child_workflow", *parts))

    def send(self, step: Send, scope: Scope) -> None:
        if step.after:
            self.needs.add(("datetime", "timedelta"))
            self.source(f"await workflow.sleep({timedelta(step.after)})")
        if step.to is None:
            started = self.book.started_by(step.send)
            if not started:
                self.comment(
                    f"{step.send} is not sent: Temporal has no events that find their receivers. Signal each of them, "
                    "or call an activity that looks them up."
                )
            for target in started:
                self._begin(target, f"{step.label}/{target}", None, scope)
            return
        hearers = self.book.hearers(step.send)
        target = self._address(step.to, hearers[0] if hearers else None, scope)
        self.needs.add(("app.messages", self.project.events[step.send]))
        fields = (f"{name}={text}" for name, text in self.fields_of(step.send, scope))
        self.source.statement("receiver = ", call("workflow.get_external_workflow_handle", target))
        payload = call(self.project.events[step.send], *fields)
        self.source.statement("await ", call("receiver.signal", quoted(step.send), payload))

    def _address(self, to: object, workflow: str | None, scope: Scope) -> str:
        if isinstance(to, int):
            return quoted(run_id(self.book, to))
        key = self.reference(to, scope)
        assert key is not None
        if key.startswith(("'", '"')):
            return quoted(f"{workflow}/{to}" if workflow else str(to))
        return f'f"{in_f_string(workflow)}/{{{key}}}"' if workflow else key


def _close(policy: str | None) -> str:
    names = {"terminate": "TERMINATE", "cancel": "REQUEST_CANCEL", "abandon": "ABANDON"}
    return f"parent_close_policy=workflow.ParentClosePolicy.{names[policy or 'abandon']}"
