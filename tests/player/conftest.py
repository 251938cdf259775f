"""A small script in place of the player's: these tests are of what surrounds it."""

from __future__ import annotations

import pytest

from durascope.player import page
from durascope.player.page import Bundle


@pytest.fixture(autouse=True)
def small_bundle(monkeypatch: pytest.MonkeyPatch) -> Bundle:
    small = Bundle("document.title = 'played'", "body{margin:0}")
    monkeypatch.setattr(page, "bundle", lambda: small)
    return small
