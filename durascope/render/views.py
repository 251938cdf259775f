"""The views by name: what each shows, what it needs, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from durascope.models.engine import engine as spec_of
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.render.picture import Picture

ViewName = Literal["architecture", "workflow", "sequence", "timeline", "journal", "queues", "comparison"]


@dataclass(frozen=True, slots=True)
class Options:
    """What can be asked of the views that know it; the others pay no heed."""

    load: bool = False
    """architecture: rates and depths of the simulated run on it."""
    paint: bool = False
    """workflow: coloured with what happened."""
    linear: bool = False
    """timeline, queues, comparison: the true axis."""
    all: bool = False
    """sequence: every component and every message."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a picture is drawn from."""

    scenario: Scenario
    engine: str
    """Empty for a view that has no engine."""
    traces: Sequence[Trace]
    """The engine's trace where there is one; all engines' for a view that has no engine."""
    options: Options


@dataclass(frozen=True, slots=True)
class View:
    """One way to look at a scenario."""

    about: str
    needs_trace: Callable[[Options], bool]
    draw: Callable[[Asked], Picture]
    by_engine: Callable[[Options], bool]


def _architecture(asked: Asked) -> Picture:
    from durascope.render.architecture import draw

    if asked.options.load and asked.traces:
        from durascope.render.load import draw_loaded

        return draw_loaded(asked.scenario, asked.traces[0])
    return draw(asked.scenario, asked.engine)


def _workflow(asked: Asked) -> Picture:
    from durascope.render.painting import painted
    from durascope.render.workflow import draw

    if asked.options.paint and asked.traces:
        painting = painted(asked.traces[0], asked.scenario)
        return draw(asked.scenario, asked.engine or None, paint=painting.states, whose=painting.whose)
    return draw(asked.scenario)


def _sequence(asked: Asked) -> Picture:
    from durascope.render.sequence import draw

    return draw(asked.traces[0], asked.scenario, whole=asked.options.all)


def _timeline(asked: Asked) -> Picture:
    from durascope.render.timeline import draw

    return draw(asked.traces[0], asked.scenario, linear=asked.options.linear)


def _journal(asked: Asked) -> Picture:
    from durascope.render.journal import draw

    return draw(asked.traces[0], asked.scenario)


def _queues(asked: Asked) -> Picture:
    from durascope.render.queues import draw

    return draw(asked.traces[0], asked.scenario, linear=asked.options.linear)


def _comparison(asked: Asked) -> Picture:
    from durascope.render.comparison import draw

    return draw(asked.traces, asked.scenario, linear=asked.options.linear)


def _always(_: Options) -> bool:
    return True


def _never(_: Options) -> bool:
    return False


def _if_loaded(options: Options) -> bool:
    return options.load


def _if_painted(options: Options) -> bool:
    return options.paint


VIEWS: Final[dict[ViewName, View]] = {
    "architecture": View("components, queues, stores, workers, services", _if_loaded, _architecture, _always),
    "workflow": View("the steps as a graph", _if_painted, _workflow, _if_painted),
    "sequence": View("who says what to whom", _always, _sequence, _always),
    "timeline": View("runs, attempts, components over time", _always, _timeline, _always),
    "journal": View("the record as it grows, and its replays", _always, _journal, _always),
    "queues": View("depth and waiting time of the queues", _always, _queues, _always),
    "comparison": View("the engines under one another", _always, _comparison, _never),
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture and what it is called."""

    view: ViewName
    engine: str | None
    name: str
    """`SCENARIO.ENGINE.VIEW`, or `SCENARIO.VIEW` where the view has no engine."""
    picture: Picture


def pictures(
    scenario: Scenario,
    engines: Sequence[str],
    traces: Mapping[str, Trace],
    wanted: Sequence[ViewName] = tuple(VIEWS),
    options: Options = Options(),
) -> Iterator[Drawn]:
    """The wanted views, one after the other; of the views of one engine one for each.

    `traces` has each engine's trace where a view needs one. A view that an engine cannot have (an architecture that it
    does not draw, a comparison of one) is passed over.

    >>> from durascope.models.loading import load_scenario
    >>> from durascope.simulators.simulate import simulate
    >>> payment = load_scenario("payment")
    >>> trace = simulate(payment, "temporal")
    >>> views = pictures(payment, ["temporal"], {"temporal": trace}, ["timeline", "workflow"])
    >>> [view.name for view in views]
    ['payment.temporal.timeline', 'payment.workflow']
    """
    for name in wanted:
        view = VIEWS[name]
        if not view.by_engine(options):
            listed = [traces[engine] for engine in engines if engine in traces]
            if name != "comparison" or len(listed) > 1:
                yield Drawn(name, None, f"{scenario.scenario}.{name}", view.draw(Asked(scenario, "", listed, options)))
            continue
        for engine in engines:
            if name == "architecture" and not spec_of(engine).architecture:
                continue
            mine = [traces[engine]] if engine in traces else []
            picture = view.draw(Asked(scenario, engine, mine, options))
            yield Drawn(name, engine, f"{scenario.scenario}.{engine}.{name}", picture)


def need_traces(wanted: Sequence[ViewName], options: Options) -> bool:
    """Whether any of the views needs a simulation."""
    return any(VIEWS[name].needs_trace(options) for name in wanted)
