"""A component: durable or gone (law 1), and a fault that strikes exactly where it is told to (law 8)."""

from __future__ import annotations

from durascope.models.scenario import Trigger
from durascope.models.trace import Kind
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.faults import Moments
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World

RUN = RunInfo("run 1", "order", 1, None, {}, "run 1")


class Counter(Component):
    """Counts in memory and on disk."""

    def __init__(self, world: World, disk: list[int]) -> None:
        self.disk = disk
        super().__init__(world, "counter")

    def reset(self) -> None:
        self.memory = 0

    def started(self) -> None:
        self.memory = len(self.disk)

    def count(self) -> None:
        self.memory += 1
        self.disk.append(self.memory)


def world() -> World:
    return World(0, full=True)


def kinds(world: World) -> list[Kind]:
    return [event.kind for event in world.recorder.events]


def test_what_is_volatile_is_gone_with_a_crash_and_what_is_stored_is_not() -> None:
    here, disk = world(), list[int]()
    counter = Counter(here, disk)
    counter.execute(counter.count)
    counter.crash()
    assert (counter.memory, disk) == (0, [1])
    counter.restart()
    assert counter.memory == 1


def test_callbacks_of_a_dead_process_never_happen_even_when_it_is_back() -> None:
    here, disk = world(), list[int]()
    counter = Counter(here, disk)
    counter.after(1_000, counter.count)
    here.after(500, counter.crash)
    here.after(600, counter.restart)
    here.run()
    assert disk == []


def test_a_process_that_hangs_goes_on_late_as_if_nothing_had_happened() -> None:
    here, disk = world(), list[int]()
    counter = Counter(here, disk)
    counter.after(1_000, lambda: disk.append(here.now))
    here.after(500, counter.hang)
    here.after(9_000, counter.resume)
    here.run()
    assert disk == [9_000]
    assert kinds(here) == [Kind.HUNG, Kind.RESUMED]


def test_a_fault_at_a_moment_stops_the_code_at_that_very_line() -> None:
    here, disk = world(), list[int]()
    here.moments = Moments(here)
    counter = Counter(here, disk)
    here.moments.wait(Trigger(step="charge", moment="after-effect"), lambda _run: counter.crash())

    def charge() -> None:
        disk.append(1)
        here.moment("counter", Kind.STEP_AFTER_EFFECT, RUN, "charge", 1)
        disk.append(2)

    counter.after(10, charge)
    here.run()
    assert disk == [1]


def test_a_fault_strikes_once() -> None:
    here = world()
    here.moments = Moments(here)
    struck: list[str | None] = []
    here.moments.wait(Trigger(step="charge", moment="started"), lambda run: struck.append(run and run.name))
    for _ in range(3):
        here.moment("app", Kind.STEP_STARTED, RUN, "charge", 1)
    assert struck == ["run 1"]


def test_a_fault_for_the_second_attempt_lets_the_first_pass() -> None:
    here = world()
    here.moments = Moments(here)
    struck: list[int] = []
    here.moments.wait(Trigger(step="charge", moment="started", attempt=2), lambda _run: struck.append(1))
    here.moment("app", Kind.STEP_STARTED, RUN, "charge", 1)
    assert struck == []
    here.moment("app", Kind.STEP_STARTED, RUN, "charge", 2)
    assert struck == [1]


def test_the_world_ends_when_only_background_work_is_left() -> None:
    here = world()

    def poll() -> None:
        here.after(100, poll, daemon=True)

    poll()
    here.after(1_000, lambda: None)
    here.run()
    assert here.now == 1_000


def test_a_callback_that_was_taken_back_does_not_keep_the_world_going() -> None:
    here = world()
    late = here.after(60_000_000, lambda: None)
    here.after(5, here.cancel, late)
    here.run()
    assert here.now == 5


def test_every_event_names_the_one_that_led_to_it() -> None:
    here = world()
    counter = Counter(here, [])

    def first() -> None:
        here.emit("counter", Kind.TIMER_SET)
        counter.after(10, second)

    def second() -> None:
        here.emit("counter", Kind.TIMER_FIRED)

    counter.execute(first)
    here.emit("elsewhere", Kind.CUT)
    here.run()
    assert [event.cause for event in here.recorder.events] == [None, 0, 0]


def test_a_world_in_which_somebody_retries_in_vain_for_ever_comes_to_an_end() -> None:
    here = World(0, full=False)

    def retry() -> None:
        here.after(1_000_000, retry)

    retry()
    here.run()
    assert here.now < 2 * 100_000 * 1_000_000


def test_a_dead_component_does_nothing_even_if_its_death_sets_something_up() -> None:
    here, disk = world(), list[int]()
    counter = Counter(here, disk)
    counter.crash()
    counter.after(10, counter.count)
    here.run()
    assert disk == []
