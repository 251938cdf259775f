"""Every rule that the code cites stands in docs/engines: `(W4)` and `§9` lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENGINES = ("temporal", "inngest", "restate")
_RULE = re.compile(r"\b([WATUSLE]\d{1,2})\b")
_SECTION = re.compile(r"§(\d+)")


def page(engine: str) -> str:
    return (ROOT / "docs" / "engines" / f"{engine}.md").read_text("utf-8")


def rules(engine: str) -> set[str]:
    """The rules that have a name of their own, as a list's item (`* W4. …`) begins with it."""
    return set(re.findall(r"^\* \*{0,2}([A-Z]\d{1,2})[a-z]?\.", page(engine), flags=re.MULTILINE))


def sections(engine: str) -> set[str]:
    return set(re.findall(r"^## (\d+)\.", page(engine), flags=re.MULTILINE))


def cited(engine: str, pattern: re.Pattern[str]) -> dict[str, str]:
    """What the engine's code cites, and one file that does."""
    found: dict[str, str] = {}
    for room in ("simulators", "live", "engines"):
        for file in sorted((ROOT / "durascope" / room / engine).rglob("*.py")):
            for name in pattern.findall(file.read_text("utf-8")):
                found.setdefault(name, file.name)
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_every_section_that_is_cited_exists(engine: str) -> None:
    assert len(sections(engine)) > 10
    missing = {name: file for name, file in cited(engine, _SECTION).items() if name not in sections(engine)}
    assert not missing


def test_every_rule_of_temporal_that_is_cited_exists() -> None:
    known, named = rules("temporal"), cited("temporal", _RULE)
    assert len(known) > 30
    assert len(named) > 20
    assert not {name: file for name, file in named.items() if name not in known}


def test_rules_that_nothing_cites_are_few_and_known() -> None:
    """A rule that no code names is either followed without a word or not modelled: this list is to shrink."""
    assert rules("temporal") - set(cited("temporal", _RULE)) <= {"A8", "E1", "E2", "E3", "E4", "E5", "E6", "U6"}
