"""The graph of a workflow's steps while it grows: which step follows which, and on what condition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from math import ceil
from typing import Final

from durascope.models import steps as s
from durascope.models.scenario import Scenario
from durascope.render import measure
from durascope.render.diagram import Diagram, Edge, Group, Icon, Node, Row, Section, Style, key
from durascope.render.parts.steps import FOLD, duration, words
from durascope.render.theme import BODY, SMALL, STATE_WORDS, State

Exit = tuple[str, str, Style]
"""A node that something follows, with the label and the kind of the arrow that leads on."""


TALL: Final = 12
"""More plain steps than this, one after the other, stand in columns."""
LONGEST: Final = 60
"""Of more plain steps one after the other only the first and the last are drawn one by one."""
WIDE: Final = 6
"""More branches than this are lines of one box, unless they are all alike."""
MOST_BRANCHES: Final = 32
"""Of more branches only the first and the last are named."""
FIRST, LAST = 12, 6
_WORST_FIRST: Final[tuple[State, ...]] = ("crashed", "undone", "retried", "never-reached", "replayed", "done")
_BRANCH: Final = 330.0
"""The room for a branch's steps, and for what they call."""
_PLAIN: Final = (s.Run, s.Sleep, s.Call, s.Start, s.Send, s.Get, s.Set, s.Clear, s.Compute)


