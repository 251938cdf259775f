"""The engines there are, and what each says of itself: one `EngineSpec` an engine, found by its name.

The engines that ship are the packages in `durascope.engines`. Another distribution adds one by an entry point in the
group `durascope.engines` that names its `EngineSpec`; its name in the group is the engine's name:

    [project.entry-points."durascope.engines"]
    toy = "toy_engine:ENGINE"

A spec names the parts that other rooms keep (the simulator, the drawing, the live runner) as `module:attribute`, so
that reading a scenario imports no simulator, and drawing one neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Final

from durascope.models.problems import suggestion

if TYPE_CHECKING:
    from durascope.models.scenario import Scenario

BUILT_IN: Final = ("temporal", "inngest", "restate", "queue", "state-machine", "checkpoint")
"""The engines that ship, in the order in which they are shown."""
GROUP: Final = "durascope.engines"
"""The group of entry points under which other distributions name theirs."""


class UnknownEngine(ValueError):
    """There is no engine of that name; the text names those there are."""


class BrokenEngine(ImportError):
    """Another distribution's engine cannot be imported; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an engine that another room keeps: `module:attribute`, imported when it is used."""

    place: str

    def __bool__(self) -> bool:
        return bool(self.place)

    def load(self) -> Any:
        """The part itself. Raises ImportError if something it needs is not installed."""
        module, _, attribute = self.place.partition(":")
        return getattr(import_module(module), attribute)


NOTHING: Final = Part("")


@dataclass(frozen=True, slots=True)
class Colours:
    """An engine's colours: of pictures as `#rrggbb`, of the terminal as Rich calls them."""

    frame: str = "#f4f6f9"
    """The paper of its server."""
    frame_line: str = "#94a0b2"
    part_line: str = "#4a5568"
    """The lines around the parts in the server, and its name in comparisons."""
    terminal: str = "bold"


@dataclass(frozen=True, slots=True)
class Export:
    """A format of the engine's own that traces can be written in."""

    module: str
    """Has `write(trace, scenario) -> bytes`, and `files` where it makes several."""
    suffix: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """An engine: its names, its colours, and where its parts are. All but name and simulator may be left out."""

    name: str
    """As `--engine` and `deployments` call it: lower case, no spaces."""
    title: str
    """As a reader reads it."""
    simulator: Part
    """A `durascope.simulators.engine.Engine`."""
    record: str = "record"
    """What it calls what it keeps of a run: event history, journal, …"""
    record_reads: str = ""
    """How the lines of its record are read, in a sentence for those who see them for the first time."""
    baseline: bool = False
    """Whether it is shown only when it is asked for: something to compare the others with."""
    colours: Colours = Colours()
    steps: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """What its TypeScript SDK (and most others) and its Python SDK call a kind of step."""
    deployment: Part = NOTHING
    """The model of `deployments.NAME`; without one it has no options."""
    components: Part = NOTHING
    """`(deployment) -> {name: replicas}`: what a fault can name, beside `app` and `engine`, which all have."""
    notes: Part = NOTHING
    """`(scenario) -> Iterable[str]`: what it does not do by itself, and what a user does instead."""
    checks: Part = NOTHING
    """`(checks) -> None`: what is to be checked of its deployment; see `models.checks.Checks`."""
    architecture: Part = NOTHING
    """`(scenario) -> render.diagram.Diagram`."""
    exports: Mapping[str, Export] = field(default_factory=dict[str, Export])
    case: Part = NOTHING
    """The `models.cases.Case` of its recordings, where they hold more than all cases do."""
    judge: Part = NOTHING
    """`(case or None) -> live.judging.Alike`: when a recording counts as what was predicted; else line by line."""
    finds_again: str = ""
    """How its parts, back after a crash, find again what they had in hand: its time is put behind it."""
    capacities: Part = NOTHING
    """`(scenario) -> Iterable[models.capacity.Capacity]`: what it has only so much of."""
    takes: str = ""
    """What a task in a queue waits for where nothing is used up: what there is about how it is taken."""
    live: Part = NOTHING
    """A `durascope.live.engine.LiveEngine`."""
    importer: Part = NOTHING
    """A module that makes scenarios of its recordings: see `durascope.importing.files`."""
    programs: Mapping[str, str] = field(default_factory=dict[str, str])
    """What running the real engine needs on the path, and how to get it."""
    modelled: Mapping[str, str] = field(default_factory=dict[str, str])
    """The versions whose behaviour the model has: what was recorded, and what rules that differ by version are of."""


def names() -> tuple[str, ...]:
    """The names of all engines: those that ship, then the others in alphabetical order. Imports none of them.

    >>> names()[:3]
    ('temporal', 'inngest', 'restate')
    """
    return (*BUILT_IN, *_others())


def engine(name: str) -> EngineSpec:
    """The engine of that name. Raises `UnknownEngine`, and `BrokenEngine` where another's cannot be imported.

    >>> engine("restate").title
    'Restate'
    >>> engine("restat")
    Traceback (most recent call last):
        ...
    durascope.models.engine.UnknownEngine: there is no engine 'restat'; did you mean `restate`?
    """
    if name in BUILT_IN:
        return import_module(f"durascope.engines.{name.replace('-', '_')}").ENGINE
    return _other(name)


def engines() -> tuple[EngineSpec, ...]:
    """All engines. Raises `BrokenEngine`."""
    return tuple(map(engine, names()))


def compared() -> tuple[str, ...]:
    """The engines that are shown unless others are asked for: all but the baselines."""
    return tuple(each.name for each in engines() if not each.baseline)


def shown(name: str) -> EngineSpec:
    """The engine of that name; for a trace of one that is not installed here, one that has only its name."""
    return engine(name) if name in names() else EngineSpec(name=name, title=name, simulator=NOTHING)


def title_of(name: str) -> str:
    """An engine's title.

    >>> title_of("inngest")
    'Inngest'
    """
    return shown(name).title


def named_in(name: str, note: str) -> str:
    """A note of an engine as it stands among those of others: with the engine's title in front."""
    title = title_of(name)
    return note if note.startswith(title) else f"{title}: {note}"


def notes_of(name: str, scenario: Scenario) -> tuple[str, ...]:
    """What the engine does not do by itself of a scenario, and what a user does instead; each once.

    >>> from durascope.models.loading import load_scenario
    >>> notes_of("restate", load_scenario("payment"))
    ()
    """
    from durascope.models.unmodelled import unmodelled

    own = engine(name).notes
    return tuple(dict.fromkeys((*(own.load()(scenario) if own else ()), *unmodelled(scenario, name))))


@cache
def _others() -> Mapping[str, EntryPoint]:
    found = sorted(entry_points(group=GROUP), key=lambda each: each.name)
    return {each.name: each for each in found if each.name not in BUILT_IN}


@cache
def _other(name: str) -> EngineSpec:
    point = _others().get(name)
    if point is None:
        raise UnknownEngine(f"there is no engine {name!r}; {suggestion(name, names(), 'the engines')}")
    try:
        found = point.load()
    except Exception as error:
        raise BrokenEngine(f"the engine {name} of {_origin(point)} cannot be loaded: {error}") from error
    if not isinstance(found, EngineSpec) or found.name != name:
        raise BrokenEngine(f"the engine {name} of {_origin(point)} is not an EngineSpec of that name")
    return found


def origin(name: str) -> str:
    """Where an engine comes from: durascope itself, or another distribution and its version."""
    return "built in" if name in BUILT_IN else _origin(_others()[name])


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
