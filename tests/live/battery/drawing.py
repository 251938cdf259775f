"""Draws scenarios at random over the whole language, from the models' own fields.

What a field may hold is read off its annotation, so that a field that is new is drawn from the day on which it is
there. Only what the annotation cannot say stands here: which names a field refers to, how long things take so that a
run ends within seconds, and how often a kind of step is drawn. What does not read as a valid scenario is drawn again.
"""

from __future__ import annotations

import random
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from annotated_types import MinLen
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic.functional_validators import BeforeValidator

from durascope.models import durations, spreads, units
from durascope.models.deployments import InngestDeployment, RestateDeployment, TemporalDeployment
from durascope.models.faults import Change, Crash, Cut, Deploy, Hang, Outage
from durascope.models.problems import ScenarioProblems
from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario, Service
from durascope.models.schema import scenario_schema
from durascope.models.steps import STEP_KINDS, Run
from durascope.models.trace import Trace
from durascope.models.unmodelled import unmodelled
from durascope.models.workflow import Signal, Workflow
from durascope.models.workload import MOMENTS
from tests.live.battery.words import TRADES

Plain = dict[str, Any]

OPTION: Final = 0.08
"""How often an option that may be left out is drawn."""
DEPLOYED: Final = 0.12
"""The same of a deployment's."""
TIMES: Final = ("40ms", "60ms", "120ms", "200ms", "300ms", "450ms", "800ms", "1s200ms", "2s")
SHORT: Final = ("40ms", "60ms", "120ms", "200ms", "300ms", "450ms")
LONG: Final = ("400ms", "1s", "1s500ms", "3s", "5s")
SPECIAL_TIMES: Final[dict[str, tuple[str, ...]]] = {
    "takes": SHORT,
    "compute": ("0s", "40ms", "100ms"),
    "initial": ("100ms", "300ms", "1s"),
    "after": ("0s", "20ms", "150ms", "600ms"),
    "run_timeout": ("3s", "6s"),
    "step_timeout": ("2s", "4s"),
    "workflow_task_timeout": ("3s", "10s"),
    "sticky_timeout": ("1s500ms", "5s"),
    "idempotency_retention": ("1m",),
    "workflow_retention": ("1m",),
    "journal_retention": ("1m",),
    "max_duration": ("2s", "5s"),
}
"""Where the usual times would end every run, or none."""
WEIGHTS: Final = {
    "run": 14, "sleep": 4, "wait_for": 3, "parallel": 3, "race": 2, "repeat": 2, "for_each": 2, "choose": 2, "call": 3,
    "start": 2, "fail": 0.5, "bug": 0.1, "finish": 0.3, "compute": 2, "patched": 0.5,
}  # fmt: skip
"""How often each kind of step is drawn; those that are not named: 1."""
NESTED: Final = 2
"""How deep steps hold steps."""
TRIES: Final = 60
"""How many times a part is drawn until it is valid."""
ENDS_BY: Final = 40 * units.SECOND
"""What is predicted to take longer is not run."""
UNTOUCHED: Final[dict[type[BaseModel], set[str]]] = {
    Run: {"via", "effect"},
    Workflow: {
        "title", "started_by", "input", "steps", "signals", "updates", "queries", "key", "on_failure", "flow",
    },
    TemporalDeployment: {"latencies", "server", "workers"},
    InngestDeployment: {"latencies"},
    RestateDeployment: {"latencies"},
    Service: {"title", "price", "kind", "latency"},
}  # fmt: skip
"""Fields that are drawn elsewhere, or say nothing that an engine could do otherwise."""


class Undrawable(Exception):
    """Nothing valid came of it."""


@dataclass
class Names:
    """What there is to refer to."""

    trade: str
    steps: list[str]
    runs: list[str] = field(default_factory=list[str])
    """Of the steps with an effect: what faults name."""
    services: list[str] = field(default_factory=list[str])
    workflows: list[str] = field(default_factory=list[str])
    """Those that may be called from where a step is drawn."""
    events: list[str] = field(default_factory=list[str])
    fields: list[str] = field(default_factory=list[str])
    outcomes: list[str] = field(default_factory=list[str])
    count: int = 0

    def fresh(self, stem: str) -> str:
        self.count += 1
        return f"{stem}-{self.count}"


