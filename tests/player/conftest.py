"""A small script in place of the player's."""

from __future__ import annotations

import pytest

from durascope.player.page import Bundle
from tests.player.unpacking import SMALL


@pytest.fixture(autouse=True)
def small_bundle(monkeypatch: pytest.MonkeyPatch) -> Bundle:
    monkeypatch.setattr("durascope.player.page.bundle", lambda: SMALL)
    return SMALL
