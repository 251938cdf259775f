"""Temporal, Python: the starter, which does what the workload says, and the test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from durascope.models.scenario import InputPool, InputShare, InputUniform, WorkloadEvent
from durascope.render.code import python
from durascope.render.code.layout import Expression, Group, Source, call
from durascope.render.code.names import in_f_string, one_line, python_names, quoted
from durascope.render.code.program import Told
from durascope.render.code.project import filled
from durascope.render.code.python import STEP, timedelta

if TYPE_CHECKING:
    from durascope.render.code.temporal_python import TemporalPython

Needs = set[tuple[str, str]]


def start_file(project: TemporalPython) -> str:
    """`app/start.py`."""
    return _Starter(project).text()


_OPERATORS: Final = {"cancel": "cancel", "kill": "terminate"}


class _Starter:
    def __init__(self, project: TemporalPython) -> None:
        self.project = project
        self.book = project.book
        self.workload = project.scenario.workload
        self.needs: Needs = {("asyncio", ""), ("os", ""), ("temporalio.client", "Client")}
        self.names = python_names("client", "number", "main", "start", "asyncio", "os", "messages", "workflows")
        self.started = list(dict.fromkeys(project.scenario.started))
        self.inputs = {name: self.names.new(f"{name} input") for name in self.started}
        self.starts = {name: self.names.new(f"start {name}") for name in self.started}

    def text(self) -> str:
        source = Source(STEP)
        for name in self.started:
            self._input(source, self.book.workflows[name])
            self._start(source, self.book.workflows[name])
        events = self._events(source)
        self._main(source, events)
        head = ['"""Starts the runs of the scenario, and sends what it sends."""', "", *python.imports(self.needs)]
        return "\n".join(head) + "\n" + source.text()

    # ---- inputs ------------------------------------------------------------------------------------------------

    def _input(self, source: Source, told: Told) -> None:
        from durascope.render.code.temporal_python import _field

        name = self.project.inputs[told.name]
        self.needs.add(("app.messages", name))
        keys = self.workload.keys or ()
        parts: list[Expression] = []
        for field, kind in told.input.items():
            spec: object = told.workflow.input.get(field, "unique")
            if field == told.workflow.key and keys:
                every = Group("[", tuple(quoted(str(key)) for key in keys), "]")
                text = f"{_flat(every)}[(number - 1) % {len(keys)}]"
            else:
                text = self._drawn(field, spec, kind)
            given = [each.get(field) for each in self.workload.inputs or ()]
            if any(each is not None for each in given) and field != told.workflow.key:
                rows = {n: value for n, value in enumerate(given, 1) if value is not None}
                table = "{" + ", ".join(f"{n}: {self._typed(v, kind)}" for n, v in rows.items()) + "}"
                text = f"{table}.get(number, {text})"
            parts.append(f"{_field(field)}={text}")
        uses = any("number" in str(part) for part in parts)
        source("", "", f"def {self.inputs[told.name]}({'number' if uses else '_number'}: int) -> {name}:")
        with source.deeper():
            source('"""The input of a run, by its number."""')
            source.statement("return ", call(name, *parts))

    def _typed(self, value: object, kind: str) -> str:
        return python.literal(value) if kind != "text" else quoted(str(value))

    def _drawn(self, field: str, spec: object, kind: str) -> str:
        prefix = in_f_string(field)
        match spec:
            case InputPool(pool=pool):
                self.needs.add(("random", ""))
                return f'f"{prefix}-{{random.randint(1, {pool})}}"'
            case InputUniform(uniform=(low, high)):
                self.needs.add(("random", ""))
                return f"round(random.uniform({low!r}, {high!r}), 2)"
            case InputShare(share=share):
                self.needs.add(("random", ""))
                return f"random.random() < {share!r}"
            case "unique":
                return f'f"{prefix}-{{number}}"' if kind == "text" else python.ZERO[kind]  # pyright: ignore[reportArgumentType]
            case _:
                return python.literal(spec)

    # ---- starts ------------------------------------------------------------------------------------------------

    def _start(self, source: Source, told: Told) -> None:
        from durascope.render.code.temporal_python import REQUEST, retry_policy, workflow_queue

        workflow = told.workflow
        run = f"{self.project.classes[told.name]}.run"
        self.needs.add(("app.workflows", self.project.classes[told.name]))
        options: list[Expression] = [
            f"id={self._id(told)}",
            f"task_queue={quoted(workflow_queue(self.project.deployment, told.name))}",
        ]
        if workflow.run_timeout is not None:
            options.append(f"run_timeout={self._time(workflow.run_timeout)}")
        if workflow.retry is not None:
            self.needs.add(("temporalio.common", "RetryPolicy"))
            text = retry_policy(workflow.retry, "retry_policy=")
            if "timedelta" in _flat(text):
                self.needs.add(("datetime", "timedelta"))
            options.append(text)
        entity = workflow.one_at_a_time and workflow.key is not None
        source("", "", f"async def {self.starts[told.name]}(client: Client, number: int) -> None:")
        with source.deeper():
            source(f'"""Starts a run of {one_line(told.name)} and waits for its end."""')
            source(f"given = {self.inputs[told.name]}(number)")
            start_with = self.workload.start_with
            update = REQUEST if entity else start_with.update if start_with is not None else None
            if update is not None:
                self._with_update(source, told, run, options, update)
            else:
                self._plain(source, told, run, options)

    def _id(self, told: Told) -> str:
        from durascope.render.code.temporal_python import _field

        prefix = in_f_string(told.name)
        if told.workflow.key is None:
            return f'f"{prefix}/{{number}}"'
        return f'f"{prefix}/{{given.{_field(told.workflow.key)}}}"'

    def _plain(self, source: Source, told: Told, run: str, options: list[Expression]) -> None:
        start = self.workload.start_with
        if start is not None and start.send is not None:
            options += [f"start_signal={quoted(start.send)}",
                        Group("start_signal_args=[", (self._payload(start.send, start.with_),), "]")]  # fmt: skip
        if self.workload.after:
            options.append(f"start_delay={self._time(self.workload.after)}")
        if told.workflow.id_conflict == "use-existing":
            self.needs.add(("temporalio.common", "WorkflowIDConflictPolicy"))
            options.append("id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING")
        source.statement("handle = await ", call("client.start_workflow", run, "given", *options))
        source('print(f"{handle.id} has started")')
        source('print(f"{handle.id} has ended: {await handle.result()}")')

    def _with_update(self, source: Source, told: Told, run: str, options: list[Expression], update: str) -> None:
        from durascope.render.code.temporal_python import UNTYPED

        self.needs |= {("temporalio.client", "WithStartWorkflowOperation"),
                       ("temporalio.common", "WorkflowIDConflictPolicy")}  # fmt: skip
        entity = told.workflow.one_at_a_time and told.workflow.key is not None
        options.append("id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING")
        parts: list[Expression] = [run, *([] if entity else ["given"]), *options]
        source.statement("entity = " if entity else "start = ", call("WithStartWorkflowOperation", *parts))
        operation = "entity" if entity else "start"
        with_ = self.workload.start_with.with_ if self.workload.start_with is not None else {}
        payload: Expression = "given" if entity else self._payload(update, with_)
        arguments: list[Expression] = [quoted(update), payload, f"start_workflow_operation={operation}"]
        source.statement("await ", call("client.execute_update_with_start_workflow", *arguments), remark=UNTYPED)
        if entity:
            source('print(f"request {number} is done")')
        else:
            source("handle = await start.workflow_handle()")
            source('print(f"{handle.id} has ended: {await handle.result()}")')

    def _payload(self, event: str, values: object) -> Expression:
        from durascope.render.code.temporal_python import _field

        self.needs.add(("app.messages", self.project.events[event]))
        given = values if isinstance(values, dict) else {}
        fields = self.book.events[event].fields
        parts = [f"{_field(str(n))}={self._typed(v, fields[str(n)])}" for n, v in given.items() if str(n) in fields]
        return call(self.project.events[event], *parts)

    def _time(self, us: int) -> str:
        self.needs.add(("datetime", "timedelta"))
        return timedelta(us)

    # ---- events ------------------------------------------------------------------------------------------------

    def _events(self, source: Source) -> list[str]:
        """Writes a function for each event; returns the calls."""
        calls: list[str] = []
        moments = any(event.when is not None and event.when.step is not None for event in self.workload.events)
        if moments:
            self._reached(source)
        for event in self.workload.events:
            made = self._event(source, event)
            if made is not None:
                calls.append(made)
        return calls

    def _reached(self, source: Source) -> None:
        self.needs.add(("temporalio.client", "Client"))
        source("", "", "async def reached(client: Client, workflow_id: str, activity: str) -> None:")
        source('    """Waits until that workflow has asked for that activity."""')
        source("    while True:")
        source("        try:")
        source("            handle = client.get_workflow_handle(workflow_id)")
        source("            async for event in handle.fetch_history_events(wait_new_event=True):")
        source("                scheduled = event.activity_task_scheduled_event_attributes")
        source("                if scheduled.activity_type.name == activity:")
        source("                    return")
        source("            return")
        source("        except RPCError:  # it is not started yet")
        source("            await asyncio.sleep(0.05)")
        self.needs.add(("temporalio.service", "RPCError"))

    def _event(self, source: Source, event: WorkloadEvent) -> str | None:
        from durascope.render.code.temporal_python import run_id

        if event.operator is not None and event.operator not in _OPERATORS:
            return None
        target = self._target(event)
        started = self.book.started_by(event.name) if event.kind == "send" and target is None else ()
        if target is None and not started:
            return None
        function = self.names.new(f"{event.kind} {event.name}")
        source("", "", f"async def {function}(client: Client) -> None:")
        with source.deeper():
            source(f'"""{self._told(event)}"""')
            if event.when is not None and event.when.step is not None:
                first = event.to if isinstance(event.to, int) else 1
                source.statement("await ", call("reached", "client", quoted(run_id(self.book, first)),
                                                quoted(self._activity(event.when.step))))  # fmt: skip
            delay = (event.at or 0) + (event.when.after if event.when is not None else 0)
            if delay:
                source(f"await asyncio.sleep({python.seconds(delay)})")
            if target is None:
                for name in started:
                    if name in self.starts:
                        source(f"await {self.starts[name]}(client, {self.workload.runs + 1})")
                    else:
                        self._begin(source, name, event)
                return f"{function}(client)"
            indent = source
            if event.to == "each" or (isinstance(event.to, str) and event.to.endswith("%")):
                share = float(str(event.to)[:-1]) / 100 if event.to != "each" else 1.0
                source(f"for number in range(1, {self.workload.runs + 1}):")
                with source.deeper():
                    if share < 1:
                        self.needs.add(("random", ""))
                        source(f"if random.random() < {share!r}:")
                    with source.deeper() if share < 1 else _same():
                        source(f"handle = client.get_workflow_handle({target})")
                        self._act(indent, event)
            else:
                source(f"handle = client.get_workflow_handle({target})")
                self._act(indent, event)
        return f"{function}(client)"

    def _begin(self, source: Source, name: str, event: WorkloadEvent) -> None:
        """Starts a workflow that the workload starts by an event only."""
        from durascope.render.code.temporal_python import _field, workflow_queue

        told = self.book.workflows[name]
        self.needs |= {("app.workflows", self.project.classes[name]), ("app.messages", self.project.inputs[name])}
        parts: list[Expression] = []
        for field, kind in told.input.items():
            if field in event.with_:
                parts.append(f"{_field(field)}={self._typed(event.with_[field], kind)}")
            else:
                drawn = self._drawn(field, told.workflow.input.get(field, "unique"), kind)
                parts.append(
                    f"{_field(field)}={drawn.replace('{number}', '1')}".replace(
                        '=f"', '=f"' if "{" in drawn.replace("{number}", "") else '="'
                    )
                )
        source.statement("given = ", call(self.project.inputs[name], *parts))
        identity = self._id(told).replace("{number}", "1")
        if "{" not in identity:
            identity = identity.removeprefix("f")
        options = [f"id={identity}", f"task_queue={quoted(workflow_queue(self.project.deployment, name))}"]
        entity = told.workflow.one_at_a_time and told.workflow.key is not None
        run = f"{self.project.classes[name]}.run"
        source.statement("await ", call("client.start_workflow", run, *([] if entity else ["given"]), *options))

    def _told(self, event: WorkloadEvent) -> str:
        what = {"send": "Sends", "update": "Asks for", "query": "Asks", "operator": "Has the operator"}[event.kind]
        return one_line(f"{what} {event.name}.")

    def _activity(self, label: str) -> str:
        found = (each.name for each in self.book.operations if each.step.run == label)
        return next(found, label)

    def _target(self, event: WorkloadEvent) -> str | None:
        from durascope.render.code.temporal_python import run_id

        if isinstance(event.to, int):
            return quoted(run_id(self.book, event.to))
        if event.to is None:
            for name, told in self.book.workflows.items():
                key = told.workflow.key
                hears = event.name in told.waits or event.name in told.workflow.signals
                if key is not None and key in event.with_ and hears and not self.book.started_by(event.name):
                    return quoted(f"{name}/{event.with_[key]}")
            return None
        if event.to == "each" or event.to.endswith("%"):
            first = self.book.workflows[self.project.scenario.started[0]]
            key = first.workflow.key
            prefix = in_f_string(first.name)
            if key is None:
                return f'f"{prefix}/{{number}}"'
            from durascope.render.code.temporal_python import _field

            return f'f"{prefix}/{{{self.inputs[first.name]}(number).{_field(key)}}}"'
        hearers = self.book.hearers(event.name)
        return quoted(f"{hearers[0]}/{event.to}" if hearers else str(event.to))

    def _act(self, source: Source, event: WorkloadEvent) -> None:
        from durascope.render.code.temporal_python import UNTYPED

        match event.kind:
            case "send":
                source.statement(
                    "await ", call("handle.signal", quoted(event.name), self._payload(event.name, event.with_))
                )
            case "update":
                payload = self._payload(event.name, event.with_)
                source.statement("await ", call("handle.execute_update", quoted(event.name), payload), remark=UNTYPED)
            case "query":
                source(f"print(await handle.query({quoted(event.name)}))")
            case _:
                source(f"await handle.{_OPERATORS[str(event.operator)]}()")

    # ---- main --------------------------------------------------------------------------------------------------

    def _main(self, source: Source, events: list[str]) -> None:
        workload, runs = self.workload, self.workload.runs
        started = self.project.scenario.started
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
        with source.deeper():
            source('client = await Client.connect(os.environ.get("TEMPORAL_ADDRESS", "localhost:7233"))')
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
        source("", "", f"async def {name}(client: Client, number: int) -> None:")
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


def _flat(expression: Expression) -> str:
    from durascope.render.code.layout import flat

    return flat(expression)


class _same:  # noqa: N801 - reads as a word where it stands
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def test_file(project: TemporalPython) -> str:
    """`tests/test_workflows.py`: a dev server of the test's own, the workers, one start; then the history replayed."""
    from durascope.render.code.temporal_python import REQUEST

    name = project.scenario.started[0]
    told = project.book.workflows[name]
    entity = told.workflow.one_at_a_time and told.workflow.key is not None
    names = python_names("client", "number", "main", "start", "asyncio", "os", "messages", "workflows")
    function = {each: names.new(f"{each} input") for each in dict.fromkeys(project.scenario.started)}[name]
    return filled(
        "temporal_python_test.py.jinja",
        workflow=project.classes[name],
        queue=quoted(_queue(project, name)),
        input=function,
        entity=entity,
        request=quoted(REQUEST),
    )


def _queue(project: TemporalPython, name: str) -> str:
    from durascope.render.code.temporal_python import workflow_queue

    return workflow_queue(project.deployment, name)
