"""How we stand with Relay, over however many sockets: what each outcome of the session changes.

The reader's thread alone calls it. What it changes of the books it changes with the lock held, and what it keeps
itself nobody else looks at.
"""

from __future__ import annotations

import logging
from functools import partial

from relay_sync.errors import ConnectionLost
from relay_sync.link.asked import Asked
from relay_sync.link.books import CLOSED, READY, RECONNECTING, Books
from relay_sync.link.lost import Lost, Tried
from relay_sync.link.saying import connection_log
from relay_sync.masking import shorten
from relay_sync.wire.events import (
    Answered,
    Dropped,
    GoAway,
    Happened,
    Outcome,
    Ready,
    Refused,
    Silent,
    Unspoken,
)

REGISTERED = "registered"  # told before "ready" where Relay refused no context; for the library itself


class Standing:
    """Whether we are up, whether Relay may still hold our session, and until when that counts."""

    def __init__(self, books: Books) -> None:
        self.up: bool = False  # on this socket
        self.attempts: int = 0  # pauses made since the last handshake that succeeded
        self.give_up_at: float | None = None  # when a lost session counts as gone
        self.tried: Tried = Tried()
        self._held = False  # whether Relay may still hold a session of ours, with calls in it
        self._books = books

    # -- news -----------------------------------------------------------------------------------------

    def settle(self, outcomes: list[Outcome]) -> Lost | None:
        """Let each outcome take effect; return why the connection is over, if it is. The lock is held."""
        books = self._books
        listener = books._listener
        assert listener is not None
        for outcome in outcomes:
            if isinstance(outcome, Answered):
                assert isinstance(outcome.token, Asked)
                outcome.token.settle(outcome.answer)
            elif isinstance(outcome, Happened):
                listener.take(outcome.event)
            elif isinstance(outcome, Ready):
                self._became_ready(outcome)
            elif isinstance(outcome, Dropped):
                self._count(outcome)
            elif isinstance(outcome, GoAway):
                self._drain(outcome)
            elif isinstance(outcome, Refused):
                name = books.session.dialect.name
                return self.tried.refused(name, outcome, books._mask(outcome.answer.message))
            elif isinstance(outcome, Unspoken):
                return self._turned_down(outcome)
            else:
                return self._silent(outcome)
        return None

    def _became_ready(self, ready: Ready) -> None:
        books = self._books
        listener = books._listener
        assert listener is not None
        if self._held and ready.restored:
            listener.resumed()
        elif self._held:
            listener.session_lost("Relay did not restore the session after the connection was lost")
        refusal = ready.contexts_refused
        if not books.was_ready:
            # Kept of the first only: whoever waited for it may look when there has been another handshake.
            books.contexts_refused = refusal
        books.was_ready = self.up = self._held = True
        self.attempts = 0
        self.tried.clear()
        self.give_up_at = None
        books.state = READY
        if refusal is not None:
            text = "Relay refused the contexts %s: %s %s"
            books.later(partial(connection_log.error, text, books.session.contexts, refusal.code, refusal.message))
        books._changed()
        if refusal is None:
            # Told apart here: whoever is told of "ready" may look only after the next handshake.
            books.later(partial(listener.notify, REGISTERED))
        books.later(partial(listener.notify, "ready"))

    def _drain(self, away: GoAway) -> None:
        """Relay is about to close: send nothing more; it is reconnected when it has closed."""
        self._books.later(partial(connection_log.info, "Relay asks to reconnect (restart: %s)", away.restart))
        if self._books.state == READY:
            self._books.state = RECONNECTING
            self._books._changed()

    def _count(self, dropped: Dropped) -> None:
        """Count a frame that was not understood; log the first of its kind."""
        books = self._books
        books.dropped[dropped.kind] += 1
        level = logging.WARNING if books.dropped[dropped.kind] == 1 else logging.DEBUG
        detail = shorten(books._mask(dropped.detail), 200)
        books.later(partial(connection_log.log, level, "dropped: %s: %s", dropped.kind, detail))

    def _silent(self, silent: Silent) -> Lost:
        # In a handshake it may have talked, but for the answer.
        what = "nothing was heard from Relay" if self.up else "Relay did not answer the handshake"
        return self._broken(f"{what} for {silent.waited:.1f} s")

    # -- why a socket is over -------------------------------------------------------------------------

    def _broken(self, why: str) -> Lost:
        if self.up:
            return Lost(partial(ConnectionLost, f"the connection broke before the answer came ({why})"))
        return self.tried.broken(self._books.session.dialect.name, why)

    def hung_up(self, why: str) -> Lost:
        """The socket is closed, which may be what the service says to a dialect that it does not know.

        The lock is held.
        """
        unspoken = None if self._books._stop.is_set() else self._books.session.hung_up(why)
        return self._broken(why) if unspoken is None else self._turned_down(unspoken)

    def _turned_down(self, unspoken: Unspoken) -> Lost:
        """The service does not speak the dialect. The lock is held."""
        why = self._books._mask(unspoken.why)
        text = "Relay does not speak the dialect %r; trying %r (%s)"
        self._books.later(partial(connection_log.info, text, unspoken.dialect, unspoken.instead, why))
        return self.tried.add(unspoken.dialect, why)

    # -- after it -------------------------------------------------------------------------------------

    def lose(self, lost: Lost) -> None:
        """One socket is over: fail what was in flight, begin to reconnect. The lock is held."""
        books = self._books
        self.up = False
        books._fail_asked(lost.error)
        books._transport = None
        if books.was_ready and books.state != CLOSED:
            books.state = RECONNECTING
            if self._held and self.give_up_at is None:
                self.give_up_at = books._clock() + books.limits.resume
            books._changed()

    def give_up(self) -> None:
        """End everything of the lost session: it may no longer be resumed. The lock is held."""
        books = self._books
        self.give_up_at = None
        self._held = False
        books.session.forget_session()
        assert books._listener is not None
        books._listener.session_lost(f"the session could not be resumed within {books.limits.resume} s")
