"""The result of a simulation: numbers, records, the ledger, every event, and pictures, all of which show themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from durascope.api.showing import html_table, mimebundle, played
from durascope.models.engine import title_of
from durascope.models.phrases import spell
from durascope.models.starts import not_begun
from durascope.models.trace import Effect, Event, RunSummary, Trace

if TYPE_CHECKING:
    from durascope.experiments.compare import Result as Simulated
    from durascope.experiments.expectations import Verdict
    from durascope.models.scenario import Scenario
    from durascope.render.picture import Picture


class Events(Sequence[Event]):
    """Every event of a simulation in its order, as rows; times (`at`) are in microseconds.

    >>> events = durascope.run("payment", "restate").events
    >>> events[0].kind.value, events[0].at
    ('message-sent', 0)
    >>> sum(event.kind == "run-started" for event in events)
    5
    """

    def __init__(self, rows: Sequence[Event]) -> None:
        self._rows = rows

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> Events: ...
    def __getitem__(self, index: int | slice) -> Event | Events:
        return Events(self._rows[index]) if isinstance(index, slice) else self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"<Events: {len(self)}>"

    def frame(self) -> Any:
        """A pandas data frame, a row for each event, its number as the index. Raises ImportError without pandas."""
        try:
            import pandas as pd  # pyright: ignore[reportMissingImports]
        except ModuleNotFoundError:
            raise ImportError("a frame needs pandas: pip install pandas (the rows need nothing)") from None
        return pd.DataFrame.from_records(list(self._rows), columns=list(Event._fields))

    def _repr_html_(self) -> str:
        fields = ("at", "lane", "kind", "run", "step", "attempt", "cause", "detail")
        rows = [[spell(event.at), *(getattr(event, name) for name in fields[1:])] for event in self._rows[:_MOST]]
        more = f"<p>… and {len(self) - _MOST:,} more</p>" if len(self) > _MOST else ""
        return html_table(fields, rows) + more


_MOST = 50
"""At most this many events are shown."""


class Result:
    """What one engine did with a scenario.

    >>> result = durascope.run("order-fulfillment", "restate")
    >>> result.status
    {'run 1': 'completed'}
    >>> result.records["run 1"][0]
    'Input'
    >>> 5_000 < result.metrics["latency_ms"]["max"] < 6_000
    True
    >>> result.held
    True
    """

    def __init__(self, scenario: Scenario, simulated: Simulated) -> None:
        self.scenario = scenario
        """The scenario that was simulated."""
        self.trace: Trace = simulated.trace
        """What happened, in full: see `durascope.models.trace`."""
        self.metrics: Mapping[str, Any] = simulated.metrics
        """Numbers, as `durascope run --json` gives them; names that end in `_ms` are milliseconds."""
        self.expectations: Sequence[Verdict] = simulated.verdicts
        """Each expectation of the scenario, whether it held, and what was found."""
        self.held: bool = simulated.held
        """Whether all of them held."""

    @property
    def engine(self) -> str:
        """The engine's name."""
        return self.trace.engine

    @property
    def status(self) -> Mapping[str, str]:
        """How each run ended, by its name."""
        return dict(self.trace.status)

    @property
    def runs(self) -> Sequence[RunSummary]:
        """Each run's name, workflow, start and end (microseconds) and status."""
        return self.trace.runs

    @property
    def records(self) -> Mapping[str, Sequence[str]]:
        """The engine's own record of each run, line by line; empty if more than 100 runs were only counted."""
        return self.trace.records

    @property
    def ledger(self) -> Sequence[Effect]:
        """Every side effect, as its service has counted it."""
        return self.trace.ledger

    @property
    def effects(self) -> Mapping[str, int]:
        """How many times each step's side effect happened."""
        return dict(self.trace.effects)

    @property
    def duplicates(self) -> int:
        """Side effects that had happened before."""
        return round(self.trace.counters.get("duplicate_effects", 0))

    @property
    def notes(self) -> Sequence[str]:
        """What the engine does not do by itself of this scenario, and what a user does instead."""
        return self.trace.notes

    @property
    def events(self) -> Events:
        """Every event; empty if more than 100 runs were only counted."""
        return Events(self.trace.events)

    # ---- pictures ------------------------------------------------------------------------------------------

    def timeline(self, *, linear: bool = False) -> Picture:
        """Runs, attempts and components over time; `linear`: without cutting out idle stretches."""
        from durascope.render.timeline import draw

        return draw(self._kept(), self.scenario, linear=linear)

    def sequence(self, *, whole: bool = False) -> Picture:
        """Who says what to whom: eight life lines at most; `whole`: every component and every message."""
        from durascope.render.sequence import draw

        return draw(self._kept(), self.scenario, whole=whole)

    def journal(self, run: str | None = None) -> Picture:
        """The record of a run as it grows, and what each replay read back; default: a run that something happened to.

        Raises ValueError if there is no such run.
        """
        from durascope.render.journal import draw

        trace = self._kept()
        if run is not None and run not in trace.records:
            raise ValueError(f"there is no record of {run!r}; there are records of {', '.join(trace.records)}")
        return draw(trace, self.scenario, run=run)

    def queues(self) -> Picture:
        """Depth and waiting time of the queues."""
        from durascope.render.queues import draw

        return draw(self._kept(), self.scenario)

    def architecture(self) -> Picture:
        """Components, queues, stores, workers, services. Raises ValueError for an engine that has none to draw."""
        from durascope.render.architecture import draw

        return draw(self.scenario, self.engine)

    def workflow(self) -> Picture:
        """The steps as a graph, coloured with what happened in this run."""
        from durascope.render.painting import painted
        from durascope.render.workflow import draw

        painting = painted(self._kept(), self.scenario)
        return draw(self.scenario, self.engine, paint=painting.states, whose=painting.whose)

    def _kept(self) -> Trace:
        if not self.trace.events:
            raise ValueError("with this many runs, no events are kept: use full=True, or fewer runs")
        return self.trace

    # ---- how it shows itself -------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"<Result {self.scenario.scenario} on {title_of(self.engine)}: {self._outcome()}>"

    def _outcome(self) -> str:
        ends = Counter([run.status for run in self.runs] + list(not_begun(self.trace).values()))
        lasted = [run.ended_at - run.started_at for run in self.runs if run.ended_at is not None]
        if ends.total() == len(self.runs) == 1:
            ended = next(iter(ends)) + (f" after {spell(lasted[0])}" if lasted else "")
        else:
            ended = ", ".join(f"{count:,} {status}" for status, count in ends.items()) or "no runs"
        effects, again = sum(self.effects.values()), self.duplicates
        return f"{ended}, {_some(effects, 'effect')}" + (f", {_some(again, 'duplicate')}" if again else "")

    def _repr_html_(self) -> str:
        title = f"<h4>{title_of(self.engine)}: {self._outcome()}</h4>"
        if not self.trace.events:
            return title
        return title + (played(self.scenario, [self.engine], self.trace.seed) or self.timeline().svg())

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return mimebundle(self, include, exclude)


