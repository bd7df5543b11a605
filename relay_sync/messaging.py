"""Text messages: sending, receiving, and following one to its end (api.md 12, protocol.md 14)."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol
from weakref import WeakValueDictionary

from relay_sync.calling import checks, receiving
from relay_sync.calling.result import ReceiveResult, Result
from relay_sync.link.connection import Connection
from relay_sync.link.handlers import Lane, Workers, run
from relay_sync.link.waiting import Deadline, Monitor, Waitable
from relay_sync.showing import shown
from relay_sync.wire.events import Answer, RelayEvent

logger: logging.Logger = logging.getLogger(__name__)

FINAL = frozenset({"delivered", "undelivered", "failed"})
_ORDER = {state: place for place, state in enumerate(("queued", "initiated", "sent"))}
EARLY = 1000  # how many states are kept of messages whose send was not answered yet


class Message(Waitable):
    """A text message; made by Relay's events and by :meth:`Messaging.send`.

    What :meth:`Messaging.send` returns as ``result.sent`` is followed to its end. What a handler is
    given is the message as it was when Relay told of it, and changes no more.

    Attributes:
        id: Relay's id.
        context: the context it came for, or that its states are told to.
        from_number, to_number: as Relay told them: numbers in E.164 form, or short codes.
        direction: ``inbound`` or ``outbound``.
        state: ``queued``, ``initiated``, ``sent``, ``delivered``, ``undelivered``, ``failed``; inbound ``received``.
        body: the text; "" where there is none.
        media: addresses of media.
        tags: what was given with it.
        segments: how many parts it was split into; None where Relay did not say.
        reason: why it failed; None otherwise.
    """

    __slots__ = (
        "__weakref__",
        "_monitor",
        "_over",
        "body",
        "context",
        "direction",
        "from_number",
        "id",
        "media",
        "reason",
        "segments",
        "state",
        "tags",
        "to_number",
    )

    def __init__(
        self, monitor: Monitor, params: dict[str, Any], context: str | None = None, *, followed: bool = False
    ) -> None:
        super().__init__()
        self._monitor = monitor
        self._over = not followed  # nothing more will be heard of it
        self.id: str | None = _text(params, "message_id")
        self.context: str | None = _text(params, "context") or context
        self.from_number: str | None = _text(params, "from_number")
        self.to_number: str | None = _text(params, "to_number")
        self.direction: str | None = _text(params, "direction")
        self.state = _text(params, "message_state")
        self.body: str = _text(params, "body") or ""
        self.media: list[str] = _texts(params, "media")
        self.tags: list[str] = _texts(params, "tags")
        segments = params.get("segments")
        self.segments: int | None = segments if isinstance(segments, int) and not isinstance(segments, bool) else None
        self.reason = _text(params, "reason")

    def __repr__(self) -> str:
        return f"<Message {self.state or 'new'} {self.direction or ''} id=…{(self.id or '')[-6:]}>"

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(f"{self!r} belongs to this process and can't be pickled: pass on its id")

    def _call_ids(self) -> None:
        """Nothing stands for it in a pickled result, which has ``message_id``."""

    @property
    def is_final(self) -> bool:
        """Whether its state is one that nothing follows."""
        return self.state in FINAL

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the message is ``delivered``, ``undelivered`` or ``failed``; ``state`` tells which.

        Its states are told to the context that it was sent with, which must be registered
        (:meth:`Messaging.state_change`), and carriers do not always report them: give a time limit.

        Returns:
            True when it is; False when nothing more will be heard of it: the session was lost, or it
            is one that a handler was given.

        Raises:
            RelayTimeout: not within ``timeout`` seconds. Wait again, if you like.
        """
        deadline = Deadline(timeout)
        if self.is_final:
            return True
        self._monitor.check_process()
        with self._monitor.lock:
            self._monitor.wait_until(
                self, lambda: self.is_final or self._over, deadline, lambda: f"{self!r} was not delivered"
            )
        return self.is_final

    # -- what happens to it; the lock is held ---------------------------------------------------------

    def _take(self, state: str, reason: str | None) -> None:
        if _follows(state, self.state):
            self.reason, self.state = reason, state  # in this order: wait() looks at the state without the lock
            self._changed()

    def _end(self) -> None:
        self._over = True
        self._changed()


