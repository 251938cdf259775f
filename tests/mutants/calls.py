"""Which tests call which functions, and how long each takes: what says which tests to run on a mutant, in what order.

The shortest come first. Choosing can only make a mutant look unnoticed that is not: so a function that few tests call,
because its result may be cached, is tried with all of them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Final

import pytest

FEW: Final = 3

Function = tuple[str, str, int]
"""A function's file, qualified name and first line."""


@dataclass
class Calls:
    """What a run of all tests has shown."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])
    """How long each test took."""
    callers: dict[Function, set[str]] = field(default_factory=dict[Function, "set[str]"])

    def tests(self, functions: Iterable[Function]) -> list[str]:
        """The tests to run on a change to these functions, in order; none if no test calls any of them."""
        callers = [self.callers.get(function, set[str]()) for function in functions]
        chosen = set[str]().union(*callers)
        if chosen and min(map(len, callers)) < FEW:
            chosen = set(self.seconds)
        return sorted(chosen, key=self.seconds.__getitem__)


class CallRecorder:
    """A pytest plugin that fills in `calls`."""

    def __init__(self, folder: str) -> None:
        self.calls = Calls()
        self._folder = folder

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        seen: dict[int, CodeType] = {}

        def enter(frame: FrameType, _event: str, _arg: object) -> None:
            code = frame.f_code
            seen[id(code)] = code

        began = time.process_time()
        sys.settrace(enter)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            self.calls.seconds[item.nodeid] = time.process_time() - began
            for code in seen.values():
                if code.co_filename.startswith(self._folder):
                    function = code.co_filename, code.co_qualname, code.co_firstlineno
                    self.calls.callers.setdefault(function, set()).add(item.nodeid)


class Chosen:
    """A pytest plugin that runs these tests alone, in this order."""

    def __init__(self, tests: Sequence[str]) -> None:
        self._place = {test: place for place, test in reversed(list(enumerate(tests)))}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted(
            (item for item in items if item.nodeid in self._place), key=lambda item: self._place[item.nodeid]
        )
