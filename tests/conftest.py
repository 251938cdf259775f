"""What all tests share: property tests try the same examples every time, or new ones with `DURASCOPE_FUZZ=1`.
Who only wants to know whether they fail takes `--hypothesis-profile=once`, which does not look for smaller examples.

Ctrl-C ends what they start, even where whoever runs them ignores it, as a shell does for what it runs with `&`.
"""

from __future__ import annotations

import os
import signal

from hypothesis import Phase, settings

settings.register_profile("same", derandomize=True, deadline=None, database=None)
settings.register_profile("once", settings.get_profile("same"), phases=(Phase.explicit, Phase.generate))
settings.register_profile("new", deadline=None)
settings.load_profile("new" if os.environ.get("DURASCOPE_FUZZ") else "same")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
