"""Conferences and rooms (api.md 15, protocol.md 13)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

from relay_sync.calling import checks, fields, options
from relay_sync.calling.gone import GONE_FOR_SURE
from relay_sync.calling.leg import Leg
from relay_sync.calling.result import ReplyResult
from relay_sync.wire.events import Answer

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

BEEPS = ("true", "false", "onEnter", "onExit")
RECORDINGS = ("do-not-record", "record-from-start")


class ConferenceOptions(TypedDict, total=False):
    """What joining a conference takes by keyword; what is None or left out is not sent.

    Attributes:
        muted: whether the others don't hear this call.
        beep: when a beep is heard: True or ``"true"``, False or ``"false"``, ``onEnter``, ``onExit``.
        start_on_enter: whether the conference begins when this call joins.
        end_on_exit: whether it ends when this call leaves.
        wait_url: http or https address of what is heard until it begins.
        max_participants: 1 to 250.
        record: ``do-not-record`` or ``record-from-start``.
        region: where the conference is to be held.
        trim: what to do with silence at the ends of the recording; the words are Relay's.
        coach: the id of a call in the conference, or that call: it alone hears this one.
        status_callback: http or https address that is told of the conference.
        status_callback_event: of which events; the words are Relay's.
        status_callback_event_type: as what; the words are Relay's.
        status_callback_method: ``GET`` or ``POST``.
        recording_status_callback: http or https address that is told of the recording.
        recording_status_callback_event: of which events; the words are Relay's.
        recording_status_callback_event_type: as what; the words are Relay's.
        recording_status_callback_method: ``GET`` or ``POST``.
        stream_obj: a dict that says where the sound is streamed to; its form is Relay's.
    """

    muted: bool | None
    beep: str | bool | None
    start_on_enter: bool | None
    end_on_exit: bool | None
    wait_url: str | None
    max_participants: int | None
    record: str | None
    region: str | None
    trim: str | None
    coach: str | Leg | None
    status_callback: str | None
    status_callback_event: str | None
    status_callback_event_type: str | None
    status_callback_method: str | None
    recording_status_callback: str | None
    recording_status_callback_event: str | None
    recording_status_callback_event_type: str | None
    recording_status_callback_method: str | None
    stream_obj: Mapping[str, Any] | None


def _beep(value: object, name: str) -> str:
    return str(value).lower() if isinstance(value, bool) else checks.one_of(value, name, BEEPS)


def _coach(value: object, name: str) -> str:
    call_id = value.id if isinstance(value, Leg) else value
    return checks.text(call_id, name, "the id of a call in the conference")


_words = partial(checks.text, what="words that Relay knows")
_OPTIONS: options.Table = {
    "muted": ("muted", checks.flag),
    "beep": ("beep", _beep),
    "start_on_enter": ("start_on_enter", checks.flag),
    "end_on_exit": ("end_on_exit", checks.flag),
    "wait_url": ("wait_url", checks.web_address),
    "max_participants": ("max_participants", partial(checks.whole, low=1, high=250, unit="participants")),
    "record": ("record", partial(checks.one_of, allowed=RECORDINGS)),
    "region": ("region", partial(checks.text, what="the name of a region")),
    "trim": ("trim", _words),
    "coach": ("coach", _coach),
    "status_callback": ("status_callback", checks.web_address),
    "status_callback_event": ("status_callback_event", _words),
    "status_callback_event_type": ("status_callback_event_type", _words),
    "status_callback_method": ("status_callback_method", checks.method),
    "recording_status_callback": ("recording_status_callback", checks.web_address),
    "recording_status_callback_event": ("recording_status_callback_event", _words),
    "recording_status_callback_event_type": ("recording_status_callback_event_type", _words),
    "recording_status_callback_method": ("recording_status_callback_method", checks.method),
    "stream_obj": ("stream", checks.data),
}


class ConferenceResult(ReplyResult):
    """Relay's answer to :meth:`Call.join_conference` and :meth:`Call.leave_conference`.

    Attributes:
        conference_id: Relay's id of the conference, by which one leaves it.
    """

    conference_id: str | None = None

    @classmethod
    def of(cls, answer: Answer, **about: str | None) -> Self:
        """The result that an answer of Relay's amounts to, with the conference's id."""
        told = super().of(answer, **about)
        return told.__replace__(conference_id=fields.text(answer.result.get("conference_id")))


class Conferring(Leg):
    """The verbs of conferences and rooms."""

    __slots__ = ()

    @options.spelled_out(ConferenceOptions)
    def join_conference(
        self, name: str, *, wait_timeout: float | None = None, **conference_options: Unpack[ConferenceOptions]
    ) -> ConferenceResult:
        """Join a conference, which begins with its first call; return once Relay has answered.

        From then on ``on("conference.stateChange", …)`` and ``events()`` hear of this call in the
        conference, and of the conference as a whole.

        Args:
            name: of the conference.
            wait_timeout: seconds for Relay's answer; ``request_timeout`` bounds it in any case.
            conference_options: see :class:`ConferenceOptions`.

        Returns:
            Relay's answer, with the ``conference_id``.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer in time.
        """
        params = {
            "name": checks.text(name, "name", "the name of the conference"),
            **options.wire(conference_options, _OPTIONS, "a conference"),
        }
        method = "calling.join_conference"
        return self._carry_out(ConferenceResult, method, params, wait_timeout, answered=self._joined)

    def leave_conference(
        self, conference_id: str | ConferenceResult, *, wait_timeout: float | None = None
    ) -> ConferenceResult:
        """Leave a conference; return once Relay has answered. The call goes on.

        Args:
            conference_id: what :meth:`join_conference` returned, or its ``conference_id``.
            wait_timeout: seconds for Relay's answer; ``request_timeout`` bounds it in any case.

        Returns:
            Relay's answer; not successful where there is no such conference.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer in time.
        """
        told = conference_id.conference_id if isinstance(conference_id, ConferenceResult) else conference_id
        found = checks.text(told, "conference_id", "the id that join_conference() returned")
        params = {"conference_id": found}
        return self._carry_out(ConferenceResult, "calling.leave_conference", params, wait_timeout, gone=GONE_FOR_SURE)

    def join_room(self, name: str, status_url: str | None = None, *, wait_timeout: float | None = None) -> ReplyResult:
        """Join a room; return once Relay has answered. No event is known that tells of rooms.

        Args:
            name: of the room.
            status_url: http or https address that is told of it.
            wait_timeout: seconds for Relay's answer; ``request_timeout`` bounds it in any case.

        Returns:
            Relay's answer, with all its fields as ``result``.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer in time.
        """
        params = {"name": checks.text(name, "name", "the name of the room")}
        if status_url is not None:
            params["status_url"] = checks.web_address(status_url, "status_url")
        return self._carry_out(ReplyResult, "calling.join_room", params, wait_timeout)

    def leave_room(self, *, wait_timeout: float | None = None) -> ReplyResult:
        """Leave the room that the call is in; return once Relay has answered.

        Args, returns and raises as :meth:`join_room`.
        """
        return self._carry_out(ReplyResult, "calling.leave_room", {}, wait_timeout, gone=GONE_FOR_SURE)

    def _joined(self, answer: Answer) -> None:
        """Relay answered. The lock is held, by the reader."""
        conference_id = fields.text(answer.result.get("conference_id"))
        if answer.ok and conference_id is not None:
            self._desk.shelf.attends(self, conference_id)
