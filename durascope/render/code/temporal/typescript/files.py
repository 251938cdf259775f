"""A project for Temporal's TypeScript SDK."""

from __future__ import annotations

import json
from collections.abc import Sequence

from durascope.models.scenario import Scenario
from durascope.render.code.layout import Braces
from durascope.render.code.names import quoted, words
from durascope.render.code.program import told
from durascope.render.code.project import Project, filled, title_of
from durascope.render.code.temporal.facts import is_entity
from durascope.render.code.temporal.queues import workflow_queue
from durascope.render.code.temporal.readme import readme
from durascope.render.code.temporal.typescript.activities import activities_file
from durascope.render.code.temporal.typescript.activity_calls import SDK, Proxies
from durascope.render.code.temporal.typescript.messages import messages_file
from durascope.render.code.temporal.typescript.names import Named
from durascope.render.code.temporal.typescript.start import start_file
from durascope.render.code.temporal.typescript.starting import input_functions
from durascope.render.code.temporal.typescript.worker import worker_file
from durascope.render.code.temporal.typescript.workflow import WorkflowFunction
from durascope.render.code.typescript import STEP, Needs, documented, imports
from durascope.render.code.typescript_packages import lock_file
from durascope.render.code.typescript_services import services_file


def project(scenario: Scenario) -> Project:
    """The files of the project."""
    project = Named(told(scenario))
    proxies = Proxies(project)
    workflows = [WorkflowFunction(project, proxies, each) for each in project.book.workflows.values()]
    written = [each.write() for each in workflows]
    side_by_side = {name for each in workflows for name in each.side_by_side}
    title = title_of(scenario)
    name = "-".join(words(scenario.scenario)) or "workflows"
    files = {
        "README.md": readme(scenario, "typescript", "src", "ts"),
        "package.json": filled(
            "temporal_package.json.jinja",
            name=json.dumps(name),
            title=json.dumps(title, ensure_ascii=False),
        ),
        "package-lock.json": lock_file("temporal", name),
        "tsconfig.json": filled("tsconfig.json.jinja"),
        ".prettierrc.json": filled("prettierrc.json.jinja"),
        "src/messages.ts": messages_file(project),
        "src/workflows.ts": _workflows_file(project, proxies, workflows, written),
        "src/bundle.ts": filled("temporal_bundle.ts.jinja"),
        "src/worker.ts": worker_file(project),
        "src/start.ts": start_file(project),
        "src/workflows.test.ts": _test(project),
    }
    if project.activities:
        files["src/services.ts"] = services_file(project.book)
        files["src/activities.ts"] = activities_file(project)
    if side_by_side:
        files["src/side-by-side.ts"] = filled(
            "side_by_side.ts.jinja", **{each: each in side_by_side for each in ("all_of", "each_of", "first_of")}
        )
    if any(module == "./waiting" for each in workflows for module, _ in each.needs):
        files["src/waiting.ts"] = filled("waiting.ts.jinja")
    if any(module == "./lock" for each in workflows for module, _ in each.needs):
        files["src/lock.ts"] = filled("lock.ts.jinja")
    return files


_BRANCHES = {"all_of": "allOf", "each_of": "eachOf", "first_of": "firstOf"}


def _workflows_file(
    project: Named, proxies: Proxies, workflows: Sequence[WorkflowFunction], written: Sequence[str]
) -> str:
    source = Braces(STEP)
    needs: Needs = {need for each in workflows for need in each.needs}
    needs |= {("./side-by-side", _BRANCHES[name]) for each in workflows for name in each.side_by_side}
    used = {name for each in workflows for name in each.imported} | proxies.needs
    if proxies.needs:
        needs.add(("./activities", "type * as implementation"))
    proxies.write(source)
    if project.signals or project.updates or project.queries or project.requests:
        source("")
    for name, identifier in project.signals.items():
        used.add("defineSignal")
        needs.add(("./messages", f"type {project.events[name]}"))
        source(f"export const {identifier} = defineSignal<[{project.events[name]}]>({quoted(name)});")
    for name, identifier in project.updates.items():
        used.add("defineUpdate")
        needs.add(("./messages", f"type {project.events[name]}"))
        source(f"export const {identifier} = defineUpdate<void, [{project.events[name]}]>({quoted(name)});")
    for name, identifier in project.requests.items():
        used.add("defineUpdate")
        [returns] = (each.returns() for each in workflows if each.told.name == name)
        source(f'export const {identifier} = defineUpdate<{returns}, [{project.inputs[name]}]>("request");')
    for name, identifier in project.queries.items():
        used.add("defineQuery")
        source(f"export const {identifier} = defineQuery<string>({quoted(name)});")
    if any(each.told.cancels for each in workflows):
        source("")
        documented(source, "A signal has asked the run to end; it undoes what it has done first.")
        source("class CancelRequested extends Error {}")
    if any(each.finishes_inside for each in workflows):
        source("")
        documented(source, "A branch has ended the run.")
        source("class Finished extends Error {}")
    needs |= {(SDK, name) for name in used}
    head = f"/** The workflows. */\n\n{imports(needs)}"
    parts = [head, source.text().lstrip("\n"), *written]
    return "\n".join(part for part in parts if part.strip())


def _test(project: Named) -> str:
    """A dev server of the test's own, the workers, one start; then the history replayed."""
    name = project.scenario.started[0]
    entity = is_entity(project.book.workflows[name].workflow)
    return filled(
        "temporal_typescript_test.ts.jinja",
        workflow=project.functions[name],
        update=project.requests.get(name),
        queue=quoted(workflow_queue(project.deployment, name)),
        input=input_functions(project)[name],
        entity=entity,
    )
