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

    def head(self, operation: Operation) -> Iterator[str]:
        """The decorators."""
        yield from ()

    def parameters(self, operation: Operation) -> Iterator[str]:
        """What the function is given beside the run's input and the loop variables."""
        yield from ()

    @abstractmethod
    def failure(self, fails: Fails) -> Expression:
        """What an attempt raises that fails as the scenario says."""

    def _function(self, operation: Operation) -> None:
        message = self.project.inputs[operation.workflow]
        self.needs.add(("app.messages", message))
        result = self.project.results.get(operation)
        returns = result or ("str" if operation.step.size else "None")
        name = self.given if operation.step.idempotency_key is not None else self.unused
        numbers = (f"{snake(each)}: int" for each in operation.variables)
        parameters = (f"{name}: {message}", *numbers, *self.parameters(operation))
        self.source(*self.head(operation))
        self.source(f"async def {self.functions[operation]}({', '.join(parameters)}) -> {returns}:")
        with self.source.deeper():
            self.source(f'"""{_about(operation)}"""')
            if self.body(operation):
                self._returned(operation, result)

    def body(self, operation: Operation) -> bool:
        """What it does; returns whether it can end well."""
        if operation.referred:
            self.refer(operation)
        if not operation.asks:
            return self.act(operation)
        self.needs.add(("app", "services"))
        self.source.statement("if not await ", question_of(self.project.book, operation, self.given), ":")
        with self.source.deeper():
            self.act(operation)
        return True

    def refer(self, operation: Operation) -> None:
        """Writes what makes the reference of its call; where it is a parameter there is nothing to write."""

    def act(self, operation: Operation) -> bool:
        """The call and its failures; returns whether it can end well."""
        step, fails, source = operation.step, operation.step.fails, self.source
        if fails is not None:
            if not fails.always:
                source(f"if {self.attempt} <= {fails.times}:")
            with source.deeper() if not fails.always else nullcontext():
                self.call(operation, effect=fails.moment == "after-effect")
                source.statement("raise ", self.failure(fails))
            if fails.always:
                return False
        self.call(operation, effect=step.effect_at != "never")
        return True

    def call(self, operation: Operation, *, effect: bool) -> None:
        """The call of the service."""
        made = call_of(self.project.book, operation, self.given, self.attempt, self.needs, effect=effect)
        self.source.statement("await ", made)

    def _returned(self, operation: Operation, result: str | None) -> None:
        source = self.source
        document = None
        if operation.step.size:
            document = f'"x" * {max(1, operation.step.size - 2)}'
        if result is None:
            if document is not None:
                source(f"return {document}")
            return
        self.needs.add(("app.messages", result))
        parts: list[str] = []
        for name in operation.results:
            if name == "attempts":
                parts.append(f"attempts={self.attempt}")
                continue
            self.needs.add(("random", ""))
            share = (operation.step.result or {})[name]
            parts.append(f"{python.field_name(name)}=random.random() < {share!r}")
        if document is not None:
            parts.append(f"document={document}")
        source.statement("return ", call(result, *parts))


def _about(operation: Operation) -> str:
    via = f"{one_line(operation.step.via)}: " if operation.step.via else ""
    service = one_line(operation.service.title or operation.step.on or "") if operation.step.on else ""
    return f"{via}calls {service}." if service else f"{via}code of this service's own."
