"""`app/steps.py`: what the steps do, a function for each, which calls its service once."""

from __future__ import annotations

from collections.abc import Iterator

from durascope.models.run_step import Fails
from durascope.render.code import python
from durascope.render.code.facts import may_be_rejected, uses_attempt
from durascope.render.code.inngest.python.names import Named
from durascope.render.code.layout import Expression, call
from durascope.render.code.names import quoted
from durascope.render.code.program import Operation
from durascope.render.code.python_operations import PythonOperations


def steps_file(project: Named) -> str:
    """The module."""
    return Operations(project, project.steps).text("What the steps do.")


class Operations(PythonOperations):
    """Writes the functions."""

    attempt = "attempt"

    def parameters(self, operation: Operation) -> Iterator[str]:
        if operation.referred:
            yield "reference: str"
        if uses_attempt(operation):
            yield "attempt: int"

    def failure(self, fails: Fails) -> Expression:
        error = quoted(fails.error)
        if not fails.retryable:
            self.needs.add(("inngest", ""))
            return call("inngest.NonRetriableError", error)
        if fails.retry_after is not None:
            self.needs |= {("inngest", ""), ("datetime", "timedelta")}
            return call("inngest.RetryAfterError", error, python.timedelta(fails.retry_after))
        return call("RuntimeError", error)

    def call(self, operation: Operation, *, effect: bool) -> None:
        if not may_be_rejected(operation):
            super().call(operation, effect=effect)
            return
        self.needs.add(("inngest", ""))
        self.source("try:")
        with self.source.deeper():
            super().call(operation, effect=effect)
        self.source("except services.Rejected as error:")
        self.source("    raise inngest.NonRetriableError(str(error)) from error")
