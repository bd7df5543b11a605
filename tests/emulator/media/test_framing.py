"""The frames of a media stream."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from relay_sync.emulator.media import STREAM_CODECS, MediaError, StreamFrames, g711

SOUND = np.arange(-80, 80, dtype=np.int16) * 100
CONTENT = {"PCMU": g711.encode(SOUND, "PCMU"), "PCMA": g711.encode(SOUND, "PCMA"), "L16": SOUND.astype("<i2").tobytes()}


@pytest.mark.parametrize("codec", STREAM_CODECS)
def test_a_text_holds_the_sound_in_base64(codec: str) -> None:
    frames = StreamFrames(codec, ["inbound"])
    (start,) = frames.start("id", {"callSid": "call"})
    (media,) = frames.media(1600, {"inbound": SOUND})
    content = json.loads(media)["media"]
    assert json.loads(start)["start"]["mediaFormat"]["sampleRate"] == 8000
    assert base64.b64decode(content.pop("payload")) == CONTENT[codec]
    assert content == {"track": "inbound", "chunk": "1", "timestamp": "200"}


@pytest.mark.parametrize("codec", STREAM_CODECS)
def test_bare_frames_are_the_sound_and_nothing_else(codec: str) -> None:
    frames = StreamFrames(codec, ["inbound", "outbound"], bare=True)
    assert frames.start("id", {}) == frames.stop() == []
    assert frames.media(0, {"inbound": SOUND, "outbound": SOUND}) == [CONTENT[codec]] * 2


def test_the_high_byte_may_come_first() -> None:
    (frame,) = StreamFrames("L16", ["inbound"], order="big", bare=True).media(0, {"inbound": SOUND})
    assert frame == SOUND.astype(">i2").tobytes()


def test_a_codec_that_can_not_be_made_is_refused() -> None:
    with pytest.raises(MediaError, match="can't be encoded as G722"):
        StreamFrames("G722", ["inbound"])
