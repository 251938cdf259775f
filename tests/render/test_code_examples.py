"""The examples in the docstrings of what writes code, where no language or engine is special: they run."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from durascope.render.code import conditions, layout, names, python, typescript


@pytest.mark.parametrize("module", [names, layout, conditions, python, typescript])
def test_the_examples_run(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 3
    assert result.failed == 0