def draw(engine: str, seed: int, number: int, sdk: str = "python") -> Scenario:
    """The scenario of that number: it is valid, modelled, and predicted to end in time."""
    for again in range(TRIES * 10):
        dice = random.Random(f"{engine} {sdk} {seed} {number} {again}")
        try:
            plain = _Drawing(engine, dice, sdk).scenario(f"{engine[0]}-{seed}-{number:03}")
            scenario = read(plain)
        except (Undrawable, ScenarioProblems):
            continue
        if unmodelled(scenario, engine):
            continue
        trace = predicted_in_time(scenario, engine)
        if trace is None:
            continue
        stuck = "running" in trace.status.values()
        if any(trace.records.values()) and (not stuck or dice.random() < 0.1):
            return scenario
    raise Undrawable(f"no scenario came of seed {seed}, number {number}")


def predicted_in_time(scenario: Scenario, engine: str) -> Trace | None:
    """The prediction; None if it takes too long, or the engine can't run the scenario."""
    from durascope.simulators.simulate import simulate

    try:
        trace = simulate(scenario, engine, records=True)
    except ScenarioProblems:
        return None
    return trace if trace.ended_at <= ENDS_BY else None


def read(plain: Plain) -> Scenario:
    """The scenario that plain values describe. Raises `ScenarioProblems`."""
    import yaml

    return parse_scenario(yaml.dump(plain, sort_keys=False, allow_unicode=True))


