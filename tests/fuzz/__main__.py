"""`python -m tests.fuzz --minutes N [--seed S] [--promise NAME …]`: hunts, shrinks what it finds and keeps it.

Each input is tried in a process of its own, with a limit of time and memory; without `--promise` the promises take
turns. Exit status 1 where something was found.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import resource
import signal
import sys
import time
from collections import Counter
from hashlib import blake2b
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from tests.fuzz.inputs import smaller
from tests.fuzz.promises import PROMISES

SECONDS: Final = 1200
"""For one input that waits and does not compute, or on a machine that is busy."""
CPU_SECONDS: Final = 40
"""Of computing, for all that one promise does with an input; after twice as many it is stopped."""
MEGABYTES: Final = 300
"""Above what the process had before."""
SHRINKING_S: Final = 90
"""For making a finding smaller."""
CORPUS: Final = Path(__file__).parent / "corpus"


def tried(promise: str, given: Any, seed: int) -> str | None:
    """What is broken: a promise's own words, an exception, the time or the memory."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_try, args=(promise, given, seed, sender))
    process.start()
    sender.close()
    try:
        return receiver.recv() if receiver.poll(SECONDS) else f"no end after {SECONDS} s"
    except EOFError:
        process.join()
        return f"over {2 * CPU_SECONDS} s of computing" if process.exitcode == -signal.SIGXCPU else "the process died"
    finally:
        process.kill()
        process.join()
        receiver.close()


def _try(promise: str, given: Any, seed: int, sender: Connection) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    _stop_after(2 * CPU_SECONDS)
    begun = time.process_time()
    try:
        found = PROMISES[promise].broken(given, random.Random(seed))
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
        seconds = time.process_time() - begun
        if found is None and grown > MEGABYTES:
            found = f"{grown} MB"
        elif found is None and seconds > CPU_SECONDS:
            found = f"{seconds:.0f} s of computing"
    except BaseException as error:
        found = f"{type(error).__name__}: {error}"
    sender.send(None if found is None else found[:500])


def _stop_after(seconds: int) -> None:
    """The system ends this process when it has computed that long, counted from now."""
    until = int(time.process_time()) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (until, until + 5))


def shrunk(promise: str, tree: Any, seed: int, kind: str) -> Any:
    """A smaller tree in which the same kind of thing is broken."""
    until = time.monotonic() + SHRINKING_S
    progress = True
    while progress:
        progress = False
        for candidate in smaller(tree):
            if time.monotonic() > until:
                return tree
            found = tried(promise, candidate, seed)
            if found is not None and _kind(found) == kind:
                tree, progress = candidate, True
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
    parser.add_argument("--promise", choices=PROMISES, action="append", help="only this one; may be repeated")
    asked = parser.parse_args()
    seed = int(time.time()) if asked.seed is None else asked.seed
    until = time.monotonic() + 60 * asked.minutes
    counts: Counter[str] = Counter()
    known: set[tuple[str, str]] = set()
    while time.monotonic() < until:
        for promise in asked.promise or PROMISES:
            seed += 1
            counts[promise] += 1
            draw = random.Random(seed)
            given: Any = PROMISES[promise].made(draw)
            found = tried(promise, given, seed)
            if found is None or (promise, _kind(found)) in known:
                continue
            known.add((promise, _kind(found)))
            _say(f"{promise}, seed {seed}: {found}")
            small = given if isinstance(given, str) else shrunk(promise, given, seed, _kind(found))
            _say(f"  {keep(promise, small, seed, found)}")
    tried_ = ", ".join(f"{count:,} {promise}" for promise, count in counts.items())
    _say(f"{tried_}; {len(known)} kinds of findings")
    return 1 if known else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
