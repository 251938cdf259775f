"""What holds for every picture that is a graph: readable, without overlaps, the same bytes, sources that parse."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from pygraphviz import AGraph  # pyright: ignore[reportAttributeAccessIssue]

from durascope.models.engine import compared, names
from durascope.models.loading import builtin_names, load_scenario
from durascope.models.reading import parse_scenario
from durascope.render import architecture, timescale, workflow
from durascope.render.canvas import Box, Text
from durascope.render.canvas import Path as Outline
from durascope.render.diagram import STROKES, Diagram
from durascope.render.graphviz_layout import Rect, lay_out
from durascope.render.picture import Picture
from durascope.render.theme import MUTED, PAPER, ROLES, STATES, contrast, engine_paints
from tests.pace import seconds_of

Named = tuple[str, Callable[[], Diagram], Callable[[], Picture]]


def _architecture(name: str, engine: str) -> Named:
    scenario = load_scenario(name)
    return (
        f"{name}.{engine}.architecture",
        lambda: architecture.diagram(scenario, engine),
        lambda: architecture.draw(scenario, engine),
    )


def _workflow(name: str) -> Named:
    scenario = load_scenario(name)
    return f"{name}.workflow", lambda: workflow.diagram(scenario), lambda: workflow.draw(scenario)


VIEWS = [
    *(_architecture(name, engine) for name in builtin_names() for engine in compared()),
    *map(_workflow, builtin_names()),
]
all_views = pytest.mark.parametrize("view", VIEWS, ids=[view[0] for view in VIEWS])


@all_views
def test_no_two_labels_or_nodes_overlap(view: Named) -> None:
    diagram = view[1]()
    layout = lay_out(diagram)
    things: list[tuple[str, Rect]] = list(layout.nodes.items())
    for edge, curve in zip(diagram.edges, layout.edges, strict=True):
        if curve.label is not None:
            things.append((f"{edge.tail} → {edge.head}: {edge.label}", curve.label))
    assert [(one, other) for (one, a), (other, b) in combinations(things, 2) if a.meets(b)] == []


@all_views
def test_text_stays_on_its_picture_and_no_two_texts_overlap(view: Named) -> None:
    canvas = view[2]().canvas
    boxes = [(text.text, _box(text)) for text in canvas.texts]
    paper = Rect(0, 0, canvas.width, canvas.height)
    assert [text for text, box in boxes if not paper.holds(box)] == []
    assert [(one, other) for (one, a), (other, b) in combinations(boxes, 2) if a.meets(b)] == []


def _box(text: Text) -> Rect:
    """The room of the letters: from the height of capitals to the baseline."""
    return Rect(text.left, text.y - 0.7 * text.size, text.width, 0.7 * text.size)


@all_views
def test_text_can_be_read_on_what_lies_under_it(view: Named) -> None:
    canvas = view[2]().canvas
    for at, mark in enumerate(canvas.marks):
        if isinstance(mark, Text):
            under = [
                each.fill
                for each in canvas.marks[:at]
                if isinstance(each, (Box, Outline)) and each.fill and _extent(each).holds(_box(mark))
            ]
            assert contrast(mark.ink, under[-1] if under else PAPER) >= 4.5, mark.text


def _extent(mark: Box | Outline) -> Rect:
    if isinstance(mark, Box):
        return Rect(mark.x, mark.y, mark.width, mark.height)
    numbers = [[each for each in step[1:] if not isinstance(each, str)] for step in mark.steps]
    xs = [number for step in numbers for number in step[::2]]
    ys = [number for step in numbers for number in step[1::2]]
    return Rect(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


@pytest.mark.parametrize(
    "paint",
    [*ROLES.values(), *STATES.values(), *(paint for name in names() for paint in engine_paints(name))],
)
def test_every_ink_is_readable_on_its_paper(paint: Any) -> None:
    assert contrast(paint.ink, paint.fill) >= 4.5
    assert contrast(paint.muted, paint.fill) >= 4.5
    assert contrast(MUTED, PAPER) >= 4.5


@pytest.mark.parametrize("style", STROKES)
def test_arrows_stand_out_and_so_do_the_numbers_on_them(style: Any) -> None:
    assert contrast(STROKES[style].colour, PAPER) >= 4.5


@all_views
def test_the_svg_is_told_to_screen_readers(view: Named) -> None:
    picture = view[2]()
    root = ElementTree.fromstring(picture.svg())
    space = {"svg": "http://www.w3.org/2000/svg"}
    assert root.findtext("svg:title", namespaces=space) == picture.title
    assert root.findtext("svg:desc", namespaces=space) == picture.description
    assert root.get("role") == "img"
    assert len(root.findall(".//svg:text", space)) == len(picture.canvas.texts)


@all_views
def test_sources_parse(view: Named, tmp_path: Path) -> None:
    picture, diagram = view[2](), view[1]()
    graph: Any = AGraph(string=picture.source("dot"))
    assert {str(node) for node in graph.nodes()} == {node.key for node in diagram.nodes}
    assert graph.number_of_edges() == len(diagram.edges)
    mermaid = picture.source("mermaid")
    assert mermaid.count("linkStyle") == len(diagram.edges)
    assert mermaid.count("subgraph") == len(diagram.groups) == mermaid.count("style g"), "each frame has its colours"
    d2 = Path(sys.executable).with_name("d2")
    if d2.exists():
        (tmp_path / "picture.d2").write_text(picture.source("d2"), encoding="utf-8")
        checked = subprocess.run([d2, "validate", tmp_path / "picture.d2"], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr


@all_views
def test_each_picture_takes_less_than_half_a_second(view: Named) -> None:
    taken, _ = seconds_of(lambda: view[2]().svg())
    assert taken < 0.5


@pytest.mark.parametrize("engine", compared())
def test_a_workflow_without_steps_is_drawn(engine: str) -> None:
    """Its list of steps has no rows, and so no columns."""
    nothing = parse_scenario('{"scenario": "s", "workflows": {"w": {"steps": []}}}', "s")
    assert architecture.draw(nothing, engine).svg()


def test_every_format_is_written(tmp_path: Path) -> None:
    picture = workflow.draw(load_scenario("payment"))
    heads = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph", "mmd": b"---", "d2": b"#"}
    for suffix, head in heads.items():
        assert picture.save(tmp_path / f"picture.{suffix}").read_bytes().startswith(head)
    assert set(picture.formats) == {"svg", "png", "pdf", "dot", "mermaid", "d2"}
    with pytest.raises(ValueError, match="a name that ends in"):
        picture.save(tmp_path / "picture.gif")


def test_a_notebook_shows_the_picture() -> None:
    assert workflow.draw(load_scenario("payment"))._repr_svg_().startswith("<svg")


_PRINT = """
import hashlib, sys
from durascope.models.loading import load_scenario
from durascope.render import architecture, workflow
scenario = load_scenario("order-fulfillment")
for picture in (architecture.draw(scenario, "temporal"), workflow.draw(scenario)):
    for format in picture.formats:
        print(format, hashlib.sha256(picture.render(format)).hexdigest())
"""


def test_the_same_bytes_whatever_the_hash_seed() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", _PRINT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(outputs) == 1
    assert len(outputs.pop().splitlines()) == 12


def test_every_piece_of_a_broken_axis_has_a_tick_at_a_round_time() -> None:
    scale = timescale.compressed([0, 583_000, 2_583_000, 33_600_000, 35_000_000], 0, 700)
    assert [tick.label for tick in scale.ticks() if 0.6e6 < tick.at < 33e6] == ["2.5 s"]
    days = 86_400_000_000
    scale = timescale.compressed([0, 140_000, 7 * days, 9 * days, 9 * days + 90_000], 0, 700)
    assert {tick.label for tick in scale.ticks()} >= {"0", "7 d", "9 d"}
