"""What a function does in its steps on Inngest, whatever its language."""

from __future__ import annotations

from durascope.models.steps import Run
from durascope.render.code.body import Scope
from durascope.render.code.layout import Expression
from durascope.render.code.names import quoted
from durascope.render.code.values import Values


class InngestBody(Values):
    """Writes the steps of a function."""

    def simple(self, step: Run, scope: Scope) -> Expression | None:
        return None if step.undo is not None or self.used_results(step) else self.future(step, scope)

    def run(self, step: Run, scope: Scope) -> None:
        if step.retry is not None:
            self.comment("Inngest has no retry policy per step: the function's `retries` are in force.")
        if step.timeout is not None or step.heartbeat is not None or step.total_timeout is not None:
            self.comment("Inngest has no timeout of a step: give the call in it one of its own.")
        super().run(step, scope)

    def addressed(self, to: object, field: str, scope: Scope) -> str:
        """The key of whom an event is for: a value of the run, a text, or that of a run of the workload."""
        if isinstance(to, int):
            given = self.book.scenario.workload.keys or ()
            return quoted(str(given[to - 1]) if to <= len(given) else f"{field}-{to}")
        text = self.reference(to, scope)
        assert text is not None
        return text
