"""Generated projects: code that compiles and is clean as ruff has it, whatever the scenario's texts hold."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from durascope.models.cases import Case
from durascope.models.loading import builtin_names, load, load_scenario
from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario
from durascope.models.writing import as_brief
from durascope.render.code import NoSuchProject, project
from durascope.render.code.python_packages import VERSIONS
from tests.cli.commands import durascope

CASES = Path(__file__).parent.parent / "conformance"


def scenarios() -> dict[str, Scenario]:
    found = {name: load_scenario(name) for name in builtin_names()}
    for path in sorted((*CASES.glob("*/*.yaml"), *CASES.glob("own/*/*.yaml"))):
        case = load(path)
        if isinstance(case, Case):
            found["-".join(path.relative_to(CASES).with_suffix("").parts)] = case.scenario
    return found


ENGINES = ("temporal", "inngest", "restate")
"""Those that projects are written for."""


@pytest.mark.parametrize("engine", ENGINES)
def test_every_project_compiles_and_is_clean(engine: str, tmp_path: Path) -> None:
    found = scenarios()
    assert len(found) > 200
    for name, scenario in found.items():
        for path, text in project(scenario, engine, "python").items():
            if path.endswith(".py"):
                compile(text, f"{name}/{path}", "exec")
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
    ruff = Path(sys.executable).with_name("ruff")
    for arguments in (["check"], ["format", "--check"]):
        done = subprocess.run([ruff, *arguments, "."], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:]


def test_texts_of_a_scenario_do_not_become_code() -> None:
    scenario = load_scenario("payment")
    workflow = scenario.workflows["charge"]
    evil = '""" + __import__("os").system("x") + """\\'
    steps = tuple(step.model_copy(update={"run": evil, "via": evil}) for step in workflow.steps)
    changed = workflow.model_copy(update={"title": evil, "steps": steps})
    told = project(scenario.model_copy(update={"workflows": {"charge": changed}}), "temporal", "python")
    for path, text in told.items():
        if path.endswith(".py"):
            assert "__import__" not in compile(text, path, "exec").co_names


EVIL = (
    'a" + str(boom()) + "', "a' + str(boom()) + '", 'a"}"); boom() #', "a{boom()}", "a{{boom()}}", 'a\\" + boom() #',
    "a\nboom()", '""" + boom() + """', "a\\",
)  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("builtin", ["payment", "order-fulfillment", "onboarding", "agent-fan-out"])
def test_no_name_of_a_scenario_becomes_code(builtin: str, evil: str, engine: str) -> None:
    """Every text of a scenario in turn: names of workflows, steps, fields, services, events, titles."""
    plain = as_brief(load_scenario(builtin))
    tried = 0
    for scenario in hostile(plain, evil):
        try:
            told = project(scenario, engine, "python")
        except NoSuchProject:
            continue
        tried += 1
        for path, text in told.items():
            if path.endswith(".py"):
                called = [node.func for node in ast.walk(ast.parse(text, path)) if isinstance(node, ast.Call)]
                assert "boom" not in {node.id for node in called if isinstance(node, ast.Name)}, path
            elif path.endswith(".toml"):
                tomllib.loads(text)
    assert tried > 10


def hostile(plain: dict[str, Any], evil: str) -> Iterator[Scenario]:
    """The scenario once for each of its words, with another in that one's place wherever it stands."""
    words = dict.fromkeys(_words(plain))
    for word in words:
        try:
            yield Scenario.model_validate(_put(plain, word, evil))
        except ValidationError:
            continue  # no word that may be anything: a duration, an engine's option


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inside in value.items():
            yield key
            yield from _words(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from _words(inside)
    elif isinstance(value, str):
        yield value


def _put(value: Any, word: str, evil: str) -> Any:
    if isinstance(value, dict):
        return {evil if key == word else key: _put(inside, word, evil) for key, inside in value.items()}
    if isinstance(value, list):
        return [_put(inside, word, evil) for inside in value]
    return evil if value == word else value


CALLED = re.compile(r"(?<!function )(?<![.\w])boom\(")
"""A call of a function of nobody's; what is named after a workflow or a step is declared, or called as `x.boom`."""


@pytest.mark.parametrize("evil", [*EVIL, "a`); boom() //", "a${boom()}", "a */ boom() /*", "__proto__"])
@pytest.mark.parametrize("builtin", ["payment", "order-fulfillment", "onboarding", "agent-fan-out"])
@pytest.mark.parametrize("engine", ["temporal", "restate", "inngest"])
def test_no_name_of_a_scenario_becomes_typescript(engine: str, builtin: str, evil: str) -> None:
    """Every text in turn, again: what is left of a file without its literals and comments does not name it."""
    tried = 0
    for scenario in hostile(as_brief(load_scenario(builtin)), evil):
        for path, text in project(scenario, engine, "typescript").items():
            tried += 1
            if path.endswith(".ts"):
                assert not CALLED.search(bare(text)), path
            elif path.endswith(".json"):
                json.loads(text)
    assert tried > 100


def bare(text: str) -> str:
    """TypeScript without its literals and comments, but with the code in templates. Raises where one never ends."""
    left: list[str] = []
    at = 0
    depths: list[int] = []
    while at < len(text):
        two = text[at : at + 2]
        if two == "//":
            at = text.find("\n", at) % (len(text) + 1)
        elif two == "/*":
            at = text.index("*/", at) + 2
        elif text[at] in "\"'":
            at = _end_of_literal(text, at + 1, text[at])
        elif text[at] == "`" or (text[at] == "}" and depths and depths[-1] == 0):
            if text[at] == "}":
                depths.pop()
            at = _end_of_literal(text, at + 1, "`")
            if text[at - 1] == "{":
                depths.append(0)
        else:
            if depths:
                depths[-1] += (text[at] == "{") - (text[at] == "}")
            left.append(text[at])
            at += 1
    assert not depths
    return "".join(left)


def _end_of_literal(text: str, at: int, quote: str) -> int:
    """Behind its closing quote, or behind the `${` of code in a template."""
    while text[at] != quote:
        if text[at] == "\\":
            at += 2
        elif quote == "`" and text[at : at + 2] == "${":
            return at + 2
        else:
            assert text[at] != "\n" or quote == "`", "a literal is not closed"
            at += 1
    return at + 1


def test_the_reader_of_typescript_finds_code() -> None:
    assert "boom(" in bare('const a = "x" + boom(1);')
    assert "boom(" in bare("const a = `x${boom({})}y`;")
    assert "boom(" not in bare("const a = `boom() ${'boom()'} \\${boom()}`; // boom()\n/* boom() */")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_typescript_project_has_a_lock_of_what_it_asks_for(engine: str) -> None:
    files = project(load_scenario("payment"), engine, "typescript")
    package, lock = json.loads(files["package.json"]), json.loads(files["package-lock.json"])
    root = lock["packages"][""]
    for field in ("name", "version", "engines", "dependencies", "devDependencies"):
        assert root[field] == package[field], f"{field}: make locks"
    for name, version in {**package["dependencies"], **package["devDependencies"]}.items():
        assert lock["packages"][f"node_modules/{name}"]["version"] == version
    others = [each for path, each in lock["packages"].items() if path]
    assert all("integrity" in each and "resolved" not in each for each in others)


def test_python_projects_ask_for_the_versions_that_we_test_with() -> None:
    lines = (Path(__file__).parents[2] / "constraints.txt").read_text("utf-8").lower().splitlines()
    assert {f"{name}=={version}" for name, version in VERSIONS.items()} <= set(lines)
    for engine in ENGINES:
        told = tomllib.loads(project(load_scenario("payment"), engine, "python")["pyproject.toml"])["project"]
        assert all("==" in each for each in (*told["dependencies"], *told["optional-dependencies"]["dev"]))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onboarding", "payment"])
def test_python_projects_are_strictly_typed(name: str, tmp_path: Path) -> None:
    """An entity's updates, queries and waits; undo, branches, timeouts."""
    for engine in ENGINES:
        for path, text in project(load_scenario(name), engine, "python").items():
            file = tmp_path / engine / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
        told = tomllib.loads((tmp_path / engine / "pyproject.toml").read_text("utf-8"))
        assert told["tool"]["basedpyright"]["typeCheckingMode"] == "strict"
    roots = [{"root": engine} for engine in ENGINES]
    config = {"typeCheckingMode": "strict", "executionEnvironments": roots}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config))
    checker = [Path(sys.executable).with_name("basedpyright"), "--pythonpath", sys.executable, "-p", tmp_path]
    done = subprocess.run(checker, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


REFUSED = """
scenario: refused
services: {bank: {title: Bank, rejections: 10%}}
workflows: {w: {steps: [{run: pay, on: bank}, {run: note, local: true}]}}
deployments:
  temporal:
    workers: [{name: w, runs: workflows, queue: w}, {name: a, runs: activities, queue: a}]
"""


def test_a_call_that_is_refused_for_good_is_not_tried_again_and_local_activities_run_beside_their_workflow() -> None:
    scenario = parse_scenario(REFUSED)
    python, typescript = (project(scenario, "temporal", sdk) for sdk in ("python", "typescript"))
    assert 'non_retryable_error_types=["Rejected"]' in python["app/workflows.py"]
    assert 'nonRetryableErrorTypes: ["Rejected"]' in typescript["src/workflows.ts"]
    assert "no_remote_activities=True" in python["app/worker.py"]
    assert "enableNonLocalActivities: false" in typescript["src/worker.ts"]


FLOW = """
scenario: flow
workflows:
  pay:
    started_by: {event: payment/requested}
    key: user
    one_at_a_time: true
    flow:
      throttle: {limit: 3, period: 2m, key: user}
      idempotency: payment
      priority: [{when: vip, is: 120}, {otherwise: 0}]
      timeouts: {finish: 90s}
    steps:
      - run: charge
        fails: {times: 1, error: Busy, retry_after: 3s}
        undo: refund
      - {wait_for: confirmed, timeout: 1d}
      - {finish: paid}
    on_failure: [{run: tell}]
    signals: {PaymentCancelled: {then: cancel}}
workload: {inputs: [{vip: true, payment: p-1}]}
"""


def test_an_inngest_function_says_what_the_scenario_says() -> None:
    files = project(parse_scenario(FLOW), "inngest", "typescript")
    functions = files["src/functions.ts"]
    for said in (
        "triggers: [paymentRequested],",
        'concurrency: { limit: 1, key: "event.data.user" },',
        'throttle: { limit: 3, period: "2m", key: "event.data.user" },',
        'idempotency: "event.data.payment",',
        'priority: { run: "event.data.vip ? 120 : 0" },',
        'timeouts: { finish: "90s" },',
        'cancelOn: [{ event: paymentCancelled, if: "event.data.user == async.data.user" }],',
        "onFailure: async ({ event, step }) => {",
        'compensations.push(() => step.run("refund", () => steps.refund(input)));',
        'begin(runId, "refund", "refund", () => steps.charge(input, attempt + 1)),',
        'timeout: "1 day",',
        'return "paid";',
        "event.data.function_id == 'flow-pay'",
    ):
        assert said in functions, said
    assert 'throw new RetryAfterError("Busy", "3 seconds");' in files["src/steps.ts"]
    assert "  vip: boolean;" in files["src/messages.ts"]


def test_an_inngest_function_in_python_says_the_same() -> None:
    files = project(parse_scenario(FLOW), "inngest", "python")
    functions = files["app/functions.py"]
    for said in (
        'trigger=inngest.TriggerEvent(event="payment/requested"),',
        'concurrency=[inngest.Concurrency(limit=1, key="event.data.user")],',
        'throttle=inngest.Throttle(limit=3, period=timedelta(minutes=2), key="event.data.user"),',
        'priority=inngest.Priority(run="event.data.vip ? 120 : 0"),',
        "on_failure=pay_failed,",
        'compensations.append(lambda: ctx.step.run("refund", steps.refund, given))',
        'return "paid"',
        "event.data.function_id == 'flow-pay'",
    ):
        assert said in functions, said
    assert 'raise inngest.RetryAfterError("Busy", timedelta(seconds=3))' in files["app/steps.py"]


def test_typescript_written_from_a_python_app_has_that_sdks_defaults() -> None:
    files = project(load_scenario("agent"), "inngest", "typescript")
    assert "checkpointing" not in files["src/client.ts"]
    assert "The Python SDK" not in files["README.md"]


BRANCHES = """
scenario: branches
services: {bank: {title: Bank, rejections: 10%}}
workflows:
  w:
    steps:
      - parallel:
          - [{run: pay, on: bank, timeout: 5s, result: {ok: 50%}}, {run: note}]
          - [{wait_for: approval, timeout: 1h}]
      - choose: [{when: ok, do: [{finish: paid}]}]
"""


def test_branches_of_several_steps_share_one_wait_of_restates_sdk() -> None:
    told = project(parse_scenario(BRANCHES), "restate", "python")
    handlers = told["app/handlers.py"]
    assert "await run(all_of(pay_branch(), approval_branch()))" in handlers
    assert "nonlocal ok" in handlers
    assert 'yield from result(ctx.run_typed("pay"' in " ".join(handlers.split()).replace("( ", "(")
    assert "async with asyncio.timeout(timeout)" in told["app/steps.py"]
    assert "raise restate.TerminalError(str(refused)) from refused" in told["app/steps.py"]


ASKING = """
scenario: asking
services: {bank: {title: Bank, rejections: 10%}}
workflows:
  pay:
    key: id
    steps:
      - {run: charge, on: bank, check_first: 40ms, timeout: 5s}
      - {run: book, on: bank, check_first: 40ms, idempotency_key: id}
      - {for_each: 3, as: n, do: [{run: "ship-{n}", check_first: 5ms, effect: "shipped-{n}"}]}
      - {repeat: 2, do: [{run: remind, check_first: 5ms, result: {heard: 50%}}]}
      - {run: charge, on: bank, check_first: 40ms, timeout: 5s}
      - choose: [{when: heard, do: [{finish: heard}]}]
"""


@pytest.mark.parametrize(
    ("engine", "sdk", "file", "said"),
    [
        ("temporal", "python", "app/activities.py", (
            'reference = f"{info.workflow_run_id}/{info.activity_id}"',
            "if not await services.bank.has_done(reference, takes=services.always(0.04)): await",
            "if not await services.bank.has_done(given.id, takes=services.always(0.04)): await "
            'services.bank.call("book", key=given.id)',
            'reference = f"{info.workflow_run_id}/shipped-{n}"',
        )),
        ("temporal", "typescript", "src/activities.ts", (
            "const reference = `${workflowExecution!.runId}/${activityId}`;",
            "if (!(await services.bank.hasDone(reference, { takes: services.always(40) }))) {",
            'await services.bank.call("book", { key: input.id });',
            "const reference = `${workflowExecution!.runId}/shipped-${n}`;",
        )),
        ("restate", "python", "app/handlers.py", (
            'reference=f"{ctx.request().id}/charge"',
            'reference=f"{ctx.request().id}/charge:1"',
            'reference=f"{ctx.request().id}/shipped-{n}"',
            'reference=f"{ctx.request().id}/remind/{number}"',
        )),
        ("restate", "python", "app/steps.py", (
            "async with asyncio.timeout(timeout): # an attempt of ctx.run has no time limit of its own "
            "if not await services.bank.has_done(reference, takes=services.always(0.04)): try: await",
        )),
        ("restate", "typescript", "src/steps.ts", (
            "if (!(await services.bank.hasDone(reference, { takes: services.always(40), signal }))) {",
        )),
        ("restate", "typescript", "src/handlers.ts", (
            "`${ctx.request().id}/charge:1`", "`${ctx.request().id}/shipped-${index + 1}`",
        )),
        ("inngest", "python", "app/functions.py", (
            'f"{ctx.run_id}/charge"', 'f"{ctx.run_id}/shipped-{n}"', 'f"{ctx.run_id}/remind/{number}"',
        )),
        ("inngest", "typescript", "src/functions.ts", (
            "`${runId}/charge`", "`${runId}/charge:1`", "`${runId}/shipped-${n}`", "`${runId}/remind/${number2}`",
        )),
    ],
)  # fmt: skip
def test_a_step_that_asks_first_calls_its_service_only_if_the_effect_is_not_there(
    engine: str, sdk: str, file: str, said: tuple[str, ...]
) -> None:
    files = project(parse_scenario(ASKING), engine, sdk)
    written = " ".join(files[file].split())
    for each in said:
        assert each in written, each
    services = files["app/services.py" if sdk == "python" else "src/services.ts"]
    assert ("async def has_done(" if sdk == "python" else "async hasDone(") in services


def test_undo_steps_of_a_cancelled_inngest_run_ask_first_under_the_ids_of_their_steps() -> None:
    undone = FLOW.replace("undo: refund", "undo: {run: refund, check_first: 5ms}")
    typescript = project(parse_scenario(undone), "inngest", "typescript")["src/functions.ts"]
    assert "refund: (reference) => steps.refund(input, reference)," in typescript
    assert "await step.run(id, () => undoing[undo](`${runId}/${id}`));" in typescript
    python = project(parse_scenario(undone), "inngest", "python")["app/functions.py"]
    assert '"refund": lambda reference: steps.refund(given, reference),' in python
    assert 'await ctx.step.run(step_id, undoing[undo], f"{ctx.run_id}/{step_id}")' in python


def test_an_sdk_without_a_writer_is_refused() -> None:
    with pytest.raises(NoSuchProject, match="there is python and typescript"):
        project(load_scenario("payment"), "temporal", "cobol")


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    done = durascope("export", "payment", "--format", "code", "-e", "temporal", "--out", str(tmp_path))
    assert done.status == 2
    assert "is not empty" in done.err
    assert [each.name for each in tmp_path.iterdir()] == ["kept"]


def test_what_restate_refuses_is_written_past_the_types_of_its_typescript_sdk_and_said() -> None:
    """Beside a workflow's run, state can only be read: the server refuses the rest."""
    scenario = parse_scenario("""
scenario: refused
workflows: {order: {steps: [{set: total, value: 1}, {sleep: 1s}], updates: {change: {steps: [{set: total, value: 2}]}}}}
deployments: {restate: {service: {kind: workflow, sdk: typescript}}}
""")
    handlers = project(scenario, "restate", "typescript")["src/handlers.ts"]
    assert 'ctx.set("total", 1);' in handlers
    assert '(ctx as restate.WorkflowContext).set("total", 2);' in handlers
    assert "RT0017" in handlers
