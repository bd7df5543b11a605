"""Detecting answering machines, fax machines and digits (api.md 7.7, protocol.md 11.5).

What ends a detection is our decision, not Relay's, who goes on until its time is over:

* a blocking verb wants one answer, and ends at the first event that is one;
* an ``*_async`` one gathers all that is detected, and ends when Relay says ``finished`` or ``error``;
* with ``wait_for_beep``, both end when it is time to speak: at ``READY`` after a machine, and at
  once where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from relay_sync.calling import checks, fields
from relay_sync.calling.action import Stoppable
from relay_sync.calling.leg import Leg
from relay_sync.calling.result import Result
from relay_sync.showing import shown
from relay_sync.wire.states import OPERATIONS

# For each type of detection: its options, and the check of each (protocol.md 16.5).
_OPTIONS: dict[str, dict[str, Callable[[object, str], object]]] = {
    "machine": {
        "initial_timeout": checks.seconds,
        "end_silence_timeout": checks.seconds,
        "machine_voice_threshold": checks.seconds,
        "machine_words_threshold": checks.count,
        "machine_ready_timeout": checks.seconds,
        "detect_interruptions": checks.flag,
        "detect_message_end": checks.flag,
    },
    "fax": {"tone": partial(checks.one_of, allowed=("CED", "CNG"))},
    "digit": {"digits": checks.some_keys},
}
# The events that are an answer. For digits each one is, whatever it says.
_ANSWERS = {"machine": ("MACHINE", "HUMAN", "UNKNOWN"), "fax": ("CED", "CNG")}


class DetectResult(Result):
    """How a detection ended: successful when something was detected.

    Attributes:
        type: ``machine``, ``fax`` or ``digit``.
        result: of a blocking verb: ``MACHINE``, ``HUMAN`` or ``UNKNOWN``; ``CED`` or ``CNG``; the
            digits. Of an ``*_async`` one: everything that was detected, joined by commas. None where
            nothing was. A machine that was found and did not come to its beep is ``MACHINE`` and
            unsuccessful.
        event: its payload is the ``detect`` object (api.md 10).
    """

    type: str | None = None
    result: str | None = None

    @property
    def detect_type(self) -> str | None:
        """The same as ``type``, by the name that v2's code has."""
        return self.type


class DetectAction(Stoppable[DetectResult]):
    """A detection that is running on a call; made by :meth:`Call.detect_async` and its kin.

    ``state`` is the last thing that Relay told: ``''``, ``'MACHINE'``, ``'READY'``, ``'CED'``, a digit,
    and so on, at last ``'finished'`` or ``'error'``; ``'failed'`` as for every action.
    """

    __slots__ = ("_beep", "_first", "_kind", "_seen")

    _operation = OPERATIONS["detect"]
    _command = "calling.detect"
    _success = frozenset()
    _result_type = DetectResult

    def __init__(self, leg: Leg, params: dict[str, Any], *, first: bool, beep: bool) -> None:
        super().__init__(leg, params)
        self._kind: str = params["detect"]["type"]
        self._first = first  # whether it ends with the first answer
        self._beep = beep
        self._seen: list[str] = []

    # -- what happens to it; the lock is held in all of these -----------------------------------------

    def _knows(self, state: str) -> bool:
        return self._kind == "digit" or super()._knows(state)

    def _judge(self, state: str, params: dict[str, Any]) -> DetectResult | None:
        told = fields.mapping(params.get("detect"))
        kind = fields.text(told.get("type")) or self._kind
        if state in self._operation.final:
            return self._over(state, params, kind)
        answers = self._answers(state)
        # Told twice is heard once; but a key may have been pressed twice.
        if self._kind == "digit" or state not in self._seen[-1:]:
            self._seen.append(state)
        if not answers:
            return None
        return self._ended(state, params, True, type=kind, result="MACHINE" if state == "READY" else state)

    def _answers(self, state: str) -> bool:
        """Whether this event ends it."""
        if self._beep:
            return state == "READY" or (state in ("HUMAN", "UNKNOWN") and "MACHINE" not in self._seen)
        return self._first and state in _ANSWERS.get(self._kind, (state,))

    def _over(self, state: str, params: dict[str, Any], kind: str) -> DetectResult:
        """Relay goes on no longer, and no single event was the answer."""
        if self._first or self._beep:
            result = "MACHINE" if self._beep and "MACHINE" in self._seen else None
            return self._ended(state, params, False, type=kind, result=result)
        detected = state == "finished" and bool(self._seen)
        return self._ended(state, params, detected, type=kind, result=",".join(self._seen) or None)

    def _make(self, **values: Any) -> DetectResult:
        return super()._make(**{"type": self._kind, **values})