class Flow:
    """Adds the nodes and arrows of one workflow to a diagram."""

    def __init__(
        self, diagram: Diagram, scenario: Scenario, name: str, group: str, paint: Mapping[str, State], columns: int = 1,
        *, known: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        self.diagram = diagram
        self.columns = columns
        self.known = known
        """Steps of the old code: of the new code's only the others are told at length."""
        self.scenario = scenario
        self.name = name
        self.group = group
        self.paint = paint
        self.undoable: list[tuple[str, s.Run]] = []
        self._used: dict[str, int] = {}

    def node(self, name: str, node: Node) -> str:
        """Adds the node under a key of its own, which is returned."""
        count = self._used[name] = self._used.get(name, 0) + 1
        found = key("step", self.name, name, *([str(count)] if count > 1 else []))
        self.diagram.nodes.append(replace(node, key=found))
        return found

    def join(self, exits: Iterable[Exit], head: str) -> None:
        """Leads every open end to the node."""
        self.diagram.edges += [Edge(tail, head, label, style, weight=3) for tail, label, style in exits]

    def chain(self, steps: s.Steps, exits: list[Exit]) -> list[Exit]:
        """Adds the steps one after the other; returns the open ends, none where the program ends before."""
        for part in _parts(steps):
            if not exits:
                break
            before = len(self.diagram.nodes)
            if len(part) > LONGEST:
                exits = self._one_by_one(part[:FIRST], exits)
                exits = self._left_out([(each,) for each in part[FIRST:-LAST]], exits)
                exits = self._one_by_one(part[-LAST:], exits)
            else:
                exits = self._one_by_one(part, exits)
            if len(part) > TALL:
                self._in_columns([node.key for node in self.diagram.nodes[before:]])
        return exits

    def _in_columns(self, row: Sequence[str]) -> None:
        """Folds the row: each part of it begins where the first one does, and the arrow to it decides nothing."""
        firsts = row[:: ceil(len(row) / self.columns)]
        self.diagram.edges = [
            replace(edge, loose=True) if edge.head in firsts[1:] and edge.tail in row else edge
            for edge in self.diagram.edges
        ]
        self.diagram.level.append(tuple(firsts))

    def _one_by_one(self, steps: s.Steps, exits: list[Exit]) -> list[Exit]:
        for step in steps:
            exits = self._step(step, exits)
        return exits

    def undo(self) -> list[str]:
        """Adds the undo steps, each beside the step that it undoes, joined in reverse order; returns their keys."""
        undone: list[str] = []
        for beside, step in self.undoable:
            doing = (step.via,) if step.via else self._doing(step)  # where: the step that it undoes has told
            lines = (*doing, f"undoes {_title(self.diagram, beside)}")
            node = Node(
                "", step.run, lines, "box", "flow", self._icon(step), state=self.paint.get(step.run), group=self.group
            )
            found = self.node(step.run, node)
            self.diagram.edges.append(Edge(beside, found, "", "undo"))
            self.diagram.level.append((beside, found))
            if undone:
                self.diagram.edges.append(Edge(found, undone[-1], "then", "undo", back=True))
            undone.append(found)
        return undone

    # ---- one step of each kind -------------------------------------------------------------------------------

    def _step(self, step: s.Step, exits: list[Exit]) -> list[Exit]:
        match step:
            case s.Parallel() | s.Race():
                return self._branches(step, exits)
            case s.Repeat() | s.ForEach():
                return self._loop(step, exits)
            case s.Choose():
                return self._choice(step, exits)
            case s.WaitFor():
                return self._wait(step, exits)
            case s.Patched():
                found = self._add(step, exits, ("versioned code",), "code")
                new = self.chain(step.do, [(found, "new runs", "next")])
                return new + self.chain(step.otherwise, [(found, "old runs", "next")])
            case s.Fail() | s.Bug():
                self._end(step, exits, words(step))
                return []
            case s.Finish():
                self._end(step, exits, f"completed: {step.finish}")
                return []
            case _:
                return [(self._add(step, exits, self._doing(step), self._icon(step)), "", "next")]

    def _add(self, step: s.Step, exits: list[Exit], lines: tuple[str, ...], icon: Icon) -> str:
        node = Node("", words(step), lines, "box", "flow", icon, state=self.paint.get(step.label), group=self.group)
        found = self.node(step.label, node)
        self.join(exits, found)
        if isinstance(step, s.Run | s.Call) and step.undo_step is not None:
            self.undoable.append((found, step.undo_step))
        return found

    def _end(self, step: s.Step, exits: list[Exit], word: str) -> None:
        state = self.paint.get(step.label)
        self.join(exits, self.node(step.label, Node("", word, (), "pill", "end", state=state, group=self.group)))

    def _branches(self, step: s.Parallel | s.Race, exits: list[Exit]) -> list[Exit]:
        if len(exits) > 1:
            exits = [(self._pill("fork", "all of them" if isinstance(step, s.Parallel) else "race", exits), "", "next")]
        ends: list[Exit] = []
        alike = self._alike([*step.blocks()])
        if len(alike) > 1 and sum(map(len, alike)) > WIDE and len(alike) > 1:
            ends += self._listed([*step.blocks()], exits, "in a race" if isinstance(step, s.Race) else "side by side")
            alike = []
        for blocks in alike:
            ends += self._stack(blocks, exits) if len(blocks) >= FOLD else self._side_by_side(blocks, exits)
        if isinstance(step, s.Race) and ends:
            return [(self._pill("first", "the first that ends", ends), "", "next")]
        return ends

    def _side_by_side(self, blocks: list[s.Steps], exits: list[Exit]) -> list[Exit]:
        return [end for block in blocks for end in self.chain(block, exits)]

    def _alike(self, blocks: list[s.Steps]) -> list[list[s.Steps]]:
        """Branches next to each other that make the same call, and to which the same happened, together."""
        found: list[list[s.Steps]] = []
        for block in blocks:
            if found and self._call(block) is not None and self._call(block) == self._call(found[-1][0]):
                found[-1].append(block)
            else:
                found.append([block])
        return found

    def _call(self, block: s.Steps) -> tuple[str | None, str, State | None] | None:
        if len(block) == 1 and isinstance(step := block[0], s.Run) and step.via and not step.undo:
            return step.on, step.via, self.paint.get(step.run)
        return None

    def _stack(self, blocks: list[s.Steps], exits: list[Exit]) -> list[Exit]:
        """Many branches that are alike, as one node."""
        first, last = blocks[0][0], blocks[-1][0]
        node = Node(
            "", f"{first.label} … {last.label}", self._doing(first), "stack", "flow", self._icon(first),
            copies=len(blocks), state=self.paint.get(first.label), group=self.group,
        )  # fmt: skip
        found = self.node(first.label, node)
        self.join(exits, found)
        return [(found, "", "next")]

    def _listed(self, blocks: Sequence[s.Steps], exits: list[Exit], how: str) -> list[Exit]:
        """Many branches as one box, a line for each."""
        rows = [self._branch_row(number, block) for number, block in enumerate(blocks, 1)]
        if len(rows) > MOST_BRANCHES:
            rows = [*rows[:FIRST], _more(rows[FIRST:-LAST]), *rows[-LAST:]]
        node = Node("", f"{len(blocks)} {how}", (), "box", "flow", "code", (Section(tuple(rows)),), group=self.group)
        found = self.node(how, node)
        self.join(exits, found)
        return [(found, "", "next")]

    def _branch_row(self, number: int, block: s.Steps) -> Row:
        """The branch's steps, and the worst that happened to one of them."""
        names = [words(step) for step in block]
        text = measure.shorten(" → ".join(names[:3]) + (" → …" if names[3:] else ""), _BRANCH, BODY)
        hint = measure.shorten(next(iter(self._doing(block[0])), ""), _BRANCH, SMALL) if len(block) == 1 else ""
        states = {self.paint[step.label] for step in s.walk(block) if step.label in self.paint}
        return Row(text, hint, f"{number}", state=next((each for each in _WORST_FIRST if each in states), None))

    def _left_out(self, blocks: Sequence[s.Steps], exits: list[Exit]) -> list[Exit]:
        """Too many to draw, as one node; it is coloured where the same happened to all of them."""
        first, last = blocks[0][0].label, blocks[-1][-1].label
        states: set[State | None] = {self.paint.get(step.label) for block in blocks for step in block}
        state = states.pop() if len(states) == 1 else None
        lines = (f"{len(blocks):,} steps, one after the other",)
        node = Node(
            "", f"{first} … {last}", lines, "stack", "flow", "code", copies=len(blocks), state=state, group=self.group
        )
        found = self.node(first, node)
        self.join(exits, found)
        return [(found, "", "next")]

    def _pill(self, name: str, word: str, exits: list[Exit]) -> str:
        found = self.node(name, Node("", word, (), "pill", "end", group=self.group))
        self.join(exits, found)
        return found

    def _loop(self, step: s.Repeat | s.ForEach, exits: list[Exit]) -> list[Exit]:
        side = isinstance(step, s.ForEach)
        count = step.for_each if isinstance(step, s.ForEach) else step.repeat
        title = f"{count} times, " + ("side by side" if side else "one after the other")
        if isinstance(step, s.ForEach) and step.at_once:
            title += f", at most {step.at_once} at once"
        if not step.do or len(exits) > 1:
            exits = [(self._pill(step.label, step.label, exits), "", "next")]
        outer = self.group
        frame = key("loop", self.name, f"{len(self.diagram.groups)}")
        self.diagram.groups.append(Group(frame, title, step.as_ or "", "platform", outer))
        self.group = frame
        ends = self.chain(step.do, exits)
        self.group = outer
        return ends

    def _choice(self, step: s.Choose, exits: list[Exit]) -> list[Exit]:
        only = step.choose[0].when if sum(each.when is not None for each in step.choose) == 1 else None
        node = Node("", f"{only}?" if only else "which holds first?", (), "choice", "flow", group=self.group)
        found = self.node("choose", node)
        self.join(exits, found)
        ends: list[Exit] = []
        for choice in step.choose:
            label = ("yes" if only else str(choice.when)) if choice.when else ("no" if only else "otherwise")
            ends += self.chain(choice.steps, [(found, label, "next")])
        if all(choice.when is not None for choice in step.choose):
            ends.append((found, "no" if only else "none", "next"))
        return ends

    def _wait(self, step: s.WaitFor, exits: list[Exit]) -> list[Exit]:
        lines = [f"up to {duration(step.timeout)}"] if step.timeout is not None else ["without limit"]
        if step.times > 1:
            lines.insert(0, f"{step.times} of them")
        if step.match:
            lines.append(f"same {step.match}")
        node = Node(
            "", f"wait for {step.wait_for}", tuple(lines), "box", "flow", "event",
            state=self.paint.get(step.label), group=self.group,
        )  # fmt: skip
        found = self.node(step.label, node)
        self.join(exits, found)
        if step.timeout is None:
            return self.chain(step.then, [(found, "", "next")])
        came = self.chain(step.then, [(found, "it came", "next")])
        late: Exit = (found, f"after {duration(step.timeout)}", "otherwise")
        return came + self.chain(step.on_timeout, [late])

    # ---- what a node says ------------------------------------------------------------------------------------

    def _doing(self, step: s.Step) -> tuple[str, ...]:
        """What a step does beside its name: the code it runs, the service it calls, how it is retried."""
        if step.label in self.known:
            return ()
        new = ("new in this code",) if self.known else ()
        return (*new, *self._told(step))

    def _told(self, step: s.Step) -> tuple[str, ...]:
        match step:
            case s.Run():
                service = self.scenario.services.get(step.on or "")
                where = (service.title or step.on) if service else None
                call = " → ".join(filter(None, (step.via, where)))
                return tuple(filter(None, (call, _limits(step))))
            case s.Call() | s.Start():
                return ("another workflow" + (", awaited" if isinstance(step, s.Call) else ""),)
            case s.Send():
                return (f"to {step.to}",) if step.to is not None else ()
            case s.Get() | s.Set() | s.Clear():
                return (f"{step.kind} state",)
            case s.Compute():
                return (f"own code, {step.compute}",)
            case _:
                return ()

    def _icon(self, step: s.Step) -> Icon:
        match step:
            case s.Run():
                service = self.scenario.services.get(step.on or "")
                return service.kind if service else "code"
            case s.Sleep():
                return "clock"
            case s.Call() | s.Start():
                return "workflow"
            case s.Send():
                return "event"
            case _:
                return "code"


def _parts(steps: s.Steps) -> Iterator[s.Steps]:
    """The steps in their order: plain ones that follow each other together, all others alone."""
    for plain, part in groupby(steps, lambda step: isinstance(step, _PLAIN)):
        if plain:
            yield tuple(part)
        else:
            yield from ((step,) for step in part)


def _more(rows: Sequence[Row]) -> Row:
    """One line for branches that have none, with what happened to how many of them."""
    states: Counter[State] = Counter(row.state for row in rows if row.state is not None)
    told = ", ".join(f"{count} {STATE_WORDS[state]}" for state, count in states.items())
    return Row(
        f"… {len(rows):,} more{f': {told}' if told else ''} …", state=next(iter(states)) if len(states) == 1 else None
    )


def _limits(step: s.Run) -> str:
    parts: list[str] = []
    if step.timeout is not None:
        parts.append(f"{duration(step.timeout)} for an attempt")
    if step.retry is not None and step.retry.max_attempts is not None:
        parts.append(f"at most {step.retry.max_attempts} attempts")
    return ", ".join(parts)


def _title(diagram: Diagram, found: str) -> str:
    return diagram.node(found).title
