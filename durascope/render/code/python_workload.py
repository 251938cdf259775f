"""The workload as Python: when each run starts, and what goes on beside the runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from typing import ClassVar

from durascope.models.scenario import WorkloadEvent
from durascope.render.code import python
from durascope.render.code.events import share_of
from durascope.render.code.layout import Expression, Group, Source, call
from durascope.render.code.program import Told
from durascope.render.code.python_inputs import Inputs


class Workload(Inputs, ABC):
    """Writes the module that starts the runs; how a run is started is the engine's."""

    about: ClassVar[str] = "Starts the runs of the scenario, and sends what it sends."
    """What the module does."""

    client: ClassVar[str]
    """The type of what starts runs."""
    starts: dict[str, str]
    """The functions that start a run, by workflow."""

    @abstractmethod
    def connected(self, source: Source) -> AbstractContextManager[object]:
        """Writes what makes `client`; what is written inside uses it."""

    @abstractmethod
    def _start(self, source: Source, told: Told) -> None:
        """Writes the function that starts a run."""

    @abstractmethod
    def _event(self, source: Source, event: WorkloadEvent) -> str | None:
        """Writes the function that sends an event; returns its call, or None where nothing can be sent."""

    def _head(self, source: Source) -> None:
        """Writes what comes before the functions."""

    def _events(self, source: Source) -> list[str]:
        """Writes a function for each event; returns the calls."""
        made = (self._event(source, event) for event in self.workload.events)
        return [each for each in made if each is not None]

    def text(self) -> str:
        """The module."""
        source = Source(python.STEP)
        self._head(source)
        for name in self.started:
            self._input(source, self.book.workflows[name])
            self._start(source, self.book.workflows[name])
        self._main(source, self._events(source))
        head = [f'"""{self.about}"""', "", *python.imports(self.needs)]
        return "\n".join(head) + "\n" + source.text()

    @contextmanager
    def _for_each(self, source: Source, event: WorkloadEvent) -> Generator[None]:
        """Writes a loop over the runs that an event is for; what is written inside knows the run by its `number`."""
        share = share_of(event)
        source(f"for number in range(1, {self.workload.runs + 1}):")
        with source.deeper():
            if share == 1:
                yield
                return
            self.needs.add(("random", ""))
            source(f"if random.random() < {share!r}:")
            with source.deeper():
                yield

    def _given(self, source: Source, told: Told, event: WorkloadEvent) -> None:
        """Writes `given`: the input of a run that an event starts."""
        parts: list[Expression] = []
        for field, kind in told.input.items():
            value = self._drawn(field, told.workflow.input.get(field, "unique"), kind, "1")
            if field in event.with_:
                value = self._typed(event.with_[field], kind)
            parts.append(f"{python.field_name(field)}={value}")
        source.statement("given = ", call(self.messages[told.name], *parts))

    def _main(self, source: Source, events: list[str]) -> None:
        workload, runs = self.workload, self.workload.runs
        started = self.book.scenario.started
        parts: list[Expression] = []
        if len(set(started)) == 1:
            one = self._one_run(source, self.starts[started[0]])
            parts.append(f"*({one}(client, number) for number in range(1, {runs + 1}))")
        else:
            for number in range(1, runs + 1):
                name = started[min(number, len(started)) - 1]
                parts.append(self._one(str(number), self.starts[name]))
        parts += events
        if self._delayed and (workload.arrivals.poisson is not None or len(set(started)) > 1):
            source("", "", "async def later(seconds: float, run: Coroutine[Any, Any, None]) -> None:")
            source('    """Starts a run after that time."""', "    await asyncio.sleep(seconds)", "    await run")
            self.needs |= {("collections.abc", "Coroutine"), ("typing", "Any")}
        source("", "", "async def main() -> None:")
        with source.deeper(), self.connected(source):
            if workload.arrivals.poisson is not None:
                source("at = 0.0")
                source("async with asyncio.TaskGroup() as runs:")
                source(f"    for number in range(1, {runs + 1}):")
                source(f"        at += random.expovariate({workload.arrivals.poisson!r})")
                source(f"        runs.create_task(later(at, {self.starts[started[0]]}(client, number)))")
                self.needs.add(("random", ""))
                for each in events:
                    source(f"    runs.create_task({each})")
            else:
                source.statement("await ", call("asyncio.gather", *parts))
        source("", "", 'if __name__ == "__main__":', "    asyncio.run(main())")

    @property
    def _delayed(self) -> bool:
        arrivals = self.workload.arrivals
        return arrivals.poisson is not None or arrivals.every is not None or any(arrivals.at or ())

    def _one_run(self, source: Source, start: str) -> str:
        """The function that starts a run in its time."""
        arrivals = self.workload.arrivals
        if not self._delayed or arrivals.poisson is not None:
            return start
        if arrivals.every is not None:
            delay = f"{python.seconds(arrivals.every)} * (number - 1)"
        else:
            times = [python.seconds(each) for each in arrivals.at or ()]
            source("", "")
            source.statement("AT = ", Group("[", tuple(times), "]"))
            source('"""When each run starts, in seconds; the last is that of all that follow."""')
            delay = "AT[min(number, len(AT)) - 1]"
        name = self.names.new("one run")
        source("", "", f"async def {name}(client: {self.client}, number: int) -> None:")
        source(
            '    """Starts a run in its time."""',
            f"    await asyncio.sleep({delay})",
            f"    await {start}(client, number)",
        )
        return name

    def _one(self, number: str, start: str) -> Expression:
        arrivals = self.workload.arrivals
        made = f"{start}(client, {number})"
        if arrivals.every is not None:
            return call("later", f"{python.seconds(arrivals.every)} * ({number} - 1)", made)
        if arrivals.at is not None and any(arrivals.at):
            times = [python.seconds(each) for each in arrivals.at]
            return call("later", times[min(int(number), len(times)) - 1], made)
        return made