class _Drawing:
    def __init__(self, engine: str, dice: random.Random, sdk: str) -> None:
        self.engine = engine
        self.dice = dice
        self.sdk = sdk
        trade = dice.choice(list(TRADES))
        steps = list(TRADES[trade])
        dice.shuffle(steps)
        self.names = Names(trade, steps)

    # ---- the parts of a scenario ---------------------------------------------------------------------------

    def scenario(self, name: str) -> Plain:
        names, dice = self.names, self.dice
        names.services = dice.sample(["ledger", "mailer", "store"], dice.choice((0, 0, 1, 2)))
        keyed = dice.random() < 0.4
        names.fields = ["acct"] if keyed else []
        services = {each: self.part(Service, DEPLOYED) for each in names.services}
        called = {}
        for number in range(1, dice.choice((1, 1, 2, 3))):
            called[f"sub-{number}"] = self.workflow(dice.choice((1, 1, 2)), keyed=False)
        names.workflows = list(called)
        workflows = {names.trade: self.workflow(dice.randint(2, 7), keyed), **called}
        workload = self.workload(workflows, keyed)
        faults = [self.fault(workflows) for _ in range(dice.choice((0, 1, 1, 1, 1, 2)))]
        plain = {
            "scenario": name,
            "services": services,
            "workflows": workflows,
            "deployments": {self.engine: self.deployment()},
            "workload": workload,
            "faults": faults,
        }
        return {key: value for key, value in plain.items() if value}

    def workflow(self, steps: int, keyed: bool) -> Plain:
        names, dice = self.names, self.dice
        before = list(names.events)
        plain: Plain = self.part(Workflow, OPTION / 2, given={"steps": self.steps(steps)})
        waited = [event for event in names.events if event not in before]
        signals = {event: self.part(Signal, 0.9) for event in waited if dice.random() < 0.15}
        if dice.random() < 0.15:
            signals[names.fresh("call-off")] = {"then": dice.choice(("cancel", "cancel-now", "ignore"))}
            names.events.append(list(signals)[-1])
        if keyed:
            plain |= {"key": "acct", "input": {"acct": "unique"}}
        else:
            plain.pop("one_at_a_time", None)
        if signals:
            plain["signals"] = signals
        if dice.random() < OPTION:
            plain["queries"] = ["state"]
        if dice.random() < OPTION:
            plain["updates"] = {
                names.fresh("change"): {
                    "steps": self.steps(1),
                    **({"one_at_a_time": True} if dice.random() < 0.3 else {}),
                }
            }
        if dice.random() < 2 * OPTION:
            plain["on_failure"] = self.steps(1)
        return plain

    def steps(self, count: int, depth: int = 0) -> list[Plain]:
        return [self.step(depth) for _ in range(count)]

    def step(self, depth: int) -> Plain:
        kinds = [kind for kind in STEP_KINDS if self._can(kind, depth)]
        kind = self.dice.choices(kinds, [WEIGHTS.get(each, 1) for each in kinds])[0]
        model = STEP_KINDS[kind]
        return self.part(model, OPTION * (2 if kind == "run" else 3), depth=depth, required=(kind, "as"))

    def _can(self, kind: str, depth: int) -> bool:
        if kind in ("call", "start"):
            return bool(self.names.workflows)
        if kind == "awakeable" or (kind == "choose" and not self.names.outcomes):
            return False
        holds = any(_holds_steps(each.annotation) for each in STEP_KINDS[kind].model_fields.values())
        return depth < NESTED or not holds or kind == "wait_for"

    def workload(self, workflows: Mapping[str, Plain], keyed: bool) -> Plain:
        dice, names = self.dice, self.names
        runs = dice.choice((1, 1, 1, 1, 2, 3))
        plain: Plain = {"of": [names.trade]}
        if runs > 1:
            plain |= {
                "runs": runs,
                "arrivals": {"at": [f"{each}ms" for each in sorted(dice.sample((0, 150, 400, 800), runs))]},
            }
            if keyed:
                plain["keys"] = [dice.choice(("k1", "k2")) for _ in range(runs)]
        sent = [event for event in names.events if dice.random() < 0.75]
        events: list[Plain] = [{"send": event, "to": dice.randint(1, runs), **self.time()} for event in sent]
        definition = workflows[names.trade]
        events += [{"query": each, "to": 1, **self.time()} for each in definition.get("queries", ())]
        events += [{"update": each, "to": 1, **self.time()} for each in definition.get("updates", ())]
        if dice.random() < 0.1:
            events.append({"operator": dice.choice(self.operators()), "to": dice.randint(1, runs), **self.time()})
        if events:
            plain["events"] = events
        if dice.random() < OPTION / 2:
            plain["after"] = "600ms"
        return plain

    def operators(self) -> tuple[str, ...]:
        return {"temporal": ("cancel", "kill"), "restate": ("cancel", "kill"), "inngest": ("cancel",)}[self.engine]

    def time(self) -> Plain:
        """When an event or a fault comes."""
        dice = self.dice
        if dice.random() < 0.4 or not self.names.runs:
            return {"at": dice.choice(("100ms", "300ms", "700ms", "1s200ms", "2s"))}
        after = {} if dice.random() < 0.5 else {"after": dice.choice(SPECIAL_TIMES["after"])}
        if dice.random() < 0.15:
            return {"when": {"event": dice.choice(("SleepStarted", "WaitStarted")), **after}}
        return {"when": {"step": dice.choice(self.names.runs), "moment": dice.choice(MOMENTS), **after}}

    def fault(self, workflows: Mapping[str, Plain]) -> Plain:
        dice = self.dice
        component = dice.choice(("app", "app", "engine"))
        pause = dice.choice(("300ms", "800ms", "1s500ms", "3s"))
        drawn: dict[str, Callable[[], Plain]] = {
            "crash": lambda: (
                self.part(
                    Crash, 0.2, given={"crash": component}, without=("at", "when", "replica", "down_for", "may_miss")
                )
                | {"down_for": pause}
            ),
            "hang": lambda: {"hang": component, "for": dice.choice(("300ms", "1s500ms", "4s"))},
            "outage": lambda: {"outage": dice.choice(self.names.services), "for": pause},
            "cut": lambda: {"cut": ["app", "engine"], "for": dice.choice(("200ms", "800ms", "2s"))},
            "deploy": lambda: self.deploy(workflows),
        }
        weights = {"crash": 10, "hang": 2, "outage": 1.5 if self.names.services else 0, "cut": 2, "deploy": 2}
        known = {Crash: "crash", Hang: "hang", Outage: "outage", Cut: "cut", Deploy: "deploy"}
        kind = dice.choices(list(known.values()), [weights[each] for each in known.values()])[0]
        return drawn[kind]() | self.time() | {"may_miss": True}

    def deploy(self, workflows: Mapping[str, Plain]) -> Plain:
        dice, names = self.dice, self.names
        labels = [each["run"] for each in workflows[names.trade]["steps"] if "run" in each]
        if not labels:
            raise Undrawable("nothing to change")
        one = dice.choice(labels)
        forms: dict[str, Callable[[], Any]] = {
            "rename": lambda: {one: f"{one}-again"},
            "insert": lambda: {"step": {"run": names.fresh("extra"), "takes": "60ms"}, "before": one},
            "drop": lambda: one,
            "swap": lambda: dice.sample(labels, 2) if len(labels) > 1 else [one, one],
            "append": lambda: {"run": names.fresh("extra"), "takes": "60ms"},
        }
        kind = dice.choice([each for each in Change.model_fields if each in forms])
        gap = {} if dice.random() < 0.4 else {"down_for": dice.choice(("300ms", "1s500ms"))}
        return {"deploy": names.trade, "change": [{kind: forms[kind]()}], **gap}

    def deployment(self) -> Plain:
        model = {"temporal": TemporalDeployment, "inngest": InngestDeployment, "restate": RestateDeployment}[
            self.engine
        ]
        plain = self.part(model, 0.2)
        if self.engine == "temporal":
            plain["workers"] = self.workers()
            plain.setdefault("step_timeout", self.dice.choice(("2s", "4s")))
            if len(plain["workers"]) > 1:
                plain["eager_activities"] = False
            return plain
        key = "service" if self.engine == "restate" else "app"
        inner: Plain = {
            k: v for k, v in plain.get(key, {}).items() if k not in ("name", "platform", "endpoint", "framework")
        }
        if self.engine == "restate":
            inner["kind"] = self.dice.choice(("service", "service", "workflow", "object"))
            if self.dice.random() < 0.35:
                inner["mode"] = "request-response"
            plain["server"] = {"partitions": 8}
        else:
            inner["checkpointing"] = False
            plain["server"] = {"store": "redis" if self.dice.random() < 0.2 else "memory"}
        plain[key] = inner | {"sdk": self.sdk}
        return plain

    def workers(self) -> list[Plain]:
        dice = self.dice
        if dice.random() < 0.3:
            pools = [{"name": "brain", "runs": "workflows"}, {"name": "hands", "runs": "activities", "queue": "acts"}]
        else:
            pools = [{"name": "worker", "runs": "both", "replicas": dice.choice((1, 1, 1, 2))}]
        from durascope.models.deployments import TemporalWorker

        options = {"cache": (0, 1, 1000), "slots": (1, 2, 5)}
        fixed = ("name", "runs", "queue", "replicas", "sdk", "platform", *options)
        drawn: list[Plain] = []
        for pool in pools:
            more = {key: dice.choice(values) for key, values in options.items() if dice.random() < 0.12}
            drawn.append(pool | self.part(TemporalWorker, OPTION, without=fixed) | more | {"sdk": self.sdk})
        return drawn

    # ---- a part, from the fields of its model ----------------------------------------------------------------

    def part(
        self, model: type[BaseModel], share: float, *, depth: int = 0, required: tuple[str, ...] = (),
        given: Plain | None = None, without: tuple[str, ...] = (),
    ) -> Plain:  # fmt: skip
        """A part of that model: what it must have, and each of its options that often. Drawn until it is valid."""
        untouched = UNTOUCHED.get(model, set()) | set(without) | set(given or ())
        others = _of_other_engines(model, self.engine)
        for _ in range(TRIES):
            plain: Plain = dict(given or {})
            for name, info in model.model_fields.items():
                written = info.alias or name
                must = info.is_required() or written in required
                if name in untouched or (written in others and not must):
                    continue
                if must or self.dice.random() < share * (8 if name == "takes" else 1):
                    value = self.value(model, name, info, depth)
                    if value is not None:
                        plain[written] = value
            try:
                TypeAdapter(model).validate_python(plain)
            except ValidationError:
                continue
            return plain
        raise Undrawable(f"no {model.__name__} came of it")

    def value(self, model: type[BaseModel], name: str, info: FieldInfo, depth: int) -> Any:
        special = _SPECIAL.get((model.__name__, name)) or _SPECIAL.get(("", name))
        if special is not None:
            return special(self)
        return self.of(info.annotation, info.metadata, name, depth)

    def of(self, annotation: Any, metadata: list[Any], name: str, depth: int) -> Any:
        """A value that an annotation allows; None where nothing is to be said of it."""
        if get_origin(annotation) is Annotated:
            return self.of(get_args(annotation)[0], [*metadata, *annotation.__metadata__], name, depth)
        readers = [each.func for each in metadata if isinstance(each, BeforeValidator)]
        if annotation is units.Spread or spreads.Spread is annotation or durations.parse_duration in readers:
            return self.dice.choice(SPECIAL_TIMES.get(name, LONG if "timeout" in name else TIMES))
        if units.parse_share in readers:
            return self.dice.choice(("0%", "20%", "50%", "100%"))
        if units.parse_rate in readers:
            return self.dice.choice(("2/s", "5/s"))
        if units.parse_size in readers:
            return "2KB"
        if _is_step(annotation):
            return self.step(depth + 1)
        origin = get_origin(annotation)
        if origin is Literal:
            return self.dice.choice(get_args(annotation))
        if origin in (Union, types.UnionType):
            forms = [each for each in get_args(annotation) if each is not type(None)]
            return self.of(self.dice.choice(forms), metadata if len(forms) == 1 else [], name, depth)
        if origin is tuple:
            least = max([1, *(each.min_length for each in metadata if isinstance(each, MinLen))])
            return [self.of(get_args(annotation)[0], [], name, depth) for _ in range(self.dice.randint(least, 2))]
        if origin is dict:
            return {self.names.fresh(name): self.of(get_args(annotation)[1], [], name, depth)}
        if annotation is bool:
            return True
        if annotation in (int, float):
            return _number(metadata, self.dice, annotation)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return self.part(annotation, 0.5 if annotation is not Run else OPTION, depth=depth + 1)
        if annotation is str and any(getattr(each, "pattern", None) for each in metadata):
            return self.names.fresh(name)
        return None


