"""Traces written by hand in the documented kinds: for tests of views that need no engine."""

from __future__ import annotations

from durascope.models.scenario import Scenario
from durascope.models.trace import Effect, Event, Kind, RunSummary, Trace

K = Kind
MS = 1_000
S = 1_000_000

SCENARIO = Scenario.model_validate(
    {
        "scenario": "by-hand",
        "title": "An order, by hand",
        "services": {"stripe": {"title": "Stripe API"}, "db": {"kind": "database", "title": "PostgreSQL"}},
        "workflows": {
            "order": {
                "steps": [
                    {"run": "reserve", "on": "db", "via": "Inventory.reserve"},
                    {"run": "charge", "on": "stripe", "via": "Payment.charge"},
                    {"sleep": "7d", "name": "one-week"},
                    {"wait_for": "delivered", "timeout": "1d"},
                ]
            }
        },
    }
)


class Story:
    """Writes a trace line by line; each event is caused by the one before unless it says otherwise."""

    def __init__(self, run: str = "run 1") -> None:
        self.events: list[Event] = []
        self.ledger: list[Effect] = []
        self.run = run
        self.now = 0

    def tell(
        self, lane: str, kind: Kind, step: str | None = None, attempt: int | None = None, detail: object = None,
        *, after: int = 0, run: bool = True,
    ) -> int:  # fmt: skip
        self.now += after
        cause = len(self.events) - 1 if self.events else None
        workflow, name = ("order", self.run) if run else (None, None)
        self.events.append(Event(self.now, lane, kind, workflow, name, step, attempt, cause, detail))
        return len(self.events) - 1

    def send(self, sender: str, receiver: str, what: str, *, fate: Kind = K.MESSAGE_RECEIVED, takes: int = MS) -> None:
        self.tell(sender, K.MESSAGE_SENT, detail=(receiver, what))
        self.tell(receiver, fate, detail=(sender, what), after=takes)

    def begin(self, app: str, step: str, attempt: int, *, takes: int = 100 * MS, service: str = "stripe") -> None:
        """Up to the moment after the effect."""
        self.tell(app, K.STEP_STARTED, step, attempt)
        self.tell(app, K.STEP_BEFORE_EFFECT, step, attempt, after=takes)
        self.tell(app, K.STEP_AFTER_EFFECT, step, attempt)
        again = any(entry.step == step for entry in self.ledger)
        self.ledger.append(Effect(self.now, service, self.run, step, attempt, again=again))

    def do(self, app: str, step: str, attempt: int, *, takes: int = 100 * MS, service: str = "stripe") -> None:
        self.begin(app, step, attempt, takes=takes, service=service)
        self.tell(app, K.STEP_REPORTED, step, attempt)

    def trace(self, engine: str = "restate", status: str = "completed") -> Trace:
        duplicates = len(self.ledger) - len({entry.step for entry in self.ledger})
        counts = {
            step: sum(each.step == step for each in self.ledger) for step in {each.step: 0 for each in self.ledger}
        }
        return Trace(
            scenario="by-hand",
            engine=engine,
            seed=0,
            version="0",
            events=self.events,
            event_count=len(self.events),
            ended_at=self.now,
            runs=[RunSummary(self.run, "order", 0, self.now, status)],
            records={self.run: []},
            ledger=self.ledger,
            effects=counts,
            effect_counts={step: {count: 1} for step, count in counts.items()},
            status={self.run: status},
            counters={"duplicate_effects": duplicates},
        )


