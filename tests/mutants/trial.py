"""One mutant on trial: the tests run in a copy of the repository in which one file is changed.

The copy keeps the working tree safe from whoever stops a run, and what a mutant's tests write out of it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from tests.mutants.warm import COLD, PASSED, QUIET, limit

ROOT: Final = Path(__file__).parents[2]
COPIED: Final = ("durascope", "tests", "docs", "benchmarks", "models", "simulators", "render", "scenarios")
FILES: Final = ("pyproject.toml", "README.md", "Makefile", "constraints.txt")
RANDOM: Final = ("test_fuzz.py", "test_any_scenario.py", "test_real_sdk.py")

Outcome = Literal["killed", "survived"]


class BaselineFails(Exception):
    """The tests fail without any mutant: no verdict would mean anything."""


@dataclass(frozen=True)
class Verdict:
    """What the tests said of a mutant, and which test noticed it."""

    outcome: Outcome
    killed_by: str = ""


def suite(engine: str) -> tuple[str, ...]:
    """The tests that are to notice a mutant of an engine's model: those of random scenarios take too long."""
    files = sorted((ROOT / "tests" / "simulators" / engine).glob("test_*.py"))
    own = [str(file.relative_to(ROOT)) for file in files if file.name not in RANDOM]
    return (*own, f"tests/conformance/test_{engine}.py")


class Copy:
    """The repository in another place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._warm: dict[str, subprocess.Popen[str]] = {}
        for name in COPIED:
            ignored = shutil.ignore_patterns("node_modules", ".git", "__pycache__")
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=ignored)
        for name in FILES:
            shutil.copy2(ROOT / name, folder / name)

    def check(self, engines: Sequence[str]) -> None:
        """The copy's own code runs, and its tests pass. Raises BaselineFails."""
        where = self._python("-c", "import durascope; print(durascope.__file__)")
        if not Path(where.stdout.strip()).is_relative_to(self.folder):
            raise BaselineFails(f"durascope is imported from {where.stdout.strip()}")
        for engine in engines:
            failed = self._start(engine)["failed"]
            if failed:
                raise BaselineFails(f"{failed} fails without a mutant")

    def judge(self, file: str, source: str, engine: str, likely: str = "") -> Verdict:
        """Runs the tests on the changed file: first the one that has noticed the mutant before, then what calls it."""
        path = self.folder / file
        answer = self._ask(engine, {"path": str(path), "source": source, "likely": likely})
        if answer["code"] == COLD:
            return self._judge_anew(path, source, engine, likely)
        if answer["code"] in PASSED:
            return Verdict("survived")
        return Verdict("killed", answer["failed"] or "no end")

    def _start(self, engine: str) -> dict[str, Any]:
        """Starts the engine's warm process; what it says of the tests without a mutant."""
        self._warm[engine] = subprocess.Popen(
            [sys.executable, "-m", "tests.mutants.warm", *suite(engine)],
            cwd=self.folder,
            env=self._env(compiled=True),
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self._answer(engine)

    def _ask(self, engine: str, job: dict[str, str]) -> dict[str, Any]:
        """Has the engine's warm process try a mutant."""
        stdin = self._warm[engine].stdin
        assert stdin is not None
        stdin.write(json.dumps(job) + "\n")
        stdin.flush()
        return self._answer(engine)

    def _answer(self, engine: str) -> dict[str, Any]:
        stdout = self._warm[engine].stdout
        assert stdout is not None
        return json.loads(stdout.readline())

    def _judge_anew(self, path: Path, source: str, engine: str, likely: str) -> Verdict:
        """The same in a process that imports the changed file."""
        original, stat = path.read_text("utf-8"), path.stat()
        path.write_text(source, "utf-8")
        try:
            for tests in ((likely,) if likely else (), suite(engine)):
                if tests:
                    done = self._python("-m", "pytest", *QUIET, "-x", *tests)
                    if done.returncode not in PASSED:
                        return Verdict("killed", _first_failed(done))
            return Verdict("survived")
        finally:
            path.write_text(original, "utf-8")
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # what is compiled of it holds again

    def end(self) -> None:
        """No mutant is tried any more."""
        for warm in self._warm.values():
            warm.kill()
            warm.communicate()

    def _env(self, *, compiled: bool = False) -> dict[str, str]:
        """`compiled`: what is compiled is written; a mutant's code never is."""
        return {**os.environ, "PYTHONPATH": str(self.folder), **({} if compiled else {"PYTHONDONTWRITEBYTECODE": "1"})}

    def _python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            check=False,
            cwd=self.folder,
            env=self._env(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=limit,
        )


def _first_failed(done: subprocess.CompletedProcess[str]) -> str:
    found = re.search(r"^(?:FAILED|ERROR) (\S+(?:\[.*?\])?)(?: - |$)", done.stdout, flags=re.MULTILINE)
    return "no end" if done.returncode < 0 else "an error" if found is None else found[1]


@contextmanager
def copy() -> Generator[Copy]:
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        made = Copy(Path(folder))
        try:
            yield made
        finally:
            made.end()
