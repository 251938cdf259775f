"""Generic mutants: the operators of cosmic-ray on a seeded sample of the places in an engine's modules.

cosmic-ray is an extra of its own (`make mutants` installs it), so it is imported by name, where it is needed.
"""

from __future__ import annotations

import ast
import random
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from importlib import import_module
from typing import Any, Final

from tests.mutants.trial import ROOT

REPORTING: Final = frozenset({
    "billing.py", "findings.py", "history_export.py", "lines.py", "observer.py", "standstill.py", "tables.py",
    "tally.py",
})  # fmt: skip
"""Modules that tell of a simulation and decide nothing in it: nothing is drawn from them."""


@dataclass(frozen=True)
class Place:
    """Where an operator of cosmic-ray can change a module: its n-th occurrence there."""

    path: str
    operator: str
    occurrence: int

    @property
    def name(self) -> str:
        return f"{self.path.removeprefix('durascope/simulators/')} {self.operator} {self.occurrence}"


@dataclass(frozen=True)
class Drawn:
    """A sample: the mutants by their places, and how it came about."""

    mutants: dict[Place, str]
    """The module's text with the change."""
    of: int
    """All places in the engine's modules."""
    nothing: int
    """How many were drawn and left out, because the change is one of an annotation, or no Python."""


def drawn(engine: str, count: int, seed: int) -> Drawn:
    """The first so many mutants, in an order that the seed gives, that change what runs."""
    places = list(_places(engine))
    random.Random(f"{seed} {engine}").shuffle(places)
    found: dict[Place, str] = {}
    nothing = 0
    for place in places:
        if len(found) == count:
            break
        source = mutated(place)
        if source is None:
            nothing += 1
        else:
            found[place] = source
    return Drawn(found, len(places), nothing)


def _places(engine: str) -> Iterator[Place]:
    plugins, tree = import_module("cosmic_ray.plugins"), import_module("cosmic_ray.ast")
    operators = {name: plugins.get_operator(name) for name in sorted(plugins.operator_names())}
    for file in sorted((ROOT / "durascope" / "simulators" / engine).glob("*.py")):
        if file.name in REPORTING:
            continue
        path, module = str(file.relative_to(ROOT)), tree.get_ast(file.read_text("utf-8"))
        nodes: list[Any] = list(tree.ast_nodes(module))
        for name, operator in operators.items():
            if not operator.arguments():
                made = operator()
                for occurrence in range(sum(1 for node in nodes for _ in made.mutation_positions(node))):
                    yield Place(path, name, occurrence)


def mutated(place: Place) -> str | None:
    """The module's text with that change; None where it changes nothing that runs (an annotation), or is no Python."""
    operator = import_module("cosmic_ray.plugins").get_operator(place.operator)()
    original = (ROOT / place.path).read_text("utf-8")
    changed: str | None = import_module("cosmic_ray.mutating").mutate_code(original, operator, place.occurrence)
    if changed is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error", SyntaxWarning)  # `x is "a"` would fail for that, not for what it does
        try:
            compile(changed, place.path, "exec")
        except SyntaxError:
            return None
    return None if _what_runs(changed) == _what_runs(original) else changed


def _what_runs(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign():
                node.annotation = ast.Name("Any")
            case ast.arg():
                node.annotation = None
            case ast.arguments():
                node.args = [*node.posonlyargs, *node.args, *node.kwonlyargs]  # not how they have to be handed over
                node.posonlyargs, node.kwonlyargs = [], []
            case ast.FunctionDef():
                node.returns = None
            case _:
                pass
    return ast.dump(tree)


def change(place: Place, source: str) -> str:
    """What is changed, as the lines before and after."""
    original = (ROOT / place.path).read_text("utf-8")
    lines = unified_diff(original.splitlines(), source.splitlines(), lineterm="", n=0)
    return "\n".join(line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---"))
