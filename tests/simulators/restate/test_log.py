"""The partition's log: records are applied when they are committed, in the order in which they were appended (§1)."""

from __future__ import annotations

from durascope.models.units import MILLISECOND, Spread
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.world import World
from durascope.simulators.restate.log import PartitionLog, Record


class Reader(Component):
    """A leader that notes which record it applies when."""

    __slots__ = ("applied", "log")

    def __init__(self, commit: object) -> None:
        super().__init__(World(0, full=False), "leader")
        self.log = PartitionLog(0, Spread.parse(commit))
        self.applied: list[tuple[str, int]] = []

    def apply(self, record: Record) -> None:
        self.applied.append((record[0], self.world.now))

    def appends(self, *names: str, every: int = MILLISECOND) -> list[tuple[str, int]]:
        """Appends a record every so often, and lets all be committed."""
        for number, name in enumerate(names):
            self.world.after(number * every, self.log.append, self, (name,))
        self.world.run()
        return self.applied


def test_a_record_has_happened_when_it_is_committed_and_not_before() -> None:
    assert Reader("20ms").appends("a", "b", every=5 * MILLISECOND) == [
        ("a", 20 * MILLISECOND),
        ("b", 25 * MILLISECOND),
    ]


def test_however_long_commits_take_records_are_applied_in_the_order_of_appending() -> None:
    names = [f"record {number}" for number in range(50)]
    applied = Reader({"uniform": ["0ms", "30ms"]}).appends(*names)
    assert [name for name, _ in applied] == names
    assert [at for _, at in applied] == sorted(at for _, at in applied)


def test_what_is_not_committed_when_the_process_dies_is_lost_with_it() -> None:
    reader = Reader("20ms")
    reader.log.append(reader, ("lost",))
    reader.crash()
    reader.restart()
    assert reader.appends("kept") == [("kept", 20 * MILLISECOND)]
    assert reader.log.records == 1
