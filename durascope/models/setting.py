"""One `--set path=value`: any field of a scenario, where a step may be addressed by its label.

A path's parts are joined with dots. In a mapping a part is a key (keys that hold dots are found, too), in a list it
is an index from 0, or the name of a worker or step; a step is found however deep it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from durascope.models.problems import Problem, suggestion
from durascope.models.source import Path, Place, Source, Value
from durascope.models.steps import STEP_KINDS
from durascope.models.yaml12 import compose

_SHORT_FORMS: Final = {"undo": "run", "fails": "times"}
"""Fields whose mapping may be written as one of its values."""

_NAMED: Final[tuple[Path, ...]] = (("services",), ("workflows",))


class Unaddressable(Exception):
    """A path that leads nowhere."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Setting:
    """A path and the value to put there, with their places on the command line."""

    source: Source
    path: str
    value: Value

    @classmethod
    def parse(cls, text: str, option: str = "--set") -> Setting:
        """`services.stripe.latency={p50: 1s, p99: 2s}`. Raises `Unaddressable`, and `ScenarioProblems` for bad YAML.

        `option`: where the setting was written, as errors name it.
        """
        source = Source(option, text)
        path, equals, written = text.partition("=")
        if not equals or not path.strip():
            problem = source.problem(
                "bad-setting", "a setting is a path and a value", help=f"write {option} path=value"
            )
            raise Unaddressable(problem)
        if not written.strip():
            return cls(source, path, Value(Place(source, 1, len(text) + 1)))
        value, problems = compose(source, " " * (len(path) + 1) + written)
        if problems:
            raise Unaddressable(problems[0])
        return cls(source, path, value)

    def applied_to(self, scenario: Value) -> Value:
        """The document with the value in its place. Raises `Unaddressable`."""
        return self._put(scenario, self.path, 1, ())

    def _put(self, inside: Value, path: str, column: int, at: Path) -> Value:
        """The value, which stands `at` a path, with the setting made at a path in it, which begins at a column."""
        if inside.inside is None:
            inside = self._opened(inside, path, column)
        target, rest = self._step_to(inside, path, column, at)
        after = column + len(path) - len(rest)
        place = Place(self.source, 1, column)
        old = inside.find(target) if inside.existing(target) == target else Value(place, key=place)
        if rest:
            short = _SHORT_FORMS.get(str(target[-1]))
            if short is not None and old.scalar is not None:
                old = replace(old, scalar=None, inside={short: Value(old.place, old.scalar)})
            new = self._put(old, rest, after, (*at, *target))
        else:
            new = replace(self.value, key=place)
        return inside.replaced(target, new)

    def _opened(self, value: Value, path: str, column: int) -> Value:
        """What was not there, as a mapping or list that has nothing in it yet."""
        if value.scalar is not None:
            self._fail(column, f"there is nothing inside of {value.scalar!r}"[:100], "shorten the path")
        return replace(value, inside=() if path.partition(".")[0].isdecimal() else {})

    def _step_to(self, inside: Value, path: str, column: int, at: Path) -> tuple[Path, str]:
        """The path that the next part means, and the parts that follow."""
        head, _, rest = path.partition(".")
        if not head:
            self._fail(column, "a part of the path is empty", "write one dot between two parts")
        if isinstance(inside.inside, Mapping):
            keys = [key for key in inside.inside if path == key or path.startswith(f"{key}.")]
            if not keys and rest and at in _NAMED:  # a new one is set as a whole
                what = str(at[0]).removesuffix("s")
                self._fail(column, f"there is no {what} `{head[:60]}`", suggestion(head, inside.inside, f"{what}s"))
            key = max(keys, key=len, default=head)
            return (key,), path[len(key) + 1 :]
        items = inside.inside or ()
        if head.isdecimal():
            if len(head) > 6 or int(head) > len(items):
                self._fail(column, f"there is no item {head[:20]}", f"items are numbered from 0 to {len(items)}")
            return (int(head),), rest
        return self._labelled(inside, path, column)

    def _labelled(self, inside: Value, path: str, column: int) -> tuple[Path, str]:
        labelled = list(_labels(inside))
        found = [(label, at) for label, at in labelled if path == label or path.startswith(f"{label}.")]
        longest = max((len(label) for label, _ in found), default=0)
        found = [(label, at) for label, at in found if len(label) == longest]
        head = path.partition(".")[0]
        if not found:
            self._fail(
                column,
                f"nothing here is called `{head[:60]}`",
                suggestion(head, (each for each, _ in labelled), "names"),
            )
        if len(found) > 1:
            self._fail(column, f"several are called `{found[0][0][:60]}`", "address one of them by its index, from 0")
        return found[0][1], path[longest + 1 :]

    def _fail(self, column: int, message: str, help: str) -> None:  # noqa: A002
        raise Unaddressable(self.source.problem("bad-setting", message, column=column, help=help))


def _labels(value: Value, path: Path = ()) -> Iterator[tuple[str, Path]]:
    """The names of workers and the labels of steps, at any depth, and where they stand."""
    if isinstance(value.inside, Mapping):
        keys = ("name", *STEP_KINDS)
        label = next((found.scalar for key in keys if (found := value.inside.get(key)) is not None), None)
        if isinstance(label, str):
            yield label, path
        for key, inner in value.inside.items():
            if key == "undo" and isinstance(inner.scalar, str):
                yield inner.scalar, (*path, key)
            yield from _labels(inner, (*path, key))
    else:
        for index, inner in enumerate(value.inside or ()):
            yield from _labels(inner, (*path, index))
