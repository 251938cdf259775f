"""The packages of TypeScript projects: all of them, down to the last, as npm has found them for `make locks`."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def _lock(engine: str) -> str:
    return (files("durascope.render.code") / "locks" / f"{engine}.json").read_text("utf-8")


def lock_file(engine: str, name: str) -> str:
    """`package-lock.json` of the project with that name."""
    lock: dict[str, Any] = json.loads(_lock(engine))
    lock["name"] = lock["packages"][""]["name"] = name
    return json.dumps(lock, indent=2, ensure_ascii=False) + "\n"
