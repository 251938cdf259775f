"""What scenarios cannot say, seen on a real server: `python docs/restate-findings/observe.py`.

Blocking closures under a cancellation, and the journal of attach and of an invocation's output.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from typing import Any

import restate
from hypercorn.asyncio import serve
from hypercorn.config import Config

from durascope.live.processes import Stage, free_ports, listens, wait_until
from durascope.live.restate import rows
from durascope.live.restate.server import Server, find

started = time.monotonic()


def say(*words: object) -> None:
    print(f"{time.monotonic() - started:7.3f} s", *words, flush=True)  # noqa: T201


service = restate.Service("Observed")


@service.handler("blocking")
async def blocking(ctx: restate.Context, _request: dict[str, Any]) -> None:
    def block() -> None:
        time.sleep(1.5)
        say("the blocking closure's effect")

    async def undo() -> None:
        say("the undo step's effect")

    try:
        await ctx.run_typed("block", block)
    except restate.TerminalError as error:
        say("the handler sees", error.status_code, error.message)
        await ctx.run_typed("undo", undo)
        raise


@service.handler("slow")
async def slow(ctx: restate.Context, _request: dict[str, Any]) -> str:
    async def work() -> str:
        await asyncio.sleep(0.5)
        return "done"

    return await ctx.run_typed("work", work)


@service.handler("attaching")
async def attaching(ctx: restate.Context, _request: dict[str, Any]) -> str:
    sent = ctx.service_send(slow, {})
    return await ctx.attach_invocation(await sent.invocation_id(), type_hint=str)


def main() -> None:
    port = free_ports(1)[0]
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    endpoint: Any = serve
    stop = threading.Event()

    async def until_stopped() -> None:
        await asyncio.to_thread(stop.wait)

    def run() -> None:
        asyncio.run(endpoint(restate.app([service]), config, shutdown_trigger=until_stopped))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    with Stage() as stage:
        server = Server(stage, find(*sys.argv[1:]), protocol=6, partitions=4)
        server.start()
        wait_until(lambda: listens(port), "the service")
        server.register(port)
        say("cancel while a blocking closure executes")
        first = server.send("/Observed/blocking", {})["invocationId"]
        time.sleep(0.5)
        server.command(first, "cancel")
        time.sleep(2)
        second = server.send("/Observed/attaching", {})["invocationId"]
        time.sleep(1.5)
        for name, invocation in (("blocking", first), ("attaching", second)):
            found = server.query(f"SELECT * FROM sys_journal WHERE id = '{invocation}'")
            say(name, "|", " | ".join(rows.lines(found)))
        stop.set()


if __name__ == "__main__":
    main()
