"""`app/activities.py`: an activity for each operation, which calls its service once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from durascope.models.run_step import Fails
from durascope.render.code import python
from durascope.render.code.layout import Expression, call
from durascope.render.code.names import parts_of, quoted, snake
from durascope.render.code.program import Operation
from durascope.render.code.python import timedelta
from durascope.render.code.python_operations import PythonOperations
from durascope.render.code.python_services import call_of
from durascope.render.code.temporal.facts import effect_of
from durascope.render.code.temporal.python.names import Named


def activities_file(project: Named) -> str:
    """The module."""
    return _Activities(project, project.activities).text("The activities: each calls a service once.")


class _Activities(PythonOperations):
    attempt: ClassVar[str] = "activity.info().attempt"

    def head(self, operation: Operation) -> Iterator[str]:
        self.needs.add(("temporalio", "activity"))
        yield f"@activity.defn(name={quoted(operation.name)})"

    def failure(self, fails: Fails) -> Expression:
        self.needs.add(("temporalio.exceptions", "ApplicationError"))
        parts = [quoted(fails.error), f"type={quoted(fails.error)}"]
        if not fails.retryable:
            parts.append("non_retryable=True")
        if fails.retry_after is not None:
            self.needs.add(("datetime", "timedelta"))
            parts.append(f"next_retry_delay={timedelta(fails.retry_after)}")
        return call("ApplicationError", *parts)

    def refer(self, operation: Operation) -> None:
        """An activity has the same id in each of its attempts."""
        effect = effect_of(self.project.book, operation)
        scope = {name: snake(name) for name in operation.variables}
        last = [("info.activity_id", True)] if effect is None else parts_of(effect, scope)
        self.source("info = activity.info()")
        self.source(f"reference = {python.template(('info.workflow_run_id', True), ('/', False), *last)}")

    def act(self, operation: Operation) -> bool:
        heartbeat, source = operation.step.heartbeat, self.source
        if heartbeat is None or heartbeat.every == "never":
            return super().act(operation)
        every = heartbeat.every if isinstance(heartbeat.every, int) else heartbeat.timeout // 2
        self.needs.add(("asyncio", ""))
        work = call_of(self.project.book, operation, self.given, self.attempt, self.needs, effect=True)
        source.statement("work = ", call("asyncio.create_task", work))
        source(f"while not (await asyncio.wait([work], timeout={python.seconds(every)}))[0]:")
        source("    activity.heartbeat()")
        source("await work")
        return True
