"""The operations of a TypeScript project: a function for each, which calls its service once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import ClassVar

from durascope.models.run_step import Fails
from durascope.render.code.layout import Braces, Expression, Group
from durascope.render.code.names import camel, one_line
from durascope.render.code.program import Book, Operation
from durascope.render.code.typescript import STEP, Needs, documented, field_name, imports, number, obj
from durascope.render.code.typescript_services import call_of, question_of


class TypeScriptOperations(ABC):
    """Writes the functions; how an attempt is numbered, and how it says that it has failed, is the engine's."""

    messages: ClassVar[str] = "./messages"
    """The module of the types of inputs and results."""
    attempt: str
    """An expression of the attempt's number, from 1."""

    def __init__(
        self,
        book: Book,
        functions: Mapping[Operation, str],
        inputs: Mapping[str, str],
        results: Mapping[Operation, str],
    ) -> None:
        self.book = book
        self.functions = functions
        self.inputs = inputs
        """The type of each workflow's input."""
        self.results = results
        """The type of what each operation finds out."""
        self.source = Braces(STEP)
        self.needs: Needs = {("./services", "* as services")}

    def text(self, about: str) -> str:
        """The module."""
        for each in self.book.operations:
            self.source("")
            self._function(each)
        return f"/** {about} */\n\n{imports(self.needs)}{self.source.text()}"

    def parameters(self, operation: Operation) -> Iterator[str]:
        """What the function is given beside the run's input and the loop variables."""
        yield from ()

    @abstractmethod
    def failure(self, fails: Fails) -> Expression:
        """What an attempt throws that fails as the scenario says."""

    def _function(self, operation: Operation) -> None:
        message = self.inputs[operation.workflow]
        self.needs.add((self.messages, f"type {message}"))
        result = self.results.get(operation)
        if result is not None:
            self.needs.add((self.messages, f"type {result}"))
        returns = result or ("string" if operation.step.size else "void")
        used = operation.step.idempotency_key is not None
        parameters = [f"{'' if used else '_'}input: {message}"]
        parameters += [f"{self.variable(operation, name)}: number" for name in operation.variables]
        parameters += self.parameters(operation)
        documented(self.source, _about(operation))
        self.source.statement(
            f"export async function {self.functions[operation]}",
            Group("(", tuple(parameters)),
            f": Promise<{returns}> {{",
        )
        with self.source.deeper():
            if self.body(operation):
                self._returned(operation, result)
        self.source("}")

    def body(self, operation: Operation) -> bool:
        """What it does; returns whether it can end well."""
        if operation.referred:
            self.refer(operation)
        if not operation.asks:
            return self.act(operation)
        question = question_of(self.book, operation, "input", signal=self.signal(operation))
        self.source.statement("if (!(await ", question, ")) {")
        with self.source.deeper():
            self.act(operation)
        self.source("}")
        return True

    def variable(self, operation: Operation, name: str) -> str:
        """What that loop variable of its label is called: there is no use for it."""
        return f"_{camel(name)}"

    def refer(self, operation: Operation) -> None:
        """Writes what makes the reference of its call; where it is a parameter there is nothing to write."""

    def signal(self, operation: Operation) -> str | None:
        """What aborts its calls."""
        return None

    def act(self, operation: Operation) -> bool:
        """The call and its failures; returns whether it can end well."""
        step, fails, source = operation.step, operation.step.fails, self.source
        if fails is not None:
            with source.block(f"if ({self.attempt} <= {fails.times})") if not fails.always else nullcontext():
                self.call(operation, effect=fails.moment == "after-effect")
                source.statement("throw ", self.failure(fails))
            if fails.always:
                return False
        self.call(operation, effect=step.effect_at != "never")
        return True

    def call(self, operation: Operation, *, effect: bool) -> None:
        """The call of the service."""
        self.source.statement("await ", call_of(self.book, operation, "input", self.attempt, effect=effect))

    def _returned(self, operation: Operation, result: str | None) -> None:
        document = f'"x".repeat({max(1, operation.step.size - 2)})' if operation.step.size else None
        if result is None:
            if document is not None:
                self.source(f"return {document};")
            return
        members: list[tuple[str, Expression]] = []
        for name in operation.results:
            if name == "attempts":
                members.append(("attempts", self.attempt))
            else:
                members.append((field_name(name), f"Math.random() < {number((operation.step.result or {})[name])}"))
        if document is not None:
            members.append(("document", document))
        self.source.statement("return ", obj(*members))


def _about(operation: Operation) -> str:
    via = f"{one_line(operation.step.via)}: " if operation.step.via else ""
    service = one_line(operation.service.title or operation.step.on or "") if operation.step.on else ""
    return f"{via}calls {service}." if service else f"{via}code of this service's own."
