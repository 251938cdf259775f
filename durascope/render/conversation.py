"""A trace read as a conversation: who sent what to whom, in order, and what went wrong.

    conversation(trace, scenario) -> Conversation     lanes from left to right, items from top to bottom

Calls that steps make are items too: the trace knows when a step's body began, had its effect and returned, and the
scenario knows which service it called. Polls, which say nothing about a run, are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from durascope.models.effects import effects
from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.models.spans import BACKOFF, Span, code_fails, how_it_ends, ripe, spans
from durascope.models.steps import Run
from durascope.models.trace import NETWORK, Event, Kind, Trace
from durascope.models.unended import standstill
from durascope.render.attribution import runs_woken, steps_meant
from durascope.render.step_names import StepNames
from durascope.render.unhandled import unhandled

Role = Literal["client", "part", "app", "service"]
Tone = Literal["", "replay", "bad", "good", "wait"]
Sort = Literal["message", "call", "return", "note", "crash", "restart", "fold"]


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the conversation."""

    sort: Sort
    at: int
    position: int
    """The number of the event it stands for."""
    lane: str
    """The sender, or the lane that it happens in."""
    text: str
    to: str | None = None
    """The receiver."""
    fate: Literal["", "refused", "lost"] = ""
    run: str | None = None
    step: str | None = None
    effect: Literal["", "effect", "again", "known"] = ""
    """return: what the service had done by then."""
    tone: Tone = ""
    """note: how it is coloured."""
    until: int = -1
    """fold: the number of the last event that it stands for."""
    kind: Kind | None = None
    """Of the event that it stands for; None: of a fold."""
    ends: int = 0
    """fold: when the last of what it stands for happened."""
    words: str = ""
    """fold: its text without how long it took."""
    undoes: bool = False
    """It is of a step that undoes another one."""
    shorter: tuple[str, ...] = ()
    """note: what it says where there is less and less room."""
    about: str | None = None
    """The step that it leads to or comes of, where it names none itself."""

    @property
    def eventful(self) -> bool:
        """Whether something broke here, or was lost, retried, replayed, repeated or undone."""
        told = self.fate != "" or self.effect in ("again", "known") or self.tone in ("bad", "wait")
        return told or self.undoes or self.kind in _EVENTFUL

    @property
    def signature(self) -> tuple[object, ...]:
        """What equal items share: everything but the time and the numbers."""
        return (self.sort, self.lane, self.to, self.fate, self.step, self.effect, _unnumbered(self.text))


@dataclass(frozen=True, slots=True)
class Conversation:
    lanes: tuple[tuple[str, Role], ...]
    items: tuple[Item, ...]
    spans: tuple[Span, ...]
    """What the lanes' activations are drawn from."""
    left_out: int = 0
    """Messages that say nothing about a run."""
    titles: Mapping[str, str] = field(default_factory=dict[str, str])
    """What lanes are called that stand for several."""

    def title_of(self, lane: str, scenario: Scenario) -> str:
        """What a lane is called on a picture."""
        service = scenario.services.get(lane)
        return self.titles.get(lane) or (service.title if service is not None and service.title else lane)


_EVENTFUL: Final = frozenset({
    Kind.CRASHED, Kind.RESTARTED, Kind.HUNG, Kind.RESUMED, Kind.CUT, Kind.HEALED, Kind.OUTAGE_STARTED,
    Kind.OUTAGE_ENDED, Kind.DEPLOYED, Kind.STEP_RETRIED, Kind.STEP_FAILED, Kind.STEP_DROPPED, Kind.REPLAY_STARTED,
})  # fmt: skip


_GLANCE: Final = 48
"""Letters of a list of names."""


def _unnumbered(text: str) -> str:
    return "".join("0" if each.isdigit() else each for each in text).replace("00", "0")


