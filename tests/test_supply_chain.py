"""What an installation brings: licences that are allowed, and lower bounds that can be installed and tested."""

from __future__ import annotations

import pytest

from tests.audit import ALLOWED, brought, judged, licences
from tests.oldest import oldest


def test_every_package_that_an_installation_brings_has_an_allowed_licence(capsys: pytest.CaptureFixture[str]) -> None:
    assert licences(), capsys.readouterr().out
    assert {"simpy", "pydantic"} <= {package.metadata["Name"].lower() for package in brought()}


@pytest.mark.parametrize("told", ["GPL-3.0-only", "AGPL", "Proprietary", ""])
def test_other_licences_are_not_allowed(told: str) -> None:
    assert ALLOWED.search(told) is None


def test_every_core_dependency_has_a_lower_bound_that_can_be_installed() -> None:
    assert any(each.startswith("simpy==") for each in oldest())


def test_a_vulnerability_is_told_and_so_is_what_was_not_looked_up(capsys: pytest.CaptureFixture[str]) -> None:
    found = {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}
    unknown = {"name": "b", "skip_reason": "not found"}
    assert not judged([found, unknown])
    said = capsys.readouterr().out
    assert "a 1: PYSEC-1, fixed in 2" in said
    assert "1 packages (b" in said
    assert judged([{"name": "c", "version": "1", "vulns": []}])
