"""The operations of a Python project: a function for each, which calls its service once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import ClassVar

from durascope.models.run_step import Fails
from durascope.render.code import python
from durascope.render.code.layout import Expression, Source, call
from durascope.render.code.names import one_line, snake
from durascope.render.code.program import Operation
from durascope.render.code.python import STEP
from durascope.render.code.python_messages import Messages
from durascope.render.code.python_services import call_of, question_of


class PythonOperations(ABC):
    """Writes the functions; how an attempt is numbered, and how it says that it has failed, is the engine's."""

    given: ClassVar[str] = "given"
    unused: ClassVar[str] = "_given"
    """What the input is called where the function does not use it."""
    attempt: ClassVar[str]
    """An expression of the attempt's number."""

    def __init__(self, project: Messages, functions: Mapping[Operation, str]) -> None:
        self.project = project
        self.functions = functions
        self.source = Source(STEP)
        self.needs: set[tuple[str, str]] = set()

    def text(self, about: str) -> str:
        """The module."""
        for each in self.project.book.operations:
            self.source("", "")
            self._function(each)
        head = [f'"""{about}"""', "", *python.imports(self.needs)]
        return "\n".join(head) + "\n" + self.source.text()

    def head(self, it: Operation) -> Iterator[str]:
        """The decorators."""
        yield from ()

    def parameters(self, it: Operation) -> Iterator[str]:
        """What the function is given beside the run's input and the loop variables."""
        yield from ()

    @abstractmethod
    def failure(self, fails: Fails) -> Expression:
        """What an attempt raises that fails as the scenario says."""

    def _function(self, it: Operation) -> None:
        message = self.project.inputs[it.workflow]
        self.needs.add(("app.messages", message))
        result = self.project.results.get(it)
        returns = result or ("str" if it.step.size else "None")
        name = self.given if it.step.idempotency_key is not None else self.unused
        numbers = (f"{snake(each)}: int" for each in it.variables)
        parameters = (f"{name}: {message}", *numbers, *self.parameters(it))
        self.source(*self.head(it))
        self.source(f"async def {self.functions[it]}({', '.join(parameters)}) -> {returns}:")
        with self.source.deeper():
            self.source(f'"""{_about(it)}"""')
            if self.body(it):
                self._returned(it, result)

    def body(self, it: Operation) -> bool:
        """What it does; returns whether it can end well."""
        if it.referred:
            self.refer(it)
        if not it.asks:
            return self.act(it)
        self.needs.add(("app", "services"))
        self.source.statement("if not await ", question_of(self.project.book, it, self.given), ":")
        with self.source.deeper():
            self.act(it)
        return True

    def refer(self, it: Operation) -> None:
        """Writes what makes the reference of its call; where it is a parameter there is nothing to write."""

    def act(self, it: Operation) -> bool:
        """The call and its failures; returns whether it can end well."""
        step, fails, source = it.step, it.step.fails, self.source
        if fails is not None:
            if not fails.always:
                source(f"if {self.attempt} <= {fails.times}:")
            with source.deeper() if not fails.always else nullcontext():
                self.call(it, effect=fails.moment == "after-effect")
                source.statement("raise ", self.failure(fails))
            if fails.always:
                return False
        self.call(it, effect=step.effect_at != "never")
        return True

    def call(self, it: Operation, *, effect: bool) -> None:
        """The call of the service."""
        made = call_of(self.project.book, it, self.given, self.attempt, self.needs, effect=effect)
        self.source.statement("await ", made)

    def _returned(self, it: Operation, result: str | None) -> None:
        source = self.source
        document = None
        if it.step.size:
            document = f'"x" * {max(1, it.step.size - 2)}'
        if result is None:
            if document is not None:
                source(f"return {document}")
            return
        self.needs.add(("app.messages", result))
        parts: list[str] = []
        for name in it.results:
            if name == "attempts":
                parts.append(f"attempts={self.attempt}")
                continue
            self.needs.add(("random", ""))
            share = (it.step.result or {})[name]
            parts.append(f"{python.field_name(name)}=random.random() < {share!r}")
        if document is not None:
            parts.append(f"document={document}")
        source.statement("return ", call(result, *parts))


def _about(it: Operation) -> str:
    via = f"{one_line(it.step.via)}: " if it.step.via else ""
    service = one_line(it.service.title or it.step.on or "") if it.step.on else ""
    return f"{via}calls {service}." if service else f"{via}code of this service's own."
