"""What a phone hears, sample by sample, in stepped time (protocol.md 11.1)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from relay_sync.emulator import Emulator
from tests.emulator.raw import RawClient, audio, frames_of, silence

RATE = 8000
Samples = NDArray[np.int64]


@pytest.fixture(scope="session")
def source(noise: Path) -> Samples:
    samples, _ = soundfile.read(noise, dtype="int16")
    return np.asarray(samples, np.int64)


def heard(relay: Emulator, number: str = "+15550101") -> Samples:
    return relay.phones[number].heard.samples.astype(np.int64)


def same(got: Samples, wanted: Samples | NDArray[np.floating[Any]]) -> bool:
    """Equal but for the rounding to 16 bits."""
    return len(got) == len(wanted) and bool(np.abs(got - wanted).max() <= 1)


def test_the_file_is_heard_whole_and_then_nothing(
    relay: Emulator, client: RawClient, noise: Path, source: Samples
) -> None:
    call = client.answered()
    relay.clock.advance(0.5)
    client.play(call, "p", audio(noise))
    client.drain()
    relay.clock.advance(9.9)
    assert client.drain() == []
    relay.clock.advance(1.6)
    assert client.drain() == ["play:finished"]
    got = heard(relay)
    assert len(got) == 12 * RATE
    assert not got[: RATE // 2].any()
    assert same(got[RATE // 2 : RATE // 2 + len(source)], source)
    assert not got[RATE // 2 + len(source) :].any()


def test_finished_comes_at_the_exact_moment(relay: Emulator, client: RawClient, noise: Path) -> None:
    call = client.answered()
    relay.clock.advance(0.25)
    client.play(call, "p", audio(noise))
    relay.clock.advance(60)
    (finished,) = [event for event in relay.journal.events("calling.call.play") if event.params["state"] == "finished"]
    assert finished.at == 10.25


def test_a_pause_is_silent_and_nothing_is_lost_or_repeated(
    relay: Emulator, client: RawClient, noise: Path, source: Samples
) -> None:
    call = client.answered()
    client.drain()
    client.play(call, "p", audio(noise))
    relay.clock.advance(1.2345)  # 9876 samples
    assert client.control(call, "p", "pause")["code"] == "200"
    relay.clock.advance(2)
    assert client.control(call, "p", "resume")["code"] == "200"
    relay.clock.advance(20)
    assert client.drain() == [
        "reply:calling.play",
        "play:playing",
        "reply:calling.play.pause",
        "play:paused",
        "reply:calling.play.resume",
        "play:playing",
        "play:finished",
    ]
    got = heard(relay)
    assert same(got[:9876], source[:9876])
    assert not got[9876 : 9876 + 2 * RATE].any()
    assert same(got[9876 + 2 * RATE :][: len(source) - 9876], source[9876:])
    assert not got[len(source) + 2 * RATE :].any()


def test_six_db_more_is_twice_as_loud_after_a_ramp_of_5_ms(
    relay: Emulator, client: RawClient, noise: Path, source: Samples
) -> None:
    call = client.answered()
    client.play(call, "p", audio(noise))
    relay.clock.advance(1)
    assert client.control(call, "p", "volume", volume=20 * np.log10(2.0))["code"] == "200"
    relay.clock.advance(1)
    got = heard(relay)
    assert same(got[:RATE], source[:RATE])
    assert same(got[RATE + 40 :], 2.0 * source[RATE + 40 : 2 * RATE])
    ramp = np.abs(got[RATE : RATE + 40]) / np.abs(source[RATE : RATE + 40])
    assert ((ramp > 0.9) & (ramp < 2.1)).all()


def test_the_volume_of_the_command_holds_from_the_first_sample(
    relay: Emulator, client: RawClient, noise: Path, source: Samples
) -> None:
    call = client.answered()
    client.play(call, "p", audio(noise), volume=-6)
    relay.clock.advance(1)
    assert same(heard(relay), source[:RATE] * 10 ** (-6 / 20))


def test_nothing_is_heard_after_a_stop(relay: Emulator, client: RawClient, noise: Path, source: Samples) -> None:
    call = client.answered()
    client.play(call, "p", audio(noise))
    relay.clock.advance(1)
    assert client.control(call, "p", "stop")["code"] == "200"
    client.wait_event("play", "finished")
    relay.clock.advance(20)
    got = heard(relay)
    assert same(got[:RATE], source[:RATE])
    assert not got[RATE:].any()
    assert client.drain()[-1] == "play:finished"
    assert client.control(call, "p", "stop")["code"] == "404"


def test_a_paused_playback_can_be_stopped_and_does_not_end_by_itself(
    relay: Emulator, client: RawClient, noise: Path
) -> None:
    call = client.answered()
    client.play(call, "p", audio(noise))
    client.control(call, "p", "pause")
    relay.clock.advance(1000)
    assert relay.calls[0].plays == {"p": "paused"}
    client.control(call, "p", "stop")
    assert client.drain()[-1] == "play:finished"
    assert relay.calls[0].plays == {}
    assert not heard(relay).any()


def test_two_playbacks_mix(relay: Emulator, client: RawClient, noise: Path, source: Samples) -> None:
    call = client.answered()
    client.play(call, "a", audio(noise))
    relay.clock.advance(1)
    client.play(call, "b", audio(noise), volume=-6)
    assert relay.calls[0].plays == {"a": "playing", "b": "playing"}
    relay.clock.advance(1)
    got = heard(relay)
    assert same(got[RATE:], source[RATE : 2 * RATE] + source[:RATE] * 10 ** (-6 / 20))
    client.control(call, "a", "pause")
    relay.clock.advance(1)
    assert same(heard(relay)[2 * RATE :], source[RATE : 2 * RATE] * 10 ** (-6 / 20))
    relay.clock.advance(60)
    assert relay.calls[0].plays == {"a": "paused"}


def test_the_items_of_one_play_follow_each_other_without_a_gap(
    relay: Emulator, client: RawClient, noise: Path, source: Samples
) -> None:
    call = client.answered()
    client.drain()
    client.play(call, "p", silence(0.5), audio(noise), audio(noise))
    relay.clock.advance(20.5)
    assert client.drain() == ["reply:calling.play", "play:playing", "play:finished"]
    got = heard(relay)
    assert not got[: RATE // 2].any()
    assert same(got[RATE // 2 :], np.concatenate([source, source]))


def test_what_a_phone_hears_ends_with_the_call(
    relay: Emulator, client: RawClient, noise: Path, source: Samples, tmp_path: Path
) -> None:
    call = client.answered()
    client.play(call, "p", audio(noise))
    relay.clock.advance(1.5)
    client.command("calling.end", call)
    relay.clock.advance(5)
    assert same(heard(relay), source[: RATE * 3 // 2])
    saved, rate = soundfile.read(relay.phones["+15550101"].heard.save(tmp_path / "heard.wav"), dtype="int16")
    assert rate == RATE
    assert same(saved.astype(np.int64), source[: RATE * 3 // 2])


def test_listening_in_between_changes_nothing(relay: Emulator, client: RawClient, noise: Path, source: Samples) -> None:
    call = client.answered()
    client.play(call, "p", audio(noise))
    for _ in range(10):
        relay.clock.advance(0.1)
        heard(relay)
    client.control(call, "p", "volume", volume=-3)
    relay.clock.advance(1)
    got = heard(relay)
    assert same(got[:RATE], source[:RATE])
    assert same(got[RATE + 40 :], source[RATE + 40 : 2 * RATE] * 10 ** (-3 / 20))


def test_ten_minutes_of_playback_take_less_than_a_second(relay: Emulator, client: RawClient, noise: Path) -> None:
    """A second of computing, all threads together: what else the machine does is none of our business."""
    begun = time.process_time()
    call = client.answered()
    client.play(call, "p", *[audio(noise)] * 60)
    relay.clock.advance(599)
    assert client.drain()[-1] == "play:playing"
    relay.clock.advance(2)
    assert client.drain() == ["play:finished"]
    assert len(heard(relay)) == 601 * RATE
    assert time.process_time() - begun < 1.0


@pytest.mark.parametrize("url", ["/nowhere/to/be/found.wav", "file:///nowhere.mp3", "gopher://x.example/a.wav"])
def test_what_can_not_be_fetched_gives_the_event_error(relay: Emulator, client: RawClient, url: str) -> None:
    call = client.answered()
    client.drain()
    result = client.command("calling.play", {**call, "control_id": "p", "play": [audio(url)]})
    assert result["code"] == "200"
    client.wait_event("play", "error", control_id="p")
    assert client.drain() == ["reply:calling.play", "play:error"]
    assert client.control(call, "p", "pause")["code"] == "404"
    assert relay.calls[0].state == "answered"


def test_what_can_not_be_decoded_gives_the_event_error(client: RawClient, tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFFnonsense")
    client.command("calling.play", {**client.answered(), "control_id": "p", "play": [audio(broken)]})
    client.wait_event("play", "error")


def test_an_empty_file_finishes_at_once(client: RawClient, tmp_path: Path) -> None:
    empty = tmp_path / "empty.wav"
    soundfile.write(empty, np.zeros(0), RATE)
    client.play(client.answered(), "p", audio(empty))
    client.wait_event("play", "finished")


def test_media_can_be_replaced_by_files(dialect: str, noise: Path, source: Samples) -> None:
    url = "https://media.example/hello.mp3"
    with Emulator(stepped=True, media={url: noise}) as relay, frames_of[dialect](relay).ready() as client:
        client.play(client.answered(), "p", audio(url))
        relay.clock.advance(1)
        assert same(heard(relay), source[:RATE])


def test_the_documented_music_needs_no_network(relay: Emulator, client: RawClient) -> None:
    client.play(client.answered(), "p", audio("https://cdn.signalwire.com/default-music/welcome.mp3"))
    relay.clock.advance(2)
    assert relay.phones["+15550101"].heard.rms_db() > -40


def test_sub_commands_that_come_before_the_media_are_carried_out_on_the_first_sample(
    relay: Emulator, client: RawClient, noise: Path, source: Samples
) -> None:
    """All three are on the wire before the file can have been read: the answers come in order either way."""
    call = client.answered()
    client.drain()
    client.post("calling.play", {**call, "control_id": "p", "play": [audio(noise)]})
    for verb in ("pause", "resume", "pause"):
        client.post(f"calling.play.{verb}", {**call, "control_id": "p"})
    relay.journal.wait_for_command("calling.play.pause", 2, answered=True)
    relay.clock.advance(1)
    assert [entry for entry in client.drain() if "play:" in entry] == [
        "play:playing",
        "play:paused",
        "play:playing",
        "play:paused",
    ]
    client.control(call, "p", "resume")
    relay.clock.advance(10)
    got = heard(relay)
    assert not got[:RATE].any()
    assert same(got[RATE:], source)


def test_a_call_that_ends_while_its_media_load_says_nothing_more(
    relay: Emulator, client: RawClient, noise: Path
) -> None:
    call = client.answered()
    client.post("calling.play", {**call, "control_id": "p", "play": [audio(noise)] * 20})
    client.command("calling.end", call)
    relay.clock.advance(1)
    assert [entry for entry in client.drain() if "play:" in entry][-1] == "play:finished"


def test_in_real_time_playing_works_too(dialect: str, noise: Path, source: Samples) -> None:
    with Emulator(speed=50) as relay, frames_of[dialect](relay).ready() as client:
        call = client.answered()
        client.play(call, "p", audio(noise))
        client.control(call, "p", "pause")
        relay.phones["+15550101"].heard  # noqa: B018  # listening fixes the samples so far
        client.control(call, "p", "resume")
        client.wait_event("play", "finished")
        client.command("calling.end", call)
        got = heard(relay)
    (start, *_), (*_, last) = np.nonzero(got)[0][:1], np.nonzero(got)[0][-1:]
    sounding = np.concatenate([got[got != 0]])
    assert last > start
    assert same(sounding, source)
