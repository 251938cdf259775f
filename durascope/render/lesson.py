"""A lesson as one HTML page: predict, then play. The player stands in it; nothing is loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final


@dataclass(frozen=True, slots=True)
class Shown:
    """A choice, and what is said to whoever takes it."""

    letter: str
    says: str
    verdict: str
    right: bool
    moment: str = "#"
    """Where the player stands then, as its address has it."""


def lesson_page(
    title: str,
    setting: str,
    asks: str,
    choices: Sequence[Shown],
    figures: Mapping[str, str],
    idea: str,
    exercise: str,
    player: str,
) -> str:
    """The page; `setting`, `idea` and `exercise` are Markdown, `player` is a page of `durascope report --embed`.

    The player, the figures, the idea and the exercise are shown once a choice is made.
    """
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False})
    buttons = "".join(
        f'<label><input type="radio" name="choice" value="{each.letter}" data-moment="{escape(each.moment)}"> '
        f"{markdown.renderInline(each.says)}</label>"
        for each in choices
    )
    verdicts = "".join(
        f'<p class="verdict {"right" if each.right else "wrong"}" id="verdict-{each.letter}" hidden>'
        f"{escape(each.verdict)}</p>"
        for each in choices
    )
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(figure)}</td></tr>" for name, figure in figures.items())
    return _PAGE.format(
        title=escape(title), style=_STYLE, setting=markdown.render(setting), asks=markdown.renderInline(asks),
        buttons=buttons, verdicts=verdicts, rows=rows, idea=markdown.render(idea), script=_SCRIPT,
        exercise=markdown.render(exercise), player=escape(player, quote=True),
    )  # fmt: skip


_STYLE: Final = """
:root { color-scheme: light dark; --quiet: #6b7280; --line: #d1d5db; --right: #15803d; --wrong: #b91c1c; }
@media (prefers-color-scheme: dark) { :root { --line: #374151; --right: #4ade80; --wrong: #f87171; } }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
fieldset { border: 1px solid var(--line); border-radius: 8px; padding: 0.8rem 1.2rem 1rem; margin: 1.5rem 0; }
legend { font-weight: 600; padding: 0 0.4rem; }
label { display: block; padding: 0.3rem 0; cursor: pointer; }
.verdict { font-weight: 600; } .right { color: var(--right); } .wrong { color: var(--wrong); }
iframe { width: 100%; height: 44rem; border: 1px solid var(--line); border-radius: 8px; background: #fff; }
th { text-align: left; padding-right: 1.5rem; font-weight: 500; } td { font-variant-numeric: tabular-nums; }
code { font-size: 0.92em; }
"""

_SCRIPT: Final = """
const frame = document.getElementById("player");
let ready = false, moment = "#";
const lead = () => { if (ready) frame.contentWindow.postMessage({durascope: moment}, "*"); };
addEventListener("message", event => {
  if (event.source !== frame.contentWindow || event.data?.durascope !== "ready") return;
  ready = true;
  lead();
});
for (const choice of document.querySelectorAll("input[name=choice]"))
  choice.addEventListener("change", () => {
    for (const each of document.querySelectorAll(".verdict")) each.hidden = each.id !== "verdict-" + choice.value;
    moment = choice.dataset.moment;
    const played = document.getElementById("played");
    if (played.hidden) {
      played.hidden = false;
      frame.srcdoc = frame.dataset.page;
    }
    lead();
  });
"""

_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{style}</style></head>
<body>
<h1>{title}</h1>
{setting}
<fieldset><legend>Predict first</legend><p>{asks}</p>{buttons}</fieldset>
<div aria-live="polite">{verdicts}</div>
<section id="played" hidden>
<table>{rows}</table>
<h2>Play it</h2>
<p>Move through time, and crash it elsewhere.</p>
<iframe id="player" title="The scenario, played" data-page="{player}"></iframe>
<h2>Why</h2>
{idea}
<h2>Exercise</h2>
{exercise}
</section>
<script>{script}</script>
</body>
</html>
"""
