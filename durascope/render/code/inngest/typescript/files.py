"""A project for Inngest's TypeScript SDK."""

from __future__ import annotations

import json
from collections.abc import Sequence

from durascope.models.scenario import Scenario
from durascope.models.steps import Awakeable, Run, Send, Sleep, Start, Steps, WaitFor
from durascope.render.code.inngest import facts
from durascope.render.code.inngest.readme import readme
from durascope.render.code.inngest.typescript.function import Function
from durascope.render.code.inngest.typescript.messages import messages_file
from durascope.render.code.inngest.typescript.names import Named
from durascope.render.code.inngest.typescript.operations import steps_file
from durascope.render.code.inngest.typescript.start import input_functions, start_file
from durascope.render.code.layout import Braces, Expression, Group, call
from durascope.render.code.names import quoted, words
from durascope.render.code.project import Project, filled, title_of
from durascope.render.code.typescript import STEP, Needs, documented, duration, imports, obj
from durascope.render.code.typescript_packages import lock_file
from durascope.render.code.typescript_services import services_file


def project(scenario: Scenario) -> Project:
    """The files of the project."""
    scenario = facts.written_for(scenario, "typescript")
    project = Named(facts.told_of(scenario))
    functions = [Function(project, each) for each in project.book.workflows.values()]
    app = project.deployment.app
    name = "-".join(words(scenario.scenario)) or "functions"
    files = {
        "README.md": readme(scenario, "typescript"),
        "package.json": filled(
            "inngest_package.json.jinja",
            name=json.dumps(name),
            title=json.dumps(title_of(scenario), ensure_ascii=False),
        ),
        "package-lock.json": lock_file("inngest", name),
        "tsconfig.json": filled("tsconfig.json.jinja"),
        ".prettierrc.json": filled("prettierrc.json.jinja"),
        ".env": filled("inngest_env.jinja"),
        "src/client.ts": _client_file(project),
        "src/messages.ts": messages_file(project),
        "src/functions.ts": _functions_file(project, functions),
        "src/server.ts": filled("inngest_server.ts.jinja", connect=app.transport == "connect"),
        "src/start.ts": start_file(project),
        "src/functions.test.ts": _test(project),
    }
    if project.steps:
        files["src/services.ts"] = services_file(project.book)
        files["src/steps.ts"] = steps_file(project)
    if project.cancelled:
        files["src/begun.ts"] = filled("inngest_begun.ts.jinja")
    if any(each.side_by_side for each in functions):
        files["src/side-by-side.ts"] = filled("inngest_side_by_side.ts.jinja")
    return files


def _client_file(project: Named) -> str:
    source = Braces(STEP)
    members: list[tuple[str, Expression]] = [("id", quoted(project.app))]
    checkpoints = project.deployment.app.checkpoints
    if checkpoints is None:
        members.append(("checkpointing", "false"))
    else:
        options: list[tuple[str, Expression]] = []
        if checkpoints.buffered_steps > 1:
            options.append(("bufferedSteps", str(checkpoints.buffered_steps)))
        if checkpoints.max_interval:
            options.append(("maxInterval", duration(checkpoints.max_interval)))
        if checkpoints.max_runtime is not None:
            options.append(("maxRuntime", duration(checkpoints.max_runtime)))
        if options:
            members.append(("checkpointing", obj(*options)))
    source.statement("export const inngest = ", call("new Inngest", obj(*members)))
    head = "/** The client: the app's name, and how its functions talk to the server. */"
    return f"{head}\n\n{imports({('inngest', 'Inngest')})}\n{source.text()}"


def _functions_file(project: Named, functions: Sequence[Function]) -> str:
    written = [each.write() for each in functions]
    needs: Needs = {need for each in functions for need in each.needs}
    source = Braces(STEP)
    if any(each.side_by_side for each in functions):
        needs.add(("./side-by-side", "eachOf"))
    if any(each.versioned for each in functions):
        documented(source, "When the new code went live, in milliseconds since 1970: older runs go on with the old.")
        source('const newCodeSince = Number(process.env["NEW_CODE_SINCE"] ?? 0);', "")
    if any(each.finishes_inside for each in functions):
        documented(source, "A branch has ended the run.")
        source("class Finished extends Error {}", "")
    last = Braces(STEP)
    documented(last, "All functions of the app.")
    names = (*project.functions.values(), *project.cancelled.values())
    last.statement("export const functions = ", Group("[", names, "]"))
    head = f"/** The functions. */\n\n{imports(needs)}"
    return "\n".join(part for part in (head, source.text(), *written, last.text()) if part.strip())


def _test(project: Named) -> str:
    """The first step of a run, with what stands before it left out."""
    name = next((each for each in project.scenario.started), next(iter(project.functions)))
    workflow = project.book.workflows[name].workflow
    before, step = _up_to_a_run(workflow.steps)
    return filled(
        "inngest_test.ts.jinja",
        function=project.functions[name],
        app=project.app,
        id=quoted(f"{project.app}-{name}"),
        event=None if facts.cron(workflow) is not None else project.events[facts.trigger(name, workflow)],
        input=input_functions(project).get(name),
        before=[quoted(each) for each in before],
        step=None if step is None else quoted(step),
    )


def _up_to_a_run(steps: Steps) -> tuple[list[str], str | None]:
    """The steps that stand before the first `step.run`, and that; none where it depends on more."""
    before: list[str] = []
    for step in steps:
        match step:
            case Run(fails=None):
                return before, step.run
            case Sleep() | Send() | Start():
                before.append(step.label)
            case WaitFor(times=1, then=(), on_timeout=()):
                before.append(step.label)
            case Awakeable():
                continue
            case _:
                return before, None
    return before, None
