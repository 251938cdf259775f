"""Scenarios whose runs stand still for good, in every way in which they can; and ones whose messages are lost."""

from __future__ import annotations

from typing import Final

from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.simulators.simulate import simulate

STUCK: Final = {
    "deadlock": (
        "restate",
        """
workflows:
  a: {key: id, input: {id: {pool: 1}}, service: Account, steps: [{run: a1, takes: 20ms}, {call: b, key: id}]}
  b: {key: id, service: Account, steps: [{run: b1, takes: 20ms}, {call: a, key: id}]}
deployments: {restate: {service: {kind: object}}}
workload: {runs: 2, of: a, arrivals: {at: [0s, 1s]}, keys: [k, k]}
""",
    ),
    "paused": (
        "restate",
        """
workflows: {obj: {key: id, input: {id: {pool: 2}}, steps: [{run: call-llm, takes: 20ms, fails: 99}]}}
deployments: {restate: {service: {kind: object}, retry: {initial: 50ms, max_attempts: 3, then: pause}}}
workload: {runs: 2, arrivals: {at: [0s, 500ms]}, keys: [k1, k1]}
""",
    ),
    "non-determinism": (
        "temporal",
        """
workflows: {wf: {steps: [{run: a, takes: 50ms}, {sleep: 5s}, {run: b, takes: 50ms}]}}
workload: {runs: 1}
faults:
  - {deploy: wf, at: 2s, down_for: 200ms, change: {insert: {step: {run: fraud-check, takes: 50ms}, before: a}}}
""",
    ),
    "forgotten": ("inngest", "workflows: {w: {steps: [{sleep: 1m}]}}\nfaults: [{crash: engine, at: 5s}]"),
    "lost": (
        "inngest",
        """
services: {api: {}}
workflows: {w: {steps: [{run: a, on: api, takes: 1s}, {run: b, takes: 20ms}]}}
faults: [{crash: app, when: {step: a, attempt: 1, moment: after-effect}, down_for: 2s}]
""",
    ),
}


def stuck(name: str) -> tuple[Scenario, Trace]:
    """The scenario, and its trace on the engine on which it stands still."""
    engine, text = STUCK[name]
    scenario = parse_scenario(f"scenario: {name}\n{text.strip()}\n")
    return scenario, simulate(scenario, engine)
