"""The workload as TypeScript: when each run starts, and what goes on beside the runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import ClassVar

from durascope.models.scenario import WorkloadEvent
from durascope.render.code.events import share_of
from durascope.render.code.layout import Arrow, Braces, Expression, Group, call, flat
from durascope.render.code.names import Names
from durascope.render.code.program import Book, Told
from durascope.render.code.typescript import STEP, documented, field_name, imports, milliseconds, number, obj
from durascope.render.code.typescript_inputs import TypeScriptInputs


class TypeScriptWorkload(TypeScriptInputs, ABC):
    """Writes the module that starts the runs; how a run is started is the engine's."""

    about: ClassVar[str] = "Starts the runs of the scenario, and sends what it sends."
    """What the module does."""

    arguments: ClassVar[tuple[str, ...]] = ()
    """What the functions that start runs are given beside the run's number."""

    def __init__(self, book: Book, messages: Mapping[str, str], module: str, names: Names) -> None:
        super().__init__(book, messages, module, names)
        self.starts = {name: names.new(f"start {name}") for name in self.started}
        """The functions that start a run, by workflow."""

    @abstractmethod
    def connected(self, source: Braces) -> AbstractContextManager[object]:
        """Writes what reaches the engine; what is written inside uses it."""

    @abstractmethod
    def start(self, source: Braces, told: Told) -> None:
        """Writes the function that starts a run."""

    @abstractmethod
    def event(self, source: Braces, event: WorkloadEvent) -> str | None:
        """Writes the function that sends an event; returns its call, or None where nothing can be sent."""

    def head(self, source: Braces) -> None:
        """Writes what comes before the functions."""

    def events(self, source: Braces) -> list[str]:
        """Writes a function for each event; returns the calls."""
        made = (self.event(source, event) for event in self.workload.events)
        return [each for each in made if each is not None]

    def text(self) -> str:
        """The module."""
        source = Braces(STEP)
        self.head(source)
        for name in self.started:
            self.input(source, self.book.workflows[name])
            self.start(source, self.book.workflows[name])
        self.main(source, self.events(source))
        return f"/** {self.about} */\n\n{imports(self.needs)}{source.text()}"

    @contextmanager
    def for_each(self, source: Braces, event: WorkloadEvent) -> Generator[None]:
        """Writes a loop over the runs that an event is for; what is written inside knows the run by its `number`."""
        share = share_of(event)
        each = source.block(f"for (let number = 1; number <= {self.workload.runs}; number++)")
        with each, source.block(f"if (Math.random() < {number(share)})") if share < 1 else nullcontext():
            yield

    def given(self, told: Told, event: WorkloadEvent) -> Expression:
        """The input of a run that an event starts."""
        members: list[tuple[str, Expression]] = []
        for field, kind in told.input.items():
            value = self.drawn(field, told.workflow.input.get(field, "unique"), kind, "1")
            if field in event.with_:
                value = self.typed(event.with_[field], kind)
            members.append((field_name(field), value))
        return obj(*members)

    def wait(self, source: Braces, text: str) -> None:
        """A pause of so many milliseconds."""
        self.needs.add(("node:timers/promises", "setTimeout"))
        source(f"await setTimeout({text});")

    def started_run(self, name: str, run: str) -> str:
        """The call that starts a run of that workflow."""
        return f"{self.starts[name]}({', '.join((*self.arguments, run))})"

    def main(self, source: Braces, events: list[str]) -> None:
        runs = self.workload.runs
        poisson = self.workload.arrivals.poisson
        parts: list[Expression] = []
        if poisson is None and runs > 3 and len(self.started) == 1:
            made = self._run("number", "index")
            each = Arrow("(_, index) =>", made)
            parts.append(call("...Array.from", obj(("length", str(runs))), each))
        elif poisson is None:
            parts += [self._run(str(each), str(each - 1)) for each in range(1, runs + 1)]
        parts += events
        if self._delayed:
            source("")
            documented(source, "Starts a run after that time.")
            head = "async function later"
            parameters = Group("(", ("milliseconds: number", "run: () => Promise<void>"))
            source.statement(head, parameters, ": Promise<void> {")
            with source.deeper():
                self.wait(source, "milliseconds")
                source("await run();")
            source("}")
        source("")
        with source.block("async function main(): Promise<void>"), self.connected(source):
            if poisson is not None:
                source("const runs: Promise<void>[] = [];")
                source("let at = 0;")
                with source.block(f"for (let number = 1; number <= {runs}; number++)"):
                    source(f"at -= Math.log(1 - Math.random()) * {number(round(1000 / poisson, 6))};")
                    start = self.started_run(self.started[0], "number")
                    source(f"runs.push(later(at, () => {start}));")
                parts.insert(0, "...runs")
            if len(parts) == 1 and not flat(parts[0]).startswith("..."):
                source.statement("await ", parts[0])
            else:
                source.statement("await ", call("Promise.all", Group("[", tuple(parts), "]")))
        source("", "if (require.main === module) void main();")

    @property
    def _delayed(self) -> bool:
        arrivals = self.workload.arrivals
        return arrivals.poisson is not None or arrivals.every is not None or any(arrivals.at or ())

    def _run(self, run: str, index: str) -> Expression:
        """The start of a run, in its time."""
        arrivals, started = self.workload.arrivals, self.book.scenario.started
        name = started[0] if run == "number" else started[min(int(run), len(started)) - 1]
        own = "index + 1" if run == "number" else run
        made = self.started_run(name, own)
        if arrivals.every is not None:
            every = milliseconds(arrivals.every)
            delay = f"{every} * {index}"
            return call("later", delay, Arrow("() =>", made))
        if arrivals.at is not None and any(arrivals.at):
            times = [milliseconds(each) for each in arrivals.at]
            if run == "number":
                delay = f"[{', '.join(times)}][Math.min(index, {len(times) - 1})]"
                return call("later", delay, Arrow("() =>", made))
            return call("later", times[min(int(run), len(times)) - 1], Arrow("() =>", made))
        return made
