"""The steps of a workflow as statements; a language and an engine's SDK fill in what depends on them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import ClassVar, Final

from durascope.models.steps import (
    Awakeable,
    Bug,
    Call,
    Choice,
    Choose,
    Clear,
    Compute,
    Fail,
    Finish,
    ForEach,
    Get,
    Parallel,
    Patched,
    Race,
    Repeat,
    Run,
    Send,
    Set,
    Sleep,
    Start,
    Step,
    Steps,
    WaitFor,
    walk,
)
from durascope.render.code import conditions
from durascope.render.code.conditions import Term, Words
from durascope.render.code.layout import Expression, Source, wrapped
from durascope.render.code.names import Names, one_line, quoted
from durascope.render.code.program import Book, Told

Scope = Mapping[str, str]
"""The loop variables around a step: their identifiers."""
NO_SCOPE: Final[Scope] = {}
REMARK: Final = 92
"""How far a comment reaches."""


class Body(ABC):
    """Writes the steps of one workflow."""

    words: ClassVar[Words]
    """The language's words in conditions."""
    remark: ClassVar[str]
    """What a comment begins with."""

    def __init__(self, book: Book, told: Told, source: Source, names: Names) -> None:
        self.book = book
        self.told = told
        self.source = source
        self.needs: set[tuple[str, str]] = set()
        """What has to be imported: module and name."""
        self.locals = names
        self.nested = 0
        """How many functions deep: only outside of all can the run's own function return."""
        self.unwinding = False
        """Whether what is written runs after the run has failed."""
        self.finishes_inside = False
        """Whether a `finish` stands in a function of a branch."""
        self.side_by_side: set[str] = set()
        """Which of the helpers for branches are used: `all_of`, `first_of`, `at_most`."""

    # ---- blocks ------------------------------------------------------------------------------------------------

    def block(self, steps: Steps, scope: Scope = NO_SCOPE) -> bool:
        """Writes steps; returns whether the code after them can be reached."""
        return all(self.step(step, scope) for step in steps)

    def inside(self, steps: Steps, scope: Scope) -> bool:
        """The same, for a block that must not be empty."""
        before = len(self.source.lines)
        reached = self.block(steps, scope)
        self.not_empty(before)
        return reached

    def not_empty(self, before: int) -> None:
        """Adds an empty statement after that line if the language needs one."""

    def step(self, step: Step, scope: Scope) -> bool:
        """Writes one step; returns whether the code after it can be reached."""
        match step:
            case Run():
                self.run(step, scope)
            case Sleep():
                self.sleep(step)
            case WaitFor():
                return self.wait_for(step, scope)
            case Parallel():
                self.gather([self.branch(each, scope) for each in step.parallel])
            case Race():
                self.race([self.branch(each, scope) for each in step.race])
            case ForEach():
                self.for_each(step, scope)
            case Repeat():
                self.repeat(step, scope)
            case Choose():
                return self.choose(step, scope)
            case Call():
                self.call(step, scope)
            case Start():
                self.start(step, scope)
            case Send():
                self.send(step, scope)
            case Awakeable():
                self.awakeable(step)
            case Get() | Set() | Clear():
                self.state(step)
            case Compute():
                self.compute(step, scope)
            case Patched():
                return self.patched(step, scope)
            case Fail():
                return self.fail(step)
            case Bug():
                self.comment(
                    f"The scenario has a bug here ({step.bug}) until a deploy drops it: this is the code after."
                )
            case Finish():
                self.finish(step)
                return False
        return True

    def blank(self) -> None:
        """An empty line in front of a function, unless it is the first of its block."""
        last = self.source.lines[-1] if self.source.lines else ""
        if last and not last.endswith((":", "{")):
            self.source("")

    def comment(self, text: str) -> None:
        """A comment, in as many lines as it needs."""
        width = REMARK - self.source.depth * self.source.step
        self.source(*(f"{self.remark} {line}" for line in wrapped(one_line(text), width)))

    # ---- control flow ------------------------------------------------------------------------------------------

    def choose(self, step: Choose, scope: Scope) -> bool:
        first, reached = True, False
        for choice in step.choose:
            condition = self.words.true
            if choice.when is not None:
                condition = self.condition(choice, scope)
            if condition == self.words.false:
                continue
            if condition == self.words.true:
                if first:
                    return self.block(choice.steps, scope)
                if choice.steps:
                    with self.otherwise():
                        return self.inside(choice.steps, scope) or reached
                return True
            with self.when(condition, first=first):
                reached = self.inside(choice.steps, scope) or reached
            first = False
        return True

    def condition(self, choice: Choice, scope: Scope) -> str:
        """The condition of a choice, as an expression."""
        assert choice.when is not None
        return conditions.expression(choice.when, lambda name: self.value(name, scope), self.words)

    def either(self, condition: str, then: Steps, otherwise: Steps, scope: Scope, negated: str | None = None) -> bool:
        """The one where the condition holds, else the other, without empty branches."""
        if not then and not otherwise:
            return True
        if not then:
            with self.when(negated or f"{self.words.not_}{condition}"):
                self.inside(otherwise, scope)
            return True
        with self.when(condition):
            reached = self.inside(then, scope)
        if not otherwise:
            return True
        with self.otherwise():
            return self.inside(otherwise, scope) or reached

    def rounds(self, step: Repeat | ForEach, scope: Scope, used: bool) -> tuple[str, Scope]:
        """The identifier of a loop's variable, and the scope inside."""
        name = step.as_ or "number"
        identifier = self.locals.new(name)
        return (identifier if used else f"_{identifier}"), {**scope, name: identifier}

    def repeat(self, step: Repeat, scope: Scope) -> None:
        variable, inner = self.rounds(step, scope, self.uses(step))
        with self.loop(variable, step.repeat):
            self.inside(step.do, inner)

    def for_each(self, step: ForEach, scope: Scope) -> None:
        variable, inner = self.rounds(step, scope, used=True)
        function = self.locals.new(f"each {step.as_ or 'number'}")
        limit = step.at_once if step.at_once is not None and step.at_once < step.for_each else None
        self.every(function, variable, step, inner, used=self.uses(step), limit=limit)

    def uses(self, step: Repeat | ForEach) -> bool:
        """Whether the steps of a loop use its variable."""
        return step.as_ is not None and uses(step.do, step.as_)

    def branch(self, steps: Steps, scope: Scope) -> Expression:
        """A branch as an expression that can be awaited; what is more than one call is a function of its own."""
        if len(steps) == 1 and isinstance(steps[0], Run):
            simple = self.simple(steps[0], scope)
            if simple is not None:
                return simple
        function = self.locals.new(f"{steps[0].label} branch" if steps else "nothing")
        self.blank()
        with self.function(function):
            self.nested += 1
            self.inside(steps, scope)
            self.nested -= 1
        self.source("")
        return f"{function}()"

    def patched(self, step: Patched, scope: Scope) -> bool:
        """Engines without patches run the new code."""
        return self.block(step.do, scope)

    def awakeable(self, step: Awakeable) -> None:
        """Where events are addressed by name nothing is to be made."""

    def fail(self, step: Fail) -> bool:
        """Returns whether what follows is reached: a bug that goes away is not written."""
        if step.retryable:
            self.comment(f"The scenario has a bug here ({step.fail}) that goes away: this is the code without it.")
            return True
        self.throw(step)
        return False

    def awaited(self, before: str, future: Expression) -> None:
        """A statement that waits for something."""
        self.source.statement(f"{before}await ", future)

    def register(self, step: Step, scope: Scope) -> None:
        """Registers the undo step before its step begins, because nobody knows how far the step will get."""
        if isinstance(step, Run | Call) and step.undo is not None and not self.unwinding:
            self.undo_later(step.undo, scope)

    # ---- what languages say in their own ways ------------------------------------------------------------------

    @abstractmethod
    def when(self, condition: str, *, first: bool = True) -> AbstractContextManager[None]:
        """A block for the case that the condition holds; if not `first`, also that no condition before it held."""

    @abstractmethod
    def otherwise(self) -> AbstractContextManager[None]:
        """A block for the case that no condition before it held."""

    @abstractmethod
    def loop(self, variable: str, last: int) -> AbstractContextManager[None]:
        """A block that is run with 1, 2, … up to `last`."""

    @abstractmethod
    def function(self, name: str) -> AbstractContextManager[None]:
        """A function inside of the workflow, without arguments, that can be awaited."""

    @abstractmethod
    def every(
        self, function: str, variable: str, step: ForEach, scope: Scope, *, used: bool, limit: int | None
    ) -> None:
        """The steps inside for each number side by side, at most `limit` at once."""

    @abstractmethod
    def gather(self, branches: list[Expression]) -> None: ...

    @abstractmethod
    def race(self, branches: list[Expression]) -> None: ...

    @abstractmethod
    def finish(self, step: Finish) -> None: ...

    # ---- what engines do in their own ways ---------------------------------------------------------------------

    @abstractmethod
    def value(self, name: str, scope: Scope) -> Term | None:
        """What a name in a condition or a reference stands for."""

    def reference(self, reference: object, scope: Scope) -> str | None:
        """The expression of a key or a run that a step names: a value that the run has, else the text itself."""
        if reference is None:
            return None
        term = self.value(reference, scope) if isinstance(reference, str) else None
        return quoted(str(reference)) if term is None else term.text

    @abstractmethod
    def simple(self, step: Run, scope: Scope) -> Expression | None:
        """The step as one call that can be awaited with others; None: it is more than that."""

    @abstractmethod
    def future(self, step: Run, scope: Scope) -> Expression:
        """The call that executes a step; awaited, it is the step's result."""

    @abstractmethod
    def undo_later(self, undo: Run, scope: Scope) -> None:
        """Writes that this step is to run if the run fails."""

    @abstractmethod
    def run(self, step: Run, scope: Scope) -> None: ...

    @abstractmethod
    def sleep(self, step: Sleep) -> None: ...

    @abstractmethod
    def wait_for(self, step: WaitFor, scope: Scope) -> bool: ...

    @abstractmethod
    def call(self, step: Call, scope: Scope) -> None: ...

    @abstractmethod
    def start(self, step: Start, scope: Scope) -> None: ...

    @abstractmethod
    def send(self, step: Send, scope: Scope) -> None: ...

    @abstractmethod
    def state(self, step: Get | Set | Clear) -> None: ...

    @abstractmethod
    def compute(self, step: Compute, scope: Scope) -> None: ...

    @abstractmethod
    def throw(self, step: Fail) -> None:
        """Writes that the run fails."""


def uses(steps: Steps, variable: str) -> bool:
    """Whether a loop's variable is used by the steps inside."""
    for step in walk(steps):
        if (
            f"{{{variable}}}" in step.label
            or getattr(step, "key", None) == variable
            or getattr(step, "to", None) == variable
        ):
            return True
        if isinstance(step, Choose) and any(c.when is not None and variable in c.when.names for c in step.choose):
            return True
    return False
