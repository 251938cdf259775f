"""`python -m tests.audit`: licences of all that `pip install durascope` brings, and known vulnerabilities.

Licences are read from what is installed here. Vulnerabilities are looked up by pip-audit, in the versions of
constraints.txt, where it is installed (`make audit` does that) and its database can be reached; where not, that is
said. Exit status 1 for a licence that nobody has allowed or a vulnerability that is known.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement

ROOT: Final = Path(__file__).parents[1]
ALLOWED: Final = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|0BSD|Unlicense|CNRI|EPL|Zlib", re.IGNORECASE
)
"""Licences under which a package may be used by a program under any other."""
SECONDS: Final = 120


def brought(name: str = "durascope") -> Iterator[Distribution]:
    """The distributions that a plain installation brings, itself not among them."""
    known, waiting = {name}, [name]
    while waiting:
        for text in distribution(waiting.pop()).requires or ():
            requirement = Requirement(text)
            wanted = requirement.name.lower().replace("_", "-")
            if wanted in known or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
                continue
            known.add(wanted)
            try:
                yield distribution(wanted)
            except PackageNotFoundError:
                continue
            waiting.append(wanted)


def licence(package: Distribution) -> str:
    """What its metadata says, or the first line of the licence that it brings; empty where neither says anything."""
    meta = package.metadata
    classified = [each.rsplit(" :: ", 1)[1] for each in meta.get_all("Classifier") or () if each.startswith("License")]
    free = [each.split("\n")[0] for each in meta.get_all("License") or ()]
    told = ", ".join(meta.get_all("License-Expression") or classified or free)
    if not told:
        texts = [file for file in package.files or () if file.name.upper().startswith(("LICENSE", "LICENCE"))]
        told = Path(str(texts[0].locate())).read_text("utf-8").strip().split("\n")[0] if texts else ""
    return str(told)[:60]


def licences() -> bool:
    """Prints a line for each package; whether all of them are allowed."""
    fine = True
    for package in sorted(brought(), key=lambda each: each.metadata["Name"].lower()):
        told = licence(package)
        allowed = ALLOWED.search(told) is not None
        fine &= allowed
        _say(f"{'' if allowed else 'NOT ALLOWED: '}{package.metadata['Name']} {package.version}: {told or 'says none'}")
    return fine


def vulnerabilities() -> bool:
    """Asks pip-audit; whether nothing is known. What could not be looked up is said."""
    asked = [sys.executable, "-m", "pip_audit", "-r", str(ROOT / "constraints.txt"), "--no-deps", "--disable-pip"]
    try:
        said = subprocess.run([*asked, "-f", "json"], capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        _say(f"Vulnerabilities were NOT looked up: no answer from the database in {SECONDS} s.")
        return True
    try:
        packages = json.loads(said.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError):
        why = (said.stderr.strip().splitlines() or ["pip-audit says nothing"])[-1][:200]
        _say(f"Vulnerabilities were NOT looked up: {why}")
        return True
    return judged(packages)


def judged(packages: Sequence[Mapping[str, Any]]) -> bool:
    """Prints what pip-audit has found, and for how many packages it found no data; whether nothing is known."""
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    known = [(each, vuln) for each in packages for vuln in each.get("vulns", ())]
    for package, vuln in known:
        fixed = ", ".join(vuln["fix_versions"]) or "no version yet"
        _say(f"VULNERABLE: {package['name']} {package['version']}: {vuln['id']}, fixed in {fixed}")
    _say(f"{len(packages) - len(skipped)} packages looked up, {len(known)} known vulnerabilities.")
    if skipped:
        _say(f"NOT looked up, for the database has no answer: {len(skipped)} packages ({', '.join(skipped[:3])} …).")
    return not known


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(0 if all([licences(), vulnerabilities()]) else 1)
