"""What a scenario says and a model does not follow is said by `check` and in the notes of a trace."""

from __future__ import annotations

import pytest

from durascope.models.reading import parse_scenario
from durascope.models.unmodelled import NOT_YET, USES, unmodelled

SCENARIO = """
scenario: s
workflows:
  parent:
    steps:
      - {awakeable: go}
      - {call: child, on_close: cancel, undo: u}
      - {wait_for: go}
      - {race: [{sleep: 1s}], mode: plain}
    signals: {Stop: {then: cancel}}
  child: {flow: {concurrency: {limit: 2}}, retries: 3, kind: object, service: Other, steps: [{run: c}]}
deployments:
  temporal: {workers: [{name: worker, threads: 5, queue_rate: 5/s}]}
  inngest: {app: {max_duration: 10s}}
  restate:
    server: {concurrent_invocations: 5}
    service: {max_duration: 3s, idempotency_retention: 1h, workflow_retention: 1h, journal_retention: 1h}
workload:
  of: parent
  events: [{send: go, to: 1, at: 3s, time: 2s}]
"""

PLAIN = "scenario: s\nworkflows: {w: {steps: [{run: a}, {call: v}]}, v: {steps: []}}\nworkload: {of: w}"


@pytest.mark.parametrize("feature", USES)
def test_each_feature_is_found_where_it_is_used_and_only_there(feature: str) -> None:
    assert list(USES[feature](parse_scenario(SCENARIO)))
    assert not list(USES[feature](parse_scenario(PLAIN)))


@pytest.mark.parametrize("engine", NOT_YET)
def test_each_engine_says_what_it_does_instead(engine: str) -> None:
    assert len(unmodelled(parse_scenario(SCENARIO), engine)) >= len(NOT_YET[engine])
    assert set(NOT_YET[engine]) <= set(USES)