def conversation(trace: Trace, scenario: Scenario) -> Conversation:
    """The whole conversation, unfolded."""
    all_spans = ripe(spans(trace, scenario))
    reading = _Reading(trace, scenario)
    for number, event in enumerate(trace.events):
        reading.read(number, event)
    woken = runs_woken(trace)
    all_spans = [replace(span, run=woken.get(span.run, span.run)) for span in all_spans]
    items = [*reading.items, *_returns_lost(all_spans, reading.called, trace), *_standing_still(trace, reading.items)]
    items.sort(key=lambda item: item.position)
    about = steps_meant(trace)
    items = [
        replace(item, about=item.step or about.get(item.position), run=woken.get(item.run, item.run)) for item in items
    ]
    lanes = _lanes(items, all_spans, scenario)
    app = next((name for name, role in lanes if role == "app"), NETWORK)  # no life line is the network's
    items = [replace(item, lane=app) if item.lane == NETWORK else item for item in items]
    return Conversation(lanes, tuple(items), tuple(all_spans), reading.left_out)


_NOTES: Final[Mapping[Kind, tuple[str, Tone]]] = {
    Kind.RUN_STARTED: ("{run} begins", "good"),
    Kind.RUN_ENDED: ("{run} {detail}", "good"),
    Kind.TIMER_FIRED: ("timer fires{step}", ""),
    Kind.TIMER_CANCELLED: ("timer cancelled{step}", ""),
    Kind.EVENT_RECEIVED: ("takes in {detail}", ""),
    Kind.STEP_RECORDED: ("records {name}", ""),
    Kind.HUNG: ("hangs", "bad"),
    Kind.RESUMED: ("goes on", "good"),
    Kind.OUTAGE_STARTED: ("does not answer", "bad"),
    Kind.OUTAGE_ENDED: ("answers again", "good"),
    Kind.HEALED: ("connection healed", "good"),
    Kind.DEPLOYED: ("new code: {detail}", ""),
    Kind.STEP_DROPPED: ("result of {name} dropped: {detail}", "bad"),
}


