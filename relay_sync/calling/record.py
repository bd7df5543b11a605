"""Recording a call (api.md 7.6, protocol.md 11.4)."""

from __future__ import annotations

from typing import Any

from relay_sync.calling import checks, fields
from relay_sync.calling.action import Stoppable
from relay_sync.calling.command import Command
from relay_sync.calling.control import Control
from relay_sync.calling.leg import Leg
from relay_sync.calling.result import Result
from relay_sync.wire.events import Answer
from relay_sync.wire.states import OPERATIONS

RECORD_TYPES = ("audio",)
FORMATS = ("mp3", "wav")
DIRECTIONS = ("listen", "speak", "both")
BEHAVIORS = ("skip", "silence")


class RecordResult(Result):
    """How a recording ended: successful when it finished, by itself or by ``stop()``.

    Attributes:
        url: https address of the file; where it did not finish, the one at which it was to be.
        duration: seconds.
        size: bytes.
    """

    url: str | None = None
    duration: float | None = None
    size: float | None = None


class RecordPauseResult(Result):
    """Relay's answer to ``pause()`` of a recording."""

    __slots__ = ()


class RecordResumeResult(Result):
    """Relay's answer to ``resume()`` of a recording."""

    __slots__ = ()


class RecordAction(Stoppable[RecordResult]):
    """A recording that is running on a call; made by :meth:`Call.record_async`.

    ``state`` goes ``''``, ``'recording'`` and ``'paused'`` in turn, ``'finished'``, ``'no_input'`` or
    ``'error'``; ``'failed'`` as for every action. Paused is not an end.
    """

    __slots__ = ("_url",)

    _operation = OPERATIONS["record"]
    _command = "calling.record"
    _success = frozenset({"finished"})
    _result_type = RecordResult

    def __init__(self, leg: Leg, params: dict[str, Any]) -> None:
        super().__init__(leg, params)
        self._url: str | None = None

    @property
    def url(self) -> str | None:
        """Where the file is or will be; None before Relay told."""
        return self._url

    def pause(self, behavior: str | None = None, *, wait_timeout: float | None = None) -> RecordPauseResult:
        """Pause the recording; return once Relay has answered.

        Args:
            behavior: ``skip`` leaves the time of the pause out of the file, ``silence`` fills it;
                None leaves it to Relay, which skips.
            wait_timeout: seconds for Relay's answer; the client's ``request_timeout`` bounds it in any case.

        Returns:
            Relay's answer; when successful, ``state`` is ``'paused'``. Where it is over, nothing is sent.

        Raises:
            TypeError, ValueError: no such behavior; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer in time.
        """
        return self._pause_command(behavior).give(wait_timeout)

    def resume(self, *, wait_timeout: float | None = None) -> RecordResumeResult:
        """Go on recording; return once Relay has answered.

        Args, returns and raises as :meth:`pause`; when successful, ``state`` is ``'recording'``.
        """
        return self._resume_command().give(wait_timeout)

    def _pause_command(self, behavior: str | None = None) -> Command[RecordPauseResult]:
        params: dict[str, Any] = {}
        if behavior is not None:
            params["behavior"] = checks.one_of(behavior, "behavior", BEHAVIORS)
        return Control(self, "pause", RecordPauseResult, moves="paused", params=params)

    def _resume_command(self) -> Command[RecordResumeResult]:
        return Control(self, "resume", RecordResumeResult, moves="recording")

    # -- what happens to it; the lock is held in all of these -----------------------------------------

    def _accepted(self, answer: Answer) -> None:
        self._url = self._url or fields.text(answer.result.get("url"))

    def _judge(self, state: str, params: dict[str, Any]) -> RecordResult | None:
        if state not in self._operation.final:
            return None
        # Where they stand differs between the sources (protocol.md 11.4).
        told = {**fields.mapping(params.get("record")), **params}
        self._url = fields.text(told.get("url")) or self._url
        duration, size = fields.number(told.get("duration")), fields.number(told.get("size"))
        return self._ended(state, params, state in self._success, duration=duration, size=size)

    def _make(self, **values: Any) -> RecordResult:
        return super()._make(**{"url": self._url, **values})


