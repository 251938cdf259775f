"""The hero: one crash on several engines at once, as a small animation for the top of a page.

    draw(traces, scenario) -> Picture

All engines are aligned at the crash. What the interrupted work waits for grows with the time that passes, until the
effect happens again. Who asked the browser for less motion sees the end of it, which is the whole story.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from durascope.models.effects import EffectMark, Recovery, effects, recoveries
from durascope.models.engine import title_of
from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.models.waits import Wait, longest, waits, why
from durascope.render import measure
from durascope.render.bars import AGAIN
from durascope.render.canvas import Canvas
from durascope.render.headline import finding
from durascope.render.picture import Picture
from durascope.render.sheet import MARGIN
from durascope.render.theme import BODY, FRAME, HEAD, LINE, MUTED, STATES, TITLE, engine_paints
from durascope.render.timescale import linear

WIDTH: Final = 880.0
_GUTTER: Final = 96.0
_ROW: Final = 70.0
_TOP: Final = 96.0
_BAR: Final = 22.0
PLAYED_S: Final = 8.0
"""Seconds in which the story is played, whatever it lasted."""
HELD_S: Final = 5.0
"""Seconds for which its end stands."""


@dataclass(frozen=True, slots=True)
class _Story:
    """What one engine did after the crash; times in microseconds since then."""

    trace: Trace
    worst: Recovery
    again: EffectMark | None
    """The first effect that happened a second time."""
    first: EffectMark | None
    """That effect's first time."""

    @property
    def end(self) -> int:
        """When the effect happens again, else when work goes on."""
        until = self.again.at if self.again is not None else self.worst.until
        return (until if until is not None else self.trace.ended_at) - self.worst.at


class NothingToPlay(ValueError):
    """No engine has anything to recover from."""


def draw(traces: Sequence[Trace], scenario: Scenario) -> Picture:
    """The picture. Raises `NothingToPlay` if no fault interrupted anything on some engine."""
    stories = [_story(trace) for trace in traces]
    longest_us = max(story.end for story in stories)
    scale = linear(0, longest_us, MARGIN + _GUTTER, WIDTH - MARGIN - 20)
    canvas = Canvas(WIDTH, _TOP + _ROW * len(stories) + 50)
    title = _title(stories, scenario)
    for number, line in enumerate(measure.wrap(title, WIDTH - 2 * MARGIN, TITLE, bold=True)[:2]):
        canvas.text(MARGIN, 38 + 25 * number, line, TITLE, bold=True)
    style: list[str] = []
    y = _TOP
    for number, story in enumerate(stories):
        with canvas.group("engine", engine=story.trace.engine):
            style += _engine(canvas, story, scale.x, longest_us, f"h{number}", y)
        y += _ROW
    for tick in scale.ticks():
        canvas.lines((tick.x, y - 6), (tick.x, y), stroke=LINE)
        if tick.at:
            canvas.text(tick.x, y + 15, tick.label, BODY, ink=MUTED, anchor="middle")
    words = _what_broke(stories[0])
    with canvas.group("crash", words):
        canvas.lines((scale.left, y - 6), (scale.left, y + 22), stroke=AGAIN)
        canvas.text(scale.left + 6, y + 32, words, BODY, bold=True, ink=AGAIN)
    with canvas.group("now"):
        canvas.lines((scale.left, _TOP - 8), (scale.left, y - 6), stroke=AGAIN, line=1.5)
    style.append(_moved("now", scale.right - scale.left))
    told = " ".join(f"{why(s.trace, s.worst, title_of(s.trace.engine))}." for s in stories)
    return Picture(title, f"{title}. {told}", canvas, style="".join((*style, _CALM)))


def _story(trace: Trace) -> _Story:
    worst = longest(recoveries(trace))
    if worst is None:
        raise NothingToPlay(f"nothing is interrupted on {title_of(trace.engine)}: add a fault, or --crash")
    marks = effects(trace)
    again = next((mark for mark in marks if mark.duplicate and mark.at > worst.at), None)
    first = next((m for m in marks if again is not None and (m.run, m.step) == (again.run, again.step)), None)
    return _Story(trace, worst, again, first)


def _title(stories: Sequence[_Story], scenario: Scenario) -> str:
    names = [title_of(story.trace.engine) for story in stories]
    return finding(
        scenario,
        {name: story.trace for name, story in zip(names, stories, strict=True)},
        {name: effects(story.trace) for name, story in zip(names, stories, strict=True)},
        {name: story.worst for name, story in zip(names, stories, strict=True)},
    )


