"""What the record of a journal entry does when it is applied (restate.md §3, §4).

The command is stored, and in the same record whatever it completes at once, at the next index.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from durascope.models.trace import Kind
from durascope.simulators.restate import lifecycle
from durascope.simulators.restate.journal import (
    ALREADY_COMPLETED,
    CANCEL,
    Command,
    Notification,
    NotificationId,
)
from durascope.simulators.restate.leader import Leader
from durascope.simulators.restate.protocol import Proposal
from durascope.simulators.restate.records import Begin, Cancel, Notified, Signalled
from durascope.simulators.restate.store import Invocation, Status, VirtualObject


def store_command(leader: Leader, invocation: Invocation, command: Command) -> None:
    """A command of the code; those of an attempt that is not in flight any more are ignored."""
    if invocation.status is not Status.INVOKED:
        return
    leader.received(invocation, command.type)
    leader.write(invocation, command)
    effect = _EFFECTS.get(command.type)
    if effect is not None:
        effect(leader, invocation, command)
    elif command.type == "Run" and command.name is not None:
        leader.world.moment(leader.name, Kind.STEP_SCHEDULED, invocation.run, command.name, 1)


def store_proposal(leader: Leader, invocation: Invocation, proposal: Proposal) -> None:
    """A run's result: stored once, then it is there for ever."""
    if invocation.status is not Status.INVOKED or invocation.knows(proposal.notification.id):
        return
    leader.received(invocation, "Propose")
    leader.write(invocation, proposal.notification)
    leader.world.moment(leader.name, Kind.STEP_RECORDED, invocation.run, proposal.step, proposal.execution)
    leader.forward(invocation, proposal.notification)


def _complete(leader: Leader, invocation: Invocation, notification: Notification) -> None:
    """An immediate completion: stored at the next index (restate.md §4.2)."""
    leader.write(invocation, notification)
    lifecycle.wake(leader, invocation, notification)


# ---- timers, calls, signals --------------------------------------------------------------------------------------


def _sleep(leader: Leader, invocation: Invocation, command: Command) -> None:
    completion = Notification("Sleep", command.ids[0])
    leader.set_timer(invocation, command.detail, command.name or "sleep", Notified(invocation, completion))


def _call(leader: Leader, invocation: Invocation, command: Command) -> None:
    """Puts the new invocation into the outbox, and answers with its id."""
    child = leader.child(invocation, command)
    if invocation.children is None:
        invocation.children = []
    invocation.children.append(child)
    leader.send(invocation.partition, child.partition, Begin(child))
    _complete(leader, invocation, Notification("CallInvocationId", command.ids[0], child))


def _send_signal(leader: Leader, invocation: Invocation, command: Command) -> None:
    target, signal = command.detail or (None, 0)
    if target is None or not signal:
        return
    if signal == CANCEL:
        leader.send(invocation.partition, target.partition, Cancel(target))
    else:
        leader.send(invocation.partition, target.partition, Signalled(target, signal))


def signalled(leader: Leader, invocation: Invocation, signal: NotificationId, value: Any = None) -> None:
    """A signal or an awakeable's result arrives."""
    lifecycle.notified(leader, invocation, Notification("Signal", signal, value))


# ---- state -------------------------------------------------------------------------------------------------------


def _object(invocation: Invocation) -> VirtualObject:
    vobject = invocation.vobject
    assert vobject is not None, "only handlers with a key ask for its state and promises"
    return vobject


def _get_lazy_state(leader: Leader, invocation: Invocation, command: Command) -> None:
    value = _object(invocation).state.get(command.name or "")
    _complete(leader, invocation, Notification("GetLazyState", command.ids[0], value))


def _get_lazy_state_keys(leader: Leader, invocation: Invocation, command: Command) -> None:
    keys = sorted(_object(invocation).state)
    _complete(leader, invocation, Notification("GetLazyStateKeys", command.ids[0], keys))


def _set_state(_leader: Leader, invocation: Invocation, command: Command) -> None:
    _object(invocation).state[command.name or ""] = command.detail


def _clear_state(_leader: Leader, invocation: Invocation, command: Command) -> None:
    _object(invocation).state.pop(command.name or "", None)


def _clear_all_state(_leader: Leader, invocation: Invocation, _command: Command) -> None:
    _object(invocation).state.clear()


# ---- promises ----------------------------------------------------------------------------------------------------


def _get_promise(leader: Leader, invocation: Invocation, command: Command) -> None:
    promise = _object(invocation).promise(command.name or "")
    if promise.completed:
        _complete(leader, invocation, Notification("GetPromise", command.ids[0], promise.value, promise.failure))
    else:
        promise.listeners.append((invocation, command.ids[0]))


def _peek_promise(leader: Leader, invocation: Invocation, command: Command) -> None:
    promise = _object(invocation).promise(command.name or "")
    _complete(leader, invocation, Notification("PeekPromise", command.ids[0], promise.value))


def _complete_promise(leader: Leader, invocation: Invocation, command: Command) -> None:
    """Completes it and tells its listeners; a second time is a conflict."""
    promise = _object(invocation).promise(command.name or "")
    if promise.completed:
        _complete(leader, invocation, Notification("CompletePromise", command.ids[0], None, ALREADY_COMPLETED))
        return
    promise.completed, promise.value = True, command.detail
    partition = invocation.partition
    for listener, completion in promise.listeners:
        answer = Notification("GetPromise", completion, promise.value)
        leader.send(partition, listener.partition, Notified(listener, answer))
    promise.listeners.clear()
    _complete(leader, invocation, Notification("CompletePromise", command.ids[0]))


_EFFECTS: Final[dict[str, Callable[[Leader, Invocation, Command], None]]] = {
    "Sleep": _sleep,
    "Call": _call,
    "OneWayCall": _call,
    "SendSignal": _send_signal,
    "CompleteAwakeable": _send_signal,
    "GetLazyState": _get_lazy_state,
    "GetLazyStateKeys": _get_lazy_state_keys,
    "SetState": _set_state,
    "ClearState": _clear_state,
    "ClearAllState": _clear_all_state,
    "GetPromise": _get_promise,
    "PeekPromise": _peek_promise,
    "CompletePromise": _complete_promise,
}
