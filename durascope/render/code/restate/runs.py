"""What a workflow's handler does with `ctx.run` and other invocations on Restate, whatever its language."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from durascope.models.serving import serving
from durascope.models.steps import ForEach, Parallel, Race, Run, Send, Sleep, Step
from durascope.render.code.body import Scope
from durascope.render.code.layout import Expression, Source
from durascope.render.code.names import Names
from durascope.render.code.program import Book, Told
from durascope.render.code.restate.facts import kind_of_wait, single, singles, waiting_for
from durascope.render.code.values import Values


class RestateRuns(Values):
    """Writes the steps of a handler."""

    run_id: ClassVar[str] = "ctx.request().id"

    def __init__(self, book: Book, told: Told, source: Source, names: Names) -> None:
        super().__init__(book, told, source, names)
        self.workflow = told.workflow
        self.waits_by = kind_of_wait(book.scenario, told.name)
        self.keyed = serving(book.scenario, told.name).kind != "service"
        self.reads_only = False
        """Whether the handler that is written stands beside the run, and Restate refuses what it writes (RT0017)."""
        self.made: dict[str, list[str]] = {}
        """The awakeables that are made before they are awaited, by event."""
        self.in_branch = False
        self.registers = True
        """Whether undo steps are registered: updates have none."""

    def simple(self, step: Run, scope: Scope) -> Expression | None:
        """Branches beside others are generators, whatever they hold."""
        return None

    def register(self, step: Step, scope: Scope) -> None:
        if self.registers:
            super().register(step, scope)

    def plain(self, step: Parallel | Race, scope: Scope) -> bool:
        """Whether each branch is one call of the context; registers their undo steps then."""
        found = singles(step)
        if found is None or any(isinstance(each, Run) and self.used_results(each) for each in found):
            return False
        for each in found:
            self.register(each, scope)
        return True

    def only_call(self, step: ForEach) -> Run | Sleep | None:
        """The one call of the context that each round makes; None: the rounds are more, or need a function each."""
        only = single(step.do)
        if only is None or step.at_once is not None or self.in_branch or getattr(only, "undo", None) is not None:
            return None
        return None if isinstance(only, Run) and self.used_results(only) else only

    def send(self, step: Send, scope: Scope) -> None:
        started = self.book.started_by(step.send)
        for target in started:
            self.begin(step, target, scope)
        if step.to is None:
            if not started:
                self.comment(f"{step.send} is not sent: an event needs an address here, a key or an awakeable's id.")
            return
        waiting = waiting_for(self.book, step)
        if waiting is not None:
            self.deliver(step, waiting, scope)
        elif not started:
            self.comment(f"{step.send} is not sent: nobody waits for it.")

    @abstractmethod
    def begin(self, step: Send, target: str, scope: Scope) -> None:
        """Writes that the event starts a run of that workflow."""

    @abstractmethod
    def deliver(self, step: Send, target: str, scope: Scope) -> None:
        """Writes that the event goes to the run that waits for it."""
