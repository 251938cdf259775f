"""TypeScript projects as their own tools see them: `tsc --strict`, Prettier, and the tests that they come with."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from durascope.models.loading import load_scenario
from tests.live.written import ENGINES, packages, written
from tests.render.test_code import scenarios

pytestmark = pytest.mark.live


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    if not packages(request.param).exists():
        pytest.skip("the packages of generated projects are not installed: make .engines/.written")
    return request.param


def done(command: Sequence[str | Path], folder: Path) -> None:
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=600)
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-500:]


@pytest.mark.timeout(900)
def test_every_project_is_strictly_typed_and_pretty(engine: str, tmp_path: Path) -> None:
    tools = packages(engine) / ".bin"
    (tmp_path / "node_modules").symlink_to(packages(engine))
    names = [written(scenario, engine, "typescript", tmp_path / name).name for name, scenario in scenarios().items()]
    assert len(names) > 200
    config = {
        "extends": "./payment/tsconfig.json",
        "compilerOptions": {"rootDir": ".", "noEmit": True},
        "include": ["*/src"],
    }
    (tmp_path / "tsconfig.json").write_text(json.dumps(config))
    assert json.loads((tmp_path / "payment" / "tsconfig.json").read_text())["compilerOptions"]["strict"]
    done(["node", "--max-old-space-size=4096", tools / "tsc"], tmp_path)
    done([tools / "prettier", "--check", *names], tmp_path)


def test_the_tests_of_inngest_projects_pass(tmp_path: Path) -> None:
    """They need no server."""
    if not packages("inngest").exists():
        pytest.skip("the packages of generated projects are not installed: make .engines/.written")
    for name in ("payment", "onboarding"):
        folder = written(load_scenario(name), "inngest", "typescript", tmp_path / name)
        (folder / "node_modules").symlink_to(packages("inngest"))
        done(["npm", "run", "--silent", "build"], folder)
        done(["npm", "test", "--silent"], folder)
