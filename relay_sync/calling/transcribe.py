"""Transcribing and translating what is said (api.md 15, protocol.md 13)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay_sync.calling import checks, fields
from relay_sync.calling.action import Stoppable
from relay_sync.calling.gone import GONE_FOR_SURE
from relay_sync.calling.leg import Leg
from relay_sync.calling.result import ReplyResult, Result
from relay_sync.showing import shown
from relay_sync.wire.states import OPERATIONS

LIVE_ACTIONS = ("start", "stop", "summarize", "inject")


class TranscribeResult(Result):
    """How a transcription ended: successful when it finished, by itself or by ``stop()``.

    Attributes:
        url: address of the recording that was transcribed.
        recording_id: Relay's id of it.
        duration: seconds.
        size: bytes.
        start_time: when it began, in Unix seconds.
        end_time: when it ended, likewise.
    """

    url: str | None = None
    recording_id: str | None = None
    duration: float | None = None
    size: float | None = None
    start_time: float | None = None
    end_time: float | None = None


class TranscribeAction(Stoppable[TranscribeResult]):
    """A transcription of a call; made by :meth:`Call.transcribe_async`.

    ``state`` goes ``''``, ``'transcribing'``, ``'finished'``; ``'failed'`` as for every action.
    """

    __slots__ = ()

    _operation = OPERATIONS["transcribe"]
    _command = "calling.transcribe"
    _success = frozenset({"finished"})
    _result_type = TranscribeResult

    # -- what happens to it; the lock is held ---------------------------------------------------------

    def _judge(self, state: str, params: dict[str, Any]) -> TranscribeResult | None:
        if state not in self._operation.final:
            return None
        return self._ended(
            state,
            params,
            state in self._success,
            **{name: fields.text(params.get(name)) for name in ("url", "recording_id")},
            **{name: fields.number(params.get(name)) for name in ("duration", "size", "start_time", "end_time")},
        )


class Transcribing(Leg):
    """The verbs that transcribe and translate."""

    __slots__ = ()

    def transcribe(self, status_url: str | None = None, *, wait_timeout: float | None = None) -> TranscribeResult:
        """Transcribe the call, and block until the transcription has ended.

        One at a time for a call: Relay refuses another with 409.

        Args:
            status_url: http or https address that is given the text.
            wait_timeout: seconds for the whole of it; without it the call's end bounds the wait. A
                transcription whose wait timed out goes on.

        Returns:
            Successful when it finished, with what Relay told of the recording; not where Relay
            refused it, or the call ended first.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was started.
            RelayTimeout: no answer, or no end, in time.
        """
        action, deadline = self._start(TranscribeAction(self, _status(status_url)), wait_timeout)
        return action._wait(deadline)

    def transcribe_async(self, status_url: str | None = None, *, wait_timeout: float | None = None) -> TranscribeAction:
        """Start :meth:`transcribe` and return its action once Relay has accepted or refused it. Not asyncio.

        A refused one is ``completed`` with state ``'failed'``, and its result says why.
        ``wait_timeout`` bounds Relay's answer, as ``request_timeout`` does in any case.
        """
        return self._start(TranscribeAction(self, _status(status_url)), wait_timeout)[0]

    def live_transcribe(self, action: Mapping[str, Any], *, wait_timeout: float | None = None) -> ReplyResult:
        """Start, stop or steer a transcription while people talk; return once Relay has answered.

        Its text goes where the action says, and no event is known that tells of it.

        Args:
            action: a dict with one key, ``start``, ``stop``, ``summarize`` or ``inject``, and a dict of
                that action's own options; or, as one page of the service's has it, a dict whose
                ``action`` is one of these words, with the options beside it. Sent as it is.
            wait_timeout: seconds for Relay's answer; ``request_timeout`` bounds it in any case.

        Returns:
            Relay's answer, with all its fields as ``result``.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer in time.
        """
        params = {"action": _live(action)}
        return self._carry_out(ReplyResult, "calling.live_transcribe", params, wait_timeout, gone=GONE_FOR_SURE)

    def live_translate(
        self, action: Mapping[str, Any], status_url: str | None = None, *, wait_timeout: float | None = None
    ) -> ReplyResult:
        """Start, stop or steer a translation while people talk; return once Relay has answered.

        Args:
            action: as in :meth:`live_transcribe`.
            status_url: http or https address that is told how it goes.
            wait_timeout: seconds for Relay's answer; ``request_timeout`` bounds it in any case.
        """
        params = {"action": _live(action), **_status(status_url)}
        return self._carry_out(ReplyResult, "calling.live_translate", params, wait_timeout, gone=GONE_FOR_SURE)


def _status(status_url: object) -> dict[str, Any]:
    return {} if status_url is None else {"status_url": checks.web_address(status_url, "status_url")}


def _live(action: object) -> dict[str, Any]:
    given = checks.data(action, "action")
    if "action" in given:
        checks.one_of(given["action"], "action['action']", LIVE_ACTIONS)
        return given
    if len(given) != 1:
        raise ValueError(
            f"action={shown(action)}: give exactly one of {', '.join(LIVE_ACTIONS)}, such as {{'stop': {{}}}}"
        )
    for verb, params in given.items():
        checks.one_of(verb, "the key of action", LIVE_ACTIONS)
        checks.data(params, f"action[{verb!r}]")
    return given
