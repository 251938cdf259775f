"""A project for Restate's TypeScript SDK: services with handlers, their endpoint, a starter, a test."""

from __future__ import annotations

import json

from durascope.models.scenario import Scenario
from durascope.render.code.facts import uses_attempt
from durascope.render.code.names import words
from durascope.render.code.program import told
from durascope.render.code.project import Project, filled, title_of
from durascope.render.code.restate.facts import uses
from durascope.render.code.restate.readme import readme
from durascope.render.code.restate.typescript.handlers import Handlers
from durascope.render.code.restate.typescript.handlers_file import handlers_file
from durascope.render.code.restate.typescript.messages import messages_file
from durascope.render.code.restate.typescript.names import Named
from durascope.render.code.restate.typescript.start import start_file, test_file
from durascope.render.code.restate.typescript.steps import steps_file
from durascope.render.code.typescript_packages import lock_file
from durascope.render.code.typescript_services import services_file


def project(scenario: Scenario) -> Project:
    """Each file by its path."""
    named = Named(told(scenario))
    handlers = [Handlers(named, each) for each in named.book.workflows.values()]
    written = [(each, each.write()) for each in handlers]
    used = {name for each in handlers for name in each.side_by_side}
    name = "-".join(words(scenario.scenario)) or "handlers"
    files = {
        "README.md": readme(scenario, "typescript", "src", "ts", named.targets),
        "package.json": filled(
            "restate_package.json.jinja",
            name=json.dumps(name),
            title=json.dumps(title_of(scenario), ensure_ascii=False),
        ),
        "package-lock.json": lock_file("restate", name),
        "tsconfig.json": filled("tsconfig.json.jinja"),
        ".prettierrc.json": filled("prettierrc.json.jinja"),
        "src/messages.ts": messages_file(named),
        "src/handlers.ts": handlers_file(named, written),
        "src/serve.ts": filled(
            "restate_serve.ts.jinja", bidirectional=named.deployment.service.mode != "request-response"
        ),
        "src/server.ts": filled("restate_server.ts.jinja"),
        "src/start.ts": start_file(named),
        "src/handlers.test.ts": test_file(named),
    }
    if named.steps:
        files["src/services.ts"] = services_file(named.book, counts=any(map(uses_attempt, named.steps)))
        files["src/steps.ts"] = steps_file(named)
    if used:
        files["src/side-by-side.ts"] = filled("restate_side_by_side.ts.jinja", used=used).rstrip("\n") + "\n"
    if any(module == "./waiting" for each in handlers for module, _ in each.needs):
        files["src/waiting.ts"] = filled("restate_waiting.ts.jinja")
    if uses(named.book, "awakeable") or uses(named.book, "signal"):
        files["src/awaiting.ts"] = filled("restate_awaiting.ts.jinja")
    return files