def _number(metadata: list[Any], dice: random.Random, kind: type) -> int | float:
    """A small number within its bounds."""
    least = max(1, *(int(getattr(each, "ge", 1)) for each in metadata), 1)
    most = min(least + 3, *(int(getattr(each, "le", least + 3)) for each in metadata), least + 3)
    return kind(dice.randint(least, most))


def _is_step(annotation: Any) -> bool:
    """Whether it is the union of all kinds of steps."""
    if get_origin(annotation) is Annotated:
        return _is_step(get_args(annotation)[0])
    members = [get_args(each)[0] if get_origin(each) is Annotated else each for each in get_args(annotation)]
    return Run in members and len(members) >= len(STEP_KINDS)


def _holds_steps(annotation: Any) -> bool:
    return _is_step(annotation) or any(_holds_steps(each) for each in get_args(annotation))


_DESCRIBED: Final[dict[str, dict[str, str]]] = {}


def _of_other_engines(model: type[BaseModel], engine: str) -> set[str]:
    """The fields whose description begins with another engine's name: `Temporal: schedule-to-start.`"""
    if not _DESCRIBED:
        for name, part in scenario_schema()["$defs"].items():
            fields: dict[str, Any] = part.get("properties", {})
            _DESCRIBED[name] = {written: str(each.get("description", "")) for written, each in fields.items()}
    others = {"temporal", "inngest", "restate"} - {engine}
    described = _DESCRIBED.get(model.__name__, {})
    return {name for name, text in described.items() if text.split(":")[0].split(",")[0].lower() in others}


