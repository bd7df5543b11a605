"""What events hold, as types: for the hints of the handlers that ``call.on`` is given::

    from relay_sync.payloads import QueuePayload

    def moved(event: QueuePayload) -> None:
        print(event["status"], event.get("position"), "of", event.get("size"))

    call.on("queue.stateChange", moved)

They are plain dicts at run time, as Relay sent them and with ``event_type`` added; nothing is checked
or converted. What no source leaves out is required, all else may be missing, and other keys may come:
Relay is the authority. The ``payload`` of an :class:`Event` is the same without ``event_type``. Where
sources differ about a key, its type says so (protocol.md 10 to 13 and 19). The ``…Name`` of each is the
names that ``call.on`` gives it by.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict


class Device(TypedDict, total=False):
    """A telephone, or whatever else is called (protocol.md 16.2)."""

    type: str
    params: dict[str, Any]


class Peer(TypedDict, total=False):
    """The call at the other end of a bridge."""

    call_id: str
    node_id: str
    tag: str
    device: Device


class _About(TypedDict):
    event_type: str
    call_id: str
    node_id: str


class CallPayload(_About, total=False):
    """What every event about a call holds (protocol.md 9)."""

    segment_id: str
    tag: str


class OperationPayload(CallPayload):
    """What every event of an operation holds, whose ``control_id`` was in its command."""

    control_id: str


class _Told(TypedDict):
    state: str


class _Fares(TypedDict):
    call_state: str


class StatePayload(CallPayload, _Fares, total=False):
    """How the call itself fares (protocol.md 10.1)."""

    direction: str
    device: Device
    end_reason: str
    peer: Peer
    created_by: str
    context: str


StateName = Literal["stateChange", "created", "ringing", "answered", "ending", "ended", "calling.call.state"]


class PlayPayload(OperationPayload, _Told):
    """How a playback fares (protocol.md 11.1); also that of a prompt."""


PlayName = Literal[
    "play.stateChange", "play.playing", "play.paused", "play.finished", "play.error", "calling.call.play"
]


class Input(TypedDict, total=False):
    """Digits (``digits``, ``terminator``) or speech (``text``, ``confidence`` of 0 to 100)."""

    digits: str
    terminator: str
    text: str
    confidence: float


class _Typed(TypedDict):
    type: str


class Collected(_Typed, total=False):
    """A result of a prompt or a collect; ``type``: ``digit speech no_input no_match error start_of_input``."""

    params: Input


class CollectPayload(OperationPayload, total=False):
    """What a prompt or a collect has collected (protocol.md 11.2); not its last where ``final`` is False."""

    result: Collected
    final: bool
    state: str


CollectName = Literal["collect", "prompt", "calling.call.collect"]


class Recorded(TypedDict, total=False):
    """The options of a recording, and for some sources what became of it."""

    audio: dict[str, Any]
    url: str
    duration: float
    size: float
    format: str


class RecordPayload(OperationPayload, _Told, total=False):
    """How a recording fares (protocol.md 11.4); ``url`` and so on are here or in ``record``."""

    url: str
    duration: float
    size: float
    record: Recorded


RecordName = Literal[
    "record.stateChange", "record.recording", "record.paused", "record.finished", "record.no_input", "record.error",
    "calling.call.record",
]  # fmt: skip


class _Found(TypedDict):
    event: str


class Detected(_Found, total=False):
    """What was detected: ``MACHINE``, ``CED``, digits and so on; ``finished`` or ``error`` at the end."""

    beep: bool


class _Detection(_Typed):
    params: Detected


class DetectorPayload(_Detection, total=False):
    """What handlers of a detector's names are given, as in v2: the ``detect`` of the event (api.md 11)."""

    event_type: str


DetectorName = Literal["detect.error", "detect.finished", "detect.update"]


class DetectPayload(OperationPayload):
    """What a detector found (protocol.md 11.5), the whole of it."""

    detect: DetectorPayload


DetectName = Literal["calling.call.detect"]


class Faxed(TypedDict, total=False):
    """A page, the end, or what went wrong; numbers are strings in some sources."""

    direction: str
    number: int | str
    pages: int | str
    identity: str
    remote_identity: str
    document: str
    success: bool
    result: int | str
    result_text: str
    format: str
    description: str


class Fax(TypedDict):
    """``type``: ``page finished error``."""

    type: str
    params: Faxed


class FaxPayload(OperationPayload):
    """How a fax fares (protocol.md 11.6)."""

    fax: Fax


FaxName = Literal["fax.stateChange", "fax.page", "fax.finished", "fax.error", "calling.call.fax"]


class TapPayload(OperationPayload, _Told, total=False):
    """How a tap fares (protocol.md 11.7)."""

    tap: dict[str, Any]
    device: Device


TapName = Literal["tap.stateChange", "tap.tapping", "tap.finished", "calling.call.tap"]


