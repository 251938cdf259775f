"""`src/activities.ts`: an activity for each operation, which calls its service once."""

from __future__ import annotations

from typing import Final

from durascope.models.run_step import Fails
from durascope.render.code.layout import Expression, call
from durascope.render.code.names import camel, parts_of, quoted
from durascope.render.code.program import Operation
from durascope.render.code.temporal.facts import effect_of
from durascope.render.code.temporal.typescript.names import Named
from durascope.render.code.typescript import duration, milliseconds, obj, template
from durascope.render.code.typescript_operations import TypeScriptOperations
from durascope.render.code.typescript_services import call_of

_ATTEMPT: Final = "Context.current().info.attempt"


def activities_file(project: Named) -> str:
    """The module."""
    made = Activities(project.book, project.activities, project.inputs, project.results)
    return made.text("The activities: each calls a service once.")


class Activities(TypeScriptOperations):
    """Writes the activities."""

    attempt = _ATTEMPT

    def body(self, operation: Operation) -> bool:
        fails = operation.step.fails
        self.attempt = _ATTEMPT
        asked: list[str] = []
        if len(operation.takes) > 1 or (fails is not None and not fails.always):
            asked.append("attempt")
            self.attempt = "attempt"
        if operation.referred:
            asked += (
                ["workflowExecution"]
                if effect_of(self.book, operation) is not None
                else ["activityId", "workflowExecution"]
            )
        if asked:
            self.source(f"const {{ {', '.join(asked)} }} = Context.current().info;")
        if asked or "attempts" in operation.results:
            self.needs.add(("@temporalio/activity", "Context"))
        return super().body(operation)

    def refer(self, operation: Operation) -> None:
        """An activity has the same id in each of its attempts; those of a workflow have its execution."""
        effect = effect_of(self.book, operation)
        scope = {name: self.variable(operation, name) for name in operation.variables}
        last = [("activityId", True)] if effect is None else parts_of(effect, scope)
        self.source(f"const reference = {template(('workflowExecution!.runId', True), ('/', False), *last)};")

    def variable(self, operation: Operation, name: str) -> str:
        used = operation.referred and f"{{{name}}}" in (effect_of(self.book, operation) or "")
        return camel(name) if used else super().variable(operation, name)

    def act(self, operation: Operation) -> bool:
        heartbeat = operation.step.heartbeat
        if heartbeat is None or heartbeat.every == "never":
            return super().act(operation)
        self._heartbeat(operation)
        return True

    def failure(self, fails: Fails) -> Expression:
        self.needs.add(("@temporalio/activity", "ApplicationFailure"))
        error = quoted(fails.error)
        if fails.retry_after is None:
            return call(f"ApplicationFailure.{'retryable' if fails.retryable else 'nonRetryable'}", error, error)
        members: list[tuple[str, Expression]] = [("message", error), ("type", error)]
        if not fails.retryable:
            members.append(("nonRetryable", "true"))
        members.append(("nextRetryDelay", duration(fails.retry_after)))
        return call("ApplicationFailure.create", obj(*members))

    def _heartbeat(self, operation: Operation) -> None:
        source, heartbeat = self.source, operation.step.heartbeat
        assert heartbeat is not None
        every = heartbeat.every if isinstance(heartbeat.every, int) else heartbeat.timeout // 2
        self.needs.add(("@temporalio/activity", "Context"))
        source("const context = Context.current();")
        source(f"const beating = setInterval(() => context.heartbeat(), {milliseconds(every)});")
        with source.block("try"):
            made = call_of(
                self.book, operation, "input", self.attempt, effect=True, signal="context.cancellationSignal"
            )
            source.statement("await ", made)
        with source.block("finally"):
            source("clearInterval(beating);")
