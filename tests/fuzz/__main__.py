"""`python -m tests.fuzz --minutes N [--seed S] [--promise NAME]`: hunts, shrinks what it finds, keeps it in the corpus.

Each input is tried in a process of its own, with a limit of time and memory. Exit status 1 where something was found.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import resource
import sys
import time
from collections import Counter
from hashlib import blake2b
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from tests.fuzz.inputs import garbled, mutated, smaller
from tests.fuzz.promises import PROMISES

SECONDS: Final = 90
"""For one input; this machine may be busy."""
MEGABYTES: Final = 300
"""Above what the process had before."""
SHRINKING: Final = 60
"""Tries to make a finding smaller."""
CORPUS: Final = Path(__file__).parent / "corpus"


def tried(promise: str, given: Any, seed: int) -> str | None:
    """What is broken: a promise's own words, an exception, the time or the memory."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_try, args=(promise, given, seed, sender))
    process.start()
    sender.close()
    process.join(SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
        return f"no end after {SECONDS} s"
    try:
        return receiver.recv()
    except EOFError:
        return f"the process died ({process.exitcode})"
    finally:
        receiver.close()


def _try(promise: str, given: Any, seed: int, sender: Connection) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    try:
        found = PROMISES[promise][1](given, random.Random(seed))
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
        if found is None and grown > MEGABYTES:
            found = f"{grown} MB"
    except BaseException as error:
        found = f"{type(error).__name__}: {error}"[:200]
    sender.send(found)


def shrunk(promise: str, tree: Any, seed: int, kind: str) -> Any:
    """A smaller tree in which the same kind of thing is broken."""
    left = SHRINKING
    progress = True
    while progress and left > 0:
        progress = False
        for candidate in smaller(tree):
            left -= 1
            found = tried(promise, candidate, seed)
            if found is not None and _kind(found) == kind:
                tree, progress = candidate, True
                break
            if left <= 0:
                break
    return tree


def _kind(found: str) -> str:
    return "".join(each for each in found if not each.isdigit())[:40]


def keep(promise: str, given: Any, seed: int, found: str) -> Path:
    """Writes a finding into the corpus: what was broken in the first line, the input below."""
    text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, indent=1)
    name = f"{promise}-{blake2b(text.encode(), digest_size=4).hexdigest()}.yaml"
    head = json.dumps({"promise": promise, "seed": seed, "found": found}, ensure_ascii=True)
    CORPUS.mkdir(exist_ok=True)
    (CORPUS / name).write_text(f"# {head}\n{text}\n", "utf-8")
    return CORPUS / name


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=None, help="of the first input; the next ones count on")
    parser.add_argument("--promise", choices=PROMISES, default=None, help="only this one")
    asked = parser.parse_args()
    seed = int(time.time()) if asked.seed is None else asked.seed
    until = time.monotonic() + 60 * asked.minutes
    counts: Counter[str] = Counter()
    known: set[tuple[str, str]] = set()
    while time.monotonic() < until:
        for promise in [asked.promise] if asked.promise else PROMISES:
            seed += 1
            counts[promise] += 1
            draw = random.Random(seed)
            given: Any = garbled(draw) if PROMISES[promise][0] else mutated(draw)
            found = tried(promise, given, seed)
            if found is None or (promise, _kind(found)) in known:
                continue
            known.add((promise, _kind(found)))
            small = given if isinstance(given, str) else shrunk(promise, given, seed, _kind(found))
            sys.stdout.write(f"{promise}, seed {seed}: {found}\n  {keep(promise, small, seed, found)}\n")
            sys.stdout.flush()
    tried_ = ", ".join(f"{count:,} {promise}" for promise, count in counts.items())
    sys.stdout.write(f"{tried_}; {len(known)} kinds of findings\n")
    return 1 if known else 0


if __name__ == "__main__":
    sys.exit(main())
