"""A project for Inngest's Python SDK."""

from __future__ import annotations

import json
from collections.abc import Sequence

from durascope.models.scenario import Scenario
from durascope.render.code import python
from durascope.render.code.inngest import facts
from durascope.render.code.inngest.python.function import Function
from durascope.render.code.inngest.python.names import Named
from durascope.render.code.inngest.python.operations import steps_file
from durascope.render.code.inngest.python.start import input_functions, start_file
from durascope.render.code.inngest.readme import readme
from durascope.render.code.layout import Group, Source
from durascope.render.code.names import quoted, words
from durascope.render.code.project import Project, filled, title_of
from durascope.render.code.python import STEP
from durascope.render.code.python_messages import messages_file
from durascope.render.code.python_packages import TOOLS, pinned
from durascope.render.code.python_services import services_file


def project(scenario: Scenario) -> Project:
    """The files of the project."""
    scenario = facts.written_for(scenario, "python")
    project = Named(facts.told_of(scenario))
    functions = [Function(project, each) for each in project.book.workflows.values()]
    connect = project.deployment.app.transport == "connect"
    files = {
        "README.md": readme(scenario, "python"),
        "pyproject.toml": filled(
            "pyproject.toml.jinja",
            name=json.dumps("-".join(words(scenario.scenario)) or "functions"),
            title=json.dumps(title_of(scenario), ensure_ascii=False),
            dependencies=pinned("inngest[connect]" if connect else "inngest", "fastapi", "uvicorn"),
            dev=TOOLS,
        ),
        "app/__init__.py": f'"""{title_of(scenario)}, on Inngest."""\n',
        "app/client.py": filled("inngest_client.py.jinja", app=quoted(project.app)),
        "app/messages.py": messages_file(project, pydantic=True),
        "app/functions.py": _functions_file(project, functions),
        "app/server.py": filled("inngest_server.py.jinja", connect=connect),
        "app/start.py": start_file(project),
        "tests/test_functions.py": _test(project),
    }
    if project.steps:
        files["app/services.py"] = services_file(project.book)
        files["app/steps.py"] = steps_file(project)
    if project.cancelled:
        files["app/begun.py"] = filled("inngest_begun.py.jinja")
    return files


def _functions_file(project: Named, functions: Sequence[Function]) -> str:
    written = [each.write() for each in functions]
    needs = {need for each in functions for need in each.needs}
    source = Source(STEP)
    if any(each.versioned for each in functions):
        needs.add(("os", ""))
        source('NEW_CODE_SINCE = int(os.environ.get("NEW_CODE_SINCE", "0"))')
        source('"""When the new code went live, in milliseconds since 1970: older runs go on with the old."""')
    if any(each.finishes_inside for each in functions):
        source("", "", "class Finished(Exception):")
        source('    """A branch has ended the run."""')
    last = Source(STEP)
    last.statement("FUNCTIONS = ", Group("[", (*project.functions.values(), *project.cancelled.values()), "]"))
    head = ['"""The functions."""', "", *python.imports(needs)]
    constants = source.text().strip("\n")
    parts = [*([constants] if constants else []), *(each.strip("\n") for each in written), last.text().strip("\n")]
    between = "\n" if constants.startswith("NEW") else "\n\n"
    return "\n".join(head) + "\n" + between + "\n\n\n".join(parts) + "\n"


def _test(project: Named) -> str:
    name = next((each for each in project.scenario.started), next(iter(project.functions)))
    workflow = project.book.workflows[name].workflow
    return filled(
        "inngest_test.py.jinja",
        function=project.functions[name],
        id=quoted(name),
        event=quoted(facts.trigger(name, workflow)),
        input=input_functions(project).get(name),
    )
