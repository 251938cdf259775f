"""The page's script is what player/ builds: nobody edits the bundle, nobody forgets to build it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from durascope.models.loading import load_scenario
from durascope.player.document import document
from durascope.player.packing import Pack
from durascope.player.page import html

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "durascope" / "render" / "player"
SOURCE = ROOT / "player"


def run(place: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The player's source with the tools that its lock file names."""
    npm = shutil.which("npm")
    if npm is None or not SOURCE.is_dir():
        pytest.skip("building the player needs npm and the repository")
    place = tmp_path_factory.mktemp("player")
    shutil.copytree(SOURCE, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    installed = run(place, npm, "ci", "--no-audit", "--no-fund", "--loglevel=error")
    if installed.returncode != 0:
        pytest.skip(f"npm cannot install the player's tools here: {installed.stderr.strip()[-200:]}")
    return place


def test_the_bundle_that_ships_is_the_one_that_the_source_gives(workshop: Path, tmp_path: Path) -> None:
    subprocess.run(["node", "build.mjs", str(tmp_path)], cwd=workshop, check=True)
    built = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    shipped = {path.name: path.read_bytes() for path in SHIPPED.iterdir()}
    assert built.keys() == shipped.keys()
    assert built == shipped, "the bundle is not what player/ builds: run `make player` and commit it"


@pytest.mark.slow
def test_the_player_s_own_types_and_tests_hold(workshop: Path) -> None:
    for script in ("types", "test"):
        done = run(workshop, "npm", "run", "--silent", script)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_page_without_traces_and_pictures_is_small() -> None:
    made = document(load_scenario("order-fulfillment"), ["temporal", "inngest", "restate"], budget=1)
    engines = [{**each, "architecture": None} for each in made["engines"]]
    assert len(html({**made, "engines": engines, "traces": Pack().as_json()}).encode()) <= 60_000


def test_nothing_in_the_bundle_ends_the_element_it_stands_in() -> None:
    script = (SHIPPED / "player.js").read_text("utf-8")
    style = (SHIPPED / "player.css").read_text("utf-8")
    assert "</script" not in script.lower()
    assert "<!--" not in script
    assert "</style" not in style.lower()
    assert "url(http" not in style
