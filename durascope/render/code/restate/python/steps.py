"""`app/steps.py`: a function for each operation, which calls its service once; handlers pass them to `ctx.run`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

from durascope.models.run_step import Fails
from durascope.render.code.facts import may_be_rejected, uses_attempt
from durascope.render.code.layout import Expression, call
from durascope.render.code.names import quoted
from durascope.render.code.program import Operation
from durascope.render.code.python import timedelta
from durascope.render.code.python_operations import PythonOperations
from durascope.render.code.restate.python.names import Named


def steps_file(project: Named) -> str:
    """The module."""
    return _Steps(project).text("The steps: each calls a service once. Handlers pass them to `ctx.run`.")


class _Steps(PythonOperations):
    attempt: ClassVar[str] = "attempt"
    unused: ClassVar[str] = "given"

    def __init__(self, project: Named) -> None:
        super().__init__(project, project.steps)
        self.timed = project.timed

    def parameters(self, operation: Operation) -> Iterator[str]:
        if operation.referred:
            yield "reference: str"
        if operation in self.timed:
            yield "timeout: float | None"
        if uses_attempt(operation):
            yield "run: str"

    def failure(self, fails: Fails) -> Expression:
        if not fails.retryable:
            self.needs.add(("restate", ""))
            return call("restate.TerminalError", quoted(fails.error))
        if fails.retry_after is not None:
            self.needs |= {("restate.exceptions", "RetryableError"), ("datetime", "timedelta")}
            return call("RetryableError", quoted(fails.error), f"retry_after={timedelta(fails.retry_after)}")
        self.needs.add(("app", "services"))
        return call("services.ServiceError", quoted(fails.error))

    def body(self, operation: Operation) -> bool:
        if uses_attempt(operation):
            self.needs.add(("app", "services"))
            self.source(f"attempt = services.attempt(run, {quoted(operation.name)})")
        if not operation.asks or operation not in self.timed:
            return super().body(operation)
        with self._in_time():
            return super().body(operation)

    def _in_time(self) -> AbstractContextManager[None]:
        """A block whose time is limited."""
        self.needs.add(("asyncio", ""))
        self.source("async with asyncio.timeout(timeout):  # an attempt of ctx.run has no time limit of its own")
        return self.source.deeper()

    def call(self, operation: Operation, *, effect: bool) -> None:
        source, rejected = self.source, may_be_rejected(operation)
        if rejected:
            source("try:")
        in_time = operation in self.timed and not operation.asks
        with source.deeper() if rejected else nullcontext(), self._in_time() if in_time else nullcontext():
            super().call(operation, effect=effect)
        if rejected:
            self.needs.add(("restate", ""))
            source("except services.Rejected as refused:")
            source("    raise restate.TerminalError(str(refused)) from refused")
