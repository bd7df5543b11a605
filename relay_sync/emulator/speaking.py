"""What goes into the voice of a call, on the emulator's thread: sounds that were loaded, texts, digits."""

from __future__ import annotations

from relay_sync.emulator.calls import Call
from relay_sync.emulator.media import RATE, MediaError, Samples, Utterance


def tts(text: str, language: str = "en-US", gender: str = "female") -> dict[str, object]:
    """Return the media item that speaks ``text`` (protocol.md 16.1)."""
    return {"type": "tts", "params": {"text": text, "language": language, "gender": gender}}


def say(call: Call, sound: Samples, text: str) -> float:
    """Say ``sound`` now, or when all has been said; ``text`` is what it means, if anything.

    Returns in how many virtual seconds it will have been said; 0 when the call has ended.
    """
    return 0.0 if call.over else _until_over(call, call.voice.say(call.sample(), sound, text))


def press(call: Call, digits: str) -> float:
    """Press keys now, or when all has been said; returns as :func:`say`. ValueError for what is no key."""
    return 0.0 if call.over else _until_over(call, call.voice.press(call.sample(), digits))


def speak_up(call: Call, says: str | None, presses: str | None) -> None:
    """Have the phone of a call that has just been answered speak, then press keys."""

    def then_press() -> None:
        if presses is not None:
            press(call, presses)

    def spoken(loaded: Samples | MediaError) -> None:
        if not isinstance(loaded, MediaError):  # else the loader has logged it
            say(call, loaded, says or "")
        then_press()

    if says is None:
        then_press()
    else:
        call.around.loader.load([tts(says)], spoken)


def _until_over(call: Call, utterance: Utterance) -> float:
    return max(0, utterance.ends_at - call.sample()) / RATE
