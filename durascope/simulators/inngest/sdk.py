"""What the Python and the TypeScript SDK have in common for a workflow's code (inngest.md §4, §9)."""

from __future__ import annotations

from typing import Any

from durascope.models.steps import Bug, Call, Clear, Compute, Fail, Get, Parallel, Patched, Race, Set, Step, WaitFor
from durascope.simulators.inngest.invocation import Invocation
from durascope.simulators.inngest.protocol import InvokeOpts, WaitOpts
from durascope.simulators.inngest.settings import TIMES
from durascope.simulators.program.loop import Coroutine, Loop
from durascope.simulators.program.sdk import Sdk


class Variables(Sdk):
    """What a function's code has of its own, on the real SDK as on the modelled: variables, and its parallel mode."""

    catches_failures = False

    def __init__(self) -> None:
        self._variables: dict[str, Any] = {}
        self._mode = "wait"

    def before_step(self, step: Step) -> None:
        """Remembers the parallel mode of the group that is about to begin."""
        self._mode = step.mode if isinstance(step, Parallel | Race) else "wait"

    def state(self, step: Get | Set | Clear) -> Coroutine:
        """A variable of the function: it lasts as long as the run."""
        match step:
            case Get(get="*"):
                return sorted(self._variables)
            case Get():
                return self._variables.get(step.get)
            case Set():
                self._variables[step.set] = step.value
            case Clear(clear="*"):
                self._variables.clear()
            case Clear():
                self._variables.pop(step.clear, None)
        return None
        yield


class InngestSdk(Variables):
    """Steps by id; there is no versioning of code."""

    def __init__(self, invocation: Invocation, loop: Loop) -> None:
        super().__init__()
        self.loop = loop
        self.invocation = invocation
        self.request = invocation.request
        self.app = invocation.app

    def patched(self, step: Patched) -> Coroutine:
        """New code for runs whose event is younger than the deploy, as a user would compare `event.ts`."""
        return self.request.created_at >= self.app.deployed_at(self.request.function)
        yield

    def computed(self, step: Compute, key: str) -> int:
        return self.app.code.computed(self.request.run, key)

    def code_fails(self, step: Fail | Bug, name: str, key: str) -> bool:
        return self.app.code.code_fails(self.request.run, step, key)

    # ---- what travels --------------------------------------------------------------------------------------

    def wait_opts(self, step: WaitFor) -> WaitOpts:
        """The event, the field that is compared, and the timeout, which Inngest demands: a year if there is none."""
        timeout = TIMES.year if step.timeout is None else step.timeout
        return WaitOpts(step.wait_for, self.app.match_field(self.request.function, step), timeout)

    def invoke_opts(self, step: Call, key: str, timeout: int | None) -> InvokeOpts:
        address = f"{self.request.run.luck}/{key}"
        return InvokeOpts(step.call, None if step.key is None else str(step.key), timeout, address)
