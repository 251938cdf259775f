"""Tokens: one exploration's finding as a string that fits a chat message, and that plays only where it means the same.

ds1.<base64url of the deflated JSON [version, engine, seed, name, hash, settings, faults, events]>
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

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
    options: tuple[str, ...] = ()
    """What else was said on the command line: `--runs 3 --set …`."""
    digest: str = ""
    """Of the scenario, with the options applied."""


def digest(scenario: Scenario) -> str:
    """Eight characters that another scenario does not have."""
    return hashlib.sha256(as_yaml(scenario).encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Replay:
    """What a token says."""

    engine: str
    seed: int
    name: str
    digest: str
    options: tuple[str, ...]
    faults: tuple[str, ...]
    """As JSON."""
    events: tuple[str, ...]
    """Of the workload, as JSON, beside the scenario's own."""

    def check(self, scenario: Scenario) -> None:
        """Raises `BadToken` where the scenario is not the one that the token was made of."""
        if digest(scenario) != self.digest:
            raise BadToken(
                f"the token was made of another {self.name}: that scenario has changed since; "
                "replay it with the file it was made of: durascope replay TOKEN FILE"
            )


def token(disturbances: Disturbances, engine: str, seed: int, origin: Origin) -> str:
    """A short string that `durascope replay` plays."""
    faults = [json.loads(each.fault) for each in disturbances if each.what != "cancel"]
    events = [json.loads(each.fault) for each in disturbances if each.what == "cancel"]
    said = [__version__, engine, seed, origin.name, origin.digest, list(origin.options), faults, events]
    packed = zlib.compress(json.dumps(said, separators=(",", ":")).encode(), 9)
    return PREFIX + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read(text: str) -> Replay:
    """What a token says. Raises `BadToken`."""
    text = text.strip()
    if not text.startswith(PREFIX):
        raise BadToken(f"a token begins with {PREFIX}: copy it from the output of durascope explore")
    try:
        packed = base64.urlsafe_b64decode(text[len(PREFIX) :] + "=" * (-(len(text) - len(PREFIX)) % 4))
        unpacked = zlib.decompressobj().decompress(packed, _LONGEST)
        said: Any = json.loads(unpacked)
        version, engine, seed, name, mark, options, faults, events = said
        strings = (version, engine, name, mark, *options)
        if type(seed) is not int or not all(isinstance(each, str) for each in strings):
            raise ValueError
        replay = Replay(engine, seed, name, mark, tuple(options), _written(faults), _written(events))
    except (ValueError, TypeError, binascii.Error, zlib.error, UnicodeDecodeError, RecursionError):
        raise BadToken("the token is damaged: copy it whole, from ds1. to its end") from None
    if version != __version__:
        raise BadToken(f"the token was made by durascope {version}, this is {__version__}: models may differ")
    return replay


def _written(values: Sequence[Any]) -> tuple[str, ...]:
    if not all(isinstance(each, dict) for each in values):
        raise ValueError
    return tuple(json.dumps(each) for each in values)