class _Reading:
    """Turns events into items."""

    def __init__(self, trace: Trace, scenario: Scenario) -> None:
        self.trace = trace
        self.items: list[Item] = []
        self.left_out = 0
        self.queued: dict[tuple[str | None, str], str] = {}
        """Who owns the queue in which a run's task waits."""
        self.asked: set[tuple[str | None, str, str, str]] = set()
        """Requests that have not been answered: run, who asked, whom, what. An answer has the name of its request."""
        self.open = 0
        """Calls that have not been answered."""
        self.called: dict[int, str] = {}
        """The service that a step's body called, by the number of its `started`."""
        self.steps = StepNames(scenario)
        undo = (step.undo_step for _, step in scenario.runs())
        self.undo = frozenset(step.label for step in undo if step is not None)
        self.marks = {mark.event: mark for mark in effects(trace)}
        self.unhandled = unhandled(trace)
        self.effect: dict[tuple[object, ...], Literal["", "effect", "again", "known"]] = {}
        self.begun: set[tuple[str | None, object]] = set()
        """What each run has come to by itself: a replay passes nothing else."""
        self.pending: set[tuple[str | None, str | None]] = set()
        """Steps whose attempts have begun and whose results are not recorded: there is nothing of theirs to replay."""

    def read(self, number: int, event: Event) -> None:
        if event.kind is not Kind.REPLAY_STEP:
            words = event.detail.split() if event.kind is Kind.RECORDED and isinstance(event.detail, str) else ()
            said = event.detail if isinstance(event.detail, str) else ""
            self.begun |= {(event.run, each) for each in (event.step, said, *words)}
        if event.kind is Kind.STEP_STARTED:
            self.pending.add((event.run, event.step))
        elif event.kind is Kind.STEP_RECORDED:
            self.pending.discard((event.run, event.step))
        match event.kind:
            case Kind.MESSAGE_RECEIVED | Kind.MESSAGE_REFUSED | Kind.MESSAGE_LOST:
                self._message(number, event)
            case Kind.TASK_QUEUED:
                self.queued[event.run, str(event.detail)] = event.lane
            case Kind.TASK_PICKED_UP:
                self._pick_up(number, event)
            case Kind.STEP_STARTED:
                self._call(number, event)
            case Kind.STEP_AFTER_EFFECT:
                mark = self.marks[number]
                word = "known" if mark.deduplicated else "again" if mark.duplicate else "effect"
                self.effect[_key(event)] = word
            case Kind.STEP_REPORTED | Kind.STEP_FAILED:
                self._return(number, event)
            case Kind.CRASHED:
                self.open = 0
                words = "killed" if how_it_ends(self.trace, number) == "crash" else "stops"
                self.items.append(Item("crash", event.at, number, event.lane, words, tone="bad", kind=event.kind))
            case Kind.RESTARTED:
                self.items.append(Item("restart", event.at, number, event.lane, "back", tone="good", kind=event.kind))
            case Kind.REPLAY_STARTED:
                self._replay(number, event)
            case Kind.TIMER_SET if event.step in (None, BACKOFF) or self._step(event) is not None:
                wait = f" {spell(event.detail - event.at)}" if isinstance(event.detail, int) else ""
                if not self._just_told(event):
                    self._note(number, event, f"backs off{wait}", "wait")
            case Kind.EVENT_RECEIVED if number in self.unhandled:
                self._note(number, event, f"takes in {event.detail}: no code handles it", "bad")
            case Kind.WORK_ENDED if code_fails(event) and not self._step_failed(number):
                self._note(number, event, f"the code fails: {event.detail}", "bad")
            case Kind.CUT:
                one, other = _pair(event.detail)
                self._note(number, event, f"{one} and {other} are cut off from each other", "bad", ("connection cut",))
            case Kind.TIMER_FIRED if event.step in (None, BACKOFF):
                pass
            case Kind.TIMER_SET:
                due = f" for {spell(event.detail - event.at)}" if isinstance(event.detail, int) else ""
                self._note(number, event, f"sets a timer{due}" + (f" ({event.step})" if event.step else ""))
            case Kind.STEP_RETRIED:
                wait = f" in {spell(event.detail)}" if isinstance(event.detail, int) else ""
                self._note(number, event, f"{event.step or 'run'}: will be retried{wait}", "wait")
            case kind if kind in _NOTES:
                words, tone = _NOTES[kind]
                self._note(number, event, _filled(words, event), tone)
            case _:
                pass

    def _just_told(self, event: Event) -> bool:
        """Whether the step's own retry has just been told, with the same wait."""
        last = self.items[-1] if self.items else None
        return last is not None and (last.kind, last.at, last.run) == (Kind.STEP_RETRIED, event.at, event.run)

    def _step_failed(self, number: int) -> bool:
        """Whether the code that has ended there failed with a step, which has been told."""
        run, lane = self.trace.events[number].run, self.trace.events[number].lane
        before = (event for event in reversed(self.trace.events[max(0, number - 20) : number]) if event.run == run)
        here = [event.kind for event in before if event.lane == lane][:2]
        return Kind.STEP_FAILED in here

    def _message(self, number: int, event: Event) -> None:
        other, what = _pair(event.detail)
        asked = (event.run, event.lane, other, what)
        answered = asked in self.asked and event.kind is Kind.MESSAGE_RECEIVED
        self.asked.discard(asked)
        if answered or _says_nothing(event):
            self.left_out += 1
            return
        cause = self.trace.events[event.cause] if event.cause is not None else None
        sender, receiver = other, event.lane
        if cause is not None and cause.kind is Kind.MESSAGE_SENT and _pair(cause.detail)[0] == other:
            sender, receiver = event.lane, other  # the event stands at the sender
        self.asked.add((event.run, sender, receiver, what))
        fate: Literal["", "refused", "lost"] = ""
        if event.kind is Kind.MESSAGE_REFUSED:
            fate = "refused"
        elif event.kind is Kind.MESSAGE_LOST:
            fate = "lost"
        self.items.append(
            Item("message", event.at, number, sender, what, receiver, fate, event.run, event.step, kind=event.kind)
        )

    def _pick_up(self, number: int, event: Event) -> None:
        """A task goes from its queue to a worker, unless a message has just told so."""
        owner = self.queued.get((event.run, str(event.detail)))
        cause = self.trace.events[event.cause] if event.cause is not None else None
        told = cause is not None and cause.kind is Kind.MESSAGE_RECEIVED and not _says_nothing(cause)
        if owner is not None and owner != event.lane and not told:
            self.items.append(
                Item(
                    "message",
                    event.at,
                    number,
                    owner,
                    f"task from {'its sticky queue' if ' #' in str(event.detail) else event.detail}",
                    event.lane,
                    run=event.run,
                    kind=event.kind,
                )
            )

    def _call(self, number: int, event: Event) -> None:
        step = self._step(event)
        again = f" #{event.attempt}" if event.attempt is not None and event.attempt > 1 else ""
        if step is not None and step.on is not None:
            self.called[number] = step.on
            text = (step.via if step.via and self.steps.alone(step.via) else event.step or "") + again
            self.open += 1
            self.items.append(
                Item(
                    "call",
                    event.at,
                    number,
                    event.lane,
                    text,
                    step.on,
                    run=event.run,
                    step=event.step,
                    kind=event.kind,
                    undoes=event.step in self.undo,
                )
            )
        else:
            self._note(number, event, f"runs {event.step}{again}")

    def _return(self, number: int, event: Event) -> None:
        step = self._step(event)
        failed = event.kind is Kind.STEP_FAILED
        effect = self.effect.pop(_key(event), "")
        if step is not None and step.on is not None:
            text = str(event.detail or "fails") if failed else "done"
            self.open -= 1
            if self.open > 0:
                text = f"{event.step}: {text}"
            tone: Literal["", "bad"] = "bad" if failed else ""
            self.items.append(
                Item(
                    "return",
                    event.at,
                    number,
                    step.on,
                    text,
                    event.lane,
                    "",
                    event.run,
                    event.step,
                    effect,
                    tone,
                    kind=event.kind,
                )
            )
        elif failed:
            self._note(number, event, f"{event.step} fails: {event.detail}", "bad")

    def _replay(self, number: int, event: Event) -> None:
        passed: list[str] = []
        events = self.trace.events
        for at in range(number + 1, len(events)):
            later = events[at]
            if later.run == event.run and later.lane == event.lane:
                if later.kind is not Kind.REPLAY_STEP:
                    break
                known = later.step is None or (event.run, later.step) in self.begun
                if known and (event.run, later.step) not in self.pending:
                    passed.append(later.step or "")
        if passed:
            told, *shorter = _few(list(filter(None, passed)) or ["a step"] * len(passed))
            self._note(number, event, f"replays {told}", "replay", tuple(f"replays {each}" for each in shorter))

    def _note(self, number: int, event: Event, text: str, tone: Tone = "", shorter: tuple[str, ...] = ()) -> None:
        self.items.append(
            Item(
                "note",
                event.at,
                number,
                event.lane,
                text,
                run=event.run,
                step=event.step,
                tone=tone,
                kind=event.kind,
                shorter=shorter,
            )
        )

    def _step(self, event: Event) -> Run | None:
        return self.steps.named(event.step or "")


