"""How full each queue was over time, how long its tasks waited, and what had crashed meanwhile.

    draw(trace, scenario) -> Picture

Each queue has two plots on one axis: its depth as steps, and below it one stroke for each task that left it, as high
as the task had waited. Under them stands what the tasks waited for: what was full, who had the key, who was down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from durascope.models.engine import title_of
from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.models.spans import Span, ripe, spans
from durascope.models.trace import Trace
from durascope.render import measure
from durascope.render.bars import LOOKS, begins, crash_mark, restart_mark
from durascope.render.canvas import Canvas
from durascope.render.excerpt import excerpt
from durascope.render.headline import capital
from durascope.render.keys import held
from durascope.render.legend import Entry
from durascope.render.picture import Picture
from durascope.render.queue_reasons import QueueReasons, Reason
from durascope.render.sheet import (
    AXIS,
    MARGIN,
    WIDTH,
    Findings,
    draw_axis,
    draw_breaks,
    draw_footer,
    footer_height,
    heading_of,
)
from durascope.render.theme import BODY, FRAME, INK, MUTED, PAPER, SMALL, Paint
from durascope.render.timeline import scale_of
from durascope.render.timescale import TimeScale
from durascope.render.waiting import WAITS

MAX_QUEUES: Final = 10
DEPTH: Final = 44.0
WAIT: Final = 34.0
WHY: Final = 22.0
"""The strip of reasons, in a queue where tasks wait for something."""
GAP: Final = 20.0
_MANY_WAITS: Final = 200
_IDLE: Final = 100
"""A wait of less than this part of the time is none."""
_ONE_AT_A_TIME: Final = "one request at a time"
_MOST_SAID: Final = 3
"""At most this many queues are explained under the title; each is in its own plot."""
_DEPTH: Final = Paint("#fdf0cd", "#b7791f")
_WAIT: Final = Paint("#d5e3fd", "#2b64b0")


@dataclass(frozen=True, slots=True)
class QueueLoad:
    """What one queue held."""

    name: str
    lane: str
    waits: tuple[Span, ...]
    depths: tuple[tuple[int, int], ...]
    """From when on it was how deep."""
    reasons: tuple[Reason, ...] = ()
    """What was waited for, in order."""

    @property
    def asked(self) -> bool:
        """Whether what waits is no task but requests of a key."""
        return self.lane == _ONE_AT_A_TIME

    @property
    def deepest(self) -> int:
        return max((depth for _, depth in self.depths), default=0)

    @property
    def longest(self) -> int:
        return max((span.lasts for span in self.waits), default=0)


def loads(all_spans: Sequence[Span]) -> list[QueueLoad]:
    """Every queue of the trace, in order of their first task.

    >>> from durascope.models.loading import load_scenario
    >>> from durascope.models.spans import spans
    >>> from durascope.simulators.simulate import simulate
    >>> trace = simulate(load_scenario("payment"), "temporal")
    >>> [load.name for load in loads(spans(trace))]
    ['payments', 'worker-1 #1', 'worker-1 #2']
    """
    queues: dict[tuple[str, str], list[Span]] = {}
    for span in all_spans:
        if span.kind == "queued":
            queues.setdefault((span.detail or span.lane, span.lane), []).append(span)
    return [QueueLoad(name, lane, tuple(waits), _depths(waits)) for (name, lane), waits in queues.items()]


def _of_keys(trace: Trace, all_spans: Sequence[Span]) -> list[QueueLoad]:
    """Runs that wait for their key where no queue shows it: as requests of one run that takes them one at a time."""
    runs = {run.name: run for run in trace.runs}
    found: dict[tuple[str | None, str], list[Span]] = {}
    for name, wait in held(trace, all_spans).items():
        queued = (span for span in all_spans if span.kind == "queued" and span.run == name)
        if any(2 * (min(span.end, wait.end) - max(span.start, wait.start)) > wait.end - wait.start for span in queued):
            continue
        of, what = runs[name].workflow, f"key {wait.key}"
        span = Span("queued", _ONE_AT_A_TIME, name, of, None, None, wait.start, wait.end, "done", (), what)
        found.setdefault((of, wait.key), []).append(span)
    return [QueueLoad(f"key {key}", _ONE_AT_A_TIME, tuple(waits), _depths(waits)) for (_, key), waits in found.items()]


def _explained(trace: Trace, load: QueueLoad, reasons: QueueReasons) -> QueueLoad:
    """The queue with what its tasks waited for, in order; of reasons at the same time the one that lasts longest."""
    found = [
        reason for wait in sorted(load.waits, key=lambda span: span.start)
        if _IDLE * wait.lasts > trace.ended_at and (reason := reasons.of(wait)) is not None
    ]  # fmt: skip
    joined: list[Reason] = []
    for reason in found:
        at = next((n for n, each in enumerate(joined) if _joins(each, reason)), None)
        if at is None:
            joined.append(reason)
        else:
            longer = max(joined[at], reason, key=lambda each: each.end - each.start)
            start, end = min(joined[at].start, reason.start), max(joined[at].end, reason.end)
            joined[at] = replace(longer, start=start, end=end)
    kept: list[Reason] = []
    for reason in sorted(joined, key=lambda each: each.start - each.end):
        if all(reason.end <= each.start or each.end <= reason.start for each in kept):
            kept.append(reason)
    return replace(load, reasons=tuple(sorted(kept, key=lambda each: each.start)))


def _joins(one: Reason, other: Reason) -> bool:
    return one.short == other.short and one.start <= other.end and other.start <= one.end


def _depths(waits: Sequence[Span]) -> tuple[tuple[int, int], ...]:
    changes: dict[int, int] = {}
    for span in waits:
        changes[span.start] = changes.get(span.start, 0) + 1
        changes[span.end] = changes.get(span.end, 0) - 1
    depth, found = 0, list[tuple[int, int]]()
    for at in sorted(changes):
        if changes[at]:
            depth += changes[at]
            found.append((at, depth))
    return tuple(found)


def draw(trace: Trace, scenario: Scenario, *, linear: bool = False) -> Picture:
    """The picture of one trace's queues.

    >>> from durascope.models.loading import load_scenario
    >>> from durascope.simulators.simulate import simulate
    >>> payment = load_scenario("payment")
    >>> trace = simulate(payment, "temporal")
    >>> draw(trace, payment).title
    'Queues: Payments, one at a time for each user · Temporal'
    """
    trace = excerpt(trace)
    all_spans = ripe(spans(trace, scenario))
    why = QueueReasons(trace, scenario, all_spans)
    found = [_explained(trace, each, why) for each in (*_of_keys(trace, all_spans), *loads(all_spans))]
    chosen = sorted(sorted(found, key=lambda load: -len(load.waits))[:MAX_QUEUES], key=found.index)
    down = [span for span in all_spans if span.kind == "down"]
    heading, idle = _heading(trace, scenario, found), _idle(trace, found)
    if idle:
        chosen = []
    gutter = max([measure.width(load.name, BODY, bold=True) for load in chosen] + [130.0]) + 56
    scale = scale_of(trace, all_spans, MARGIN + gutter, WIDTH - MARGIN - 12, true=linear)
    tall = 0.0 if idle else sum(map(_height, chosen)) + 26 * bool(down) + 10
    left_out = len(found) - len(chosen)
    notes = [f"Folded: {left_out} queues with fewer tasks are not drawn."] if left_out and not idle else []
    entries = [] if idle else _entries(down)
    top, width = heading.height + (0.0 if idle else AXIS), WIDTH
    canvas = Canvas(width, top + tall + (12 if idle else footer_height(entries, notes, width - 2 * MARGIN)))
    heading.draw(canvas)
    if not idle:
        draw_axis(canvas, scale, top, top + tall)
        _crashes(canvas, scale, down, top, top + tall)
        y = top + 26 * bool(down)
        for load in chosen:
            with canvas.group("queue", queue=load.name):
                _queue(canvas, scale, load, y)
            y += _height(load)
        draw_breaks(canvas, scale, top, top + tall)
        _crash_names(canvas, scale, down, top)
        draw_footer(canvas, entries, notes, top + tall)
    told = "; ".join(f"{load.name}: at most {load.deepest} deep, waits up to {spell(load.longest)}" for load in found)
    title = f"Queues: {heading_of(scenario, trace)}"
    return Picture(
        title,
        f"Queues of {title_of(trace.engine)} over time. {told or ' '.join(heading.lines)}.",
        canvas,
        finding=heading.finding,
    )


def _height(load: QueueLoad) -> float:
    return DEPTH + WAIT + GAP + (WHY if load.reasons else 0.0)


def _idle(trace: Trace, queue_loads: Sequence[QueueLoad]) -> bool:
    """Whether nothing waits for over a hundredth of the time: bars would make an idle queue look full."""
    return _IDLE * max((load.longest for load in queue_loads), default=0) <= trace.ended_at


def _heading(trace: Trace, scenario: Scenario, queue_loads: Sequence[QueueLoad]) -> Findings:
    """In which queue tasks wait longest, or that they do in none."""
    over = f"{heading_of(scenario, trace)} · queues"
    if not queue_loads:
        return Findings.of(over, "In this model no task waits in a queue that could be shown", (), WIDTH)
    worst = max(queue_loads, key=lambda load: load.longest)
    real = [load for load in queue_loads if not load.asked]
    tasks = sum(len(load.waits) for load in real)
    queues = "1 queue" if len(real) == 1 else f"{len(real)} queues"
    names = ", ".join(dict.fromkeys(load.name for load in real))
    passed = f"{tasks} task{'s' * (tasks != 1)} went through {queues}: {names}."
    idle = _idle(trace, queue_loads)
    if idle:
        title = f"No task waits long in a queue: at most {spell(worst.longest)} in {spell(trace.ended_at)}"
    else:
        what = f"Requests wait longest for {worst.name}" if worst.asked else f"Tasks wait longest in {worst.name}"
        title = f"{what}: up to {spell(worst.longest)}, at most {worst.deepest} at once"
    why = tuple(dict.fromkeys(_sentence(load) for load in queue_loads if load.reasons))
    return Findings.of(over, title, (*(() if idle else why[:_MOST_SAID]), passed), WIDTH)


def _sentence(load: QueueLoad) -> str:
    """`inbox u1: key u1 held by run 1, run 2.`"""
    longest = max(load.reasons, key=lambda each: each.end - each.start)
    others = [each.short for each in load.reasons if each.short != longest.short]
    words = "; ".join(dict.fromkeys([longest.words, *others]))
    return f"{capital(words)}." if words.startswith(load.name) else f"{load.name}: {words}."


def _queue(canvas: Canvas, scale: TimeScale, load: QueueLoad, top: float) -> None:
    left = scale.left - 44
    canvas.text(MARGIN, top + 18, measure.shorten(load.name, left - MARGIN, BODY, bold=True), BODY, bold=True)
    lane = load.lane if load.asked else f"in {load.lane}"
    canvas.text(MARGIN, top + 33, measure.shorten(lane, left - MARGIN, SMALL), SMALL, ink=MUTED)
    of = "request" if load.asked else "task"
    tasks = f"{len(load.waits)} {of}s" if len(load.waits) != 1 else f"1 {of}"
    canvas.text(MARGIN, top + 48, tasks, SMALL, ink=MUTED)
    floor = top + 6 + DEPTH
    _depth_plot(canvas, scale, load, floor)
    _wait_plot(canvas, scale, load, floor + 8)
    if load.reasons:
        _reasons(canvas, scale, load, floor + 8 + WAIT)


def _reasons(canvas: Canvas, scale: TimeScale, load: QueueLoad, top: float) -> None:
    """A bar for what was waited for, with its words in it, or beside it where they have more room."""
    canvas.text(scale.left - 8, top + 13, "why", SMALL, ink=MUTED, anchor="end")
    taken = scale.left
    for at, reason in enumerate(load.reasons):
        left, right = scale.x(reason.start), max(scale.x(reason.end), scale.x(reason.start) + 2)
        follows = load.reasons[at + 1].start if load.reasons[at + 1 :] else None
        free = scale.right if follows is None else scale.x(follows) - 8
        with canvas.group("reason", f"{reason.words}: {spell(reason.start)} to {spell(reason.end)}"):
            canvas.box(left, top, right - left, 18, fill=WAITS["queue"][0], stroke="#a86a0b", radius=2.5)
            for words in (reason.words, reason.short):
                wide = measure.width(words, SMALL)
                if wide + 8 <= right - left and left >= taken:
                    canvas.text((left + right) / 2, top + 13, words, SMALL, ink=INK, anchor="middle")
                    break
                if right + 6 + wide <= free:
                    canvas.box(right + 3, top + 2, wide + 6, 14, fill=PAPER)
                    canvas.text(right + 6, top + 13, words, SMALL, ink=INK)
                    taken = right + 6 + wide
                    break


def _depth_plot(canvas: Canvas, scale: TimeScale, load: QueueLoad, floor: float) -> None:
    room, most = DEPTH - 8, max(load.deepest, 1)
    canvas.text(scale.left - 8, floor - room + 4, str(most), SMALL, ink=INK, anchor="end")
    canvas.text(scale.left - 8, floor + 1, "0", SMALL, ink=MUTED, anchor="end")
    canvas.lines((scale.left, floor - room), (scale.right, floor - room), stroke=FRAME, line=0.7, dash=(2, 3))
    steps: list[tuple[str | float, ...]] = [("M", scale.left, floor)]
    level = floor
    last_x = scale.left
    for at, depth in load.depths:
        x = max(scale.x(at), last_x)
        if depth == 0 and x - last_x < 2:
            x = min(last_x + 2, scale.right)
        steps.append(("L", x, level))
        level = floor - room * depth / most
        steps.append(("L", x, level))
        last_x = x
    steps += [("L", scale.right, level), ("L", scale.right, floor), ("Z",)]
    canvas.path(*steps, fill=_DEPTH.fill, stroke=_DEPTH.stroke, line=1.2)
    canvas.lines((scale.left, floor), (scale.right, floor), stroke="#8b95a5")


def _wait_plot(canvas: Canvas, scale: TimeScale, load: QueueLoad, ceiling: float) -> None:
    """Hangs from its upper edge: the longer the wait, the deeper the stroke."""
    room, most = WAIT - 8, max(load.longest, 1)
    canvas.text(scale.left - 8, ceiling + room + 2, spell(load.longest), SMALL, ink=INK, anchor="end")
    canvas.lines((scale.left, ceiling + room), (scale.right, ceiling + room), stroke=FRAME, line=0.7, dash=(2, 3))
    deepest: dict[int, Span] = {}
    for span in load.waits:
        x = round(scale.x(span.end) * 2)
        if x not in deepest or span.lasts > deepest[x].lasts:
            deepest[x] = span
    if len(deepest) > _MANY_WAITS:
        strokes: list[tuple[str | float, ...]] = []
        for x, span in deepest.items():
            strokes += [("M", x / 2, ceiling), ("L", x / 2, ceiling + room * span.lasts / most)]
        canvas.path(*strokes, stroke=_WAIT.stroke, line=1)
        return
    for x, span in deepest.items():
        with canvas.group("wait", f"{span.run or 'a task'} waited {spell(span.lasts)}, until {spell(span.end)}"):
            y = ceiling + room * span.lasts / most
            canvas.lines((x / 2, ceiling), (x / 2, y), stroke=_WAIT.stroke, line=1.6)
            canvas.circle(x / 2, y, 2.2, fill=_WAIT.stroke)


def _crashes(canvas: Canvas, scale: TimeScale, down: Sequence[Span], top: float, bottom: float) -> None:
    for span in down:
        left, right = scale.x(span.start), max(scale.x(span.end), scale.x(span.start) + 2)
        with canvas.group("down", f"{span.lane}: {span.detail}, {spell(span.start)} to {spell(span.end)}"):
            canvas.path(
                ("M", left, top), ("L", right, top), ("L", right, bottom), ("L", left, bottom), ("Z",),
                fill=LOOKS["down"].paint.fill, opacity=0.45,
            )  # fmt: skip
            canvas.hatch(left, top, right - left, bottom - top, "falling", LOOKS["down"].paint.stroke, gap=9)
            canvas.lines((left, top), (left, bottom), stroke=LOOKS["down"].paint.stroke, dash=(3, 3))
            crash_mark(canvas, left, top + 11, 4.2)
            if span.ended == "done":
                restart_mark(canvas, right, top + 11)


def _crash_names(canvas: Canvas, scale: TimeScale, down: Sequence[Span], top: float) -> None:
    """Who it is that is down, where there is room for it; over the tears."""
    taken = scale.left
    for span in down:
        x = scale.x(span.start) + 10
        words = f"{span.lane}: {span.detail}"
        width = measure.width(words, SMALL)
        if x > taken and x + width + 12 < scale.x(span.end):
            canvas.box(x - 2, top + 4, width + 4, 15, fill=PAPER)
            canvas.text(x, top + 15, words, SMALL, ink=LOOKS["down"].paint.stroke)
            taken = x + width


def _entries(down: Sequence[Span]) -> list[Entry]:
    def depth(canvas: Canvas, x: float, y: float) -> None:
        canvas.box(x + 4, y - 5, 26, 11, fill=_DEPTH.fill, stroke=_DEPTH.stroke)

    def wait(canvas: Canvas, x: float, y: float) -> None:
        canvas.lines((x + 17, y - 7), (x + 17, y + 4), stroke=_WAIT.stroke, line=1.6)
        canvas.circle(x + 17, y + 4, 2.2, fill=_WAIT.stroke)

    def fault(canvas: Canvas, x: float, y: float) -> None:
        crash_mark(canvas, x + 8, y, 4.2)
        restart_mark(canvas, x + 24, y)

    found = [Entry("tasks in the queue", depth), Entry("task dequeued; line length = time waited", wait)]
    return [*found, Entry(f"{begins(down)}, back again", fault)] if down else found
