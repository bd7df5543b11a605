"""Sending digits into a call (api.md 7.10, protocol.md 11.8)."""

from __future__ import annotations

from relay_sync.calling import checks
from relay_sync.calling.action import Action
from relay_sync.calling.leg import Leg
from relay_sync.calling.result import Result
from relay_sync.wire.states import OPERATIONS

SENDABLE = checks.DTMF + "wW"


class SendDigitsResult(Result):
    """How the sending of digits ended: successful when all were sent."""

    __slots__ = ()


class SendDigitsAction(Action[SendDigitsResult]):
    """Digits that are being sent into a call; made by :meth:`Call.send_digits_async`.

    ``state`` goes ``''``, ``'finished'``; ``'failed'`` as for every action. The wire knows no command
    that stops it, so there is no ``stop()`` here, though an example of v2's pages calls one.
    """

    __slots__ = ()

    _operation = OPERATIONS["digits"]
    _command = "calling.send_digits"
    _success = frozenset({"finished"})
    _result_type = SendDigitsResult


class Digits(Leg):
    """The verbs that send digits."""

    __slots__ = ()

    def send_digits(self, digits: str, *, wait_timeout: float | None = None) -> SendDigitsResult:
        """Press keys into the call, as tones, and block until all were sent.

        Args:
            digits: one or more of ``0-9 * # A-D``, ``w`` for a short wait, ``W`` for a long one.
            wait_timeout: seconds for the whole of it; without it the call's end bounds the wait.

        Returns:
            Successful when they were sent; not where Relay refused them, or the call ended first.

        Raises:
            TypeError, ValueError: not a string, empty, or with another character, which is named;
                nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was started.
            RelayTimeout: no answer, or no end, in time.
        """
        action, deadline = self._start(self._new_digits(digits), wait_timeout)
        return action._wait(deadline)

    def send_digits_async(self, digits: str, *, wait_timeout: float | None = None) -> SendDigitsAction:
        """Start :meth:`send_digits` and return its action once Relay has accepted or refused it. Not asyncio.

        ``wait_timeout`` bounds Relay's answer, as ``request_timeout`` does in any case.
        """
        return self._start(self._new_digits(digits), wait_timeout)[0]

    def _new_digits(self, digits: object) -> SendDigitsAction:
        return SendDigitsAction(self, {"digits": checks.some_keys(digits, "digits", SENDABLE)})
