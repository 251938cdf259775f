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

    def parameters(self, it: Operation) -> Iterator[str]:
        if it.referred:
            yield "reference: str"
        if it in self.timed:
            yield "timeout: float | None"
        if uses_attempt(it):
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

    def body(self, it: Operation) -> bool:
        if uses_attempt(it):
            self.needs.add(("app", "services"))
            self.source(f"attempt = services.attempt(run, {quoted(it.name)})")
        if not it.asks or it not in self.timed:
            return super().body(it)
        with self._in_time():
            return super().body(it)

    def _in_time(self) -> AbstractContextManager[None]:
        """A block whose time is limited."""
        self.needs.add(("asyncio", ""))
        self.source("async with asyncio.timeout(timeout):  # an attempt of ctx.run has no time limit of its own")
        return self.source.deeper()

    def call(self, it: Operation, *, effect: bool) -> None:
        source, rejected = self.source, may_be_rejected(it)
        if rejected:
            source("try:")
        in_time = it in self.timed and not it.asks
        with source.deeper() if rejected else nullcontext(), self._in_time() if in_time else nullcontext():
            super().call(it, effect=effect)
        if rejected:
            self.needs.add(("restate", ""))
            source("except services.Rejected as refused:")
            source("    raise restate.TerminalError(str(refused)) from refused")
