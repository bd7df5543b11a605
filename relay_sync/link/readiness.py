"""Waiting for one socket, again and again: what a selector does, without making one for each wait."""

from __future__ import annotations

import math
import select
import selectors
import socket


class Readiness:
    """Whether a socket can be read, or written; asked by one thread at a time."""

    __slots__ = ("_poll", "_selector")

    def __init__(self, sock: socket.socket, event: int) -> None:
        """Watch an open socket for ``selectors.EVENT_READ`` or ``EVENT_WRITE``."""
        self._selector: selectors.BaseSelector | None = None
        # Bare, poll() costs a quarter of what a selector does, which has tables to look things up in.
        if hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(sock, select.POLLIN if event == selectors.EVENT_READ else select.POLLOUT)
        else:
            self._selector = selectors.DefaultSelector()
            self._selector.register(sock, event)

    def wait(self, timeout: float | None) -> bool:
        """Wait up to ``timeout`` seconds (None: for ever); whether it is ready, or broken."""
        if self._selector is not None:
            return bool(self._selector.select(timeout))
        return bool(self._poll.poll(None if timeout is None else math.ceil(timeout * 1000.0)))

    def close(self) -> None:
        """Let go of what belongs to the system, not of the socket; nothing is told to a process that shares it."""
        if self._selector is not None:
            self._selector.close()