class Results(Mapping[str, Result]):
    """What several engines did with a scenario, by engine.

    >>> results = durascope.run("order-fulfillment")
    >>> list(results)
    ['temporal', 'inngest', 'restate']
    >>> results["inngest"].duplicates
    1
    >>> results.comparison().save("comparison.svg")  # doctest: +SKIP
    """

    def __init__(self, scenario: Scenario, results: Sequence[Result]) -> None:
        self.scenario = scenario
        self._results = {each.engine: each for each in results}

    def __getitem__(self, engine: str) -> Result:
        if engine not in self._results:
            raise KeyError(f"{engine!r} was not run; there is {', '.join(self._results)}")
        return self._results[engine]

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)

    @property
    def held(self) -> bool:
        """Whether all expectations held on all engines."""
        return all(each.held for each in self.values())

    def comparison(self, *, linear: bool = False) -> Picture:
        """The engines' timelines under one another, and the numbers. Raises ValueError for fewer than two engines."""
        from durascope.render.comparison import draw

        if len(self) < 2:
            raise ValueError("a comparison needs two engines or more")
        return draw([each.trace for each in self.values()], self.scenario, linear=linear)

    def summary(self) -> Mapping[str, Mapping[str, str]]:
        """The numbers in words, as `durascope run` prints them: by engine and by what is counted."""
        from durascope.render.text.summary import rows

        metrics = {name: each.metrics for name, each in self.items()}
        listed = rows(metrics, runs=self.scenario.workload.runs)
        return {name: {words: cells[number] for words, cells in listed} for number, name in enumerate(metrics)}

    def __repr__(self) -> str:
        return f"<Results {self.scenario.scenario}: {', '.join(self)}>"

    def _repr_html_(self) -> str:
        summary = self.summary()
        words = list(next(iter(summary.values()), {}))
        table = html_table(
            ("", *map(title_of, summary)), [[word, *(each[word] for each in summary.values())] for word in words]
        )
        if not self or not all(each.trace.events for each in self.values()):
            return table
        shown = played(self.scenario, list(self), next(iter(self.values())).trace.seed)
        return (shown or (self.comparison().svg() if len(self) > 1 else "")) + table

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return mimebundle(self, include, exclude)


def _some(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
