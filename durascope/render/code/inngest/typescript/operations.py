"""`src/steps.ts`: what the steps do, a function for each, which calls its service once."""

from __future__ import annotations

from collections.abc import Iterator

from durascope.models.run_step import Fails
from durascope.render.code.facts import may_be_rejected, uses_attempt
from durascope.render.code.inngest.typescript.names import Named
from durascope.render.code.layout import Expression, Group, call
from durascope.render.code.names import quoted
from durascope.render.code.program import Operation
from durascope.render.code.typescript import documented, duration
from durascope.render.code.typescript_operations import TypeScriptOperations
from durascope.render.code.typescript_services import call_of


def steps_file(project: Named) -> str:
    """The module."""
    return Operations(project.book, project.steps, project.inputs, project.results).text("What the steps do.")


class Operations(TypeScriptOperations):
    """Writes the functions."""

    attempt = "attempt"

    def text(self, about: str) -> str:
        if any(may_be_rejected(each) for each in self.book.operations):
            self.needs.add(("inngest", "NonRetriableError"))
            source = self.source
            source("")
            documented(source, "What a service refuses for good is not tried again.")
            with source.block("function refused(error: unknown): never"):
                source("if (!(error instanceof services.Rejected)) throw error;")
                source("throw new NonRetriableError(error.message, { cause: error });")
        return super().text(about)

    def parameters(self, operation: Operation) -> Iterator[str]:
        if operation.referred:
            yield "reference: string"
        if uses_attempt(operation):
            yield "attempt: number"

    def failure(self, fails: Fails) -> Expression:
        if not fails.retryable:
            self.needs.add(("inngest", "NonRetriableError"))
            return call("new NonRetriableError", quoted(fails.error))
        if fails.retry_after is not None:
            self.needs.add(("inngest", "RetryAfterError"))
            return call("new RetryAfterError", quoted(fails.error), duration(fails.retry_after))
        return call("new Error", quoted(fails.error))

    def call(self, operation: Operation, *, effect: bool) -> None:
        made = call_of(self.book, operation, "input", self.attempt, effect=effect)
        if may_be_rejected(operation) and isinstance(made, Group):
            made = Group(made.head, made.parts, ").catch(refused)")
        self.source.statement("await ", made)
