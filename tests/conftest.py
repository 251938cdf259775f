"""What all tests share: property tests try the same examples every time, or new ones with `DURASCOPE_FUZZ=1`."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None, database=None)
settings.register_profile("new", deadline=None)
settings.load_profile("new" if os.environ.get("DURASCOPE_FUZZ") else "same")
