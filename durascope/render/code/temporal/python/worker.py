"""`app/worker.py`: a worker for each task queue."""

from __future__ import annotations

from durascope.render.code import python
from durascope.render.code.layout import Expression, Group, Source, call
from durascope.render.code.names import quoted
from durascope.render.code.python import STEP
from durascope.render.code.temporal.python.names import Named
from durascope.render.code.temporal.queues import pools, runs_local_activities


def worker_file(project: Named) -> str:
    source = Source(STEP)
    found = pools(project.deployment)
    needs = {("asyncio", ""), ("logging", ""), ("os", ""), ("temporalio.client", "Client"),
             ("temporalio.worker", "Worker")}  # fmt: skip
    if any(each.workflows for each in found):
        needs |= {("app.workflows", name) for name in project.classes.values()}
    if project.activities:
        needs.add(("app", "activities"))
    source('"""A worker process: it polls the task queues of the scenario. Start as many as you like."""', "")
    source(*python.imports(needs), "")
    source.statement("WORKFLOWS = ", Group("[", tuple(project.classes.values()), "]"))
    if project.activities:
        source.statement(
            "ACTIVITIES = ", Group("[", tuple(f"activities.{each}" for each in project.activities.values()), "]")
        )
    source("", "", "def workers(client: Client) -> list[Worker]:")
    with source.deeper():
        source('"""One for each task queue."""')
        made: list[Expression] = []
        for each in found:
            if not (each.workflows or project.activities):
                continue
            parts = ["client", f"task_queue={quoted(each.queue)}"]
            if each.workflows:
                parts += ["workflows=WORKFLOWS", f"max_cached_workflows={each.cache}"]
            if each.activities and project.activities:
                parts += ["activities=ACTIVITIES", f"max_concurrent_activities={each.slots}"]
            elif project.activities and each.workflows and runs_local_activities(project.scenario):
                parts += ["activities=ACTIVITIES", "no_remote_activities=True"]
            if not project.deployment.eager_activities and each.workflows:
                parts.append("disable_eager_activity_execution=True")
            made.append(call("Worker", *parts))
        source.statement("return ", Group("[", tuple(made), "]", broken=len(made) > 1))
    source("", "", "async def main() -> None:")
    with source.deeper():
        source("logging.basicConfig(level=logging.INFO)")
        source('client = await Client.connect(os.environ.get("TEMPORAL_ADDRESS", "localhost:7233"))')
        source("await asyncio.gather(*(worker.run() for worker in workers(client)))")
    source("", "", 'if __name__ == "__main__":', "    asyncio.run(main())")
    return source.text()