# ---- what an annotation can't say ----------------------------------------------------------------------------


def _run(drawing: _Drawing) -> str:
    names = drawing.names
    name = names.steps.pop() if names.steps else names.fresh(f"{names.trade}-job")
    names.runs.append(name)
    return name


def _event(drawing: _Drawing) -> str:
    name = drawing.names.fresh("evt")
    drawing.names.events.append(name)
    return name


def _takes(drawing: _Drawing) -> Any:
    dice = drawing.dice
    return dice.choice((dice.choice(SHORT), dice.choice(SHORT), dice.choice(SHORT), ["2s500ms", "80ms"]))


def _fails(drawing: _Drawing) -> Any:
    return drawing.dice.choice(
        (
            1,
            2,
            {"times": 1, "moment": "after-effect"},
            {"always": True, "error": "Refused", "retryable": False},
            {"times": 1, "error": "Busy", "retry_after": "300ms"},
        )
    )


def _undo(drawing: _Drawing) -> Plain:
    name = drawing.names.fresh("undo")
    return {"run": name, "takes": "40ms"}


def _outcome(drawing: _Drawing) -> Plain:
    name = drawing.names.fresh("good").replace("-", "_")
    drawing.names.outcomes.append(name)
    return {name: drawing.dice.choice(("0%", "50%", "100%"))}


def _choices(drawing: _Drawing) -> list[Plain]:
    outcome = drawing.dice.choice(drawing.names.outcomes)
    return [{"when": drawing.dice.choice((outcome, f"not {outcome}")), "do": drawing.steps(1, NESTED)},
            {"otherwise": drawing.steps(1, NESTED)}]  # fmt: skip


