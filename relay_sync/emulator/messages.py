"""Text messages: accepted from clients and carried to phones, sent by phones and carried to a context (protocol.md 14).

A message of a client goes through ``queued``, ``initiated`` and ``sent`` to the state in which the behaviour of the
called phone lets it end, after the time it says: the first two at once, ``sent`` at half the time.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relay_sync.emulator.calls import Surroundings
from relay_sync.emulator.dispatch import MESSAGES, Dispatch
from relay_sync.emulator.handset import Handset
from relay_sync.emulator.session import Event, Session

REASONS = {"undelivered": "carrier blocked", "failed": "number is not reachable"}
"""Why a message ended so. The texts are ours; the first stands in protocol.md 14 too."""

# GSM 03.38; the characters of the second row take the room of two.
_GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_ESCAPED = "\f^{}\\[~]|€"


@dataclass(frozen=True, slots=True)
class TextMessage:
    """A text message as a phone sees it.

    ``at`` is the virtual time in seconds at which it was received or sent. ``state`` is ``delivered`` for one that the
    phone received; for one that it sent: ``received`` when a client was told of it, ``kept`` when the next one will be,
    ``dropped`` when nobody is.
    """

    id: str
    from_number: str
    to_number: str
    body: str
    media: tuple[str, ...]
    context: str | None
    state: str
    at: float


class Messages:
    """The message centre. Everything happens on the emulator's thread.

    ``routes`` maps inbound numbers to contexts, as for calls; ``phone`` returns the phone with a number.
    """

    def __init__(
        self,
        around: Surroundings,
        dispatch: Dispatch,
        phone: Callable[[str], Handset],
        routes: Mapping[str, str],
    ) -> None:
        self._around = around
        self._dispatch = dispatch
        self._phone = phone
        self._routes = routes

    def send(self, params: Mapping[str, Any]) -> str:
        """Accept a message of a client, whose params have been checked; return its id."""
        outbound = Outbound(self, params)
        outbound.carry(self._phone(outbound.to_number))
        return outbound.id

    def text(self, phone: Handset, to_number: str, context: str | None, body: str, media: Sequence[str]) -> TextMessage:
        """A phone sends a message to ``to_number``: tell one consumer of ``context`` (None: that of the number)."""
        message_id = str(uuid.uuid4())
        context = self._routes.get(to_number) if context is None else context
        kind = "MMS" if media else "SMS"
        params = {
            "message_id": message_id,
            "context": context,
            "direction": "inbound",
            "tags": ["message", "inbound", kind],
            "from_number": phone.number,
            "to_number": to_number,
            "body": body,
            "media": list(media),
            "segments": segments(body, media),
            "message_state": "received",
        }
        state = "dropped"
        if context is not None:
            told = self._dispatch.to_one(context, MESSAGES, self._maker("messaging.receive", context, params))
            state = "received" if told else self._around.assumptions.work_without_consumer
        self._around.watch.tell()
        now = self._around.clock.now()
        return TextMessage(message_id, phone.number, to_number, body, tuple(media), context, state, now)

    def tell(self, outbound: Outbound, state: str) -> None:
        """Tell the consumers of the message's context of its new state."""
        params = {**outbound.params, "message_state": state}
        if state in REASONS:
            params["reason"] = REASONS[state]
        everyone = self._around.assumptions.message_states_go_to == "all"
        deliver = self._dispatch.to_all if everyone else self._dispatch.to_one
        deliver(outbound.context, MESSAGES, self._maker("messaging.state", outbound.context, params))
        self._around.watch.tell()

    def hand_over(self, phone: Handset, message: TextMessage) -> None:
        """A phone has received a message."""
        phone.messages.append(message)
        self._around.watch.tell()

    def later(self, delay: float, action: Callable[[], None]) -> None:
        """Do ``action`` in ``delay`` virtual seconds; at once for 0."""
        if delay <= 0:
            action()
        else:
            self._around.clock.call_later(delay, action)

    def now(self) -> float:
        """Return the virtual time."""
        return self._around.clock.now()

    def _maker(self, event_type: str, context: str, params: dict[str, Any]) -> Callable[[Session], Event]:
        timestamp = self._around.clock.timestamp()

        def make(session: Session) -> Event:
            return {
                "event_type": event_type,
                "context": context,  # Node reads it here, Python in the params (protocol.md 14)
                "timestamp": timestamp,
                "project_id": session.project,
                "space_id": "emulator",
                "params": params,
            }

        return make


class Outbound:
    """A message on its way to a phone."""

    def __init__(self, centre: Messages, params: Mapping[str, Any]) -> None:
        self._centre = centre
        self.id: str = str(uuid.uuid4())
        self.context: str = str(params["context"])
        self.to_number: str = str(params["to_number"])
        self.params: dict[str, Any] = {
            "message_id": self.id,
            "context": self.context,
            "direction": "outbound",
            "tags": list(params.get("tags") or ()),
            "from_number": str(params["from_number"]),
            "to_number": self.to_number,
            "body": params.get("body") or "",
            "media": list(params.get("media") or ()),
        }
        self.params["segments"] = segments(self.params["body"], self.params["media"])

    def carry(self, phone: Handset) -> None:
        """Go through its states, as the phone's behaviour says."""
        will = phone.behaviour
        say = self._centre.tell
        say(self, "queued")
        say(self, "initiated")
        half = will.message_after / 2
        if will.message_state != "failed":
            self._centre.later(half, lambda: say(self, "sent"))
        self._centre.later(will.message_after, lambda: self._arrive(phone, will.message_state))

    def _arrive(self, phone: Handset, state: str) -> None:
        if state in ("delivered", "sent"):
            self._centre.hand_over(phone, self._as_received())
        if state != "sent":  # else nobody reports that it arrived
            self._centre.tell(self, state)

    def _as_received(self) -> TextMessage:
        params = self.params
        return TextMessage(
            self.id, params["from_number"], self.to_number, params["body"], tuple(params["media"]), self.context,
            "delivered", self._centre.now(),
        )  # fmt: skip


def segments(body: str, media: Sequence[str]) -> int:
    """Return how many parts a message has: of 160 characters of GSM 03.38, or 70 of UTF-16; less if there are several.

    One with media is one part.
    """
    if media:
        return 1
    plain = all(character in _GSM or character in _GSM_ESCAPED for character in body)
    if plain:
        length, whole, part = len(body) + sum(character in _GSM_ESCAPED for character in body), 160, 153
    else:
        length, whole, part = len(body.encode("utf-16-le")) // 2, 70, 67
    return 1 if length <= whole else -(-length // part)