def crash_and_replay() -> Trace:
    """A crash after the effect, a refused call, a backoff, replays, a week of sleep, a wait that times out."""
    story = Story()
    story.send("client", "ingress", "POST /order")
    story.tell("partition", K.RUN_STARTED, after=MS)
    story.tell("partition", K.RECORDED, detail="Input")
    story.tell("invoker", K.TASK_QUEUED, detail="invoker")
    story.tell("invoker", K.TASK_PICKED_UP, detail="invoker", after=2 * MS)
    story.send("invoker", "app", "invoke, 1 entry")
    story.tell("app", K.WORK_STARTED, detail="attempt")
    story.tell("partition", K.RECORDED, detail="Run reserve #1", after=MS)
    story.do("app", "reserve", 1, takes=40 * MS, service="db")
    story.tell("partition", K.RECORDED, detail="> Run #1", after=MS)
    story.tell("partition", K.STEP_RECORDED, "reserve", 1)
    story.tell("partition", K.RECORDED, detail="Run charge #2", after=MS)
    story.begin("app", "charge", 1, takes=250 * MS)
    story.tell("app", K.CRASHED, run=False)
    story.tell("app", K.MESSAGE_LOST, detail=("invoker", "stream"), after=MS)
    story.tell("invoker", K.TIMER_SET, "back-off", detail=story.now + 500 * MS)
    story.tell("invoker", K.TIMER_FIRED, "back-off", after=500 * MS)
    story.send("invoker", "app", "invoke", fate=K.MESSAGE_REFUSED)
    story.tell("invoker", K.TIMER_SET, "back-off", detail=story.now + 2 * S)
    story.tell("app", K.RESTARTED, after=S, run=False)
    story.tell("invoker", K.TIMER_FIRED, "back-off", after=S)
    story.send("invoker", "app", "invoke, 4 entries")
    story.tell("app", K.WORK_STARTED, detail="attempt")
    story.tell("app", K.REPLAY_STARTED)
    story.tell("app", K.REPLAY_STEP, "reserve")
    story.tell("app", K.REPLAY_ENDED, after=2 * MS)
    story.do("app", "charge", 2, takes=180 * MS)
    story.tell("partition", K.RECORDED, detail="> Run #2", after=MS)
    story.tell("partition", K.STEP_RECORDED, "charge", 2)
    story.tell("partition", K.RECORDED, detail="Sleep one-week #3", after=MS)
    story.tell("partition", K.TIMER_SET, "one-week", detail=story.now + 7 * 86_400 * S)
    story.tell("app", K.WORK_ENDED, detail="suspended", after=60 * S)
    story.tell("partition", K.TIMER_FIRED, "one-week", after=7 * 86_400 * S - 60 * S)
    story.tell("partition", K.RECORDED, detail="> Sleep #3")
    story.send("invoker", "app", "invoke, 7 entries")
    story.tell("app", K.WORK_STARTED, detail="attempt")
    story.tell("app", K.REPLAY_STARTED)
    for step in ("reserve", "charge", "one-week"):
        story.tell("app", K.REPLAY_STEP, step)
    story.tell("app", K.REPLAY_ENDED, after=3 * MS)
    story.tell("partition", K.RECORDED, detail="Awakeable delivered", after=MS)
    story.tell("partition", K.TIMER_SET, "delivered", detail=story.now + 86_400 * S)
    story.tell("partition", K.TIMER_FIRED, "delivered", after=86_400 * S)
    story.tell("partition", K.RECORDED, detail="Output")
    story.tell("app", K.WORK_ENDED, detail="completed")
    story.tell("partition", K.RUN_ENDED, detail="completed", after=MS)
    return story.trace()


def many_retries(attempts: int) -> Trace:
    """A step that fails over and over: some ten events for each attempt."""
    story = Story()
    story.send("client", "ingress", "POST /order")
    story.tell("partition", K.RUN_STARTED)
    for attempt in range(1, attempts + 1):
        story.tell("invoker", K.TASK_QUEUED, detail="invoker")
        story.tell("invoker", K.TASK_PICKED_UP, detail="invoker", after=MS)
        story.send("invoker", "app", f"invoke attempt {attempt}")
        story.tell("app", K.WORK_STARTED, detail="attempt")
        story.tell("app", K.STEP_STARTED, "charge", attempt)
        last = attempt == attempts
        if last:
            story.tell("app", K.STEP_AFTER_EFFECT, "charge", attempt, after=30 * MS)
            story.ledger.append(Effect(story.now, "stripe", story.run, "charge", attempt))
        story.tell("app", K.STEP_REPORTED if last else K.STEP_FAILED, "charge", attempt, after=30 * MS)
        story.tell("app", K.WORK_ENDED, detail="done" if last else "failed")
        if not last:
            story.tell("invoker", K.STEP_RETRIED, "charge", attempt, 60 * S)
            story.now += 60 * S
    story.tell("partition", K.RUN_ENDED, detail="completed", after=MS)
    return story.trace()


def many_steps(steps: int) -> Trace:
    """A loop: every round is a step with a number in its name."""
    story = Story()
    story.tell("partition", K.RUN_STARTED)
    for number in range(1, steps + 1):
        story.send("invoker", "app", "invoke")
        story.tell("app", K.WORK_STARTED, detail="attempt")
        story.do("app", f"round-{number}", 1, takes=20 * MS)
        story.tell("app", K.WORK_ENDED, detail="done")
        story.tell("partition", K.STEP_RECORDED, f"round-{number}", 1)
        story.tell("partition", K.RECORDED, detail=f"> Run #{number}")
    story.tell("partition", K.RUN_ENDED, detail="completed", after=MS)
    return story.trace()