def _follows(state: str, known: str | None) -> bool:
    """Whether a state is news: a final one stays, and steps back are old news or repetitions."""
    return known not in FINAL and _ORDER.get(state, len(_ORDER)) > _ORDER.get(known or "", -1)


def _text(params: dict[str, Any], name: str) -> str | None:
    value = params.get(name)
    return value if isinstance(value, str) else None


def _texts(params: dict[str, Any], name: str) -> list[str]:
    value = params.get(name)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _listed(value: Iterable[str] | None) -> Iterable[str] | None:
    """An iterable as a list; None for an empty one, which is what a message without any holds."""
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping)):
        return list(value) or None
    return value


MessageHandler = Callable[[Message], object]


class SendResult(Result):
    """Relay's answer to ``send()``: successful when it accepted and queued the message.

    Attributes:
        message_id: Relay's id of the message; None where it was refused.
        sent: the message, to ``wait()`` on; None where it was refused, and in a pickled result.
    """

    message_id: str | None = None
    sent: Message | None = None


class MessageTable:
    """The messages of one session that somebody holds. The connection's lock guards it."""

    def __init__(
        self,
        connection: Connection,
        workers: Workers,
        receivers: receiving.Handlers,
        state_receivers: receiving.Handlers,
    ) -> None:
        self._connection = connection
        self._workers = workers
        self._receivers = receivers
        self._state_receivers = state_receivers
        # Weak: a message is followed as long as somebody holds it, and forgotten with them.
        self._followed: WeakValueDictionary[str, Message] = WeakValueDictionary()
        self._lanes: WeakValueDictionary[str, Lane] = WeakValueDictionary()
        # States of messages that nobody holds yet: the answer to their send may still be on its way.
        self._early: OrderedDict[str, RelayEvent] = OrderedDict()

    def take(self, event: RelayEvent) -> None:
        """An event of ``messaging.*``. The lock is held."""
        message = Message(self._connection.monitor, event.params, event.context)
        if event.event_type == "messaging.receive":
            self._hand_over(self._receivers, message)
        elif event.event_type == "messaging.state" and message.id is not None and message.state is not None:
            followed = self._followed.get(message.id)
            if followed is not None:
                followed._take(message.state, message.reason)
            else:
                self._keep_early(message.id, event)
            self._hand_over(self._state_receivers, message)
        else:
            self._log(logging.DEBUG, "%s is not known; dropped", event.event_type)

    def follow(self, message_id: str, params: dict[str, Any]) -> Message:
        """Relay has accepted a message of ours: its states are taken to the one returned. The lock is held."""
        told = {**params, "message_id": message_id, "direction": "outbound", "message_state": "queued"}
        early = self._early.pop(message_id, None)
        if early is not None:
            told |= early.params
        message = self._followed[message_id] = Message(self._connection.monitor, told, followed=True)
        return message

    def session_lost(self) -> None:
        """Nothing will be heard any more of the messages sent. The lock is held."""
        for message in list(self._followed.values()):
            message._end()
        self._followed.clear()
        self._early.clear()

    def _log(self, level: int, text: str, *about: object) -> None:
        """Log once the lock is released: who listens to logs is the user's code too."""
        self._connection.later(partial(logger.log, level, text, *about))

    def _keep_early(self, message_id: str, event: RelayEvent) -> None:
        known = self._early.get(message_id)
        if known is None or _follows(str(event.params["message_state"]), known.params["message_state"]):
            self._early[message_id] = event
        self._early.move_to_end(message_id)
        if len(self._early) > EARLY:
            self._early.popitem(last=False)

    def _hand_over(self, receivers: receiving.Handlers, message: Message) -> None:
        """Run the context's handler on a worker; the news of one message in their order."""
        handler = receivers.get(message.context)
        if handler is None:
            self._log(logging.DEBUG, "nobody handles messages of the context %r; dropped", message.context)
            return
        key = message.id or ""
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(self._workers)
        self._connection.later(partial(lane.put, partial(run, partial(handler, message), f"of message {message.id}")))


