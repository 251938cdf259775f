"""What a journal tells of where a run's time went, and what was done again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Final

from durascope.importing.restate.program import Command, Program
from durascope.importing.restate.reading import Invocation, moment
from durascope.importing.restate.rows import LOST, status, tells_of
from durascope.importing.story import Span, Spent, Story

_HOW: Final = {
    "Run": Spent.EXECUTION, "Sleep": Spent.TIMER, "Call": Spent.CHILD, "GetPromise": Spent.WAITING,
}  # fmt: skip


def story(invocation: Invocation, name: str, code: Program) -> Story:
    """The story of an invocation that came from outside."""
    began = invocation.began
    last = max([began, *(entry.at for entry in invocation.entries)])
    ended = moment(invocation.row.get("completed_at")) or last
    return Story(
        run=name,
        workflow=f"{invocation.service}/{invocation.handler}",
        id=invocation.id,
        status=status(invocation.row),
        began=datetime.fromtimestamp(began / 1e6, timezone.utc).isoformat(" ", "milliseconds"),  # noqa: UP017
        lasted=max(0, max(ended, last) - began),
        spans=list(_spans(code, began, last)),
        repeated=list(_repeated(invocation, code)),
        cause=_cause(invocation, code),
    )


def _spans(code: Program, began: int, last: int) -> Iterator[Span]:
    for command in code.commands:
        spent = _HOW.get(command.kind)
        if spent is not None:
            end = last if command.answer is None else command.answer.at
            yield Span(spent, command.name or command.kind, command.entry.at - began, end - began)


def _repeated(invocation: Invocation, code: Program) -> Iterator[str]:
    for row in invocation.events:
        told = json.loads(str(row.get("event_json") or "{}"))
        pending = _pending(code, int(row.get("after_journal_entry_index") or 0))
        message = str(told.get("error_message") or "")[:200]
        if row.get("event_type") != "TransientError":
            continue
        if LOST in str(told.get("restate_doc_error_code")):
            again = (
                f"{pending.name} ran once more: its effect may have happened twice" if pending else "it was replayed"
            )
            yield f"An attempt lost its connection ({message}); {again}."
        else:
            yield f"An attempt failed{f' in {pending.name}' if pending else ''} ({message}) and was retried."


def _pending(code: Program, index: int) -> Command | None:
    """The step that had been begun and not been answered at that entry."""
    steps = [each for each in code.commands if each.kind == "Run" and each.entry.index <= index]
    return next((each for each in reversed(steps) if each.answer is None or each.answer.index > index), None)


def _cause(invocation: Invocation, code: Program) -> str:
    failure = None if code.output is None else code.output.failure
    told: list[str] = []
    if code.cancelled is not None:
        told.append("Somebody cancelled the invocation.")
    elif failure is not None:
        why = f"{code.cause.name or code.cause.kind} failed for good" if code.cause else "the handler failed it"
        told.append(f"The run failed because {why}: {failure[1] or failure[0]}.")
    elif invocation.row.get("completion_failure"):
        told.append(f"The run failed: {invocation.row['completion_failure']}.")
    elif invocation.row.get("status") == "paused":
        told.append("The invocation has used up its retries and is paused.")
    if any(tells_of(row, LOST) for row in invocation.events):
        told.append("The service went down while the invocation was running, or could not be reached.")
    return " ".join(told)
