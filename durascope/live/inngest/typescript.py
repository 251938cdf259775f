"""The settings of an app on Inngest's TypeScript SDK: its functions and their options in that SDK's words, as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from durascope.live.inngest.functions import APP, about, field_of, priority_of
from durascope.live.inngest.serving import PATH
from durascope.live.inngest.steps import matches
from durascope.models.deployments import InngestApp
from durascope.models.flow import Flow
from durascope.models.units import SECOND
from durascope.simulators.inngest.functions import Function

SERVICE: Final = "inngest/app.js"
PACKAGE: Final = "inngest"
_MS: Final = 1_000


def write_settings(
    file: Path,
    functions: Mapping[str, Function],
    app: InngestApp,
    *,
    port: int,
    origin: str,
    server: str,
    signing_key: str | None,
    ledger: int,
    process: str,
) -> None:
    settings = {
        "ledger": ledger,
        "process": process,
        "port": port,
        "serve": {"serveOrigin": origin, "servePath": PATH},
        "client": {
            "id": APP,
            "baseUrl": server,
            "eventKey": APP,
            "isDev": signing_key is None,
            "optimizeParallelism": app.optimize_parallelism,
            "checkpointing": _checkpointing(app),
            **({} if signing_key is None else {"signingKey": signing_key}),
        },
        "functions": list(_functions(functions)),
    }
    file.write_text(json.dumps(settings), "utf-8")


def _checkpointing(app: InngestApp) -> bool | Mapping[str, object]:
    """As the scenario says; what it does not say is left to the SDK."""
    config = app.checkpoints
    if config is None:
        return False
    said: dict[str, object] = {"bufferedSteps": config.buffered_steps}
    if config.max_interval:
        said["maxInterval"] = _time(config.max_interval)
    if config.max_runtime is not None:
        said["maxRuntime"] = _time(config.max_runtime)
    return said


def _functions(functions: Mapping[str, Function]) -> Iterator[Mapping[str, object]]:
    """A failure handler comes with the function that it is of."""
    for function in functions.values():
        if function.kind == "on-failure":
            continue
        handler = f"{function.name}-failure"
        yield {
            "name": function.name,
            "failure": handler if handler in functions else None,
            "options": _options(function),
        }


def _options(function: Function) -> Mapping[str, object]:
    cancel = [_without_none(event=each.event, if_=each.field and matches(each.field)) for each in function.cancel_on]
    return {
        "id": function.name,
        "triggers": [_trigger(function)],
        "retries": function.max_attempts - 1,
        **({"cancelOn": cancel} if cancel else {}),
        **flow_control(function.flow),
    }


def _trigger(function: Function) -> Mapping[str, object]:
    if function.cron is not None:
        return {"cron": function.cron}
    return _without_none(event=function.event, if_=about(function))


def flow_control(flow: Flow) -> dict[str, Any]:
    """The scenario's flow control as options of `createFunction`."""
    found: dict[str, Any] = {}
    if flow.concurrency is not None:
        each = flow.concurrency
        found["concurrency"] = [_without_none(limit=each.limit, key=field_of(each.key), scope=each.scope)]
    if flow.throttle is not None:
        each = flow.throttle
        found["throttle"] = _without_none(
            limit=each.limit, period=_time(each.period), burst=each.burst, key=field_of(each.key)
        )
    if flow.rate_limit is not None:
        each = flow.rate_limit
        found["rateLimit"] = _without_none(limit=each.limit, period=_time(each.period), key=field_of(each.key))
    if flow.debounce is not None:
        each = flow.debounce
        timeout = None if each.timeout is None else _time(each.timeout)
        found["debounce"] = _without_none(period=_time(each.period), timeout=timeout, key=field_of(each.key))
    if flow.batch is not None:
        each = flow.batch
        found["batchEvents"] = _without_none(maxSize=each.max_size, timeout=_time(each.timeout), key=field_of(each.key))
    if flow.idempotency is not None:
        found["idempotency"] = field_of(flow.idempotency)
    if flow.singleton is not None:
        found["singleton"] = _without_none(mode=flow.singleton.mode, key=field_of(flow.singleton.key))
    if flow.priority is not None:
        found["priority"] = {"run": priority_of(flow.priority)}
    if flow.timeouts is not None:
        times = {"start": flow.timeouts.start, "finish": flow.timeouts.finish}
        found["timeouts"] = {name: _time(us) for name, us in times.items() if us is not None}
    return found


def _time(us: int) -> str:
    return f"{us // SECOND}s" if us % SECOND == 0 else f"{us // _MS}ms"


def _without_none(**options: object) -> Mapping[str, object]:
    """`if_` is `if`, which is no name in Python."""
    return {name.removesuffix("_"): value for name, value in options.items() if value is not None}
