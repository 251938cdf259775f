"""`src/worker.ts`: a worker for each task queue."""

from __future__ import annotations

from durascope.render.code.layout import Braces, Expression, Group, call
from durascope.render.code.names import quoted
from durascope.render.code.temporal.queues import pools, runs_local_activities
from durascope.render.code.temporal.typescript.names import Named
from durascope.render.code.typescript import STEP, Needs, documented, imports, obj


def worker_file(project: Named) -> str:
    """The module."""
    source = Braces(STEP)
    needs: Needs = {("@temporalio/worker", "NativeConnection"), ("@temporalio/worker", "Worker")}
    local = runs_local_activities(project.scenario)
    made: list[Expression] = []
    for each in pools(project.deployment):
        members: list[tuple[str, Expression]] = [("connection", "connection"), ("taskQueue", quoted(each.queue))]
        if each.workflows:
            members += [("workflowBundle", "workflowBundle"), ("maxCachedWorkflows", str(each.cache))]
        if project.activities and each.activities:
            members += [("activities", "activities"), ("maxConcurrentActivityTaskExecutions", str(each.slots))]
        elif project.activities and each.workflows and local:
            members += [("activities", "activities"), ("enableNonLocalActivities", "false")]
        elif not each.workflows:
            continue
        made.append(call("Worker.create", obj(*members)))
    if project.activities:
        needs.add(("./activities", "* as activities"))
    source("", 'export const workflowBundle = { codePath: require.resolve("./workflow-bundle") };', "")
    documented(source, "One for each task queue.")
    with source.block("export function workers(connection: NativeConnection): Promise<Worker[]>"):
        source.statement("return ", call("Promise.all", Group("[", tuple(made), "]", broken=len(made) > 1)))
    source("")
    with source.block("async function main(): Promise<void>"):
        source('const address = process.env["TEMPORAL_ADDRESS"] ?? "localhost:7233";')
        source("const polling = await workers(await NativeConnection.connect({ address }));")
        source("await Promise.all(polling.map((worker) => worker.run()));")
    source("", "if (require.main === module) void main();")
    about = "/** A worker process: it polls the task queues of the scenario. Start as many as you like. */"
    return f"{about}\n\n{imports(needs)}{source.text()}"
