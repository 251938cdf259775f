"""Workers that run on Node.js: where `make test-live` has put them, and the versions of their SDKs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

from durascope.live.processes import LiveProblem

FOLDER: Final = Path(".engines") / "typescript"
PLACES: Final = (Path(__file__).resolve().parents[2], Path.cwd())
"""Beside the package, as in the repository, or where the command is called."""


def installed(program: str = "") -> bool:
    """Whether the TypeScript workers, or that one of them, can be run here."""
    folder = _folder()
    return shutil.which("node") is not None and folder is not None and (folder / "dist" / program).exists()


def node(program: str) -> list[str]:
    """The command that runs one of the workers. Raises `LiveProblem`."""
    found, folder = shutil.which("node"), _folder()
    if found is None or folder is None or not installed(program):
        raise LiveProblem("the TypeScript SDKs are not installed: make .engines/.typescript")
    return [found, str(folder / "dist" / program)]


def sdk_version(package: str = "@temporalio/worker") -> str:
    """The version of an SDK that the workers use."""
    folder = _folder()
    assert folder is not None
    manifest = folder / "node_modules" / package / "package.json"
    return str(json.loads(manifest.read_text("utf-8"))["version"])


def _folder() -> Path | None:
    return next((place / FOLDER for place in PLACES if (place / FOLDER / "dist").is_dir()), None)
