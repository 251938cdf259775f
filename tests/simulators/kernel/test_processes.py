"""SimPy's own processes in the world: they come in the order of time, and keep a simulation going or not."""

from __future__ import annotations

import pytest
import simpy

from durascope.models.trace import StopReason
from durascope.simulators.kernel.clock import Steps
from durascope.simulators.kernel.world import World


def test_a_process_and_the_engines_callbacks_share_one_clock() -> None:
    world, seen = World(0, full=True), list[tuple[int, str]]()

    def steps() -> Steps:
        seen.append((world.now, "begun"))
        yield world.env.timeout(10)
        seen.append((world.now, "process"))
        yield world.env.timeout(10)
        seen.append((world.now, "process"))

    world.after(5, lambda: seen.append((world.now, "callback")))
    world.process(steps())
    world.after(15, lambda: seen.append((world.now, "callback")))
    world.run()
    assert seen == [(0, "begun"), (5, "callback"), (10, "process"), (15, "callback"), (20, "process")]


def test_at_one_moment_what_was_set_first_comes_first() -> None:
    world, seen = World(0, full=True), list[str]()

    def steps() -> Steps:
        yield world.env.timeout(10)
        seen.append("process")

    world.after(10, seen.append, "before")
    world.process(steps())
    world.after(10, seen.append, "after")
    world.run()
    assert seen == ["before", "process", "after"]


def test_what_would_go_on_for_ever_ends_with_the_rest() -> None:
    world, looks = World(0, full=True), list[int]()

    def monitor() -> Steps:
        while True:
            yield world.env.idle_timeout(30)
            looks.append(world.now)

    world.process(monitor(), goes_on=False)
    world.after(100, int)
    world.run()
    assert looks == [30, 60, 90]
    assert not world.more_to_come


def test_more_is_to_come_while_a_process_lives() -> None:
    world, told = World(0, full=True), list[bool]()

    def steps() -> Steps:
        yield world.env.timeout(50)

    world.process(steps())
    world.after(20, lambda: told.append(world.more_to_come))
    world.after(80, lambda: told.append(world.more_to_come))
    world.run()
    assert told == [True, False]


def test_resources_stores_and_interrupts_work_as_simpy_has_them() -> None:
    world, done = World(0, full=True), list[tuple[str, int]]()
    engineer = simpy.Resource(world.env, capacity=1)

    def repair(name: str) -> Steps:
        with engineer.request() as turn:
            yield turn
            try:
                yield world.env.timeout(60)
                done.append((name, world.now))
            except simpy.Interrupt as called_off:
                done.append((f"{name}: {called_off.cause}", world.now))

    def call_off(process: simpy.Process) -> Steps:
        yield world.env.timeout(90)
        process.interrupt("called off")

    world.env.process(repair("first"))
    second = world.env.process(repair("second"))
    world.env.process(call_off(second))
    world.env.process(repair("third"))
    world.run()
    assert done == [("first", 60), ("second: called off", 90), ("third", 150)]


def test_what_repeats_in_no_time_at_all_ends_although_a_timer_is_set() -> None:
    world = World(0, full=True)

    def again() -> None:
        world.after(0, again)

    world.after(0, again)
    world.after(10, world.recorder.open_runs)
    world.run()
    assert world.stopped is not None
    assert world.stopped.reason is StopReason.CLOCK
    assert "all at this moment" in world.stopped.explanation


def test_what_a_process_raises_is_raised_by_the_run() -> None:
    """Once an AttributeError hid it: SimPy notes that a failure is defused only where it is."""
    world = World(0, full=True)

    def fails() -> Steps:
        yield world.env.timeout(5)
        raise ValueError("as it is")

    world.process(fails())
    with pytest.raises(ValueError, match="as it is"):
        world.run()
