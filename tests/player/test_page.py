"""The file: nothing in it runs but its own script, nothing is loaded, and the same input gives the same bytes."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest

from durascope.models.loading import load_scenario
from durascope.models.reading import parse_scenario
from durascope.player import page as pages
from durascope.player.document import document
from durascope.player.page import Bundle, NoPlayer, html
from tests.player import unpacking
from tests.player.test_document import NASTY

NASTY_SCENARIO = f"""\
scenario: nasty
title: '{NASTY}'
services: {{"b</script>": {{kind: api, latency: 100ms}}}}
workflows: {{w: {{steps: [{{run: 'Charge</script><script>', on: "b</script>"}}]}}}}
"""


@pytest.fixture
def written() -> str:
    return html(document(load_scenario("payment"), ["restate"], budget=1))


def test_the_policy_allows_the_pages_script_and_nothing_else(written: str, small_bundle: Bundle) -> None:
    digest = b64encode(hashlib.sha256(small_bundle.script.encode()).digest()).decode()
    assert unpacking.policy(written) == (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:"
    )
    assert unpacking.scripts(written)[-1] == ({}, small_bundle.script)
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", written)


def test_the_data_is_what_the_page_says(written: str) -> None:
    about = unpacking.about(written)
    assert hashlib.sha256(unpacking.packed(written)).hexdigest() == about["sha256"]
    assert (about["scenario"], about["seed"], about["live"]) == ("payment", 0, None)
    assert unpacking.document(written)["scenario"]["name"] == "payment"


def test_no_name_ends_a_script() -> None:
    written = html(document(parse_scenario(NASTY_SCENARIO), ["temporal", "inngest", "restate"]))
    assert len(unpacking.scripts(written)) == 3
    assert unpacking.about(written)["title"].startswith("a</script><script>alert(1)")
    assert "alert(1)</script>" not in written
    assert "\u202e" not in written


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    code = (
        "import hashlib; from durascope.player import page; from durascope.player.page import Bundle, html;"
        "from durascope.player.document import document; from durascope.models.loading import load_scenario;"
        "page.bundle = lambda: Bundle('', ''); order = load_scenario('order-fulfillment');"
        "print(hashlib.sha256(html(document(order, ['restate'], processes=1)).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, env={"PYTHONHASHSEED": seed}, cwd=tmp_path
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_a_bundle_that_could_end_its_element_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    folder = tmp_path / "player"
    folder.mkdir()
    (folder / "player.js").write_text("'</script>'")
    (folder / "player.css").write_text("")

    def files(_package: str) -> Path:
        return tmp_path

    monkeypatch.setattr(pages, "files", files)
    pages.bundle.cache_clear()
    with pytest.raises(NoPlayer, match="cannot stand in a page"):
        pages.bundle()
    pages.bundle.cache_clear()
