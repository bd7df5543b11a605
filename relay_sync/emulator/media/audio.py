"""Audio files: found or fetched, decoded, mixed to mono, brought to the rate of the line.

What libsndfile reads can be played: wav, mp3, ogg, flac and more. Everything is decoded block by block, since ten
minutes of stereo at 44.1 kHz would take 200 MB as one array and take 19 MB as what is kept.
"""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import soundfile
import soxr

from relay_sync.emulator.media.sound import LONGEST_S, RATE, MediaError, Samples

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE_LIMIT = 64 * 1024 * 1024
"""Bytes that an audio file may have."""

FETCH_TIMEOUT = 30.0
"""Seconds that fetching a file may take."""

_NETWORK_TIMEOUT = 10.0  # seconds without a single byte
_READ = 65536
_BLOCK = 65536


def read_file(path: Path, size_limit: int = SIZE_LIMIT, kind: str = "audio file") -> bytes:
    """Return the content of a regular file; MediaError if there is none, it can't be read or is too large.

    ``kind`` is what the error calls it.
    """
    try:
        # Only regular files: a device or a pipe may never come to an end.
        if not path.is_file():
            raise MediaError(f"there is no {kind} {path} (looked in {Path.cwd()})")
        if path.stat().st_size > size_limit:
            raise MediaError(f"{path} is too large: more than {size_limit} bytes")
        return path.read_bytes()
    except OSError as error:
        raise MediaError(f"{path} can't be read: {error.strerror or error}") from error


def path_of(url: str) -> Path:
    """Return the path that a ``file:`` URL names; MediaError if it names another host."""
    host, slash, path = url.removeprefix("file:").removeprefix("//").partition("/")
    if host not in ("", "localhost") or not slash:
        raise MediaError(f"{url} names another host or no path; a file URL is written file:///path")
    return Path(url2pathname(slash + path))


def fetch(url: str, timeout: float = FETCH_TIMEOUT, size_limit: int = SIZE_LIMIT) -> bytes:
    """Return what a http or https URL delivers, following redirects.

    Blocks up to ``timeout`` seconds. MediaError if the address can't be reached, answers anything but 2xx, is too
    slow, or delivers more than ``size_limit`` bytes. Errors show the URL without its query and credentials, which
    may hold secrets.
    """
    # Here, since importing requests takes longer than starting the emulator, and most tests fetch nothing.
    import requests
    import urllib3

    shown = shown_url(url)
    deadline = time.monotonic() + timeout
    try:
        with requests.Session() as session:
            # A proxy of the environment can't reach this machine's own loopback.
            session.trust_env = urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1")
            wait = min(timeout, _NETWORK_TIMEOUT)
            headers = {
                "User-Agent": "relay_sync emulator",
                "Accept": "audio/*, */*;q=0.1",
                "Accept-Encoding": "identity",
            }
            with session.get(url, stream=True, timeout=wait, headers=headers) as response:
                if not 200 <= response.status_code < 300:
                    raise MediaError(f"{shown} answered {response.status_code} {response.reason}")
                # What urllib3 does by itself since 2.0: a body that breaks off is an error.
                response.raw.enforce_content_length = True
                return _body(response.raw, shown, deadline, size_limit)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise MediaError(f"{shown} can't be fetched: {_root_of(error)}") from error


def _body(raw: Any, shown: str, deadline: float, size_limit: int) -> bytes:
    """Read the body of a response as it comes, looking at the time and the size after each piece."""
    # read1 returns what has arrived; where urllib3 is too old to have it, small pieces serve, for a read waits for
    # the whole piece, and a server that drips would hold it for ever.
    read1 = getattr(raw, "read1", None)
    body = bytearray()
    while piece := read1(_READ, decode_content=True) if read1 else raw.read(512, decode_content=True):
        body += piece
        if len(body) > size_limit:
            raise MediaError(f"{shown} is too large: more than {size_limit} bytes")
        if time.monotonic() > deadline:
            raise MediaError(f"{shown} is too slow: {len(body)} bytes when its time was up")
    return bytes(body)


def decode(content: bytes, shown: str) -> Samples:
    """Return an audio file's sound as mono samples at the rate of the line.

    Channels are averaged; resampling is soxr HQ. ``shown`` names the file in errors. MediaError if the content is no
    audio that libsndfile knows, breaks off in an unreadable way, or lasts longer than ``LONGEST_S``.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            if file.frames > LONGEST_S * file.samplerate:
                raise MediaError(f"{shown} is too long: it lasts more than {LONGEST_S} s")
            return np.concatenate(list(_resampled(file)) or [np.zeros(0, np.float32)])
    except (soundfile.SoundFileError, RuntimeError, ValueError) as error:
        # libsndfile's own words: soundfile puts the name of its buffer before them.
        why = getattr(error, "error_string", error)
        raise MediaError(f"{shown} is not audio that can be played: {why}") from error


def _resampled(file: Any) -> Iterator[Samples]:
    """Yield the file's blocks, mono and at the rate of the line."""
    resampler = None
    if file.samplerate != RATE:
        resampler = soxr.ResampleStream(file.samplerate, RATE, 1, dtype="float32", quality="HQ")
    for block in file.blocks(_BLOCK, dtype="float32", always_2d=True):
        # A file of floats may hold anything; one NaN would spoil everything it is mixed with.
        mono = np.nan_to_num(block.mean(axis=1), posinf=1.0, neginf=-1.0)
        yield mono if resampler is None else np.asarray(resampler.resample_chunk(mono), np.float32)
    if resampler is not None:
        yield np.asarray(resampler.resample_chunk(np.zeros(0, np.float32), last=True), np.float32)


def shown_url(url: str) -> str:
    """Return a http URL without what may be secret in it: its query, its fragment, user and password."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("?")[0].partition("#")[0].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def _root_of(error: BaseException) -> str:
    """Say what lies at the bottom of an error of requests, whose own text repeats the whole URL."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return getattr(error, "strerror", None) or type(error).__name__
