"""Where the figures of imports are published."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parent.parent.parent / "docs" / "import.md"
WRITE_IT: Final = "run: python -m tests.importing.reproduced"
