"""`durascope new`: a scenario to start from, and the schema that lets an editor help."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from durascope.cli.terminal import say
from durascope.models.files import write_whole

STARTER = """\
# yaml-language-server: $schema={schema}
scenario: {name}
title: {title}
about: |
  Describe what happens and what to look for.

services:
  payments: {{kind: api, title: Payment API, latency: {{p50: 180ms, p99: 900ms}}}}

workflows:
  {name}:
    started_by: {{from: web shop, event: order/created}}
    key: order_id
    input: {{order_id: unique}}
    steps:
      - run: reserve
        takes: 30ms
        undo: release
      - run: charge
        on: payments
      - sleep: 2s
      - run: confirm
        takes: 50ms

workload:
  runs: 1

faults:
  - crash: app
    when: {{step: charge, attempt: 1, moment: after-effect}} # charged, and nobody knows it yet
    down_for: 2s

expect:
  completed: 100%
  effects: {{confirm: {{at_least: 1}}}}
"""


def command(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The scenario's id: lower-case letters, digits, hyphens.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to write it.")] = Path(),
) -> None:
    """Write a starter scenario, NAME.yaml.

    The schema for editors goes beside it. Nothing is overwritten.

    durascope new checkout

    durascope new sign-up --out scenarios
    """
    from durascope.models.problems import ScenarioProblems
    from durascope.models.reading import parse_scenario
    from durascope.models.schema import FILE_NAME, scenario_schema
    from durascope.models.source import Source

    name = name.removesuffix(".yaml")
    file, schema_file = out / f"{name}.yaml", out / FILE_NAME
    text = STARTER.format(name=name, title=name.replace("-", " ").capitalize(), schema=FILE_NAME)
    try:
        parse_scenario(text, str(file))
    except ScenarioProblems:
        help = "ids are kebab-case: lower-case letters, digits and hyphens"  # noqa: A001
        raise ScenarioProblems([Source("NAME", name).problem("bad-value", "this is not an id", help=help)]) from None
    schema = f"{json.dumps(scenario_schema(), indent=2, ensure_ascii=False)}\n"
    try:
        if not out.is_dir():
            out.mkdir(parents=True)
        _write(file, text)
        if not _is_ours(schema_file):
            _write(schema_file, schema)
        else:
            write_whole(schema_file, schema)
    except FileExistsError as error:
        help = "choose another name, or remove it"  # noqa: A001
        problem = Source("NAME", name).problem("exists", f"{error.filename} is there already", help=help)
        raise ScenarioProblems([problem]) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ScenarioProblems(
            [Source("NAME", name).problem("unwritable", f"it cannot be written: {reason}")]
        ) from None
    say(f"wrote {file} and {schema_file}\ntry: durascope run {file}")


def _write(file: Path, text: str) -> None:
    with file.open("x", encoding="utf-8"):  # claims the name
        pass
    try:
        write_whole(file, text)
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def _is_ours(schema_file: Path) -> bool:
    """Whether the file is a schema that durascope has written before, and may write again."""
    from durascope.models.schema import TITLE

    try:
        return json.loads(schema_file.read_text(encoding="utf-8")).get("title") == TITLE
    except (OSError, ValueError, AttributeError):
        return False
