"""Text messages of a phone in a test's hand: what it received, and sending one."""

from __future__ import annotations

from collections.abc import Iterable

from relay_sync.emulator.exchange import Exchange
from relay_sync.emulator.handset import Handset
from relay_sync.emulator.messages import TextMessage


class Texting:
    """The messages of a phone."""

    _handset: Handset
    _exchange: Exchange

    @property
    def messages(self) -> tuple[TextMessage, ...]:
        """The messages it received, oldest first (the last 100)."""
        return self._exchange.on_thread(lambda: tuple(self._handset.messages))

    def text(
        self, to_number: str | None = None, body: str = "", *, media: Iterable[str] = (), context: str | None = None
    ) -> TextMessage:
        """Send a text message: to ``to_number``, whose context ``relay.route`` has set, or straight to ``context``.

        Exactly one of the clients that receive the context is told. Returns the message; its ``state`` tells whether
        one was. ValueError without a number and context, or without body and media.
        """
        if to_number is None and context is None:
            raise ValueError("a message needs a number or a context")
        addresses = tuple(media)
        if not body and not addresses:
            raise ValueError("a message needs a body or media")
        number = "+15550100000" if to_number is None else to_number
        return self._exchange.on_thread(
            lambda: self._exchange.messages.text(self._handset, number, context, body, addresses)
        )
