"""What a command starts on a call and what goes on until it ends by itself, is stopped, or the call ends.

One class for each kind (protocol.md 9). Its constructor takes the call and the checked params of the command, raises
:exc:`Refused` for what can't be begun, and has done all that follows at once when it returns.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from relay_sync.emulator.clock import Timer
from relay_sync.emulator.envelope import Refused
from relay_sync.emulator.media import RATE

if TYPE_CHECKING:
    from relay_sync.emulator.calls import Call

BLOCK = RATE // 50
"""Samples of what is listened to at a time: 20 ms, as on the telephone network."""

Read = Callable[[int, int], "NDArray[np.int16]"]
"""Returns the samples of a line or a voice from one to another."""

Hear = Callable[["NDArray[np.int16]"], None]
"""Takes the next samples."""


class Operation:
    """One operation of a call; it is in ``call.operations``, under its control id, until it is over.

    ``control_id`` is ``""`` for a kind that the wire doesn't name. ``reply`` is what the reply to its command holds
    besides the ids, ``settled`` what :class:`Accepted` says (None: nothing). Raises :exc:`Refused` for a control id
    that is in use. ``single``: one at a time runs on a call, as is so for what has no control id.
    """

    single: ClassVar[bool] = False

    def __init__(self, call: Call, control_id: str) -> None:
        if (self.single or not control_id) and any(isinstance(each, type(self)) for each in call.operations.values()):
            raise Refused("409", "One of these is running already")
        self._key = control_id or type(self).__name__
        if self._key in call.plays or self._key in call.operations:
            raise Refused("409", "Control id is in use")
        self.call = call
        self.control_id = control_id
        self.reply: dict[str, Any] = {}
        self.settled: Awaitable[object] | None = None
        self.over: bool = False
        self._timers: list[Timer] = []
        self._ears: list[Ear] = []
        call.operations[self._key] = self

    def stop(self) -> None:
        """End it here, as its ``stop`` command does."""
        raise NotImplementedError

    def end_with_call(self, tell: bool) -> None:
        """The call has ended; ``tell``: with a final event. What was heard before is heard still."""
        raise NotImplementedError

    def release(self) -> None:
        """Its owner gives the call away: end it here, with a final event."""
        self.end_with_call(tell=True)

    def fail(self) -> None:
        """End it with ``error``, a fault of Relay that a test has asked for; a kind that knows none just ends."""
        self.stop()

    def _listen(self, hear: Hear, read: Read | None = None, block: int = BLOCK) -> Ear:
        """Hear what the phone says (or what ``read`` reads) from now on until it is over."""
        ear = Ear(self.call, hear, read or self.call.voice.read, block)
        self._ears.append(ear)
        return ear

    def _later(self, delay: float, action: Callable[[], None]) -> Timer:
        """Do ``action`` in ``delay`` virtual seconds, unless it is over by then; what was said until then is heard."""

        def act() -> None:
            self._catch_up()
            if not self.over:
                action()

        timer = self.call.around.clock.call_later(delay, act)
        self._timers.append(timer)
        return timer

    def _catch_up(self) -> None:
        """Hear all that was said before this moment: a timer or a command may come between two blocks."""
        for ear in list(self._ears):
            ear.catch_up()

    def _close(self) -> None:
        """It is over: nothing of it happens any more."""
        self.over = True
        for timer in self._timers:
            timer.cancel()
        for ear in self._ears:
            ear.close()
        self.call.operations.pop(self._key, None)


class Ear:
    """Hears a line or a voice from this moment on, block by block, at the pace of the clock.

    A block is heard when its last sample is over, so what is heard is fixed and what comes is free.
    """

    def __init__(self, call: Call, hear: Hear, read: Read, block: int = BLOCK) -> None:
        self._call = call
        self._hear = hear
        self._read = read
        self._block = block
        self._at = call.sample()
        self._due = self._at
        self._timer: Timer | None = None
        self._closed = False
        self._wait()

    @property
    def at(self) -> int:
        """The first sample that it has not heard yet."""
        return self._at

    def catch_up(self) -> None:
        """Hear all that has sounded by now."""
        first, self._at = self._at, max(self._at, self._call.sample())
        if not self._closed and first < self._at:
            self._hear(self._read(first, self._at))

    def close(self) -> None:
        """Hear nothing more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self) -> None:
        late = self._call.sample() - self._due  # 0 in stepped time
        self._due += self._block * (late // self._block + 1)
        self._timer = self._call.around.clock.call_at(self._call.moment(self._due), self._next)

    def _next(self) -> None:
        self.catch_up()
        if not self._closed:
            self._wait()