def _few(names: Sequence[str]) -> list[str]:
    """The first of them, as many as are read at a glance: at most three, and few letters; then fewer and fewer."""
    tries = [", ".join(names[:n]) + (f" and {len(names) - n} more" if len(names) > n else "") for n in (3, 2, 1)]
    short = [each for each in dict.fromkeys(tries) if len(each) <= _GLANCE] or tries[-1:]
    return [*short, *([f"{len(names)} steps"] if len(names) > 1 else [])]


def _says_nothing(event: Event) -> bool:
    """A poll, or an acknowledgement that arrives."""
    what = _pair(event.detail)[1]
    heard = event.kind is Kind.MESSAGE_RECEIVED
    return not what or (event.run is None and "poll" in what) or (heard and what.endswith(": answer"))


def _key(event: Event) -> tuple[object, ...]:
    return (event.lane, event.run, event.step, event.attempt)


def _pair(detail: object) -> tuple[str, str]:
    if isinstance(detail, tuple | list):
        words = [str(each) for each in detail]
        return words[0], words[1] if len(words) > 1 else ""
    return str(detail or ""), ""


def _filled(words: str, event: Event) -> str:
    detail = (
        event.detail if isinstance(event.detail, str) else "" if event.detail is None else " ".join(_pair(event.detail))
    )
    step = f" ({event.step})" if event.step else ""
    filled = words.format(run=event.run or "", detail=detail, step=step, name=event.step or "the run")
    return filled.removesuffix(": ").strip()


