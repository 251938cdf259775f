"""The file: nothing in it runs but its own script, nothing is loaded, and the same input gives the same bytes."""

from __future__ import annotations

import gzip
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


def digest(script: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def test_the_policy_allows_the_pages_scripts_and_nothing_else(written: str, small_bundle: Bundle) -> None:
    loader = unpacking.scripts(written)[-1][1]
    assert unpacking.policy(written) == (
        "default-src 'none'; style-src 'unsafe-inline'; "
        f"script-src {digest(loader)} {digest(small_bundle.script)}; img-src data:"
    )
    assert [each.get("type") for each, _ in unpacking.scripts(written)] == [
        "application/json", "text/plain", "text/plain", None,
    ]  # fmt: skip
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", written)


def test_the_script_and_the_styles_are_in_the_page(written: str, small_bundle: Bundle) -> None:
    packed = next(text for each, text in unpacking.scripts(written) if each.get("id") == "durascope-player")
    assert gzip.decompress(unpacking.bytes_of(packed)).decode() == f"{small_bundle.script}\0{small_bundle.style}"


def test_the_data_is_what_the_page_says(written: str) -> None:
    about = unpacking.about(written)
    assert hashlib.sha256(unpacking.packed(written)).hexdigest() == about["sha256"]
    assert (about["scenario"], about["seed"], about["live"]) == ("payment", 0, None)
    assert unpacking.document(written)["scenario"]["name"] == "payment"


def test_no_name_ends_a_script() -> None:
    written = html(document(parse_scenario(NASTY_SCENARIO), ["temporal", "inngest", "restate"]))
    assert len(unpacking.scripts(written)) == 4
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


def test_without_its_script_there_is_no_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    def nothing(_package: str) -> Path:
        return tmp_path

    monkeypatch.setattr(pages, "files", nothing)
    pages.bundle.cache_clear()
    with pytest.raises(NoPlayer, match="npm run build"):
        pages.bundle()
    pages.bundle.cache_clear()
