"""The oldest versions of the core dependencies that pyproject.toml allows, as requirements: `python -m tests.oldest`.

`make test-oldest` installs them and runs the fast tests, so that the lower bounds are measured and not guessed.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def oldest() -> list[str]:
    """`name==version` for each `name>=version`. Raises ValueError for a bound that is written in another way."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found: list[str] = []
    for requirement in project["dependencies"]:
        bound = re.fullmatch(r"([\w.-]+)>=([\w.]+)", requirement)
        if bound is None:
            raise ValueError(f"{requirement!r} has no lower bound of the form name>=version")
        found.append(f"{bound[1]}=={bound[2]}")
    return found


if __name__ == "__main__":
    sys.stdout.write("\n".join(oldest()) + "\n")
