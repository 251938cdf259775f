"""Makes the gallery: every view of every built-in scenario, and the page that shows them.

    python -m durascope.cli.gallery docs      (or: make gallery)

Writes docs/gallery.md, docs/gallery/*.svg, and docs/hero.svg, which moves.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from durascope.cli.terminal import say
from durascope.models.engine import compared, title_of
from durascope.models.files import write_whole
from durascope.models.loading import builtin_names, load_scenario
from durascope.models.scenario import Scenario
from durascope.render.hero import draw
from durascope.render.picture import Picture
from durascope.render.views import VIEWS, Drawn, Options, ViewName, pictures
from durascope.simulators.simulate import simulate

_INTRODUCTION: Final = """\
# Gallery

Every view of every scenario that ships with durascope, drawn from the scenario and its simulation alone. This page and
its pictures are made by one command, `make gallery`. To draw your own: `durascope diagram SCENARIO --out DIR`.
"""
HERO: Final = "order-fulfillment"
_ORDER: Final[tuple[ViewName, ...]] = (
    "comparison", "workflow", "architecture", "timeline", "sequence", "journal", "queues",
)  # fmt: skip


def make(folder: Path, names: Sequence[str] | None = None) -> list[Path]:
    """Writes the gallery into the folder and returns its files, the page first."""
    parts = [_INTRODUCTION]
    written: list[Path] = []
    names = names or builtin_names()
    parts.append("\n".join(f"- [{_title(load_scenario(name))}](#{name})" for name in names) + "\n")
    for name in names:
        scenario = load_scenario(name)
        traces = {engine: simulate(scenario, engine) for engine in compared()}
        drawn = list(pictures(scenario, compared(), traces, _ORDER, Options()))
        written += [each.picture.save(folder / "gallery" / f"{each.name}.svg") for each in drawn]
        parts.append(_chapter(scenario, drawn))
    written.append(hero().save(folder / "hero.svg"))
    page = folder / "gallery.md"
    write_whole(page, "\n".join(parts))
    return [page, *written]


def hero() -> Picture:
    """Order fulfillment's crash after the charge, on all engines at once."""
    scenario = load_scenario(HERO)
    return draw([simulate(scenario, engine) for engine in compared()], scenario)


def _title(scenario: Scenario) -> str:
    return scenario.title or scenario.scenario


def _chapter(scenario: Scenario, drawn: Iterable[Drawn]) -> str:
    lines = [f'<a id="{scenario.scenario}"></a>', "", f"## {_title(scenario)}", "", scenario.about.strip(), ""]
    by_view: dict[ViewName, list[Drawn]] = {}
    for each in drawn:
        by_view.setdefault(each.view, []).append(each)
    for view, members in by_view.items():
        lines += [f"### {view.capitalize()}: {VIEWS[view].about}", ""]
        for each in members:
            if each.engine is not None:
                lines += [f"**{title_of(each.engine)}**", ""]
            alt = each.picture.title.replace("[", "(").replace("]", ")")
            lines += [f"![{alt}](gallery/{each.name}.svg)", ""]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """`FOLDER [SCENARIO …]`"""
    if not arguments:
        say("durascope: error: where to? python -m durascope.cli.gallery FOLDER [SCENARIO …]")
        return 2
    written = make(Path(arguments[0]), arguments[1:])
    size = sum(path.stat().st_size for path in written)
    say(f"wrote {len(written)} files, {size / 1e6:.1f} MB; the page is {written[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