class SendDigitsPayload(OperationPayload, _Told):
    """That digits were sent (protocol.md 11.8)."""


SendDigitsName = Literal["sendDigits.stateChange", "sendDigits.finished", "calling.call.send_digits"]


class ReferPayload(CallPayload, _Told, total=False):
    """How a SIP REFER fares (protocol.md 12)."""

    sip_refer_to: str
    sip_refer_response_code: str
    sip_notify_response_code: str


ReferName = Literal[
    "refer.stateChange", "refer.inProgress", "refer.success", "refer.cancel", "refer.busy", "refer.noAnswer",
    "refer.error", "calling.call.refer",
]  # fmt: skip


class _Bridged(TypedDict):
    connect_state: str


class ConnectPayload(CallPayload, _Bridged, total=False):
    """How a bridge fares (protocol.md 10.7)."""

    failed_reason: str
    peer: Peer


ConnectName = Literal[
    "connect.stateChange", "connect.connecting", "connect.connected", "connect.failed", "connect.disconnected",
    "calling.call.connect",
]  # fmt: skip


class StreamPayload(OperationPayload, _Told, total=False):
    """How a stream fares (protocol.md 13)."""

    url: str
    name: str


StreamName = Literal["stream.stateChange", "stream.streaming", "stream.finished", "calling.call.stream"]


# The one key that is a keyword of Python.
_PaidFor = TypedDict("_PaidFor", {"for": str}, total=False)


class PayPayload(OperationPayload, _PaidFor, total=False):
    """How a payment fares: ``state``, or what the event is ``for`` (protocol.md 13 and 19)."""

    state: str
    error_type: str
    payment_method: str
    payment_card_type: str


PayName = Literal[
    "pay.stateChange", "pay.payment-card-number", "pay.expiration-date", "pay.security-code", "pay.postal-code",
    "pay.payment-processing", "pay.finished", "pay.error", "pay.payment-completed", "pay.payment-failed",
    "pay.payment-canceled", "pay.payment-cancelled", "calling.call.pay",
]  # fmt: skip


class TranscribePayload(OperationPayload, _Told, total=False):
    """How a transcription fares (protocol.md 13)."""

    recording_id: str
    url: str
    duration: float
    size: float
    start_time: float
    end_time: float


TranscribeName = Literal[
    "transcribe.stateChange", "transcribe.transcribing", "transcribe.finished", "calling.call.transcribe"
]


class AIPayload(OperationPayload, total=False):
    """How an AI fares; no source promises that it comes (api.md 15)."""

    state: str


AIName = Literal["ai.stateChange", "ai.finished", "ai.error", "calling.call.ai"]


class _Status(TypedDict):
    status: str


class QueuePayload(CallPayload, _Status, total=False):
    """The call's place in a queue; ``id`` is the queue's, ``…_ts`` are microseconds (protocol.md 13)."""

    control_id: str
    id: str
    name: str
    position: int
    size: int
    avg_time: float
    enqueue_ts: int
    dequeue_ts: int
    leave_ts: int


QueueName = Literal["queue.stateChange", "queue.enqueue", "queue.dequeue", "queue.leave", "calling.call.queue"]


class HoldPayload(CallPayload, _Told):
    """That the call was put on hold, or taken off it."""


HoldName = Literal["hold.stateChange", "hold.hold", "hold.unhold", "calling.call.hold"]


class DenoisePayload(CallPayload):
    """Whether noise is being taken out."""

    denoised: bool


DenoiseName = Literal["denoise.stateChange", "calling.call.denoise"]


class EchoPayload(CallPayload, _Told):
    """That the phone hears itself."""


EchoName = Literal["echo.stateChange", "echo.echoing", "calling.call.echo"]


class _Conference(_Status):
    event_type: str
    conference_id: str


class ConferencePayload(_Conference, total=False):
    """What happens in a conference; one about the whole of it has no ``call_id`` (protocol.md 13)."""

    call_id: str
    node_id: str
    name: str
    size: int
    muted: bool
    hold: bool
    coaching: bool
    reason_ended: str


ConferenceName = Literal[
    "conference.stateChange", "conference.conference-start", "conference.conference-end",
    "conference.participant-join", "conference.participant-leave", "conference.participant-mute",
    "conference.participant-unmute", "conference.participant-hold", "conference.participant-unhold",
    "conference.participant-modify", "conference.participant-speech-start", "conference.participant-speech-stop",
    "conference.record-start", "conference.record-pause", "conference.record-resume", "conference.record-stop",
    "calling.conference",
]  # fmt: skip


class _Error(TypedDict):
    event_type: str
    code: str | int
    message: str


class ErrorPayload(_Error, total=False):
    """An error that no answer told (protocol.md 7)."""

    call_id: str
    node_id: str


ErrorName = Literal["error", "calling.error"]
