"""What hosts allow: a limit that the scenario names counts, else the default of the platform."""

from __future__ import annotations

import re

import pytest

from durascope.models.platforms import longest_request, platforms
from durascope.models.reading import parse_scenario
from durascope.models.units import SECOND


@pytest.mark.parametrize(
    ("app", "seconds"),
    [
        ("platform: vercel", 10),
        ("platform: Vercel", 10),
        ("platform: vercel, max_duration: 60s", 60),
        ("platform: kubernetes", None),
        ("framework: flask", None),
        ("platform: cloudflare", None),
        ("platform: vercel, transport: connect", None),
    ],
)
def test_a_request_is_limited_by_the_scenario_or_by_the_platform(app: str, seconds: int | None) -> None:
    scenario = parse_scenario(
        f"scenario: s\nworkflows: {{w: {{steps: [{{run: a}}]}}}}\ndeployments: {{inngest: {{app: {{{app}}}}}}}"
    )
    limit = scenario.deployments.inngest.app.longest_request
    assert limit == (None if seconds is None else seconds * SECOND)


def test_each_platform_has_a_source_and_a_date() -> None:
    for platform in platforms().values():
        assert platform.source.startswith("https://")
        assert re.fullmatch(r"20\d\d-\d\d", platform.retrieved)
    assert longest_request(None, "lambda") == 3 * SECOND
