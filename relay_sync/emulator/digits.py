"""``calling.send_digits``: keys pressed on behalf of the application, heard by the phone (protocol.md 11.8)."""

from __future__ import annotations

from typing import Any

from relay_sync.emulator.calls import Call
from relay_sync.emulator.media import DigitDetector, Heard, sound_of_digits
from relay_sync.emulator.operations import Operation

KEYS = "0123456789*#ABCD"
_SENDABLE = KEYS + "wW"
_MOST = 1000  # three minutes of sound


def keys(value: Any, strict: bool) -> str | None:
    """Accept a string of keys, an empty one too."""
    if isinstance(value, str) and all(key in KEYS for key in value):
        return None
    return f"must be a string of 0-9 * # A-D, not {value!r}"


def sendable(value: Any, strict: bool) -> str | None:
    """Accept keys and pauses, at least one; one bad character refuses all of them (api.md 7.10)."""
    if not isinstance(value, str) or not value or any(key not in _SENDABLE for key in value):
        return f"must be a string of 0-9 * # A-D w W that is not empty, not {value!r}"
    return None if len(value) <= _MOST else f"must be at most {_MOST} long"


def digits_in(heard: Heard) -> str:
    """Return the keys that can be made out in a sound, in order."""
    detector = DigitDetector()
    return "".join(key.digit for key in [*detector.feed(heard.samples), *detector.flush()])


class SendDigits(Operation):
    """Keys that sound on the line: 0.1 s each, then 0.1 s of silence; ``finished`` comes after the last silence.

    Those of several commands follow each other.
    """

    def __init__(self, call: Call, params: dict[str, Any]) -> None:
        running = [each.ends_at for each in call.operations.values() if isinstance(each, SendDigits)]
        super().__init__(call, str(params["control_id"]))
        digits = str(params["digits"])
        if call.around.assumptions.long_wait == "w":
            digits = digits.translate(str.maketrans("wW", "Ww"))
        self._sound = call.line.start(max([call.sample(), *running]), sound_of_digits(digits))
        self.ends_at: int = self._sound.starts_at + self._sound.duration
        self._timers.append(call.around.clock.call_at(call.moment(self.ends_at), self._end))

    def stop(self) -> None:
        """Send no more. No command does that, nor is there another end than ``finished``."""
        self._hush()
        self._end()

    def end_with_call(self, tell: bool) -> None:
        """The call has ended; what has not been sent never is."""
        self._hush()
        self._end(tell)

    def _hush(self) -> None:
        self._sound.stop(max(self.call.sample(), self._sound.starts_at))

    def _end(self, tell: bool = True) -> None:
        self._close()
        if tell:
            self.call.emit("calling.call.send_digits", {"control_id": self.control_id, "state": "finished"})
