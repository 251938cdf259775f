"""`src/steps.ts`: a function for each operation, which calls its service once; handlers pass them to `ctx.run`."""

from __future__ import annotations

from collections.abc import Iterator

from durascope.models.run_step import Fails
from durascope.models.units import MILLISECOND
from durascope.render.code.facts import may_be_rejected, uses_attempt
from durascope.render.code.layout import Expression, call
from durascope.render.code.names import quoted
from durascope.render.code.program import Operation
from durascope.render.code.restate.typescript.names import Named
from durascope.render.code.typescript import obj
from durascope.render.code.typescript_operations import TypeScriptOperations
from durascope.render.code.typescript_services import call_of

SDK = ("@restatedev/restate-sdk", "* as restate")


def steps_file(project: Named) -> str:
    """The module."""
    return _Steps(project).text("The steps: each calls a service once. Handlers pass them to `ctx.run`.")


class _Steps(TypeScriptOperations):
    attempt = "attempt"

    def __init__(self, project: Named) -> None:
        super().__init__(project.book, project.steps, project.inputs, project.results)
        self.timed = project.timed

    def parameters(self, operation: Operation) -> Iterator[str]:
        if operation.referred:
            yield "reference: string"
        if uses_attempt(operation):
            yield "run: string"
        if operation in self.timed:
            yield "timeout?: number"

    def failure(self, fails: Fails) -> Expression:
        if not fails.retryable:
            self.needs.add(SDK)
            return call("new restate.TerminalError", quoted(fails.error))
        if fails.retry_after is not None:
            self.needs.add(SDK)
            after = obj(("retryAfter", str(fails.retry_after // MILLISECOND)))
            return call("new restate.RetryableError", quoted(fails.error), after)
        return call("new services.ServiceError", quoted(fails.error))

    def body(self, operation: Operation) -> bool:
        if uses_attempt(operation):
            self.source(f"const attempt = services.attempt(run, {quoted(operation.name)});")
        if operation in self.timed:
            self.source("// an attempt of ctx.run has no time limit of its own")
            self.source("const signal = timeout === undefined ? undefined : AbortSignal.timeout(timeout);")
        return super().body(operation)

    def signal(self, operation: Operation) -> str | None:
        return "signal" if operation in self.timed else None

    def call(self, operation: Operation, *, effect: bool) -> None:
        made = call_of(self.book, operation, "input", self.attempt, effect=effect, signal=self.signal(operation))
        if not may_be_rejected(operation):
            self.source.statement("await ", made)
            return
        self.needs.add(SDK)
        with self.source.block("try"):
            self.source.statement("await ", made)
        with self.source.block("catch (error)"):
            self.source("if (error instanceof services.Rejected) throw new restate.TerminalError(error.message);")
            self.source("throw error;")
