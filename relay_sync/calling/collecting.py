"""Collecting digits and speech without playing anything (api.md 15, protocol.md 11.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay_sync.calling import checks, fields
from relay_sync.calling.collect import digits_and_speech
from relay_sync.calling.input import InputAction, InputResult
from relay_sync.calling.leg import Leg
from relay_sync.calling.result import ReplyResult
from relay_sync.wire.states import OPERATIONS


class CollectResult(InputResult):
    """How a collect ended: successful when digits or speech were collected.

    Of a continuous one it is the last that was collected, unless it ended with an error.
    """

    __slots__ = ()


class CollectAction(InputAction[CollectResult]):
    """A collect that is running on a call; made by :meth:`Call.collect_async`.

    ``state`` is ``''`` until something is collected, ``'successful'`` at the end where it was, else
    the type of the result: ``'no_input'``, ``'no_match'``, ``'error'``; ``'finished'`` when it was
    stopped and Relay told no result; ``'failed'`` as for every action. Partial results and the start
    of the input show in ``state`` too, and end nothing; nor does any result of a continuous one
    that Relay does not call its last: ``events()`` has them all.
    """

    __slots__ = ("_continuous", "_latest")

    _operation = OPERATIONS["collect"]
    _command = "calling.collect"
    _result_type = CollectResult

    def __init__(self, leg: Leg, params: dict[str, Any]) -> None:
        super().__init__(leg, params)
        self._continuous: bool = params.get("continuous", False)
        self._latest: tuple[str, dict[str, Any]] | None = None  # of a continuous one

    def start_input_timers(self, *, wait_timeout: float | None = None) -> ReplyResult:
        """Have the initial timeout begin now; return once Relay has answered.

        For a collect that was started with ``start_input_timers=False``.

        Args:
            wait_timeout: seconds for Relay's answer; the client's ``request_timeout`` bounds it in any case.

        Returns:
            Relay's answer. Where the collect is over already, nothing is sent and it is not successful.

        Raises:
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer in time.
        """
        return self._control("start_input_timers", ReplyResult, wait_timeout)

    # -- what happens to it; the lock is held in all of these -----------------------------------------

    def _is_over(self, state: str, params: dict[str, Any]) -> bool:
        if not self._continuous:
            return super()._is_over(state, params)
        if state in self._success:
            self._latest = (state, params)
            told = fields.text(params.get("state"))
            return told in ("finished", "error") or (told != "collecting" and fields.true(params.get("final")))
        return state in self._operation.final and not fields.false(params.get("final"))

    def _collected(self, state: str, params: dict[str, Any]) -> CollectResult:
        # What was collected stays so, though nothing more came, or Relay tells the stop as `no_input`.
        if state in ("finished", "no_input", "no_match") and self._latest is not None:
            state, params = self._latest
        return super()._collected(state, params)

    def _untold(self) -> CollectResult:
        return super()._untold() if self._latest is None else super()._collected(*self._latest)


class Collecting(Leg):
    """The verbs that collect."""

    __slots__ = ()

    def collect(
        self,
        *,
        digits: Mapping[str, Any] | None = None,
        speech: Mapping[str, Any] | None = None,
        initial_timeout: float | None = None,
        partial_results: bool | None = None,
        continuous: bool | None = None,
        send_start_of_input: bool | None = None,
        start_input_timers: bool | None = None,
        wait_timeout: float | None = None,
    ) -> CollectResult:
        """Collect digits or speech, playing nothing, and block until there is a result.

        What is None is left to Relay. At least one of ``digits`` and ``speech`` is needed; where both
        are given, whichever comes first is the result.

        Args:
            digits: a dict with ``max`` (how many at most, 1 or more; needed) and, where wanted,
                ``terminators`` (keys that end the input, of ``0-9 * # A-D``; default none) and
                ``digit_timeout`` (seconds, 0 or more, between two digits; default 5).
            speech: a dict, perhaps empty, with ``end_silence_timeout`` (seconds of silence that end
                the speech; default 1), ``speech_timeout`` (seconds that it may last; default 60),
                ``language`` (default ``en-US``), ``hints`` (words to expect), ``engine``, ``model``.
            initial_timeout: seconds, 0 or more, until the first digit or word (default 4).
            partial_results: True to be told of unfinished results too, by handlers and ``events()``.
            continuous: True to collect again and again until it is stopped or the call ends; then the
                result is the last one, and ``events()`` has each.
            send_start_of_input: True to be told when the input begins.
            start_input_timers: False to have ``initial_timeout`` begin only at the action's
                ``start_input_timers()``.
            wait_timeout: seconds for the whole of it; without it Relay's own limits and the call's
                end bound the wait. A collect whose wait timed out goes on.

        Returns:
            Successful with what was collected as ``result.result``; not where nothing was, Relay
            refused it, or the call ended first.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was started.
            RelayTimeout: no answer, or no end, in time.
        """
        params = digits_and_speech(digits, speech) | _options(
            initial_timeout, partial_results, continuous, send_start_of_input, start_input_timers
        )
        action, deadline = self._start(CollectAction(self, params), wait_timeout)
        return action._wait(deadline)

    def collect_async(
        self,
        *,
        digits: Mapping[str, Any] | None = None,
        speech: Mapping[str, Any] | None = None,
        initial_timeout: float | None = None,
        partial_results: bool | None = None,
        continuous: bool | None = None,
        send_start_of_input: bool | None = None,
        start_input_timers: bool | None = None,
        wait_timeout: float | None = None,
    ) -> CollectAction:
        """Start :meth:`collect` and return its action once Relay has accepted or refused it. Not asyncio.

        A refused one is ``completed`` with state ``'failed'``, and its result says why.
        ``wait_timeout`` bounds Relay's answer, as ``request_timeout`` does in any case.
        """
        params = digits_and_speech(digits, speech) | _options(
            initial_timeout, partial_results, continuous, send_start_of_input, start_input_timers
        )
        return self._start(CollectAction(self, params), wait_timeout)[0]


def _options(
    initial_timeout: object,
    partial_results: object,
    continuous: object,
    send_start_of_input: object,
    start_input_timers: object,
) -> dict[str, Any]:
    params: dict[str, Any] = {}
    if initial_timeout is not None:
        params["initial_timeout"] = checks.seconds(initial_timeout, "initial_timeout")
    flags = {
        "partial_results": partial_results,
        "continuous": continuous,
        "send_start_of_input": send_start_of_input,
        "start_input_timers": start_input_timers,
    }
    return params | {name: checks.flag(value, name) for name, value in flags.items() if value is not None}
