"""What lies in an engine's stores is data: no component, connection or callback, whenever a crash may come.

Whoever comes up again begins from its stores. What it finds there must mean the same to another process, so nothing
in a store may run, or be a part that runs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from enum import Enum
from functools import partial
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, GeneratorType, MethodType
from typing import Any

import pytest
from pydantic import BaseModel

from durascope.models.loading import builtin_names, load, scenario_in
from durascope.models.scenario import Scenario
from durascope.simulators.engine import Engine
from durascope.simulators.inngest.engine import Inngest
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.network import Connection, Network
from durascope.simulators.kernel.world import Callback, World
from durascope.simulators.restate.engine import Restate
from durascope.simulators.simulate import simulate
from durascope.simulators.temporal.engine import Temporal

CONFORMANCE = Path(__file__).parents[1] / "conformance"
ENGINES = ("inngest", "restate", "temporal")
EVERY = 23
"""Of so many events one is looked at: crash points lie between any two."""

ALIVE = (
    Component, Connection, Network, World, Callback, FunctionType, MethodType, BuiltinFunctionType, GeneratorType,
    partial,
)  # fmt: skip
PLAIN = (str, int, float, bytes, type(None), Enum, type, BaseModel)
"""Not looked into; a model of the scenario language is data by its making."""


def stores(engine: Engine) -> object:
    """What of the engine survives a crash of its processes, or is a server of its own."""
    if isinstance(engine, Inngest):
        redis = engine.redis
        return [redis.state, redis.queue, redis.pauses, redis.flow, engine.history.status]
    if isinstance(engine, Temporal):
        return [engine.store.history, engine.store.matching]
    assert isinstance(engine, Restate)
    return engine.partitions


def alive_in(root: object) -> Iterator[str]:
    """Whatever is alive in there, by its path."""
    seen: set[int] = set()
    left: deque[tuple[str, object]] = deque([("store", root)])
    while left:
        path, found = left.pop()
        if isinstance(found, ALIVE):
            yield f"{path}: {type(found).__name__}"
        elif not isinstance(found, PLAIN) and id(found) not in seen:
            seen.add(id(found))
            left += [(f"{path}{step}", inside) for step, inside in insides(found)]


def insides(holder: Any) -> Iterator[tuple[str, object]]:
    if isinstance(holder, dict):
        for key, value in holder.items():
            yield f"[{key!s:.20}]", key
            yield f"[{key!s:.20}]", value
    elif isinstance(holder, list | tuple | set | frozenset | deque):
        for number, value in enumerate(holder):
            yield f"[{number}]", value
    else:
        for name, value in vars(holder).items() if hasattr(holder, "__dict__") else ():
            yield f".{name}", value
        for each in type(holder).__mro__:
            for name in getattr(each, "__slots__", ()):
                if hasattr(holder, name):
                    yield f".{name}", getattr(holder, name)


def alive_at_any_point(scenario: Scenario, engine: str) -> set[str]:
    found: set[str] = set()

    def watch(world: World, built: Engine) -> None:
        emit = world.emit

        def watched(*args: Any, **more: Any) -> None:
            emit(*args, **more)
            if world.recorder.count % EVERY == 0:
                found.update(alive_in(stores(built)))

        world.emit = watched

    simulate(scenario, engine, also=watch)
    return found


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", builtin_names())
def test_nothing_alive_lies_in_a_store(engine: str, name: str) -> None:
    assert alive_at_any_point(scenario_in(load(name)), engine) == set()


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_alive_lies_in_a_store_in_any_recorded_case(engine: str) -> None:
    for path in sorted((CONFORMANCE / engine).glob("*.yaml")):
        assert alive_at_any_point(scenario_in(load(path)), engine) == set(), path.stem


def test_what_is_alive_is_found_however_deep_it_lies() -> None:
    class Row:
        __slots__ = ("do",)

        def __init__(self) -> None:
            self.do = print

    assert list(alive_in([{"rows": deque([(Row(),)])}])) == ["store[0][rows][0][0].do: builtin_function_or_method"]
