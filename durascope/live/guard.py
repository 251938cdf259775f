"""A small process that ends what a verification has started if the verification itself is killed.

It reads `+PID` and `-PID` from its input, which every process that is started holds open until it has written its own;
when that ends, it kills the process groups that are left and removes the folder that it was given. Run as a file, so
that it loads nothing else.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time

PATIENCE_S = 20.0
"""Time for killed processes to be gone, in seconds; until then they may still write into the folder."""


def main(folder: str) -> None:
    groups: set[int] = set()
    for line in sys.stdin:
        pid = int(line[1:])
        groups.add(pid) if line[0] == "+" else groups.discard(pid)
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except OSError:
            continue
    deadline = time.monotonic() + PATIENCE_S
    while os.path.lexists(folder) and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        if os.path.lexists(folder):
            time.sleep(0.05)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    main(sys.argv[1])
