"""What travels between executor and host, as JSON: the model's requests written, a host's answers read (§3)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha1
from typing import Any, Final
from urllib.parse import urlencode

from durascope.live.inngest.functions import function_id
from durascope.live.inngest.serving import PATH
from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.protocol import INVOKE_FUNCTION, WAIT_FOR_EVENT, Memo, Op, Request, WaitOpts

EPOCH_MS: Final = 1_795_305_600_000
"""What the server's clock shows when a simulation begins."""


@dataclass(frozen=True, slots=True)
class Response:
    """A host's answer over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def ops(self) -> Sequence[Mapping[str, Any]]:
        return self.body if self.status == 206 and isinstance(self.body, list) else ()


def hashed(text: str) -> str:
    return sha1(text.encode()).hexdigest()


def run_id(run: str) -> str:
    """A ULID for a run of a simulation."""
    return "01K" + hashed(run).upper()[:23]


def query(request: Request) -> str:
    """The path and query of a request."""
    step = "step" if request.step is None else hashed(request.step)
    return f"{PATH}?{urlencode({'fnId': function_id(request.function), 'stepId': step})}"


def headers(request: Request, number: int, version: int) -> dict[str, str]:
    step = "step" if request.step is None else hashed(request.step)
    return {
        "content-type": "application/json",
        "x-run-id": run_id(request.run.name),
        "x-request-id": str(number),
        "x-inngest-job-id": hashed(request.job),
        "x-inngest-generation-id": str(request.generation),
        "x-inngest-step-id": step,
        "x-inngest-req-version": str(version),
        "x-inngest-server-kind": "dev",
    }


def body(request: Request, number: int, events: Sequence[Event], planned: Mapping[str, Op]) -> dict[str, Any]:
    """`planned`: the op by which each step was asked for."""
    job = hashed(request.job)
    carried = [] if request.use_api else [as_json(event) for event in events]
    return {
        "ctx": {
            "run_id": run_id(request.run.name),
            "fn_id": "00000000-0000-0000-0000-000000000000",
            "step_id": "step",
            "attempt": request.attempt,
            "max_attempts": request.max_attempts,
            "env": "dev",
            "request_id": str(number),
            "job_id": job,
            "generation_id": request.generation,
            "qi_id": base64.b64encode(f"{job}::default".encode()).decode(),
            "disable_immediate_execution": request.plan_only,
            "use_api": request.use_api,
            "stack": {"stack": [hashed(step) for step in request.stack], "current": request.current},
        },
        "event": as_json(events[0]),
        "events": carried,
        "steps": {} if request.use_api else steps(request, planned),
        "defers": {},
        "use_api": request.use_api,
        "version": 2,
    }


def steps(request: Request, planned: Mapping[str, Op]) -> dict[str, Any]:
    """The memoised steps: `{"data"}`, `{"error"}`, null, or the event itself (§3)."""
    return {hashed(step): _memo(memo, planned.get(step)) for step, memo in request.steps.items()}


def _memo(memo: Memo, op: Op | None) -> Any:
    if memo.error is not None:
        return {"error": {"name": "StepFails", "message": memo.error, "stack": ""}}
    if memo.value is None:
        return None
    if op is not None and op.code == WAIT_FOR_EVENT:
        assert isinstance(op.opts, WaitOpts)
        return {"name": op.opts.event, "data": dict(memo.value), "id": run_id(op.id), "ts": EPOCH_MS, "user": {}}
    if op is not None and op.code == INVOKE_FUNCTION:
        return {"data": dict(memo.value) or None}
    value: dict[str, Any] = {"step": memo.name, "ok": True, **memo.value}
    room = memo.size - len(json.dumps(value)) - 26
    return {"data": {**value, "padding": "x" * room} if room > 0 else value}


def as_json(event: Event) -> dict[str, Any]:
    ts = EPOCH_MS + (event.ts or event.at) // 1_000
    return {"name": event.name, "data": dict(event.data), "id": run_id(str(event.number)), "ts": ts, "user": {}}


def moment(text: str) -> float:
    """An ISO time as seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()
