"""Generated projects as files; and the packages of the TypeScript ones, installed from the locks that projects have.

`make .engines/.written` runs this module and `npm ci`: what projects are tested with is what they are given.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from durascope.models.loading import load_scenario
from durascope.models.scenario import Scenario
from durascope.render.code import project

ENGINES: Final = ("temporal", "inngest", "restate")
_PACKAGES: Final = Path(__file__).parents[2] / ".engines" / "written"


def packages(engine: str) -> Path:
    """Where the packages of an engine's TypeScript projects are, if they have been installed."""
    return _PACKAGES / engine / "node_modules"


def written(scenario: Scenario, engine: str, sdk: str, folder: Path) -> Path:
    """The scenario's project, in a folder."""
    for path, text in project(scenario, engine, sdk).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return folder


def main(folder: Path) -> None:
    """Writes what `npm ci` needs for each engine."""
    for engine in ENGINES:
        files = project(load_scenario("payment"), engine, "typescript")
        for name in ("package.json", "package-lock.json"):
            (folder / engine).mkdir(parents=True, exist_ok=True)
            (folder / engine / name).write_text(files[name], "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
