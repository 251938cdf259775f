"""A process that has imported an engine's tests, and forks for each mutant: `python -m tests.mutants.warm TESTS…`.

In the child the mutant's functions get their new code, wherever they are already in use; so nothing is imported anew,
which would take longer than most tests. A change outside of functions (a constant, a default, a decorator) was made use
of at import: the answer is `COLD`, and the tests have to run in a process of their own.

All tests run once without a mutant, which shows who calls what: the first answer says whether one has failed.
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import resource
import sys
from importlib import import_module
from inspect import CO_OPTIMIZED
from pathlib import Path
from pkgutil import walk_packages
from types import CodeType, FunctionType
from typing import Any, Final

import pytest

import durascope.simulators
from tests.mutants.calls import CallRecorder, Calls, Chosen

CPU_SECONDS: Final = 60
"""A mutant whose tests compute longer than this has been noticed: the suite of one engine takes a quarter of it."""
MEMORY: Final = 3 << 30
QUIET: Final = (
    "-q", "-n", "0", "-p", "no:cacheprovider", "--no-header", "--tb=no", "-rfE", "--hypothesis-profile=once",
)  # fmt: skip
COLD: Final = 99
PASSED: Final = (0, 4)
"""Exit codes of pytest: all have passed; there is no such test (any more)."""


def limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


# ---- the code of functions that exist ------------------------------------------------------------------------------

Address = tuple[str, int]
"""A function's qualified name, and its first line."""


class Elsewhere(Exception):
    """The change is not one of functions alone."""


def changed(old: CodeType, new: CodeType) -> dict[Address, CodeType]:
    """The functions of a module's or class's body that differ. Raises Elsewhere."""
    before, after = _parts(old), _parts(new)
    if old.co_code != new.co_code or old.co_names != new.co_names or before[0] != after[0]:
        raise Elsewhere
    found: dict[Address, CodeType] = {}
    for one, other in zip(before[1], after[1], strict=True):
        if not one.co_flags & CO_OPTIMIZED:
            found |= changed(one, other)
        elif one != other:
            address = one.co_qualname, one.co_firstlineno
            if address in found:
                raise Elsewhere
            found[address] = other
    return found


def _parts(code: CodeType) -> tuple[list[str], list[CodeType]]:
    """Its constants, and the bodies within it."""
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    return ["code" if isinstance(each, CodeType) else repr(each) for each in code.co_consts], inner


def swap(path: Path, source: str) -> set[Address]:
    """Gives functions of the module their new code, and returns which. Raises Elsewhere where there is more to it."""
    old, new = (compile(text, str(path), "exec") for text in (path.read_text("utf-8"), source))
    codes = changed(old, new)
    left = set(codes)
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename == str(path):
            address = each.__code__.co_qualname, each.__code__.co_firstlineno
            if address in codes:
                try:
                    each.__code__ = codes[address]
                except ValueError as other_variables:
                    raise Elsewhere from other_variables
                left.discard(address)
    if left:
        raise Elsewhere
    return set(codes)


# ---- one mutant a child --------------------------------------------------------------------------------------------


class FirstFailure:
    """Which test has failed first."""

    def __init__(self) -> None:
        self.name = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.name:
            self.name = report.nodeid


def baseline(tests: list[str]) -> tuple[str, Calls]:
    """What all tests show without a mutant: which failed first, and who calls what."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        first, recorder = FirstFailure(), CallRecorder(str(Path(durascope.simulators.__file__).parent))
        pytest.main([*QUIET, *tests], plugins=[first, recorder])
        with os.fdopen(writer, "wb") as found:
            pickle.dump((first.name, recorder.calls), found)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as found:
        answer: tuple[str, Calls] = pickle.load(found)
    os.waitpid(child, 0)
    return answer


def tried(path: Path, source: str, likely: str, calls: Calls, tests: list[str]) -> dict[str, Any]:
    """What a child's tests say: its exit code (negative: the signal that ended it) and the first that failed."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os._exit(_child(path, source, likely, calls, tests, writer))
    os.close(writer)
    with os.fdopen(reader) as said:
        name = said.read()
    return {"code": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), "failed": name}


def _child(path: Path, source: str, likely: str, calls: Calls, tests: list[str], writer: int) -> int:
    limit()
    try:
        functions = swap(path, source)
    except Elsewhere:
        return COLD
    chosen = calls.tests((str(path), name, line) for name, line in functions)
    if not chosen:
        return COLD
    first = FirstFailure()
    code = int(pytest.main([*QUIET, "-x", *tests], plugins=[first, Chosen([likely, *chosen])]))
    os.write(writer, first.name.encode())
    return 0 if code in PASSED else code


def main() -> None:
    tests = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    for module in walk_packages(durascope.simulators.__path__, "durascope.simulators."):  # engines come when asked for
        import_module(module.name)
    pytest.main([*QUIET, "--collect-only", *tests])
    failed, calls = baseline(tests)

    def say(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    say({"failed": failed})
    for line in sys.stdin:
        job = json.loads(line)
        say(tried(Path(job["path"]), job["source"], job["likely"], calls, tests))


if __name__ == "__main__":
    main()
