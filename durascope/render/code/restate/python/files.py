"""A project for Restate's Python SDK: services with handlers, their endpoint, a starter, a test."""

from __future__ import annotations

import json

from durascope.models.scenario import Scenario
from durascope.render.code.facts import uses_attempt
from durascope.render.code.layout import Source
from durascope.render.code.names import words
from durascope.render.code.program import Kind, told
from durascope.render.code.project import Project, filled, title_of
from durascope.render.code.python import STEP
from durascope.render.code.python_messages import message_class, messages_file, optional_fields
from durascope.render.code.python_packages import TOOLS, pinned
from durascope.render.code.python_services import services_file
from durascope.render.code.restate.facts import uses
from durascope.render.code.restate.python.handlers import Handlers
from durascope.render.code.restate.python.handlers_file import handlers_file
from durascope.render.code.restate.python.names import Named
from durascope.render.code.restate.python.own_test import test_file
from durascope.render.code.restate.python.start import start_file
from durascope.render.code.restate.python.steps import steps_file
from durascope.render.code.restate.readme import readme


def project(scenario: Scenario) -> Project:
    """Each file by its path."""
    named = Named(told(scenario))
    handlers = [Handlers(named, each) for each in named.book.workflows.values()]
    written = [(each, each.write()) for each in handlers]
    used = {name for each in handlers for name in each.side_by_side}
    mode = "request_response" if named.deployment.service.mode == "request-response" else "bidi"
    files = {
        "README.md": readme(scenario, "python", "app", "py", named.targets),
        "pyproject.toml": filled(
            "pyproject.toml.jinja",
            name=json.dumps("-".join(words(scenario.scenario)) or "handlers"),
            title=json.dumps(title_of(scenario), ensure_ascii=False),
            dependencies=pinned("restate-sdk[serde]", "hypercorn", "httpx"),
            dev=TOOLS,
        ),
        "app/__init__.py": f'"""{title_of(scenario)}, on Restate."""\n',
        "app/messages.py": messages_file(named, pydantic=True) + _requests(named),
        "app/handlers.py": handlers_file(named, written),
        "app/serve.py": filled("restate_serve.py.jinja", mode=mode),
        "app/restate_server.py": filled("restate_server.py.jinja"),
        "app/start.py": start_file(named),
        "tests/test_handlers.py": test_file(named),
    }
    if named.steps:
        counts = any(map(uses_attempt, named.steps))
        files["app/services.py"] = services_file(named.book, counts=counts)
        files["app/steps.py"] = steps_file(named)
    if used:
        files["app/side_by_side.py"] = filled("restate_side_by_side.py.jinja", used=used).rstrip("\n") + "\n"
    if uses(named.book, "awakeable") or uses(named.book, "signal"):
        files["app/awaiting.py"] = filled("restate_awaiting.py.jinja")
    return files


def _requests(project: Named) -> str:
    """What updates are asked with: the input of the run that they are for, and fields of their own."""
    source = Source(STEP)
    for target, name in project.requests.items():
        about, base = f"What {target.name} is asked with.", project.inputs[target.workflow]
        fields: dict[str, Kind] = {
            field: kind
            for field, kind in project.book.events[target.name].fields.items()
            if field not in project.book.workflows[target.workflow].input
        }
        message_class(source, name, about, optional_fields(fields), base)
    return source.text() if project.requests else ""
