"""What the tests of faults share: a client and its emulator, and what counts as in time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from relay_sync import Call, Client, PlayAction
from relay_sync.emulator import Emulator
from tests.pulse import within as within
from tests.support import until

PROMPTLY = 0.5  # seconds within which what can't come any more has ended, from when that is known
PING_INTERVAL = PING_TIMEOUT = 0.2  # of the tests in which a peer falls silent
PINGING = {"ping_interval": PING_INTERVAL, "ping_timeout": PING_TIMEOUT}

_numbers = itertools.count(101)


@dataclass(frozen=True)
class Speech:
    """What a test must know of a dialect.

    ``begin`` is the command that dials one device; ``login`` the first request, which is the whole handshake or has
    ``more`` steps behind it.
    """

    name: str
    begin: str
    login: str
    more: bool

    def client(self, relay: Emulator, **options: Any) -> Client:
        """Make a client that speaks it."""
        return Client(**relay.credentials, dialect=self.name, **options)


SPEECHES = {
    "blade": Speech("blade", begin="calling.begin", login="blade.connect", more=True),
    "flat": Speech("flat", begin="calling.dial", login="signalwire.connect", more=False),
}


class Line:
    """A client of an emulator, and the moves that most tests begin with."""

    def __init__(self, relay: Emulator, speech: Speech, **options: Any) -> None:
        self.relay = relay
        self.speech = speech
        self.client = speech.client(relay, **{"request_timeout": 5.0, "resume_timeout": 20.0, **options})

    def connect(self) -> None:
        self.client.connect()
        # It comes back at once, but does not race the server.
        self.client._life().connection._reader._jitter = lambda: 0.001

    def dial(self, **more: Any) -> Call:
        """Make a call to a phone of its own, which is answered."""
        result = self.client.calling.dial(from_number="+15550100", to_number=f"+15550{next(_numbers):06}", **more)
        assert result.successful, result
        return result.call

    def play(self, call: Call | None = None, seconds: float = 60.0) -> PlayAction:
        """Start a playback and wait until it plays."""
        action = (call or self.dial()).play_silence_async(seconds)
        assert action.wait_for_state("playing", timeout=10)
        return action

    @property
    def logins(self) -> int:
        """How often a client has logged in, or tried to."""
        frames = self.relay.journal.frames
        return sum(frame.direction == "received" and frame.method == self.speech.login for frame in frames)

    @contextmanager
    def reconnecting(self) -> Iterator[None]:
        """The connection is lost in the block; after it, the client is back."""
        before = self.logins
        yield
        self.back(before)

    def back(self, before: int) -> None:
        """Return once the client is ready on a connection later than its ``before``-th."""
        until(lambda: self.logins > before and self.client.connected, "that the client is back")

    def hang_up(self, call: Call) -> None:
        """Have the phone at the other end hang up."""
        assert call.to_number
        self.relay.phone(call.to_number).hang_up()


def raised(act: Callable[[], object]) -> BaseException | None:
    """Return what a function raises; None if it returns."""
    try:
        act()
    except Exception as error:  # noqa: BLE001  (the caller judges it)
        return error
    return None
