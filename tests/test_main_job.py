"""The main job, judged by what the called phone heard: dial, play, pause, resume, louder, stop, hang up."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from relay_sync import Client
from relay_sync.emulator import Emulator
from tests.words import dial_one

RATE = 8000
RAMP = 40  # samples over which the volume changes: 5 ms


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds in which no two moments are alike, never silent, and 20 dB below where anything limits."""
    generator = np.random.default_rng(7)
    samples = generator.integers(300, 3000, 10 * RATE, dtype=np.int16)
    samples *= generator.choice(np.array([-1, 1], np.int16), 10 * RATE)
    path = tmp_path_factory.mktemp("media") / "music.wav"
    soundfile.write(path, samples, RATE, subtype="PCM_16")
    return path


def the_job(relay: Emulator, client: Client, media: str) -> None:
    """1 s of silence, 2 s played, 1.5 s paused, 2 s played, 1 s played 6 dB louder, stopped, 1 s of silence."""
    call = client.calling.dial(from_number="+15550100", to_number="+15550101").call
    relay.clock.advance(1)
    action = call.play_audio_async(media)
    assert action.wait_for_state("playing", 10)
    relay.clock.advance(2)
    assert action.pause().successful
    assert action.state == "paused"
    relay.clock.advance(1.5)
    assert action.resume().successful
    assert action.state == "playing"
    relay.clock.advance(2)
    assert action.volume(6.0).successful
    relay.clock.advance(1)
    assert action.stop().successful
    result = action.wait(10)
    assert (result.successful, action.state, action.completed) == (True, "finished", True)
    relay.clock.advance(1)
    assert call.hangup().successful
    assert call.state == "ended"


def test_the_phone_heard_exactly_what_was_played_paused_resumed_made_louder_and_stopped(
    relay: Emulator, client: Client, music: Path, tmp_path: Path
) -> None:
    phone = relay.phone("+15550101")
    the_job(relay, client, str(music))
    source, _ = soundfile.read(music, dtype="int16")
    heard = phone.heard.samples.astype(np.int64)
    assert (phone.heard.rate, phone.heard.duration) == (RATE, 8.5)

    def stretch(start: float, end: float) -> NDArray[np.int64]:
        return heard[round(start * RATE) : round(end * RATE)]

    assert not stretch(0, 1).any(), "silent until the play"
    assert not stretch(3, 4.5).any(), "silent while paused"
    assert not stretch(7.5, 8.5).any(), "nothing follows the stop"
    # Nothing of the file is lost or repeated around the pause: what was heard on both sides of it, put together, is
    # the first four seconds of the file, sample for sample.
    played = np.concatenate([stretch(1, 3), stretch(4.5, 6.5)])
    assert np.abs(played - source[: 4 * RATE]).max() <= 1
    # And so is the louder part the fifth, but for its level, which is there after 5 ms.
    louder, same = stretch(6.5, 7.5), source[4 * RATE : 5 * RATE].astype(np.float64)
    assert np.abs(louder[RAMP:] - same[RAMP:] * 10 ** (6 / 20)).max() <= 1
    ramp = np.abs(louder[:RAMP]) / np.abs(same[:RAMP])
    assert (ramp[:-1] >= 0.99).all()
    assert (ramp <= 10 ** (6 / 20) + 0.01).all()

    saved = phone.heard.save(tmp_path / "heard.wav")
    with wave.open(str(saved)) as wav:
        assert (wav.getnchannels(), wav.getsampwidth(), wav.getframerate()) == (1, 2, RATE)
        assert wav.readframes(wav.getnframes()) == phone.heard.samples.astype("<i2").tobytes()


def test_the_part_made_louder_is_louder_by_the_db_asked_for(relay: Emulator, client: Client, music: Path) -> None:
    phone = relay.phone("+15550101")
    the_job(relay, client, str(music))
    source, _ = soundfile.read(music, dtype="int16")
    level = phone.heard.between(6.5 + RAMP / RATE, 7.5).rms_db()
    plain = 20 * np.log10(np.sqrt(np.mean(source[4 * RATE + RAMP : 5 * RATE].astype(np.float64) ** 2)) / 32768)
    assert level - plain == pytest.approx(6.0, abs=0.01)


def test_the_sample_that_comes_with_the_package_does_for_the_job(relay: Emulator, client: Client) -> None:
    """The documentation's address plays a real mp3 without the internet."""
    phone = relay.phone("+15550101")
    the_job(relay, client, "https://cdn.signalwire.com/default-music/welcome.mp3")
    heard = phone.heard
    silent, loud = [heard.between(*stretch).rms_db() for stretch in ((0, 1), (3, 4.5), (7.5, 8.5))], []
    for start in np.arange(1, 2.9, 0.5).tolist() + np.arange(4.5, 7.4, 0.5).tolist():
        loud.append(heard.between(start, start + 0.5).rms_db())
    assert silent == [-np.inf] * 3
    assert min(loud) > -45


def test_the_commands_on_the_wire_are_those_of_the_page(relay: Emulator, client: Client, music: Path) -> None:
    relay.phone("+15550101")
    the_job(relay, client, str(music))
    relay.journal.assert_commands(
        dial_one(),
        "calling.play",
        "calling.play.pause",
        "calling.play.resume",
        "calling.play.volume",
        "calling.play.stop",
        "calling.end",
    )
    assert {command.code for command in relay.journal.commands()} == {"200"}


def test_a_play_of_ten_minutes_takes_no_ten_minutes(relay: Emulator, client: Client) -> None:
    phone = relay.phone("+15550101")
    call = client.calling.dial(from_number="+15550100", to_number="+15550101").call
    action = call.play_silence_async(600)
    assert action.wait_for_state("playing", 10)
    relay.clock.advance(599.999)
    assert not action.completed
    relay.clock.advance(0.001)
    assert action.wait(10).successful
    call.hangup()
    assert phone.heard.duration == 600
