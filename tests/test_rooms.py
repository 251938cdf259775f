"""No engine knows another, in any room: whoever adds or changes one needs to read no other."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from itertools import permutations
from operator import attrgetter
from pathlib import Path

import grimp
import networkx as nx
import pytest

import durascope
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


ROOMS_THAT_SAY_WHAT_THEY_RAISE = (
    "api", "course", "engines", "experiments", "importing", "live", "models", "player", "render", "simulators",
)  # fmt: skip
"""All but `cli`: what is said of a command there is its help."""
BUGS = {"AssertionError", "NotImplementedError", "UnexpectedEvent"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def raised_by(function: Function) -> set[str]:
    """The errors that its own lines raise, without those of the functions in it."""
    found = set[str]()
    inner = list(ast.iter_child_nodes(function))
    while inner:
        node = inner.pop()
        if isinstance(node, ast.Raise) and node.exc is not None:
            found.add(ast.unparse(node.exc.func if isinstance(node.exc, ast.Call) else node.exc))
        if not isinstance(node, Function | ast.Lambda):
            inner += ast.iter_child_nodes(node)
    return found - BUGS


def functions(node: ast.AST, within: str = "") -> Iterator[tuple[str, Function]]:
    """The functions of a module and of its classes, with their qualified names."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield f"{within}{child.name}", child
        if isinstance(child, ast.ClassDef):
            yield from functions(child, f"{within}{child.name}.")


def docstring(module: str, name: str, function: Function) -> str:
    """Its own, or that of the method that it overrides."""
    own = ast.get_docstring(function)
    return own if own is not None else inspect.getdoc(attrgetter(name)(import_module(module))) or ""


@pytest.mark.parametrize("room", ROOMS_THAT_SAY_WHAT_THEY_RAISE)
def test_a_function_that_raises_says_so(room: str) -> None:
    package = Path(durascope.__file__).parent
    silent = [
        f"{module}: {name} raises {', '.join(sorted(raised_by(function)))}"
        for file in sorted((package / room).rglob("*.py"))
        for module in [".".join(("durascope", *file.relative_to(package).with_suffix("").parts))]
        for name, function in functions(ast.parse(file.read_text("utf-8")))
        if not function.name.startswith(("_", "do_"))
        if raised_by(function) and "aises" not in docstring(module, name, function)
    ]
    assert silent == []
