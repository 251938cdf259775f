"""Tokens: one exploration's finding as a string that fits a chat message, and that plays only where it means the same.

ds1.<base64url of the deflated JSON [version, engine, seed, [name, runs, settings, hash], faults, events]>
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zlib
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter

from durascope.experiments.exploration.disturbances import Disturbances
from durascope.models.scenario import Scenario
from durascope.models.writing import as_yaml
from durascope.version import __version__

PREFIX: Final = "ds1."
_LONGEST: Final = 20_000


class BadToken(ValueError):
    """A token that cannot be played here; its text says why."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a scenario comes from, in a user's words."""

    name: str
    """What `durascope run` calls it: a built-in's name, or a file."""
    runs: int | None = None
    """What `--runs` said; None: nothing."""
    settings: tuple[str, ...] = ()
    """What `--set` said."""
    digest: str = ""
    """Of the scenario, with these applied."""

    @property
    def options(self) -> tuple[str, ...]:
        """The words of the command line beside the name."""
        said = () if self.runs is None else ("--runs", str(self.runs))
        return (*said, *(word for setting in self.settings for word in ("--set", setting)))


def digest(scenario: Scenario) -> str:
    """Eight characters that another scenario does not have."""
    return hashlib.sha256(as_yaml(scenario).encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Replay:
    """What a token says."""

    origin: Origin
    engine: str
    seed: int
    faults: tuple[str, ...]
    """As JSON."""
    events: tuple[str, ...]
    """Of the workload, as JSON, beside the scenario's own."""

    def check(self, scenario: Scenario) -> None:
        """Raises `BadToken` if the scenario is not the one that the token was made of."""
        if digest(scenario) != self.origin.digest:
            raise BadToken(
                f"the token was made of another {self.origin.name}: name the file that it was made of, "
                "durascope replay TOKEN FILE, or explore again"
            )

    def settings_for(self, scenario: Scenario) -> list[str]:
        """What `--set` says to play it: the faults in place of the scenario's own, the events beside them."""
        said = [*self.origin.settings, f"faults=[{', '.join(self.faults)}]"]
        if self.events:
            own = [event.model_dump_json(by_alias=True, exclude_unset=True) for event in scenario.workload.events]
            said.append(f"workload.events=[{', '.join([*own, *self.events])}]")
        return said


def token(disturbances: Disturbances, engine: str, seed: int, origin: Origin) -> str:
    """A short string that `durascope replay` plays."""
    faults = [json.loads(each.fault) for each in disturbances if each.what != "cancel"]
    events = [json.loads(each.fault) for each in disturbances if each.what == "cancel"]
    from_where = [origin.name, origin.runs, list(origin.settings), origin.digest]
    said = [__version__, engine, seed, from_where, faults, events]
    packed = zlib.compress(json.dumps(said, separators=(",", ":")).encode(), 9)
    return PREFIX + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read(text: str) -> Replay:
    """What a token says. Raises `BadToken`."""
    text = text.strip()
    if not text.startswith(PREFIX):
        raise BadToken(f"a token begins with {PREFIX}: copy it from the output of durascope explore")
    try:
        packed = base64.urlsafe_b64decode(text[len(PREFIX) :] + "=" * (-(len(text) - len(PREFIX)) % 4))
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(packed, _LONGEST).decode()
        if not unpacking.eof:
            raise ValueError("cut off")
        said = _Said.validate_json(text, strict=True)
    except (ValueError, binascii.Error, zlib.error):
        raise BadToken("the token is damaged: copy it whole, from ds1. to its end") from None
    version, engine, seed, (name, runs, settings, mark), faults, events = said
    if version != __version__:
        raise BadToken(f"the token was made by durascope {version}, this is {__version__}: their models may differ")
    origin = Origin(name, runs, tuple(settings), mark)
    return Replay(origin, engine, seed, tuple(map(json.dumps, faults)), tuple(map(json.dumps, events)))


_From = tuple[str, int | None, list[str], str]
_Said: Final = TypeAdapter(tuple[str, str, int, _From, list[dict[str, Any]], list[dict[str, Any]]])
"""What is in a token."""
