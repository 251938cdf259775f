"""The locks of generated TypeScript projects, for `make locks`: when a version in a `package.json` has changed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from durascope.models.loading import load_scenario
from durascope.render.code import project

LOCKS = Path(__file__).parent.parent / "durascope" / "render" / "code" / "locks"
"""No lock names a registry's host: whoever installs has npm ask the registry that it knows."""
ENGINES = ("temporal", "inngest", "restate")


def made(engine: str, npm: list[str]) -> str:
    """The lock of a project for that engine."""
    package = json.loads(project(load_scenario("payment"), engine, "typescript")["package.json"])
    with TemporaryDirectory() as folder:
        Path(folder, "package.json").write_text(json.dumps({**package, "name": "project"}))
        options = ("--package-lock-only", "--omit-lockfile-registry-resolved", "--ignore-scripts", "--no-audit")
        subprocess.run([*npm, "install", "--prefix", folder, *options], check=True)
        return Path(folder, "package-lock.json").read_text("utf-8")


if __name__ == "__main__":
    LOCKS.mkdir(exist_ok=True)
    for each in ENGINES:
        (LOCKS / f"{each}.json").write_text(made(each, sys.argv[1:]), "utf-8")