def _engine(
    canvas: Canvas, story: _Story, x: Callable[[float], float], longest_us: int, name: str, top: float
) -> list[str]:
    """Draws one engine's row; returns the CSS that plays it."""
    trace, worst = story.trace, story.worst
    title = title_of(trace.engine)
    sentence = why(trace, worst, title)
    canvas.text(MARGIN, top + 16, title, HEAD, bold=True, ink=engine_paints(trace.engine)[1].stroke)
    canvas.lines((x(0), top + 11), (x(story.end), top + 11), stroke=FRAME)
    canvas.text(x(0), top + 40, f"{sentence[0].upper()}{sentence[1:]}", BODY, ink=MUTED)
    style: list[str] = []
    for number, wait in enumerate(waits(trace, worst)):
        left, right = x(wait.start - worst.at), x(wait.end - worst.at)
        bar = f"{name}b{number}"
        noticed = wait.kind in ("down", "unnoticed")
        with canvas.group(bar, wait.reason):
            canvas.box(left, top, max(2.0, right - left), _BAR, fill="#fde3e0" if noticed else "#fff0cc",
                       stroke=AGAIN if noticed else "#a86a0b", radius=3, dash=() if noticed else (3, 2.5))  # fmt: skip
        words = next((each for each in _reasons(wait) if measure.width(each, BODY) + 10 < right - left), "")
        if words:
            with canvas.group(f"{bar}t"):
                canvas.text((left + right) / 2, top + 15, words, BODY, anchor="middle")
            style.append(_shown(f"{bar}t", wait.start - worst.at, longest_us))
        style.append(_grown(bar, wait.start - worst.at, wait.end - worst.at, longest_us, left))
    _crash(canvas, x(0), top)
    end = x(story.end)
    with canvas.group(f"{name}e", "the effect happens again" if story.again else "work goes on"):
        words = _end_words(story)
        if story.again is not None:
            canvas.circle(end, top + 11, 10, fill="#fde3e0", stroke=AGAIN, line=1.6)
            _diamond(canvas, end, top + 11, 5, AGAIN)
        left = end + 16
        anchored_left = left + measure.width(words, BODY, bold=True) < WIDTH - MARGIN
        place = left if anchored_left else end + 10
        row = top + 15 if anchored_left else top + 40
        canvas.text(place, row, words, BODY, bold=True, ink=AGAIN, anchor="start" if anchored_left else "end")
    style.append(_shown(f"{name}e", story.end, longest_us))
    return style


def _reasons(wait: Wait) -> Sequence[str]:
    """What a bar says, and what it says where there is less room."""
    if wait.kind == "unnoticed":
        return (f"nobody notices until the {wait.reason} timeout", f"{wait.reason} timeout", wait.reason)
    return (wait.reason, spell(wait.end - wait.start))


def _crash(canvas: Canvas, x: float, top: float) -> None:
    _diamond(canvas, x, top + 11, 6, STATES["done"].stroke)
    for slope in (1, -1):
        canvas.lines((x - 6, top + 11 - 6 * slope), (x + 6, top + 11 + 6 * slope), stroke=AGAIN, line=2.6)


def _what_broke(story: _Story) -> str:
    """What stands under the crash on the axis."""
    step = story.first.step if story.first is not None else ", ".join(story.worst.steps)
    died = {"crash": "dies", "stop": "stops", "deploy": "stops", "hang": "hangs"}.get(story.worst.fault, "is away")
    return f"{step} has just happened; its process {died}"


def _diamond(canvas: Canvas, x: float, y: float, size: float, fill: str) -> None:
    canvas.polygon((x - size, y), (x, y - size), (x + size, y), (x, y + size), fill=fill)


def _end_words(story: _Story) -> str:
    if story.again is not None:
        return f"{story.again.step} again, after {spell(story.end)}"
    return "never at work again" if story.worst.until is None else f"at work again after {spell(story.end)}"


# ---- motion --------------------------------------------------------------------------------------------------

_WHOLE: Final = PLAYED_S + HELD_S


def _share(at: int, longest_us: int) -> float:
    """Where in the animation a moment lies, in percent."""
    return max(0.0, min(1.0, at / max(1, longest_us))) * 100 * PLAYED_S / _WHOLE


def _shown(name: str, at: int, longest_us: int) -> str:
    when = _share(at, longest_us)
    return _plays(name, f"0%,{when:.2f}%{{opacity:0}}{min(100.0, when + 1.2):.2f}%,100%{{opacity:1}}")


def _grown(name: str, start: int, end: int, longest_us: int, left: float) -> str:
    begin, full = _share(start, longest_us), _share(end, longest_us)
    frames = f"0%,{begin:.2f}%{{transform:scaleX(0)}}{max(full, begin + 0.01):.2f}%,100%{{transform:scaleX(1)}}"
    return _plays(name, frames) + f"&.{name}{{transform-origin:{left:.1f}px 0}}"


def _moved(name: str, width: float) -> str:
    played = 100 * PLAYED_S / _WHOLE
    return _plays(name, f"0%{{transform:translateX(0)}}{played:.2f}%,100%{{transform:translateX({width:.1f}px)}}")


def _plays(name: str, frames: str) -> str:
    return f"@keyframes hero-{name}{{{frames}}}&.{name}{{animation:hero-{name} {_WHOLE:g}s linear infinite}}"


_CALM: Final = "@media(prefers-reduced-motion:reduce){& g{animation:none!important}& .now{display:none}}"
