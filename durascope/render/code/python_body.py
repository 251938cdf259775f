"""The steps of a workflow as Python statements; each engine's writer fills in what depends on the engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Final

from durascope.models.steps import (
    Awakeable,
    Bug,
    Call,
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
)
from durascope.render.code import conditions
from durascope.render.code.conditions import Term
from durascope.render.code.layout import Expression, Source, call, wrapped
from durascope.render.code.names import one_line, python_names
from durascope.render.code.program import Book, Told
from durascope.render.code.python import STEP

Scope = Mapping[str, str]
"""The loop variables around a step: their identifiers."""
NO_SCOPE: Final[Scope] = {}


class PythonBody(ABC):
    """Writes the steps of one workflow."""

    def __init__(self, book: Book, told: Told, *taken: str) -> None:
        self.book = book
        self.told = told
        self.source = Source(STEP)
        self.needs: set[tuple[str, str]] = set()
        """What has to be imported: module and name."""
        self.locals = python_names(*taken)
        self.nested = 0
        """How many functions deep: only outside of all can the run's own function return."""
        self.unwinding = False
        """Whether what is written runs after the run has failed."""
        self.finishes_inside = False
        """Whether a `finish` stands in a function of a branch."""
        self.side_by_side: set[str] = set()
        """Which of the functions `all_of` and `first_of` are used."""

    # ---- blocks ------------------------------------------------------------------------------------------------

    def block(self, steps: Steps, scope: Scope = NO_SCOPE) -> bool:
        """Writes steps; returns whether what follows them is reached."""
        return all(self.step(step, scope) for step in steps)

    def inside(self, steps: Steps, scope: Scope) -> bool:
        """A block that must not be empty."""
        with self.source.deeper():
            before = len(self.source.lines)
            reached = self.block(steps, scope)
            if all(line.lstrip().startswith("#") for line in self.source.lines[before:]):
                self.source("pass")
        return reached

    def step(self, step: Step, scope: Scope) -> bool:
        """Writes one step; returns whether what follows it is reached."""
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
        if last and not last.endswith(":"):
            self.source("")

    def comment(self, text: str) -> None:
        """A comment, in as many lines as it needs."""
        self.source(*(f"# {line}" for line in wrapped(one_line(text), 92 - self.source.depth * STEP)))

    # ---- control flow ------------------------------------------------------------------------------------------

    def choose(self, step: Choose, scope: Scope) -> bool:
        word, reached = "if", False
        for choice in step.choose:
            condition = "True"
            if choice.when is not None:
                condition = conditions.expression(choice.when, lambda name: self.value(name, scope))
            if condition == "False":
                continue
            if condition == "True":
                if word == "if":
                    return self.block(choice.steps, scope)
                if choice.steps:
                    self.source("else:")
                    return self.inside(choice.steps, scope) or reached
                return True
            self.source(f"{word} {condition}:")
            reached = self.inside(choice.steps, scope) or reached
            word = "elif"
        return True

    def either(self, condition: str, then: Steps, otherwise: Steps, scope: Scope, negated: str | None = None) -> bool:
        """`if condition: then else: otherwise`, without empty branches."""
        if not then and not otherwise:
            return True
        if not then:
            self.source(f"if {negated or f'not {condition}'}:")
            self.inside(otherwise, scope)
            return True
        self.source(f"if {condition}:")
        reached = self.inside(then, scope)
        if not otherwise:
            return True
        self.source("else:")
        return self.inside(otherwise, scope) or reached

    def rounds(self, step: Repeat | ForEach, scope: Scope, used: bool) -> tuple[str, Scope]:
        """The identifier of a loop's variable, and the scope inside."""
        name = step.as_ or "number"
        identifier = self.locals.new(name)
        return (identifier if used else f"_{identifier}"), {**scope, name: identifier}

    def repeat(self, step: Repeat, scope: Scope) -> None:
        used = step.as_ is not None and uses(step.do, step.as_)
        variable, inner = self.rounds(step, scope, used)
        self.source(f"for {variable} in range(1, {step.repeat + 1}):")
        self.inside(step.do, inner)

    def for_each(self, step: ForEach, scope: Scope) -> None:
        variable, inner = self.rounds(step, scope, used=True)
        function = self.locals.new(f"each {step.as_ or 'number'}")
        limit = step.at_once if step.at_once is not None and step.at_once < step.for_each else None
        used = step.as_ is not None and uses(step.do, step.as_)
        argument = variable if used else f"_{variable}"
        if limit is not None:
            lane = self.locals.new("at once")
            self.needs.add(("asyncio", ""))
            self.source(f"{lane} = asyncio.Semaphore({limit})")
        self.blank()
        self.source(f"async def {function}({argument}: int) -> None:")
        with self.source.deeper():
            if limit is not None:
                self.source(f"async with {lane}:")  # pyright: ignore[reportPossiblyUnboundVariable]
            with self.source.deeper() if limit is not None else _nothing():
                self.nested += 1
                before = len(self.source.lines)
                self.block(step.do, inner)
                if len(self.source.lines) == before:
                    self.source("pass")
                self.nested -= 1
        self.source("")
        self.gather([f"*({function}({variable}) for {variable} in range(1, {step.for_each + 1}))"])

    def branch(self, steps: Steps, scope: Scope) -> Expression:
        """A branch as an expression that can be awaited; what is more than one call is a function of its own."""
        if len(steps) == 1 and isinstance(steps[0], Run):
            simple = self.simple(steps[0], scope)
            if simple is not None:
                return simple
        function = self.locals.new(f"{steps[0].label} branch" if steps else "nothing")
        self.blank()
        self.source(f"async def {function}() -> None:")
        self.nested += 1
        self.inside(steps, scope)
        self.nested -= 1
        self.source("")
        return f"{function}()"

    def gather(self, branches: list[Expression]) -> None:
        self.side_by_side.add("all_of")
        self.source.statement("await ", call("all_of", *branches))

    def race(self, branches: list[Expression]) -> None:
        self.side_by_side.add("first_of")
        self.source.statement("await ", call("first_of", *branches))

    def patched(self, step: Patched, scope: Scope) -> bool:
        """Engines without patches run the new code."""
        return self.block(step.do, scope)

    def compute(self, step: Compute, scope: Scope) -> None:
        if step.compute.typical:
            self.comment(
                f"{step.label}: code of the workflow's own, busy for {step.compute}; it runs again on a replay."
            )

    def awakeable(self, step: Awakeable) -> None:
        """Where events are addressed by name nothing is to be made."""

    # ---- what engines do in their own ways ---------------------------------------------------------------------

    @abstractmethod
    def value(self, name: str, scope: Scope) -> Term | None:
        """What a name in a condition or a reference stands for."""

    @abstractmethod
    def simple(self, step: Run, scope: Scope) -> Expression | None:
        """The step as one call that can be awaited with others; None: it is more than that."""

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
    def fail(self, step: Fail) -> bool:
        """Returns whether what follows is reached: a bug that goes away is not written."""

    @abstractmethod
    def finish(self, step: Finish) -> None: ...

    # ---- texts with loop variables -----------------------------------------------------------------------------

    def label(self, text: str, scope: Scope) -> str:
        """A label as a literal, or as an f-string where it has loop variables."""
        return formatted(text, scope)


def formatted(text: str, scope: Scope) -> str:
    """`"round"`, or `f"round-{n}"` where the text has variables of the scope."""
    import re

    from durascope.render.code.names import in_f_string, quoted

    if not any(f"{{{name}}}" in text for name in scope):
        return quoted(text)
    parts = re.split(r"(\{\w+\})", text)
    made = [
        "{" + scope[part[1:-1]].replace('"', "'") + "}"
        if part.startswith("{") and part[1:-1] in scope
        else in_f_string(part)
        for part in parts
    ]
    return 'f"' + "".join(made) + '"'


def uses(steps: Steps, variable: str) -> bool:
    """Whether a loop's variable is used by the steps inside."""
    from durascope.models.steps import walk

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


class _nothing:  # noqa: N801 - reads as a word where it stands
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...
