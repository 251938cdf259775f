"""A stand-in for Inngest's dev server: the executor's rules (inngest.md §17) as far as the tests need them.

It is started with the real one's arguments. It proves the proxy, the app and the comparison, nothing about Inngest.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sys
import threading
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


class Run:
    def __init__(self, number: int, function: dict[str, Any], event: dict[str, Any]) -> None:
        self.id = f"01RUN{number:021}"
        self.function = function
        self.event = event
        self.status = "Running"
        self.steps: dict[str, Any] = {}
        self.arrived = threading.Condition()
        self.waits: dict[str, str] = {}
        self.told: dict[str, dict[str, Any]] = {}
        """The last op of each step, in the order in which they were told of."""
        self.target = "step"
        """What it is asked for first."""
        self.attempts: dict[str, int] = {}
        """Of each item; a checkpoint gives it all of them back."""


class Server:
    def __init__(self, retry_interval: float) -> None:
        self.retry_interval = retry_interval
        self.functions: dict[str, dict[str, Any]] = {}
        self.runs: list[Run] = []
        self.events: dict[str, dict[str, Any]] = {}
        self.step_limits: dict[str, int] = {}
        self.answers: dict[str, tuple[float, Any]] = {}
        """By URL: what GETs were answered, and until when they are so again."""

    def take(self, event: dict[str, Any]) -> str:
        id_ = f"01EVT{len(self.events):021}"
        event = {"ts": round(time.time() * 1000), "user": {}, **event, "id": event.get("id") or id_}
        self.events[id_] = event
        for run in self.runs:
            for step, name in tuple(run.waits.items()):
                if name == event["name"]:
                    self.resume(run, step, event)
        for function in self.functions.values():
            if any(_starts(each, event) for each in function["triggers"]):
                run = Run(len(self.runs), function, event)
                self.runs.append(run)
                threading.Thread(target=self.work, args=(run,), daemon=True).start()
        return id_

    def rerun(self, run: Run, step: str) -> str | None:
        """Another run by the same event, with the steps before that one."""
        targets = [op for op in run.told.values() if op.get("displayName") == step]
        if len(targets) != 1:
            return None
        new = Run(len(self.runs), run.function, run.event)
        for op in run.told.values():
            if op is targets[0]:
                break
            new.steps[op["id"]] = run.steps[op["id"]]
        new.target = targets[0]["id"] if targets[0]["op"] == "StepRun" else "step"
        self.runs.append(new)
        threading.Thread(target=self.work, args=(new,), daemon=True).start()
        return new.id

    def resume(self, run: Run, step: str, value: Any) -> None:
        with run.arrived:
            if run.waits.pop(step, None) is not None:
                run.steps[step] = value
                run.arrived.notify_all()

    def work(self, run: Run) -> None:
        time.sleep(0.05)
        more = True
        limit = self.step_limits.get(run.function["id"], 1_000)
        while more and run.status == "Running":
            if len(run.steps) >= limit:
                run.status = "Failed"
                break
            more = self.item(run, run.target, plan_only=False)
            run.target = "step"
        if run.status != "Completed":
            about = {"function_id": run.function["id"], "run_id": run.id, "event": run.event}
            self.take({"name": f"inngest/function.{run.status.lower()}", "data": about})

    def item(self, run: Run, target: str, *, plan_only: bool) -> bool:
        """One queue item with its attempts; False where the run is over."""
        most = run.function["steps"]["step"].get("retries", {}).get("attempts", 3) + 1
        run.attempts[target] = 0
        while run.attempts[target] < most:
            attempt = run.attempts[target]
            if attempt:
                time.sleep(self.retry_interval)
            run.attempts[target] += 1
            answer = self.post(run, target, attempt, most, plan_only=plan_only)
            if run.status != "Running":
                return False
            if answer is None:
                continue
            status, headers, body = answer
            if status == 200:
                run.status = "Completed"
                return False
            if status != 206:
                if headers.get("x-inngest-no-retry") == "true":
                    break
                continue
            if body[0]["op"] == "StepError" and attempt + 1 < most:
                continue
            self.handle(run, body, plan_only=plan_only)
            return True
        run.status = "Failed"
        return False

    def handle(self, run: Run, ops: list[dict[str, Any]], *, plan_only: bool) -> None:
        run.told |= {op["id"]: op for op in ops}
        for op in ops:
            match op["op"]:
                case "StepRun":
                    run.steps[op["id"]] = {"data": op.get("data")}
                case "RunComplete":
                    run.status = "Completed"
                case "StepError" | "StepFailed":
                    run.steps[op["id"]] = {"error": op["error"]}
                case "Sleep":
                    time.sleep(_wait(op["name"]))
                    run.steps[op["id"]] = None
                case "WaitForEvent":
                    run.waits[op["id"]] = op["name"]
                    with run.arrived:
                        timeout = int(op["opts"]["timeout"][:-1]) * {"s": 1, "m": 60}.get(op["opts"]["timeout"][-1], 60)
                        if not run.arrived.wait_for(lambda op=op: op["id"] in run.steps, timeout):
                            self.resume(run, op["id"], None)
                case _:
                    pass
        planned = [op["id"] for op in ops if op["op"] == "StepPlanned"]
        threads = [
            threading.Thread(target=self.item, args=(run, step), kwargs={"plan_only": len(ops) > 1}) for step in planned
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def post(
        self, run: Run, target: str, attempt: int, most: int, *, plan_only: bool
    ) -> tuple[int, dict[str, str], Any] | None:
        stack = [] if "FAKE_MEMO_LOST" in os.environ and len(run.steps) > 2 else list(run.steps)
        body = {
            "ctx": {
                "run_id": run.id, "fn_id": run.function["id"], "step_id": "step", "attempt": attempt,
                "max_attempts": most, "env": "", "request_id": "0", "job_id": f"{run.id}-{target}",
                "generation_id": attempt + 1, "qi_id": f"{run.id}-{target}",
                "disable_immediate_execution": plan_only, "use_api": False,
                "stack": {"stack": stack, "current": len(stack)},
            },
            "event": run.event, "events": [run.event], "steps": {each: run.steps[each] for each in stack},
            "defers": {}, "use_api": False, "version": 2,
        }  # fmt: skip
        url = urlsplit(run.function["steps"]["step"]["runtime"]["url"])
        query = url.query.replace("stepId=step", f"stepId={target}")
        connection = http.client.HTTPConnection(url.netloc)
        try:
            connection.request("POST", f"{url.path}?{query}", json.dumps(body), {"x-inngest-server-kind": "dev"})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


def _wait(text: str) -> float:
    """Python names a date, TypeScript seconds."""
    if text.endswith("s") and "T" not in text:
        return float(text[:-1])
    return max(0.0, datetime.fromisoformat(text).timestamp() - time.time())


def _starts(trigger: dict[str, Any], event: dict[str, Any]) -> bool:
    about = (trigger.get("expression") or "").partition(" == ")[2].strip("'")
    return trigger.get("event") == event["name"] and about in ("", event["data"].get("function_id"))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    inngest: Server

    def reply(self, value: Any, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """Answers from the cache by URL, as the real server does: for 3 s a run, for 15 s an event's runs."""
        until, value = self.inngest.answers.get(self.path, (0.0, None))
        if time.monotonic() > until:
            seconds, value = self.found(urlsplit(self.path).path.strip("/").split("/"))
            self.inngest.answers[self.path] = time.monotonic() + seconds, value
        self.reply(value)

    def found(self, parts: list[str]) -> tuple[float, Any]:
        if parts == ["dev"]:
            return 0, {"functions": [{"id": id_, "slug": id_} for id_ in self.inngest.functions]}
        if parts[:2] == ["v1", "runs"]:
            found = [{"run_id": run.id, "status": run.status} for run in self.inngest.runs if run.id == parts[2]]
            return 3, {"data": found[0]} if found else {"error": "no such run", "status": 500}
        if parts[:2] == ["v1", "events"]:
            event = self.inngest.events.get(parts[2])
            runs = [run for run in self.inngest.runs if run.event is event]
            return 15, {"data": [{"run_id": run.id, "status": "Scheduled"} for run in runs]}
        return 0, {"status": 200}

    def do_DELETE(self) -> None:
        for run in self.inngest.runs:
            if run.id == self.path.rsplit("/", 1)[1] and run.status == "Running":
                run.status = "Cancelled"
        self.reply({})

    def do_POST(self) -> None:
        if self.path.startswith("/fn/step-limit"):
            query = dict(parse_qsl(urlsplit(self.path).query))
            self.inngest.step_limits[query["functionId"]] = int(query["limit"])
            self.reply({})
            return
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path.endswith("/rerun"):
            found = next(run for run in self.inngest.runs if run.id == self.path.split("/")[4])
            made = self.inngest.rerun(found, body["fromStep"]["stepId"])
            self.reply({"data": {"runId": made}}) if made else self.reply({"errors": [{"code": "bad"}]}, 400)
        elif self.path.startswith("/v1/checkpoint/"):
            self.checkpoint(next(run for run in self.inngest.runs if run.id == body["run_id"]), body["steps"])
        elif self.path.startswith("/fn/register"):
            self.inngest.functions = {each["id"]: each for each in body["functions"]}
            self.reply({"ok": True, "modified": True})
        else:
            self.reply({"ids": [self.inngest.take(event) for event in body], "status": 200})

    def checkpoint(self, run: Run, steps: list[dict[str, Any]]) -> None:
        if run.status != "Running":
            self.reply({"error": "run not found in state store"}, 400)
            return
        run.steps |= {step["id"]: {"data": step.get("data")} for step in steps}
        run.told |= {step["id"]: step for step in steps}
        run.attempts["step"] = 1
        self.reply({})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


def main() -> None:
    if sys.argv[1:] == ["version"]:
        sys.stdout.write("0.0.0-fake\n")
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("mode")
    parser.add_argument("--port", type=int)
    parser.add_argument("--retry-interval", type=float, default=1.0)
    known, _ = parser.parse_known_args()
    Handler.inngest = Server(known.retry_interval)
    ThreadingHTTPServer(("127.0.0.1", known.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
