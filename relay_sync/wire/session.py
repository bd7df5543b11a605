"""One session with Relay as a state machine: text and time in, outcomes and text out.

The life of a connection, as ``link`` drives it::

    open ──► handshake steps ──► ready ──► (GoAway: draining) ──► fail ──► open ...
               receive/tick     ask, receive, tick, forget        connection is gone

Whatever a method wants sent lies in ``outgoing()`` afterwards; only ``ask`` hands its text straight to the asker, whose
own thread sends it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from relay_sync.errors import NotConnected, ProtocolViolation
from relay_sync.wire.choice import Choice
from relay_sync.wire.dialect import Dialect, Handshake, Said
from relay_sync.wire.events import Answered, Dropped, GoAway, Outcome, Ready, Silent, Unspoken
from relay_sync.wire.ids import new_uuid
from relay_sync.wire.jsonrpc import Failure, Request, Success, parse, write_request

#: How many commands that were given up we can still name when their answers come after all.
_REMEMBERED = 64


class Session:
    """Ids, unanswered commands, handshake, pings and timers of one client.

    Not thread-safe: ``link`` calls every method with the connection's lock held. ``now`` is seconds of any clock that
    does not go back; all calls must use the same one. Before a ``tick``, what can be read should have gone through
    ``receive``: a process that was stopped for a minute then finds the pong in its socket before the minute gone.

    Attributes:
        dialect: the dialect that is spoken, or tried; it has the session id and the protocol.
    """

    __slots__ = (
        "_asked", "_began", "_choice", "_contexts", "_deadline", "_forgotten", "_handshake", "_handshake_end",
        "_next_ping", "_number", "_outgoing", "_ping_interval", "_ping_mark", "_ping_timeout", "_prefix", "_ready",
        "_step", "_understood", "_unheard_since", "dialect",
    )  # fmt: skip

    def __init__(self, dialect: Dialect | Choice, *, ping_interval: float, ping_timeout: float) -> None:
        """Make a session that is not open.

        Args:
            dialect: the words to use, or those to choose from.
            ping_interval: seconds between our pings once ready.
            ping_timeout: seconds a ping may go without any sign of life.

        Raises:
            ValueError: one of them is not above zero.
        """
        if not (ping_interval > 0 and ping_timeout > 0):
            raise ValueError(f"ping_interval and ping_timeout must be above 0: {ping_interval!r}, {ping_timeout!r}")
        self._choice = dialect if isinstance(dialect, Choice) else Choice(lambda: dialect)
        self.dialect: Dialect = self._choice.begin()
        self._ping_interval = ping_interval
        self._ping_timeout = ping_timeout
        # Requests are passed on inside Relay, so ids should differ between clients too: one random piece for them all.
        self._prefix = new_uuid()[-12:] + "-"
        self._ping_mark = self._prefix + "ping-"
        self._number = 0
        self._contexts: dict[str, None] = {}  # in order and each once
        self._outgoing: list[str] = []
        self._asked: dict[str, tuple[object, str, float]] = {}  # id: token, method, when
        self._forgotten: dict[str, tuple[str, float]] = {}  # id: method, when asked
        self._shut_off()

    def _shut_off(self) -> None:
        """Make everything as it is without a connection, but for the commands that wait."""
        self._ready = False
        self._handshake: Handshake | None = None
        self._step: str | None = None  # id of the handshake's unanswered request
        self._understood = False  # whether any step of it was answered
        self._handshake_end = 0.0
        self._outgoing.clear()
        self._stop_timers()

    def _stop_timers(self) -> None:
        self._began = 0.0
        self._deadline: float | None = None  # of the handshake, or of the close that was announced
        self._next_ping: float | None = None  # set while ready
        self._unheard_since: float | None = None  # the first ping since which nothing at all was received

    def __repr__(self) -> str:
        state = "ready" if self._ready else "not ready"
        return f"<Session {state}, {len(self._asked)} unanswered, {self.dialect!r}>"

    @property
    def ready(self) -> bool:
        """Whether commands may be asked: after ``Ready``, and until the server says go away or ``fail``."""
        return self._ready

    @property
    def contexts(self) -> tuple[str, ...]:
        """The contexts registered in each handshake, in the order they were added."""
        return tuple(self._contexts)

    def add_contexts(self, contexts: Iterable[str]) -> None:
        """Register contexts from the next handshake on (this one, if it has not come to them). Sends nothing.

        Raises:
            TypeError: one of them is not a string; then none is added.
        """
        added = dict.fromkeys(contexts)
        for context in added:
            if not isinstance(context, str):
                raise TypeError(f"a context is a string, not {context!r}")
        self._contexts.update(added)

    def remove_contexts(self, contexts: Iterable[str]) -> None:
        """Register contexts no more; those unknown are ignored. Sends nothing."""
        for context in contexts:
            self._contexts.pop(context, None)

    # The connection's life

    def open(self, now: float, limit: float) -> None:
        """Begin the handshake on a fresh connection; its first frame is in ``outgoing()``.

        Resumes the previous session unless ``forget_session`` was called. Ends in ``Ready`` or ``Refused`` from
        ``receive``, or after ``limit`` seconds in ``Silent`` from ``tick``; in ``Unspoken`` from either, and sooner,
        where another dialect is to be tried. Call ``fail`` first when there was a connection before: it gives back who
        still waits.
        """
        self._shut_off()
        self._began, self._deadline = now, now + self._choice.patience(limit)
        self._handshake_end = now + limit
        self._handshake = self.dialect.handshake(self._contexts.keys())
        self._take_step(next(self._handshake))

    def fail(self) -> list[object]:
        """Note that the connection is gone; return the tokens of all unanswered commands, oldest first."""
        tokens = [token for token, _, _ in self._asked.values()]
        self._asked.clear()
        self._shut_off()
        return tokens

    def hung_up(self, why: str) -> Unspoken | None:
        """Note that the peer closed the connection; tell where that was its answer to the dialect. Call ``fail`` then.

        ``why`` is what the transport knows of it.
        """
        if self._handshake is None or self._understood:
            return None
        return self._unspoken(self._choice.ignored(), why)

    def forget_session(self) -> None:
        """Start afresh at the next ``open``, with nothing to resume, and in either dialect. Contexts stay."""
        self.dialect.forget()
        self._choice.doubt()

    # Commands

    def ask(self, method: str, params: dict[str, Any], now: float, token: object) -> tuple[str, str]:
        """Enlist a command; return its id and the text to send.

        The answer will come as ``Answered(token, ...)``, at most once. Nothing is enlisted when this raises.

        Raises:
            NotConnected: the session is not ready.
            ValueError, TypeError: the params hold something that JSON cannot carry.
        """
        if not self._ready:
            raise NotConnected(f"{method} was not sent: there is no session with Relay", method=method)
        ident = self._new_id(self._prefix)
        said, wrapped = self.dialect.command(method, params)
        text = write_request(ident, said, wrapped, command=method)
        self._asked[ident] = token, method, now
        return ident, text

    def forget(self, ident: str) -> None:
        """Give up on a command: a late answer is then only ``Dropped``. Harmless for one that was answered."""
        given_up = self._asked.pop(ident, None)
        if given_up is not None:
            _, method, asked_at = given_up
            self._forgotten[ident] = method, asked_at
            if len(self._forgotten) > _REMEMBERED:
                del self._forgotten[next(iter(self._forgotten))]

    def outgoing(self) -> list[str]:
        """Return the frames that wait to be sent, in order, and empty the list."""
        frames, self._outgoing = self._outgoing, []
        return frames

    # What comes in

    def receive(self, text: str, now: float) -> list[Outcome]:
        """Take in one frame and return what it means. Never raises on what the peer sent.

        Events are told at any time: after a resume the server may send what was missed before the handshake is through.
        """
        self._unheard_since = None  # whatever it is, the peer lives
        try:
            frame = parse(text)
        except ProtocolViolation as violation:
            return [Dropped("unreadable frame", violation.message)]
        if isinstance(frame, Request):
            return self._requested(frame, now)
        return self._replied(frame, now)

    def _requested(self, request: Request, now: float) -> list[Outcome]:
        reply, outcome = self.dialect.hear(request)
        if reply is not None and request.id is not None:
            self._outgoing.append(reply)
        if outcome is None:
            return []
        if isinstance(outcome, GoAway):
            return self._drain(outcome, now)
        return [outcome]

    def _replied(self, reply: Success | Failure, now: float) -> list[Outcome]:
        asked = self._asked.get(reply.id)
        if asked is not None:
            answered = Answered(asked[0], self.dialect.answer(reply, asked[1]))
            # Only now: if that failed, the command must be among those that ``fail`` gives back.
            del self._asked[reply.id]
            return [answered]
        if reply.id == self._step:
            return self._advance(reply, now)
        if reply.id.startswith(self._ping_mark):
            return []  # a refused ping shows a living peer just as well
        return [self._unexpected(reply.id, now)]

    def _unexpected(self, ident: str, now: float) -> Dropped:
        late = self._forgotten.pop(ident, None)
        if late is None:
            return Dropped("unexpected answer", "nothing waits for it: sent twice, or never asked for")
        method, asked_at = late
        return Dropped("late answer", f"to {method}, {now - asked_at:.1f} s after it was asked")

    def _take_step(self, said: Said) -> None:
        self._step = self._new_id(self._prefix)
        self._outgoing.append(write_request(self._step, *said))

    def _advance(self, reply: Success | Failure, now: float) -> list[Outcome]:
        assert self._handshake is not None  # for the checker: a step is only ever set by a handshake that goes on
        if not self._understood and isinstance(reply, Success):
            self._understood = True
            self._deadline = self._handshake_end  # it speaks the dialect: there is nothing to save time for
        try:
            self._take_step(self._handshake.send(reply))
        except StopIteration as end:
            self._handshake = self._step = None
            self._stop_timers()
            if isinstance(end.value, Ready):
                self._ready = True
                self._next_ping = now + self._ping_interval
                self._choice.agree()
                return [end.value]
            answer = end.value.answer
            why = f"{answer.message} (code {answer.code})"
            return [self._unspoken(self._choice.turned_down(answer), why) or end.value]
        return []

    def _unspoken(self, other: Dialect | None, why: str) -> Unspoken | None:
        """Turn to another dialect, where there is one."""
        if other is None:
            return None
        before, self.dialect = self.dialect, other
        return Unspoken(before.name, other.name, why)

    def _drain(self, away: GoAway, now: float) -> list[Outcome]:
        """Ask and ping no more, and give the server as long for its close as a silent one would be given."""
        if not self._ready and self._handshake is None:
            return []  # it says so twice
        if away.restart:
            self.dialect.forget()
        self._ready = False
        self._handshake = self._step = None
        self._stop_timers()
        self._began, self._deadline = now, now + self._ping_interval + self._ping_timeout
        return [away]

    # Time

    def next_timer(self) -> float | None:
        """Return the moment of the next ``tick`` worth making, or None. After a tick it lies ahead of that tick."""
        if self._next_ping is None:
            return self._deadline
        if self._unheard_since is None:
            return self._next_ping
        return min(self._next_ping, self._unheard_since + self._ping_timeout)

    def tick(self, now: float) -> list[Outcome]:
        """Do what is due: a ping, or ``Silent``, which is told once. Harmless at any other time.

        However far the clock has jumped, one ping goes out and not one for each interval missed.
        """
        if self._deadline is not None and now >= self._deadline:
            return self._silent(self._began, now)
        if self._unheard_since is not None and now >= self._unheard_since + self._ping_timeout:
            return self._silent(self._unheard_since, now)
        if self._next_ping is not None and now >= self._next_ping:
            self._next_ping = now + self._ping_interval
            self._outgoing.append(write_request(self._new_id(self._ping_mark), *self.dialect.ping(now)))
            if self._unheard_since is None:
                self._unheard_since = now
        return []

    def _silent(self, since: float, now: float) -> list[Outcome]:
        self._stop_timers()
        waited = now - since
        return [self.hung_up(f"no answer for {waited:.1f} s") or Silent(waited)]

    def _new_id(self, prefix: str) -> str:
        self._number += 1
        return f"{prefix}{self._number}"
