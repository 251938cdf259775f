"""One mutant on trial: the tests run in a copy of the repository in which one file is changed.

The copy keeps the working tree safe from whoever stops a run, and what a mutant's tests write out of it.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

ROOT: Final = Path(__file__).parents[2]
COPIED: Final = ("durascope", "tests", "docs", "benchmarks", "models", "simulators", "render", "scenarios")
FILES: Final = ("pyproject.toml", "README.md", "Makefile", "constraints.txt")
CPU_SECONDS: Final = 150
"""A mutant whose tests compute longer than this has been noticed: the suite of one engine takes a fifth of it."""
MEMORY: Final = 2 << 30

RANDOM: Final = ("test_fuzz.py", "test_any_scenario.py", "test_real_sdk.py")

QUIET: Final = (
    "-q", "-n", "0", "-p", "no:cacheprovider", "--no-header", "--tb=no", "-rfE", "--hypothesis-profile=once",
)  # fmt: skip

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
        self.folder = folder
        for name in COPIED:
            ignored = shutil.ignore_patterns("node_modules", ".git")
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=ignored)
        for name in FILES:
            shutil.copy2(ROOT / name, folder / name)

    def check(self, engines: Sequence[str]) -> None:
        """The copy's own code runs, and its tests pass. Raises BaselineFails."""
        where = self._python("-c", "import durascope; print(durascope.__file__)")
        if not Path(where.stdout.strip()).is_relative_to(self.folder.resolve()):
            raise BaselineFails(f"durascope is imported from {where.stdout.strip()}")
        for engine in engines:
            done = self._tests(suite(engine), first_failure=False, compiled=True)
            if done.returncode:
                raise BaselineFails(done.stdout[-2000:])

    def judge(self, file: str, source: str, engine: str, likely: str = "") -> Verdict:
        """Runs the tests on the changed file: first the one that has noticed the mutant before, then all."""
        path = self.folder / file
        original, stat = path.read_text("utf-8"), path.stat()
        path.write_text(source, "utf-8")
        try:
            for tests in ((likely,) if likely else (), suite(engine)):
                if tests:
                    done = self._tests(tests)
                    if done.returncode not in (0, 4):  # 4: there is no such test any more
                        return Verdict("killed", _first_failed(done))
            return Verdict("survived")
        finally:
            path.write_text(original, "utf-8")
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # what is compiled of it holds again

    def _tests(
        self, tests: Sequence[str], *, first_failure: bool = True, compiled: bool = False
    ) -> subprocess.CompletedProcess[str]:
        options = ["-x"] if first_failure else []
        quiet = [
            "-q",
            "-n",
            "0",
            "-p",
            "no:cacheprovider",
            "--no-header",
            "--tb=no",
            "-rfE",
            "--hypothesis-profile=once",
        ]
        return self._python("-m", "pytest", *quiet, *options, *tests, compiled=compiled)

    def _python(self, *arguments: str, compiled: bool = False) -> subprocess.CompletedProcess[str]:
        """`compiled`: what is compiled is written; a mutant's code never is."""
        env = {**os.environ, "PYTHONPATH": str(self.folder)}
        if not compiled:
            env["PYTHONDONTWRITEBYTECODE"] = "1"
        return subprocess.run(
            [sys.executable, *arguments],
            check=False,
            cwd=self.folder,
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=_limit,
        )


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _first_failed(done: subprocess.CompletedProcess[str]) -> str:
    found = re.search(r"^(?:FAILED|ERROR) (\S+(?:\[.*?\])?)(?: - |$)", done.stdout, flags=re.MULTILINE)
    return "no end" if done.returncode < 0 else "an error" if found is None else found[1]


@contextmanager
def copy() -> Generator[Copy]:
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        yield Copy(Path(folder))
