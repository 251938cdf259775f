"""The values of a workflow, whatever the language: fields of its input, and what results, events and state write."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from durascope.models.steps import Clear, Compute, ForEach, Get, Repeat, Run, Set, walk
from durascope.render.code.body import Body, Scope
from durascope.render.code.conditions import Term
from durascope.render.code.facts import is_numbered, referred_to
from durascope.render.code.layout import Source
from durascope.render.code.names import Names, parts_of
from durascope.render.code.program import Book, Kind, Told


class Values(Body):
    """Writes the steps that read and write them."""

    given: str
    """The expression of the input."""
    const: ClassVar[str] = ""
    """What stands before a name that is new, with the space behind it."""
    end: ClassVar[str] = ""
    """What ends a statement."""
    zero: ClassVar[Mapping[Kind, str]]
    """A value of each kind that stands for nothing."""
    to_text: ClassVar[str]
    """The function that makes a text of a value."""
    unused: ClassVar[str] = "nothing in this workflow uses it."
    """What is said of state that is not written."""
    run_id: ClassVar[str] = ""
    """The expression of the run's id, where calls of steps are given a reference."""
    differs: ClassVar[str]
    """What is said of code whose outcome differs, but for its name."""

    def __init__(self, book: Book, told: Told, source: Source, names: Names) -> None:
        super().__init__(book, told, source, names)
        self.variables: dict[str, str] = {}
        """The carried values that this workflow's code keeps: their identifiers, by name."""

    def name_variables(self, names: Names | None = None) -> None:
        """Gives each carried value its identifier; `names`: where those of this workflow's functions are not meant."""
        for value in self.told.values.values():
            if value.source == "carried":
                self.variables[value.name] = (names or self.locals).of(value.name, "value")

    # ---- what the language has for them ------------------------------------------------------------------------

    @abstractmethod
    def field_name(self, name: str) -> str:
        """The identifier of a field of a message."""

    @abstractmethod
    def literal(self, value: object) -> str:
        """A plain value."""

    @abstractmethod
    def template(self, *parts: tuple[str, bool]) -> str:
        """A text that is made of texts and, where the flag is set, code."""

    @abstractmethod
    def unique(self) -> str:
        """The expression of a text that is another one each time, and the same in a replay."""

    @abstractmethod
    def random_number(self) -> str:
        """The expression of a number from 0 to 1."""

    # ---- values as expressions ---------------------------------------------------------------------------------

    def place(self, name: str) -> str:
        """Where a carried value is kept."""
        return self.variables[name]

    def value(self, name: str, scope: Scope) -> Term | None:
        if name in scope:
            return Term(scope[name], "number")
        value = self.told.values.get(name)
        if value is None:
            return None
        if value.source == "input":
            return Term(f"{self.given}.{self.field_name(name)}", value.kind)
        optional = not value.from_input and value.kind != "flag" and name != "attempts"
        return Term(self.place(name), value.kind, optional)

    def field(self, name: str) -> Term | None:
        """A field of the input."""
        kind = self.told.input.get(name)
        return None if kind is None else Term(f"{self.given}.{self.field_name(name)}", kind)

    def initial(self, name: str, given: str | None = None) -> str:
        """What a carried value begins as; `given`: where the input has another name then."""
        value = self.told.values[name]
        if value.from_input:
            return f"{given or self.given}.{self.field_name(name)}"
        return "0" if name == "attempts" else self.zero["flag" if value.kind == "flag" else "any"]

    def key_text(self, reference: str) -> str:
        """A key as a text: keys are texts, and what names one may be a number."""
        return reference if reference.startswith(('"', "'")) else f"{self.to_text}({reference})"

    def stand_in(self, kind: Kind) -> str:
        """What stands for a field that nobody has given."""
        return self.unique() if kind == "text" else self.zero[kind]

    def fields_for(self, target: str, key: str | None) -> list[tuple[str, str]]:
        """A called run's input: the caller's fields of the same names, else stand-ins."""
        told = self.book.workflows[target]
        members: list[tuple[str, str]] = []
        for name, kind in told.input.items():
            if name == told.workflow.key and key is not None:
                text = self.key_text(key)
            elif self.told.input.get(name) == kind:
                text = f"{self.given}.{self.field_name(name)}"
            else:
                text = self.stand_in(kind)
            members.append((self.field_name(name), text))
        return members

    def fields_of(self, event: str, scope: Scope) -> list[tuple[str, str]]:
        """What is known of the fields of an event that the run sends."""
        known = ((name, self.value(name, scope) or self.field(name)) for name in self.book.events[event].fields)
        return [(self.field_name(name), term.text) for name, term in known if term is not None]

    def found_by(self, step: Run, scope: Scope) -> str:
        """The reference of a step's call: nothing else that the run does has it, and each attempt has the same."""
        text, loops = referred_to(self.told, step, scope)
        rounds = [part for loop in loops for part in (("/", False), (loop, True))]
        return self.template((self.run_id, True), ("/", False), *parts_of(text, scope), *rounds)

    def uses(self, step: Repeat | ForEach) -> bool:
        return super().uses(step) or (bool(self.run_id) and any(map(is_numbered, walk(step.do))))

    # ---- steps that write them ---------------------------------------------------------------------------------

    def assign(self, name: str, text: str) -> None:
        """A carried value is written."""
        self.source(f"{self.place(name)} = {text}{self.end}")

    def used_results(self, step: Run) -> list[str]:
        """The named outcomes of a step that the workflow uses."""
        operation = self.book.operation(self.told.name, step)
        return [name for name in operation.results if name in self.variables]

    def run(self, step: Run, scope: Scope) -> None:
        self.register(step, scope)
        used = self.used_results(step)
        if not used:
            self.awaited("", self.future(step, scope))
            return
        outcome = self.locals.new(f"{self.book.operation(self.told.name, step).name} result")
        self.awaited(f"{self.const}{outcome} = ", self.future(step, scope))
        for name in used:
            self.assign(name, f"{outcome}.{self.field_name(name)}")

    def state(self, step: Get | Set | Clear) -> None:
        """State that lasts as long as the run: its variables."""
        match step:
            case Set(set=name, value=value) if name in self.variables:
                self.assign(name, self.literal(value))
            case Set(set=name, value=value):
                self.comment(f"{name} = {value}: {self.unused}")
            case Clear(clear=name):
                for each in self.variables if name == "*" else [name]:
                    if each in self.variables and not self.told.values[each].from_input:
                        self.assign(each, self.initial(each))
            case Get():
                pass  # a variable of the run is read where it is used

    def compute(self, step: Compute, scope: Scope) -> None:
        if step.nondeterministic:
            self.comment(f"{step.label}: {self.differs}")
            if step.label in self.variables:
                self.assign(step.label, self.random_number())
        elif step.compute.typical:
            self.comment(
                f"{step.label}: code of the workflow's own, busy for {step.compute}; it runs again on a replay."
            )
