"""Steps that reach other runs: calls and starts of children, signals."""

from __future__ import annotations

import re

from durascope.models.steps import Call, Send, Start
from durascope.render.code.body import Scope
from durascope.render.code.events import run_id
from durascope.render.code.layout import Expression, Group, call
from durascope.render.code.names import quoted
from durascope.render.code.temporal.queues import workflow_queue
from durascope.render.code.temporal.typescript.activity_calls import ActivityCalls, retry_policy
from durascope.render.code.typescript import duration, obj, template


class OtherRuns(ActivityCalls):
    """Writes what a workflow does with other runs."""

    def _child(
        self,
        function: str,
        target: str,
        name: str,
        reference: object,
        scope: Scope,
        *,
        timeout: int | None = None,
        on_close: str | None = None,
    ) -> None:
        """The start of a child; a call waits for its end, too."""
        told = self.book.workflows[target]
        key = self.reference(reference, scope)
        members: list[tuple[str, Expression]] = [
            ("args", Group("[", (obj(*self.fields_for(target, key)),), "]")),
            ("workflowId", self._identity(target, name, key, reference, scope)),
            ("taskQueue", quoted(workflow_queue(self.project.deployment, target))),
        ]
        limit = timeout or told.workflow.run_timeout
        if limit is not None:
            members.append(("workflowRunTimeout", duration(limit)))
        if told.workflow.retry is not None:
            members.append(("retry", retry_policy(told.workflow.retry)))
        if on_close is not None:
            policy = {"terminate": "TERMINATE", "cancel": "REQUEST_CANCEL", "abandon": "ABANDON"}[on_close]
            self.imported.add("ParentClosePolicy")
            members.append(("parentClosePolicy", f"ParentClosePolicy.{policy}"))
        self.imported.add(function)
        self.source.statement("await ", call(function, self.project.functions[target], obj(*members, broken=True)))

    def _identity(self, target: str, name: str, key: str | None, reference: object, scope: Scope) -> str:
        if key is not None:
            literal = key.startswith(("'", '"'))
            return quoted(f"{target}/{reference}") if literal else template((f"{target}/", False), (key, True))
        self.imported.add("workflowInfo")
        names = {f"{{{each}}}": identifier for each, identifier in scope.items()}
        parts = (part for part in re.split(r"(\{\w+\})", name) if part)
        made = [(names.get(part, part), part in names) for part in parts]
        if scope and not any(code for _, code in made):
            for each in scope.values():
                made += [("-", False), (each, True)]
        return template(("workflowInfo().workflowId", True), ("/", False), *made)

    def call(self, step: Call, scope: Scope) -> None:
        self.register(step, scope)
        on_close = step.on_close if step.on_close != "terminate" else None
        self._child("executeChild", step.call, step.label, step.key, scope, timeout=step.timeout, on_close=on_close)

    def start(self, step: Start, scope: Scope) -> None:
        if step.after:
            self.comment("A child has no start delay: its parent sleeps before it starts it.")
            self._sleep(step.after)
        self._child("startChild", step.start, step.label, step.key, scope, on_close=step.on_close or "abandon")

    def _sleep(self, us: int) -> None:
        self.imported.add("sleep")
        self.source(f"await sleep({duration(us)});")

    def send(self, step: Send, scope: Scope) -> None:
        if step.after:
            self._sleep(step.after)
        if step.to is None:
            started = self.book.started_by(step.send)
            if not started:
                self.comment(
                    f"{step.send} is not sent: Temporal has no events that find their receivers. Signal each of them, "
                    "or call an activity that looks them up."
                )
            for target in started:
                self._child("startChild", target, f"{step.label}/{target}", None, scope, on_close="abandon")
            return
        hearers = self.book.hearers(step.send)
        target = self._address(step.to, hearers[0] if hearers else None, scope)
        self.imported.add("getExternalWorkflowHandle")
        receiver = self.locals.new("receiver")
        self.source.statement(f"const {receiver} = ", call("getExternalWorkflowHandle", target))
        self.source.statement(
            "await ", call(f"{receiver}.signal", quoted(step.send), obj(*self.fields_of(step.send, scope)))
        )

    def _address(self, to: object, workflow: str | None, scope: Scope) -> str:
        if isinstance(to, int):
            return quoted(run_id(self.book, to))
        key = self.reference(to, scope)
        assert key is not None
        if key.startswith(("'", '"')):
            return quoted(f"{workflow}/{to}" if workflow else str(to))
        return template((f"{workflow}/", False), (key, True)) if workflow else key
