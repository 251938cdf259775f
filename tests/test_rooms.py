"""No engine knows another, in any room: whoever adds or changes one needs to read no other."""

from __future__ import annotations

from itertools import permutations

import grimp
import networkx as nx
import pytest

from durascope.models.engine import BUILT_IN

ROOMS = ("engines", "simulators", "importing", "live", "render.parts")


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("durascope", cache_dir=None)


@pytest.mark.parametrize("room", ROOMS)
def test_no_engine_knows_another(imports: grimp.ImportGraph, room: str) -> None:
    mine = [f"durascope.{room}.{name}" for name in BUILT_IN if f"durascope.{room}.{name}" in imports.modules]
    assert len(mine) >= (1 if room == "importing" else 3)
    for one, other in permutations(mine, 2):
        assert not imports.chain_exists(one, other, as_packages=True), f"{one} imports {other}"


@pytest.mark.parametrize("engine", BUILT_IN)
def test_no_modules_of_an_engine_know_each_other_in_a_circle(imports: grimp.ImportGraph, engine: str) -> None:
    """Imports for types count too: a part that needs another's type cannot be read, or made in a test, without it."""
    package = f"durascope.simulators.{engine}"
    mine = {module for module in imports.modules if module.startswith(f"{package}.")}
    known = nx.DiGraph(
        (module, other) for module in mine for other in imports.find_modules_directly_imported_by(module) & mine
    )
    assert [sorted(circle) for circle in nx.strongly_connected_components(known) if len(circle) > 1] == []
