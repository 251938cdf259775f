"""What a suspended invocation waits for: a tree of notifications (restate.md §6, suspension rules).

Protocol 6 knows only a flat "any of these"; protocol 7 keeps the combinators of the code, so that a gather of n
completions wakes the invocation once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from durascope.simulators.restate.journal import Notification, NotificationId

Combinator = Literal["first-completed", "all-completed", "all-succeeded-or-first-failed"]


class Waiting(NamedTuple):
    """A node of the tree: notifications and further nodes, combined.

    >>> from durascope.simulators.restate.journal import Notification
    >>> both = Waiting("all-completed", (1, 2))
    >>> both.over({1: Notification("Run", 1)})
    False
    >>> both.over({1: Notification("Run", 1), 2: Notification("Sleep", 2)})
    True
    """

    combinator: Combinator
    ids: tuple[NotificationId, ...] = ()
    nested: tuple[Waiting, ...] = ()

    def over(self, notified: Mapping[NotificationId, Notification]) -> bool:
        """Whether what is there is enough to go on."""
        if self.combinator == "first-completed":
            return any(each in notified for each in self.ids) or any(each.over(notified) for each in self.nested)
        if self.combinator == "all-succeeded-or-first-failed" and self._one_failed(notified):
            return True
        return all(each in notified for each in self.ids) and all(each.over(notified) for each in self.nested)

    def _one_failed(self, notified: Mapping[NotificationId, Notification]) -> bool:
        return any(each in notified and notified[each].failure is not None for each in self.ids)

    def flat(self) -> tuple[NotificationId, ...]:
        """Every notification in the tree."""
        return self.ids + tuple(number for each in self.nested for number in each.flat())
