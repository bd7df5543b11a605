"""The way from a media item of the wire (protocol.md 16.1) to its sound."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from relay_sync.emulator.media import audio
from relay_sync.emulator.media.pdf import page_count
from relay_sync.emulator.media.ringtones import ringtone
from relay_sync.emulator.media.sound import MediaError, Samples, silence
from relay_sync.emulator.media.speech import speech

WELCOME = Path(__file__).with_name("welcome.mp3")
"""A few seconds of music made for this project, see make_welcome.py."""

_USED = {"audio file": "played", "document": "sent"}

_WELCOME_NAME = "welcome.mp3"
_WELCOME_ADDRESS = "cdn.signalwire.com/default-music/welcome.mp3"


class MediaLibrary:
    """Turns media items into sound.

    ``overrides`` maps URLs and file names, exactly as they stand in a play command, to files that are played in their
    place, so that a test needs no network. ``fetch_timeout`` (seconds) and ``size_limit`` (bytes) hold for each
    file. It keeps nothing between calls: a file that changes sounds new the next time. Safe to use from any thread.
    """

    def __init__(
        self,
        overrides: Mapping[str, str | Path] | None = None,
        *,
        fetch_timeout: float = audio.FETCH_TIMEOUT,
        size_limit: int = audio.SIZE_LIMIT,
    ) -> None:
        self._overrides = dict(overrides or {})
        self._fetch_timeout = fetch_timeout
        self._size_limit = size_limit
        self._kinds: dict[str, Callable[[Mapping[str, Any]], Samples]] = {
            "audio": self._audio,
            "tts": _tts,
            "silence": _silence,
            "ringtone": _ringtone,
        }

    def __repr__(self) -> str:
        return f"<MediaLibrary, {len(self._overrides)} overrides>"

    def samples(self, item: Mapping[str, Any]) -> Samples:
        """Return the sound of one item: mono, 8 kHz, full scale 1.0; empty for an audio file without a sample.

        ``item`` is ``{"type": "audio" | "tts" | "silence" | "ringtone", "params": {...}}``. Blocks while it reads or
        fetches, decodes and resamples. MediaError, which says why, if it can't be had.
        """
        kind, params = item.get("type"), item.get("params")
        if not isinstance(kind, str) or kind not in self._kinds:
            raise MediaError(f"there is no media type {kind!r}; there are: {' '.join(self._kinds)}")
        if not isinstance(params, Mapping):
            raise MediaError(f"a media item of type {kind} needs an object 'params', not {params!r}")
        return self._kinds[kind](params)

    def sequence(self, items: Iterable[Mapping[str, Any]]) -> Samples:
        """Return the sound of several items one after the other, without a gap; as ``samples`` otherwise."""
        return np.concatenate([self.samples(item) for item in items] or [np.zeros(0, np.float32)])

    def document(self, url: str) -> bytes:
        """Return the document of a fax: what a http, https or file URL or a path holds, an override in its place.

        Blocks while it reads or fetches. MediaError, which says why, if it can't be had.
        """
        return self._content(url, "document")

    def pages(self, url: str) -> int:
        """Return how many pages the PDF at ``url`` has; as ``document`` otherwise, and MediaError if it is no PDF."""
        return page_count(self.document(url), audio.shown_url(url) if "://" in url else url)

    def _audio(self, params: Mapping[str, Any]) -> Samples:
        url = _text(params, "url", "audio")
        return audio.decode(self._content(url), audio.shown_url(url) if "://" in url else url)

    def _content(self, url: str, kind: str = "audio file") -> bytes:
        if url in self._overrides:
            return self._file(Path(self._overrides[url]), kind)
        scheme, _, rest = url.partition("://")
        scheme = scheme.lower()
        if rest and scheme in ("http", "https"):
            if rest == _WELCOME_ADDRESS:
                return self._file(WELCOME)
            return audio.fetch(url, self._fetch_timeout, self._size_limit)
        if url.startswith("file:"):
            return self._file(audio.path_of(url), kind)
        if rest:
            raise MediaError(
                f"{audio.shown_url(url)} can't be {_USED[kind]}: only http, https and file URLs and paths can"
            )
        if url == _WELCOME_NAME and not Path(url).is_file():
            return self._file(WELCOME)
        return self._file(Path(url), kind)

    def _file(self, path: Path, kind: str = "audio file") -> bytes:
        return audio.read_file(path, self._size_limit, kind)


def _tts(params: Mapping[str, Any]) -> Samples:
    # The voice of 3.x is no voice that eSpeak NG knows: language and gender decide.
    language = _text(params, "language", "tts", "en-US")
    return speech(_text(params, "text", "tts"), language, _text(params, "gender", "tts", "female"))


def _silence(params: Mapping[str, Any]) -> Samples:
    return silence(_seconds(params.get("duration"), "silence"))


def _ringtone(params: Mapping[str, Any]) -> Samples:
    duration = params.get("duration")
    return ringtone(_text(params, "name", "ringtone"), None if duration is None else _seconds(duration, "ringtone"))


def _text(params: Mapping[str, Any], key: str, kind: str, default: str | None = None) -> str:
    value = params.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or not value:
        raise MediaError(f"a media item of type {kind} needs {key!r}, a text that isn't empty, not {value!r}")
    return value


def _seconds(value: object, kind: str) -> float:
    # bool is an int to Python; to the wire it isn't a number.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not (math.isfinite(value) and value >= 0):
        raise MediaError(f"a media item of type {kind} needs 'duration', seconds from 0 on, not {value!r}")
    return float(value)
