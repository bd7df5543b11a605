"""Media: what is played, checked and copied, as it goes on the wire (protocol.md 16.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from relay_sync.calling import checks
from relay_sync.showing import shown
from relay_sync.wire.states import RINGTONES

Media = Mapping[str, Any]

GENDERS = ("male", "female")


def audio(url: object) -> dict[str, Any]:
    """An audio file."""
    return _media("audio", url=checks.address(url, "url", "the http or https address of an audio file"))


def silence(duration: object) -> dict[str, Any]:
    """So many seconds of silence."""
    return _media("silence", duration=checks.duration(duration))


def tts(text: object, language: object = None, gender: object = None, voice: object = None) -> dict[str, Any]:
    """Text to be spoken."""
    return _media(
        "tts",
        text=checks.text(text, "text", "the words to say"),
        language=None if language is None else checks.text(language, "language", "a language such as 'en-US'"),
        gender=None if gender is None else checks.one_of(gender, "gender", GENDERS),
        voice=None if voice is None else checks.text(voice, "voice", "the name of a voice"),
    )


def ringtone(name: object, duration: object = None) -> dict[str, Any]:
    """A country's ringtone."""
    return _media(
        "ringtone",
        name=checks.one_of(name, "name", RINGTONES),
        duration=None if duration is None else checks.duration(duration),
    )


def _media(kind: str, **params: Any) -> dict[str, Any]:
    return {"type": kind, "params": {name: value for name, value in params.items() if value is not None}}


# For each type of media: its check, the key it can't do without, and the others.
_MEDIA: dict[str, tuple[Callable[..., dict[str, Any]], str, frozenset[str]]] = {
    "audio": (audio, "url", frozenset()),
    "silence": (silence, "duration", frozenset()),
    "tts": (tts, "text", frozenset({"language", "gender", "voice"})),
    "ringtone": (ringtone, "name", frozenset({"duration"})),
}


def prepare(media_list: object, name: str = "media_list") -> list[dict[str, Any]]:
    """A list of media as it goes on the wire: checked, nested and copied.

    Raises:
        TypeError, ValueError: names the item that is wrong, and what it may be.
    """
    if isinstance(media_list, (str, bytes, Mapping)) or not isinstance(media_list, Iterable):
        raise TypeError(f"{name}={shown(media_list)}: give a list of dicts, such as [{{'type': 'audio', 'url': …}}]")
    media = [_prepare_one(item, f"{name}[{place}]") for place, item in enumerate(media_list)]
    if not media:
        raise ValueError(f"{name} is empty: give at least one media dict")
    return media


def _prepare_one(item: object, where: str) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        raise TypeError(f"{where}={shown(item)}: give a dict with 'type' and its parameters")
    kind = checks.one_of(item.get("type"), f"{where}['type']", _MEDIA)
    check, needed, others = _MEDIA[kind]
    beside = {name: value for name, value in item.items() if name not in ("type", "params")}
    params = item.get("params", beside)
    if not isinstance(params, Mapping):
        raise TypeError(f"{where}['params']={shown(params)}: give a dict")
    if "params" in item and beside:
        raise ValueError(f"{where}: {sorted(map(str, beside))} beside 'params': give them within 'params'")
    unknown = set(params) - {needed} - others
    if unknown:
        raise ValueError(f"{where}: {kind} knows no {sorted(map(str, unknown))}: give {sorted({needed} | others)}")
    if needed not in params:
        raise ValueError(f"{where}: {kind} needs {needed!r}")
    try:
        return check(**params)
    except (TypeError, ValueError) as wrong:
        raise type(wrong)(f"{where}: {wrong}") from None
