"""Voice activity: who speaks when, and whose time is up."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from relay_sync.emulator.media import Activity, VoiceActivity
from relay_sync.emulator.media.speech import speech
from tests.emulator.media.cutting import fed, needs_espeak, quiet


def sound(*seconds: float) -> NDArray[np.float64]:
    """Return voice and silence in turn, beginning with silence."""
    parts = [quiet(each) if number % 2 == 0 else 0.1 * tone(each) for number, each in enumerate(seconds)]
    return np.concatenate(parts).astype(np.float64)


def tone(seconds: float) -> NDArray[np.float64]:
    return np.asarray(np.sin(np.arange(round(seconds * 8000)) * 0.7))


def told(listener: VoiceActivity, heard: NDArray[np.floating], seed: int = 0) -> list[tuple[str, float]]:
    """Return what happened, with seconds in place of samples."""
    return [(each.kind, each.at / 8000) for each in fed(heard, listener.feed, seed)]


def test_speech_begins_where_it_begins_and_silence_where_it_ends() -> None:
    listener = VoiceActivity()
    assert told(listener, sound(1.0, 0.5, 1.0, 0.3, 1.0)) == [
        ("speech", 1.0),
        ("silence", 1.5),
        ("speech", 2.5),
        ("silence", 2.8),
    ]
    assert (listener.began_at, listener.speaking) == (8000, False)


def test_short_pauses_belong_to_speech() -> None:
    assert told(VoiceActivity(), sound(0.1, 0.2, 0.15, 0.2, 0.19, 0.2, 0.5)) == [("speech", 0.1), ("silence", 1.04)]


def test_a_click_is_no_speech() -> None:
    listener = VoiceActivity(initial_timeout=0.5)
    assert told(listener, sound(0.1, 0.02, 0.3, 0.02, 1.0)) == [("no_input", 0.5)]
    assert listener.began_at is None


@pytest.mark.parametrize(("level_db", "is_speech"), [(-39.0, True), (-41.0, False)])
def test_the_threshold_is_minus_40_dbfs_for_a_frame_of_10_ms(level_db: float, is_speech: bool) -> None:
    constant = np.full(800, 10 ** (level_db / 20))
    assert bool(VoiceActivity().feed(constant)) == is_speech
    assert bool(VoiceActivity(threshold_db=level_db - 0.5).feed(constant))


def test_who_says_nothing_in_time_has_said_nothing() -> None:
    assert told(VoiceActivity(initial_timeout=4.0), sound(6.0)) == [("no_input", 4.0)]
    assert told(VoiceActivity(initial_timeout=0.123), sound(6.0)) == [("no_input", 0.123)]


def test_who_begins_late_has_said_nothing_in_time() -> None:
    listener = VoiceActivity(initial_timeout=1.0)
    assert told(listener, sound(1.0, 0.5)) == [("no_input", 1.0), ("speech", 1.0)]


def test_who_begins_at_the_last_moment_is_in_time() -> None:
    assert told(VoiceActivity(initial_timeout=1.0), sound(0.99, 0.5)) == [("speech", 0.99)]


def test_speech_at_once_is_in_time() -> None:
    assert told(VoiceActivity(initial_timeout=0.01), sound(0.0, 0.5)) == [("speech", 0.0)]


def test_silence_after_speech_lasts_as_long_as_is_allowed() -> None:
    listener = VoiceActivity(initial_timeout=5.0, end_silence_timeout=1.0)
    assert told(listener, sound(0.5, 1.0, 0.9, 1.0, 2.0)) == [
        ("speech", 0.5),
        ("silence", 1.5),
        ("speech", 2.4),
        ("silence", 3.4),
        ("end_silence", 4.4),
    ]


def test_silence_before_speech_is_no_end() -> None:
    assert told(VoiceActivity(end_silence_timeout=1.0), sound(3.0)) == []


def test_a_click_does_not_break_the_silence_after_speech() -> None:
    assert told(VoiceActivity(end_silence_timeout=1.0), sound(0.0, 1.0, 0.5, 0.02, 2.0)) == [
        ("speech", 0.0),
        ("silence", 1.0),
        ("end_silence", 2.0),
    ]


def test_a_click_when_the_time_is_up_does_not_put_it_off() -> None:
    assert told(VoiceActivity(initial_timeout=1.0), sound(0.99, 0.02, 1.0)) == [("no_input", 1.0)]


def test_a_very_short_silence_can_be_the_end() -> None:
    assert told(VoiceActivity(end_silence_timeout=0.1), sound(0.0, 0.5, 0.15, 0.5)) == [
        ("speech", 0.0),
        ("end_silence", 0.6),
    ]


def test_nothing_is_watched_without_time_limits() -> None:
    assert told(VoiceActivity(), quiet(60.0)) == []


def test_positions_count_from_the_first_sample_that_was_named() -> None:
    listener = VoiceActivity(1003, initial_timeout=0.5, end_silence_timeout=0.5)
    assert [(each.kind, each.at) for each in listener.feed(sound(0.6, 0.1, 1.0))] == [
        ("no_input", 1003 + 4000),
        ("speech", 1003 + 4800),
        ("silence", 1003 + 5600),
        ("end_silence", 1003 + 9600),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_how_the_sound_is_cut_makes_no_difference(seed: int) -> None:
    random = np.random.default_rng(seed)
    heard = sound(*random.choice([0.01, 0.02, 0.03, 0.1, 0.2, 0.31], 60).tolist())
    options = {"initial_timeout": 0.2, "end_silence_timeout": random.choice([0.1, 0.3])}
    whole: list[Activity] = VoiceActivity(**options).feed(heard)
    assert fed(heard, VoiceActivity(**options).feed, seed) == whole
    assert any(each.kind == "end_silence" for each in whole)


@needs_espeak
def test_a_sentence_is_one_stretch_of_speech() -> None:
    spoken = np.concatenate([quiet(1.0), speech("I would like to talk to somebody about my bill"), quiet(2.0)])
    listener = VoiceActivity(end_silence_timeout=1.0)
    kinds = [each.kind for each in listener.feed(spoken)]
    assert kinds == ["speech", "silence", "end_silence"]
    assert listener.began_at == pytest.approx(8000, abs=800)
