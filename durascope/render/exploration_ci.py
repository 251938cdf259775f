"""An exploration for the tools of CI: JUnit XML, and SARIF 2.1.0 for code scanning.

Both are made of the data that `durascope explore --json` prints.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from xml.etree import ElementTree

Data = Mapping[str, Any]

_SARIF: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_RULES: Final = {
    "duplicate": "An effect can happen more than once in a run",
    "slow": "A short fault makes a run late",
}


def junit(data: Data) -> str:
    """A test suite an engine: a test case for each promise; one that was broken has failed, with the way to see it."""
    root = ElementTree.Element("testsuites", name=f"durascope explore {data['scenario']}")
    for engine, each in data["engines"].items():
        promises = {name: p for name, p in each["properties"].items() if p["kind"] == "always"}
        failed = sum(not p["held"] for p in promises.values())
        suite = ElementTree.SubElement(
            root, "testsuite", name=f"{data['scenario']} on {engine}", tests=str(len(promises)), failures=str(failed),
            errors="0", skipped="0",
        )  # fmt: skip
        for name, promise in promises.items():
            case = ElementTree.SubElement(
                suite, "testcase", classname=f"durascope.{data['scenario']}.{engine}", name=promise["sentence"]
            )
            if not promise["held"]:
                found = next((f for f in each["findings"] if f["property"] == name), None)
                message = f"broken by {promise['broken_after']} disturbances"
                failure = ElementTree.SubElement(case, "failure", message=message, type=name)
                failure.text = "" if found is None else f"{found['cause']}\n{found['reproduce']}\n"
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode", xml_declaration=False)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{_legal(text)}\n'


def _legal(text: str) -> str:
    """Without what XML 1.0 cannot hold."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "�", text)


def sarif(data: Data, file: str, text: str | None) -> str:
    """A result a finding, at the line of its step in the scenario's file; `text`: that file's, where there is one."""
    rules = dict(_RULES)
    for each in data["engines"].values():
        rules |= {name: p["sentence"] for name, p in each["properties"].items() if p["kind"] == "always"}
    results = [_result(engine, finding, file, text) for engine, finding in _findings(data)]
    run = {
        "tool": {
            "driver": {
                "name": "durascope",
                "version": data["version"],
                "rules": [{"id": name, "shortDescription": {"text": said}} for name, said in rules.items()],
            }
        },
        "results": results,
    }
    return json.dumps({"$schema": _SARIF, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _findings(data: Data) -> Iterator[tuple[str, Data]]:
    for engine, each in data["engines"].items():
        for finding in each["findings"]:
            yield engine, finding


def _result(engine: str, finding: Data, file: str, text: str | None) -> dict[str, Any]:
    level = {"duplicate": "warning", "slow": "note"}.get(finding["property"], "error")
    said = f"{engine}: {finding['sentence']}. {finding['cause']}. Reproduce: {finding['reproduce']}"
    place = {"artifactLocation": {"uri": file}, "region": {"startLine": _line(text, finding["step"])}}
    return {
        "ruleId": finding["property"],
        "level": level,
        "message": {"text": said},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"durascope/v1": f"{engine}/{finding['property']}/{finding['step']}"},
    }


def _line(text: str | None, step: str | None) -> int:
    """The line on which the step stands, from 1; the first where that is not known."""
    if text is None or step is None:
        return 1
    named = re.compile(rf"(?:run|step|name|rename)\s*:\s*[\"']?{re.escape(step)}[\"']?(?:\s|,|}}|$)")
    return next((number for number, line in enumerate(text.splitlines(), start=1) if named.search(line)), 1)
