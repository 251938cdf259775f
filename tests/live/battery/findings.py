"""What a battery found, on disk: a case for each scenario that differs, and a page for people."""

from __future__ import annotations

from pathlib import Path

import yaml

from durascope.live.keeping import case_yaml
from durascope.live.verification import Verification, told
from tests.live.battery.minimising import written


def keep(folder: Path, name: str, found: Verification, smallest: Verification, kind: str, again: str) -> None:
    """The scenario as it was drawn and as small as it could be made, each with its recording, and both records."""
    folder.mkdir(parents=True, exist_ok=True)
    for each, suffix in ((found, ""), (smallest, "-small")):
        (folder / f"{name}{suffix}.yaml").write_text(case_yaml(each, f"{name}{suffix}"), "utf-8")
    page = [
        f"# {name}: {kind}", "", f"Run again: {again}.", "", "## The smallest scenario that differs", "", "```yaml",
        yaml.dump(written(smallest.scenario), sort_keys=False, allow_unicode=True).rstrip(), "```", "",
        "```text", told(smallest), "```", "",
    ]  # fmt: skip
    predicted = smallest.trace.records
    for recording in smallest.recordings:
        for run in {**predicted, **recording.records}:
            page += [
                f"## {run}: predicted, then recorded",
                "",
                "```text",
                *predicted.get(run, ()),
                "```",
                "",
                "```text",
            ]
            page += [*recording.records.get(run, ()), "```", ""]
    (folder / f"{name}.md").write_text("\n".join(page), "utf-8")
