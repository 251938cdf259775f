"""`src/start.ts`: does what the workload says."""

from __future__ import annotations

from durascope.render.code.layout import Arrow, Braces, Expression, Group, call, flat
from durascope.render.code.temporal.typescript.names import Named
from durascope.render.code.temporal.typescript.sending import Senders
from durascope.render.code.typescript import STEP, documented, imports, milliseconds, number, obj


def start_file(project: Named) -> str:
    """The module."""
    return _Start(project).text()


class _Start(Senders):
    def text(self) -> str:
        source = Braces(STEP)
        for name in self.started:
            self.input(source, self.book.workflows[name])
            self.start(source, self.book.workflows[name])
        events = self.events(source)
        self._main(source, events)
        head = "/** Starts the runs of the scenario, and sends what it sends. */"
        return f"{head}\n\n{imports(self.needs)}{source.text()}"

    def _main(self, source: Braces, events: list[str]) -> None:
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
        with source.block("async function main(): Promise<void>"):
            source('const address = process.env["TEMPORAL_ADDRESS"] ?? "localhost:7233";')
            source("const connection = await Connection.connect({ address });")
            source("const client = new Client({ connection });")
            if poisson is not None:
                source("const runs: Promise<void>[] = [];")
                source("let at = 0;")
                with source.block(f"for (let number = 1; number <= {runs}; number++)"):
                    source(f"at -= Math.log(1 - Math.random()) * {number(round(1000 / poisson, 6))};")
                    start = f"{self.starts[self.project.scenario.started[0]]}(client, number)"
                    source(f"runs.push(later(at, () => {start}));")
                parts.insert(0, "...runs")
            if len(parts) == 1 and not flat(parts[0]).startswith("..."):
                source.statement("await ", parts[0])
            else:
                source.statement("await ", call("Promise.all", Group("[", tuple(parts), "]")))
            source("await connection.close();")
        source("", "if (require.main === module) void main();")

    @property
    def _delayed(self) -> bool:
        arrivals = self.workload.arrivals
        return arrivals.poisson is not None or arrivals.every is not None or any(arrivals.at or ())

    def _run(self, run: str, index: str) -> Expression:
        """The start of a run, in its time."""
        arrivals, started = self.workload.arrivals, self.project.scenario.started
        name = started[0] if run == "number" else started[min(int(run), len(started)) - 1]
        own = "index + 1" if run == "number" else run
        made = f"{self.starts[name]}(client, {own})"
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
