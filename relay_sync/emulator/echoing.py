"""``calling.echo``: the phone hears itself, at once, for ``timeout`` seconds or (0) to the end (protocol.md 13)."""

from __future__ import annotations

from typing import Any

from relay_sync.emulator.calls import Call
from relay_sync.emulator.operations import Operation


class Echo(Operation):
    """One echo; one at a time runs on a call, and nothing else stops it."""

    def __init__(self, call: Call, params: dict[str, Any]) -> None:
        super().__init__(call, "")
        self._bridge = call.line.bridge(call.sample(), call.voice)
        self._tell("echoing")
        timeout = float(params.get("timeout", 0))
        if timeout:
            self._later(timeout, self.stop)

    def stop(self) -> None:
        """End it with ``finished``."""
        self._end()

    def end_with_call(self, tell: bool) -> None:
        """The call has ended, and ends it with ``finished``."""
        self._end(tell)

    def _end(self, tell: bool = True) -> None:
        self._close()
        self._bridge.stop(self.call.sample())
        if tell and self.call.around.assumptions.echo_end_event:
            self._tell("finished")

    def _tell(self, state: str) -> None:
        self.call.emit("calling.call.echo", {"state": state})