class Recording(Leg):
    """The verbs that record."""

    __slots__ = ()

    def record(
        self,
        record_type: str = "audio",
        beep: bool | None = None,
        record_format: str | None = None,
        stereo: bool | None = None,
        direction: str | None = None,
        initial_timeout: float | None = None,
        end_silence_timeout: float | None = None,
        terminators: str | None = None,
        *,
        input_sensitivity: float | None = None,
        wait_timeout: float | None = None,
    ) -> RecordResult:
        """Record the call, and block until the recording has ended. What is None is left to Relay.

        Args:
            record_type: ``audio``; there is no other.
            beep: whether to beep before it begins (default False).
            record_format: ``mp3`` (default) or ``wav``.
            stereo: whether each side has a channel of its own (default False).
            direction: ``listen`` for what the phone hears, ``speak`` for what is said there
                (default), ``both``.
            initial_timeout: seconds to wait for the first sound; 0 for ever (default 5).
            end_silence_timeout: seconds of silence that end it; 0 for none (default 1).
            terminators: keys that end it, of ``0-9 * # A-D``; '' for none (default ``#*``).
            input_sensitivity: from 0 to 100, how soft a sound counts as one (default 44).
            wait_timeout: seconds for the whole of it; without it the call's end bounds the wait. A
                recording whose wait timed out goes on.

        Returns:
            Successful when it finished, with ``url``, ``duration`` and ``size``; not where nothing
            was heard, Relay refused it, it ended with an error, or the call ended first.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was started.
            RelayTimeout: no answer, or no end, in time.
        """
        params = _record(
            record_type,
            beep,
            record_format,
            stereo,
            direction,
            initial_timeout,
            end_silence_timeout,
            terminators,
            input_sensitivity,
        )
        action, deadline = self._start(RecordAction(self, params), wait_timeout)
        return action._wait(deadline)

    def record_async(
        self,
        record_type: str = "audio",
        beep: bool | None = None,
        record_format: str | None = None,
        stereo: bool | None = None,
        direction: str | None = None,
        initial_timeout: float | None = None,
        end_silence_timeout: float | None = None,
        terminators: str | None = None,
        *,
        input_sensitivity: float | None = None,
        wait_timeout: float | None = None,
    ) -> RecordAction:
        """Start :meth:`record` and return its action once Relay has accepted or refused it. Not asyncio.

        A refused one is ``completed`` with state ``'failed'``, and its result says why.
        ``wait_timeout`` bounds Relay's answer, as ``request_timeout`` does in any case.
        """
        params = _record(
            record_type,
            beep,
            record_format,
            stereo,
            direction,
            initial_timeout,
            end_silence_timeout,
            terminators,
            input_sensitivity,
        )
        return self._start(RecordAction(self, params), wait_timeout)[0]


def _record(
    record_type: object,
    beep: object,
    record_format: object,
    stereo: object,
    direction: object,
    initial_timeout: object,
    end_silence_timeout: object,
    terminators: object,
    input_sensitivity: object,
) -> dict[str, Any]:
    """The record object of protocol.md 16.3, checked."""
    kind = checks.one_of(record_type, "record_type", RECORD_TYPES)
    options: dict[str, Any] = {}
    if beep is not None:
        options["beep"] = checks.flag(beep, "beep")
    if record_format is not None:
        options["format"] = checks.one_of(record_format, "record_format", FORMATS)
    if stereo is not None:
        options["stereo"] = checks.flag(stereo, "stereo")
    if direction is not None:
        options["direction"] = checks.one_of(direction, "direction", DIRECTIONS)
    if initial_timeout is not None:
        options["initial_timeout"] = checks.seconds(initial_timeout, "initial_timeout")
    if end_silence_timeout is not None:
        options["end_silence_timeout"] = checks.seconds(end_silence_timeout, "end_silence_timeout")
    if terminators is not None:
        options["terminators"] = checks.keys(terminators, "terminators")
    if input_sensitivity is not None:
        options["input_sensitivity"] = checks.number(input_sensitivity, "input_sensitivity", 0, 100, "points")
    return {"record": {kind: options}}
