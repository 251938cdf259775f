"""A dispatch: an item in progress, from the request that is made for it to the answer.

made ──▶ sent ──▶ answered · refused · lost: whoever made it hears of one of them, unless its process has died since
"""

from __future__ import annotations

from typing import Protocol

from durascope.simulators.inngest.items import Item
from durascope.simulators.inngest.lines import Exchange
from durascope.simulators.inngest.protocol import Answer
from durascope.simulators.inngest.state import RunState
from durascope.simulators.kernel.network import Connection


class Dispatcher(Protocol):
    """Who makes dispatches, and hears of them."""

    incarnation: int

    def answered(self, dispatch: Dispatch, answer: Answer) -> None:
        """The host has answered."""
        ...

    def no_answer(self, dispatch: Dispatch, why: str) -> None:
        """Nobody will; `why`: refused · lost."""
        ...


class Dispatch:
    """What the worker that has the item knows."""

    __slots__ = ("connection", "dispatcher", "exchange", "incarnation", "item", "plan_only", "state", "version")

    def __init__(self, dispatcher: Dispatcher, item: Item, state: RunState) -> None:
        self.dispatcher = dispatcher
        self.incarnation = dispatcher.incarnation
        """Whose dispatch it is: a later process knows nothing of it."""
        self.item = item
        self.state = state
        self.plan_only = state.force_step_plan
        """As loaded: what follows in the same handling does not see a reset (§7, parallel-with-sleep)."""
        self.version = state.request_version
        self.connection: Connection | None = None
        self.exchange: Exchange | None = None

    def answered(self, answer: Answer) -> None:
        if self.incarnation == self.dispatcher.incarnation:
            self.dispatcher.answered(self, answer)

    def refused(self) -> None:
        if self.incarnation == self.dispatcher.incarnation:
            self.dispatcher.no_answer(self, "refused")

    def lost(self) -> None:
        if self.incarnation == self.dispatcher.incarnation:
            self.dispatcher.no_answer(self, "lost")
