"""A small process that ends what a verification has started, should the verification itself be killed.

It reads `+PID` and `-PID` from its input; when that ends, it kills the process groups that are left and removes the
folder that it was given. Run as a file, so that it loads nothing else.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys


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
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    main(sys.argv[1])
