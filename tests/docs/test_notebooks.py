"""The notebooks run from top to bottom, and are kept without outputs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent.parent / "docs" / "notebooks").glob("*.ipynb"))
RICH = ("text/html", "image/svg+xml")


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def test_there_are_four() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["compare-and-sweep", "explore", "first-look", "your-own-history"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_without_outputs(path: Path) -> None:
    for cell in read(path).cells:
        assert cell.cell_type != "code" or (cell.outputs == [] and cell.execution_count is None)


@pytest.mark.filterwarnings("ignore")  # of the Jupyter client's own dependencies
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_shows_its_results(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = read(path)
    client = NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": path.parent}})
    client.create_kernel_manager()
    assert client.km is not None
    kernel = KernelSpec(argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], language="python")
    client.km._kernel_spec = kernel  # this environment's Python, whatever kernels are installed
    client.execute()
    shown = [
        output.data
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "data" in output
    ]
    assert any(kind in data for data in shown for kind in RICH), "results show themselves"