def _branches(drawing: _Drawing) -> list[list[Plain]]:
    return [drawing.steps(drawing.dice.choice((1, 1, 2)), NESTED) for _ in range(drawing.dice.choice((2, 2, 3)))]


def _rounds(drawing: _Drawing) -> list[Plain]:
    """What is done several times: each time under another name."""
    as_ = "{k}"
    name = drawing.names.fresh("round")
    steps: list[Plain] = [{"run": f"{name}-{as_}", "takes": drawing.dice.choice(SHORT)}]
    if drawing.dice.random() < 0.5:
        steps.append({"sleep": drawing.dice.choice(("300ms", "1s")), "name": f"{name}-nap-{as_}"})
    return steps


def _retry(drawing: _Drawing) -> Plain:
    dice = drawing.dice
    plain: Plain = {"initial": dice.choice(SPECIAL_TIMES["initial"]), "max_attempts": dice.choice((1, 2, 3, 5))}
    return plain | ({"factor": 1.0} if dice.random() < 0.3 else {})


def _heartbeat(drawing: _Drawing) -> Plain:
    return {"timeout": drawing.dice.choice(("500ms", "1s")), "every": drawing.dice.choice(("100ms", "200ms", "never"))}


def _one_of(names: str) -> Callable[[_Drawing], Any]:
    def chosen(drawing: _Drawing) -> Any:
        among: list[str] = getattr(drawing.names, names)
        return drawing.dice.choice(among) if among else None

    return chosen


def _fixed(*values: Any) -> Callable[[_Drawing], Any]:
    return lambda drawing: drawing.dice.choice(values)


_SPECIAL: Final[dict[tuple[str, str], Callable[[_Drawing], Any]]] = {
    ("Run", "run"): _run,
    ("Run", "takes"): _takes,
    ("Run", "fails"): _fails,
    ("Run", "undo"): _undo,
    ("Call", "undo"): _undo,
    ("Run", "result"): _outcome,
    ("Run", "retry"): _retry,
    ("Run", "heartbeat"): _heartbeat,
    ("Run", "on"): _one_of("services"),
    ("Run", "idempotency_key"): _one_of("fields"),
    ("Run", "queue"): _fixed(None),
    ("Workflow", "retry"): _retry,
    ("Workflow", "service"): _fixed("desk", "office"),
    ("RestateDeployment", "retry"): lambda drawing: _retry(drawing) | {"then": drawing.dice.choice(("pause", "kill"))},
    ("WaitFor", "wait_for"): _event,
    ("WaitFor", "times"): _fixed(None),
    ("WaitFor", "match"): _one_of("fields"),
    ("Signal", "match"): _one_of("fields"),
    ("Send", "send"): lambda drawing: drawing.dice.choice(drawing.names.events) if drawing.names.events else "news",
    ("Send", "to"): _fixed(1),
    ("Call", "call"): _one_of("workflows"),
    ("Call", "key"): _fixed(None),
    ("Start", "start"): _one_of("workflows"),
    ("Start", "key"): _fixed(None),
    ("Parallel", "parallel"): _branches,
    ("Race", "race"): _branches,
    ("Repeat", "repeat"): _fixed(2, 3),
    ("Repeat", "do"): _rounds,
    ("Repeat", "as_"): _fixed("k"),
    ("ForEach", "for_each"): _fixed(2, 3, 4),
    ("ForEach", "do"): _rounds,
    ("ForEach", "as_"): _fixed("k"),
    ("Choose", "choose"): _choices,
    ("Fail", "fail"): _fixed("rejected by policy"),
    ("Fail", "code"): _fixed(409),
    ("Bug", "bug"): _fixed("unreachable state"),
    ("Finish", "finish"): _fixed("enough"),
    ("Set", "set"): _fixed("total"),
    ("Set", "value"): _fixed(3, "three"),
    ("Get", "get"): _fixed("total", "*"),
    ("Clear", "clear"): _fixed("total", "*"),
    ("InngestDeployment", "flow"): _fixed({"concurrency": {"limit": 1}}, {"throttle": {"limit": 1, "period": "1s"}}),
    ("", "replicas"): _fixed(1, 1, 2),
    ("", "nodes"): _fixed(None),
    ("", "hosting"): _fixed(None),
}
"""Names refer to something, loops name their rounds, failures have causes; by model and field, or by field alone."""