class Host(receiving.Host, Protocol):
    """What messages need of the client."""

    def _connection(self) -> Connection:
        """The connection of the present session, of this process."""

    def _messages(self) -> MessageTable:
        """The messages of the present session."""


class Messaging:
    """Sends and receives text messages; reached as ``client.messaging``."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._receivers = receiving.Handlers(host)
        self._state_receivers = receiving.Handlers(host)

    def __repr__(self) -> str:
        return f"<Messaging, {self._receivers}; of their states, {self._state_receivers}>"

    def send(
        self,
        *,
        from_number: str,
        to_number: str,
        context: str,
        body: str | None = None,
        media: Iterable[str] | None = None,
        tags: Iterable[str] | None = None,
        region: str | None = None,
        wait_timeout: float | None = None,
    ) -> SendResult:
        """Send a text message and block until Relay has accepted or refused it.

        Args:
            from_number, to_number: numbers in E.164 form, which is ``+``, country code and number, 1 to 15
                digits in all (``+15550100``); or short codes, of 3 to 8 digits without ``+``: the vendor's pages
                allow one as the sender.
            context: where the news of its state are told.
            body: the text; needed where there is no ``media``. An empty one counts as none.
            media: addresses of media; needed where there is no ``body``. An empty list counts as none.
            tags: anything you want to find it by.
            region: where Relay should send it from.
            wait_timeout: seconds for Relay's answer; ``request_timeout`` bounds it in any case.

        Returns:
            Successful when Relay accepted it: ``message_id``, and ``sent`` to wait on.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost, RelayTimeout: unknown whether it was.
        """
        params: dict[str, Any] = {
            "from_number": checks.phone_number(from_number, "from_number"),
            "to_number": checks.phone_number(to_number, "to_number"),
            "context": checks.text(context, "context", "the name of a context"),
        }
        if body is not None and body != "":
            params["body"] = checks.text(body, "body", "the text")
        for name, value, what in (("media", media, "addresses"), ("tags", tags, "tags")):
            listed = _listed(value)
            if listed is not None:
                params[name] = checks.words(listed, name, what)
        if "body" not in params and "media" not in params:
            raise ValueError(f"body={shown(body)} and media={shown(media)}: give at least one of them")
        if region is not None:
            params["region"] = checks.text(region, "region", "the name of a region")
        return self._send(params, Deadline(wait_timeout, name="wait_timeout"))

    def _send(self, params: dict[str, Any], deadline: Deadline) -> SendResult:
        connection, table = self._host._connection(), self._host._messages()
        sent: list[Message] = []

        def answered(answer: Answer) -> None:
            message_id = answer.result.get("message_id")
            if answer.ok and isinstance(message_id, str):
                sent.append(table.follow(message_id, params))

        answer = connection.request(
            "messaging.send", params, deadline.within(connection.limits.request), answered=answered
        )
        message = sent[0] if sent else None
        return SendResult(
            successful=answer.ok,
            code=answer.code,
            message=answer.message,
            message_id=message.id if message else None,
            sent=message,
            _outcome="done" if answer.ok else "refused",
            _about={"method": "messaging.send"},
        )

    def receive(
        self, contexts: Iterable[str], handler: MessageHandler, *, wait_timeout: float | None = None
    ) -> ReceiveResult:
        """Have ``handler`` called with each inbound :class:`Message` for these contexts, on a worker thread.

        Args, returns and raises as :meth:`relay_sync.calling.Calling.receive`.
        """
        return self._receivers.register(contexts, handler, wait_timeout)

    def state_change(
        self, contexts: Iterable[str], handler: MessageHandler, *, wait_timeout: float | None = None
    ) -> ReceiveResult:
        """Have ``handler`` called with a :class:`Message` at each news of one sent with these contexts.

        Those of one message come in their order. Args, returns and raises as :meth:`receive`.
        """
        return self._state_receivers.register(contexts, handler, wait_timeout)
