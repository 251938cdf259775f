"""The examples in the docstrings of every room run, and show what they say."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import durascope

ROOT = Path(durascope.__file__).parent
ROOMS = ("models", "simulators", "experiments", "render", "cli")
"""The rooms that have examples beside the public API."""


def modules() -> list[str]:
    """The modules with an example, by their dotted names; `tests/test_api.py` runs those of the public API."""
    files = sorted(file for file in ROOT.rglob("*.py") if ">>> " in file.read_text("utf-8") and "api" not in file.parts)
    return [".".join(file.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__") for file in files]


@pytest.mark.parametrize("module", modules())
def test_the_examples_run(module: str) -> None:
    flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    result = doctest.testmod(import_module(module), extraglobs={"durascope": durascope}, optionflags=flags)
    assert result.failed == 0
    assert result.attempted > 0, "an example in a text that is no docstring is run by nobody"


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_examples(room: str) -> None:
    assert any(module.startswith(f"durascope.{room}.") for module in modules())