def _standing_still(trace: Trace, items: Sequence[Item]) -> Iterable[Item]:
    """How it ends for runs that do not: they are paused, wait for each other, or for what does not come."""
    lanes = {item.run: item.lane for item in items if item.lane != "client"}
    for why in trace.unended:
        if why.run in lanes:
            words = f"{why.run}: {standstill(why)}"
            yield Item(
                "note", trace.ended_at, len(trace.events), lanes[why.run], words, run=why.run, tone="bad",
                kind=Kind.RUN_ENDED,
            )  # fmt: skip


def _returns_lost(all_spans: Iterable[Span], called: Mapping[int, str], trace: Trace) -> list[Item]:
    """For a call whose caller died: what the service answered, if it had done something by then."""
    found: list[Item] = []
    dying = Counter((span.lane, span.end) for span in all_spans if span.ended == "crashed" and span.kind == "running")
    for span in all_spans:
        if span.kind != "running" or span.ended != "crashed" or span.events[0] not in called:
            continue
        happened = any(trace.events[event].kind is Kind.STEP_AFTER_EFFECT for event in span.events)
        after = next(
            (n for n in range(span.events[-1], len(trace.events)) if trace.events[n].kind is Kind.CRASHED), None
        )
        if happened and after is not None:
            service = called[span.events[0]]
            found.append(
                Item(
                    "return",
                    span.end,
                    after,
                    service,
                    f"{span.step}: reply" if dying[span.lane, span.end] > 1 else "reply",
                    span.lane,
                    "lost",
                    span.run,
                    span.step,
                    "effect",
                    kind=Kind.MESSAGE_LOST,
                )
            )
    return found


def pool_of(process: str) -> str:
    """What the replicas of one pool have in common: `worker` of `worker-3`."""
    return process.rstrip("0123456789").rstrip("- #")


def _lanes(items: Sequence[Item], all_spans: Sequence[Span], scenario: Scenario) -> tuple[tuple[str, Role], ...]:
    """Client, the engine's parts, the apps, the services; each in the order in which they first speak.

    A replica that has had no work is an app, too: another one of its pool has.
    """
    seen = list(dict.fromkeys(name for item in items for name in (item.lane, item.to) if name is not None))
    apps = {pool_of(span.lane) for span in all_spans if span.kind in ("running", "working", "replaying")}
    roles: dict[str, Role] = {
        name: "client"
        if name == "client"
        else "service"
        if name in scenario.services
        else "app"
        if pool_of(name) in apps
        else "part"
        for name in seen
        if name != NETWORK
    }
    order: tuple[Role, ...] = ("client", "part", "app", "service")
    return tuple((name, role) for wanted in order for name, role in roles.items() if role == wanted)
