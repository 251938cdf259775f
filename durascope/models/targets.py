"""Restate: which service, key and handler stands for a workflow, and for what stands beside it.

As in the model (`models.serving`): each workflow is a handler of a service of its own, or of the one that
it names. Restate's names are letters, digits and underscores; `Targets` knows which name of the scenario each of them
stands for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from durascope.models.scenario import Scenario
from durascope.models.serving import ServiceKind, serving
from durascope.models.steps import WaitFor

Kind = Literal["run", "complete-promise", "query", "update"]

_PREFIXES: Final[dict[Kind, str]] = {"run": "", "complete-promise": "complete_", "query": "query_", "update": "update_"}


@dataclass(frozen=True, slots=True)
class Target:
    """One handler of a service."""

    workflow: str
    """Of the scenario: whose code it is, or beside whose run it stands."""
    kind: Kind
    name: str
    """Of the workflow, event, query or update."""
    service: str
    service_kind: ServiceKind
    handler: str

    def path(self, key: str | None) -> str:
        """Where the ingress takes requests for it; objects and workflows have keys."""
        from urllib.parse import quote

        keyed = f"/{quote(key or self.workflow, safe='')}" if self.service_kind != "service" else ""
        return f"/{self.service}{keyed}/{self.handler}"


class Targets:
    """All handlers of a scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._handlers: dict[tuple[str, Kind, str], Target] = {}
        self._lines: dict[str, str] = {}
        for target in self._all():
            self._handlers[target.workflow, target.kind, target.name] = target
            self._lines[target.handler] = target.name

    def of(self, workflow: str, kind: Kind = "run", name: str | None = None) -> Target:
        """The handler of a kind and name beside a workflow's run; its own without a name.

        Raises:
            KeyError: There is none.
        """
        return self._handlers[workflow, kind, name or workflow]

    def find(self, workflow: str, kind: Kind, name: str) -> Target | None:
        """The same, or None: a plain service has no queries, and only a workflow has promises."""
        return self._handlers.get((workflow, kind, name))

    def label(self, handler: str) -> str:
        """The name that a handler stands for in a journal's lines."""
        return self._lines.get(handler, handler)

    def __iter__(self) -> Iterator[Target]:
        return iter(self._handlers.values())

    def _all(self) -> Iterator[Target]:
        for name, workflow in self.scenario.workflows.items():
            named, kind = serving(self.scenario, name)
            service = _identifier(named)
            yield self._target(name, "run", name, service, kind)
            if kind == "workflow":
                for event in dict.fromkeys(step.wait_for for step in workflow.walk() if isinstance(step, WaitFor)):
                    yield self._target(name, "complete-promise", event, service, kind)
            if kind != "service":
                for query in workflow.queries:
                    yield self._target(name, "query", query, service, kind)
            for update in workflow.updates:
                yield self._target(name, "update", update, service, kind)

    def _target(self, workflow: str, kind: Kind, name: str, service: str, service_kind: ServiceKind) -> Target:
        handler = _identifier(_PREFIXES[kind] + name)
        if kind != "run" and service_kind != "workflow":
            handler = f"{_identifier(workflow)}_{handler}"
        return Target(workflow, kind, name, service, service_kind, handler)


def _identifier(name: str) -> str:
    text = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return text if re.match(r"[A-Za-z]", text) else f"w_{text}"
