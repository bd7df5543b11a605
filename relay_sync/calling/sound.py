"""What is done to the sound of a call: hold, denoise, echo (api.md 15, protocol.md 13)."""

from __future__ import annotations

from typing import Any

from relay_sync.calling import checks
from relay_sync.calling.leg import Leg
from relay_sync.calling.result import ReplyResult


class Sounding(Leg):
    """The verbs that change what is heard."""

    __slots__ = ()

    def hold(self, *, wait_timeout: float | None = None) -> ReplyResult:
        """Put the call on hold; return once Relay has answered.

        ``on("hold.stateChange", …)`` hears of it. One source says that the service has not got it yet
        (protocol.md 13): then Relay refuses it.

        Args:
            wait_timeout: seconds for Relay's answer; ``request_timeout`` bounds it in any case.

        Returns:
            Relay's answer, with all its fields as ``result``.

        Raises:
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer in time.
        """
        return self._carry_out(ReplyResult, "calling.hold", {}, wait_timeout)

    def unhold(self, *, wait_timeout: float | None = None) -> ReplyResult:
        """Take the call off hold; return once Relay has answered.

        Args, returns and raises as :meth:`hold`.
        """
        return self._carry_out(ReplyResult, "calling.unhold", {}, wait_timeout)

    def denoise(self, *, wait_timeout: float | None = None) -> ReplyResult:
        """Have noise taken out of the call's sound; return once Relay has answered.

        ``on("denoise.stateChange", …)`` hears of it. Args, returns and raises as :meth:`hold`.
        """
        return self._carry_out(ReplyResult, "calling.denoise", {}, wait_timeout)

    def denoise_stop(self, *, wait_timeout: float | None = None) -> ReplyResult:
        """Leave the call's sound as it is again; return once Relay has answered.

        Args, returns and raises as :meth:`hold`.
        """
        return self._carry_out(ReplyResult, "calling.denoise.stop", {}, wait_timeout)

    def echo(
        self, timeout: float | None = None, status_url: str | None = None, *, wait_timeout: float | None = None
    ) -> ReplyResult:
        """Have the phone hear itself; return once Relay has answered.

        ``on("echo.stateChange", …)`` hears of it. No source says what event tells of its end, so nothing
        here waits for that.

        Args:
            timeout: seconds that it goes on, 0 or more; 0 until the call ends.
            status_url: http or https address that is told of it.
            wait_timeout: seconds for Relay's answer; ``request_timeout`` bounds it in any case.

        Returns:
            Relay's answer, with all its fields as ``result``.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer in time.
        """
        params: dict[str, Any] = {}
        if timeout is not None:
            params["timeout"] = checks.seconds(timeout, "timeout")
        if status_url is not None:
            params["status_url"] = checks.web_address(status_url, "status_url")
        return self._carry_out(ReplyResult, "calling.echo", params, wait_timeout)