class Detecting(Leg):
    """The verbs that detect."""

    __slots__ = ()

    def detect(
        self,
        detect_type: str,
        wait_for_beep: bool = False,
        timeout: float | None = None,
        initial_timeout: float | None = None,
        end_silence_timeout: float | None = None,
        machine_voice_threshold: float | None = None,
        machine_words_threshold: int | None = None,
        tone: str | None = None,
        digits: str | None = None,
        *,
        machine_ready_timeout: float | None = None,
        detect_interruptions: bool | None = None,
        detect_message_end: bool | None = None,
        wait_timeout: float | None = None,
    ) -> DetectResult:
        """Detect who or what is there, and block until the first answer. What is None is left to Relay.

        Args:
            detect_type: ``machine``, ``fax`` or ``digit``.
            wait_for_beep: for ``machine``: where it is one, block until it is ready for the message.
            timeout: seconds, 0 or more, that Relay goes on trying (default 30).
            initial_timeout: for ``machine``: seconds to wait for a voice (default 4.5).
            end_silence_timeout: for ``machine``: seconds of silence that end the voice (default 1).
            machine_voice_threshold: for ``machine``: seconds of voice that make a machine (default 1.25).
            machine_words_threshold: for ``machine``: so many words make a machine (default 6).
            tone: for ``fax``: ``CED`` (default), which a fax answers with, or ``CNG``, which it calls with.
            digits: for ``digit``: those to look for, of ``0-9 * # A-D`` (default ``0123456789#*``).
            machine_ready_timeout: for ``machine``: seconds to wait for its beep or its silence before it
                counts as ready (default as ``end_silence_timeout``).
            detect_interruptions: for ``machine``: whether to tell of one that begins to speak again
                (default False).
            detect_message_end: for ``machine``: whether to look for the end of its message
                (default True).
            wait_timeout: seconds for the whole of it; without it ``timeout`` and the call's end bound
                the wait. A detection whose wait timed out goes on.

        Returns:
            Successful at ``MACHINE``, ``HUMAN`` or ``UNKNOWN``; at ``CED`` or ``CNG``; at the first
            digit. Not where the time was over before, Relay refused it, or the call ended first.

        Raises:
            TypeError, ValueError: bad arguments, among them options of another type; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was started.
            RelayTimeout: no answer, or no end, in time.
        """
        options = {
            "initial_timeout": initial_timeout,
            "end_silence_timeout": end_silence_timeout,
            "machine_voice_threshold": machine_voice_threshold,
            "machine_words_threshold": machine_words_threshold,
            "tone": tone,
            "digits": digits,
            "machine_ready_timeout": machine_ready_timeout,
            "detect_interruptions": detect_interruptions,
            "detect_message_end": detect_message_end,
        }
        action = self._new_detect(detect_type, wait_for_beep, timeout, options, first=True)
        action, deadline = self._start(action, wait_timeout)
        return action._wait(deadline)

    def detect_async(
        self,
        detect_type: str,
        wait_for_beep: bool = False,
        timeout: float | None = None,
        initial_timeout: float | None = None,
        end_silence_timeout: float | None = None,
        machine_voice_threshold: float | None = None,
        machine_words_threshold: int | None = None,
        tone: str | None = None,
        digits: str | None = None,
        *,
        machine_ready_timeout: float | None = None,
        detect_interruptions: bool | None = None,
        detect_message_end: bool | None = None,
        wait_timeout: float | None = None,
    ) -> DetectAction:
        """Start a detection and return its action once Relay has accepted or refused it. Not asyncio.

        It goes on until Relay's time for it is over, and its result has everything that was
        detected; but with ``wait_for_beep`` it ends, as :meth:`detect` does, when it is time to speak.
        Args and raises as :meth:`detect`; ``wait_timeout`` bounds Relay's answer.
        """
        options = {
            "initial_timeout": initial_timeout,
            "end_silence_timeout": end_silence_timeout,
            "machine_voice_threshold": machine_voice_threshold,
            "machine_words_threshold": machine_words_threshold,
            "tone": tone,
            "digits": digits,
            "machine_ready_timeout": machine_ready_timeout,
            "detect_interruptions": detect_interruptions,
            "detect_message_end": detect_message_end,
        }
        action = self._new_detect(detect_type, wait_for_beep, timeout, options, first=False)
        return self._start(action, wait_timeout)[0]

    def detect_answering_machine(
        self,
        wait_for_beep: bool = False,
        timeout: float | None = None,
        initial_timeout: float | None = None,
        end_silence_timeout: float | None = None,
        machine_voice_threshold: float | None = None,
        machine_words_threshold: int | None = None,
        *,
        machine_ready_timeout: float | None = None,
        detect_interruptions: bool | None = None,
        detect_message_end: bool | None = None,
        wait_timeout: float | None = None,
    ) -> DetectResult:
        """Find out whether a machine or a person answered. See :meth:`detect`."""
        return self.detect(
            "machine",
            wait_for_beep,
            timeout,
            initial_timeout,
            end_silence_timeout,
            machine_voice_threshold,
            machine_words_threshold,
            machine_ready_timeout=machine_ready_timeout,
            detect_interruptions=detect_interruptions,
            detect_message_end=detect_message_end,
            wait_timeout=wait_timeout,
        )

    def detect_answering_machine_async(
        self,
        wait_for_beep: bool = False,
        timeout: float | None = None,
        initial_timeout: float | None = None,
        end_silence_timeout: float | None = None,
        machine_voice_threshold: float | None = None,
        machine_words_threshold: int | None = None,
        *,
        machine_ready_timeout: float | None = None,
        detect_interruptions: bool | None = None,
        detect_message_end: bool | None = None,
        wait_timeout: float | None = None,
    ) -> DetectAction:
        """Start to find out whether a machine or a person answered. See :meth:`detect_async`."""
        return self.detect_async(
            "machine",
            wait_for_beep,
            timeout,
            initial_timeout,
            end_silence_timeout,
            machine_voice_threshold,
            machine_words_threshold,
            machine_ready_timeout=machine_ready_timeout,
            detect_interruptions=detect_interruptions,
            detect_message_end=detect_message_end,
            wait_timeout=wait_timeout,
        )

    amd = detect_answering_machine
    amd_async = detect_answering_machine_async

    def detect_fax(
        self, tone: str | None = None, timeout: float | None = None, *, wait_timeout: float | None = None
    ) -> DetectResult:
        """Wait for the tone of a fax machine. See :meth:`detect`."""
        return self.detect("fax", timeout=timeout, tone=tone, wait_timeout=wait_timeout)

    def detect_fax_async(
        self, tone: str | None = None, timeout: float | None = None, *, wait_timeout: float | None = None
    ) -> DetectAction:
        """Start to listen for the tone of a fax machine. See :meth:`detect_async`."""
        return self.detect_async("fax", timeout=timeout, tone=tone, wait_timeout=wait_timeout)

    def detect_digit(
        self, digits: str | None = None, timeout: float | None = None, *, wait_timeout: float | None = None
    ) -> DetectResult:
        """Wait for the first digit. See :meth:`detect`."""
        return self.detect("digit", timeout=timeout, digits=digits, wait_timeout=wait_timeout)

    def detect_digit_async(
        self, digits: str | None = None, timeout: float | None = None, *, wait_timeout: float | None = None
    ) -> DetectAction:
        """Start to listen for digits. See :meth:`detect_async`."""
        return self.detect_async("digit", timeout=timeout, digits=digits, wait_timeout=wait_timeout)

    def _new_detect(
        self, detect_type: object, wait_for_beep: object, timeout: object, options: Mapping[str, object], *, first: bool
    ) -> DetectAction:
        kind = checks.one_of(detect_type, "detect_type", _OPTIONS)
        beep = checks.flag(wait_for_beep, "wait_for_beep")
        if beep and kind != "machine":
            raise ValueError(f"wait_for_beep=True is for detect_type='machine', not for {kind!r}")
        params: dict[str, Any] = {"detect": {"type": kind, "params": _params(kind, options)}}
        if timeout is not None:
            params["timeout"] = checks.seconds(timeout, "timeout")
        return DetectAction(self, params, first=first, beep=beep)


def _params(kind: str, options: Mapping[str, object]) -> dict[str, object]:
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        if name not in _OPTIONS[kind]:
            other = next(other for other, known in _OPTIONS.items() if name in known)
            raise ValueError(f"{name}={shown(value)} is for detect_type={other!r}, not for {kind!r}")
    return {name: _OPTIONS[kind][name](value, name) for name, value in given.items()}
