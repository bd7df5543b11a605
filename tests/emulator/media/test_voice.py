"""What a phone says, one thing after the other."""

from __future__ import annotations

import numpy as np
import pytest

from relay_sync.emulator.media import (
    CED,
    CNG,
    Digit,
    DigitDetector,
    Heard,
    MediaError,
    ToneDetector,
    Voice,
    places_of_digits,
    sound_of_tone,
)
from relay_sync.emulator.media.speech import speech


def test_sound_is_said_from_the_sample_named_on() -> None:
    voice = Voice()
    utterance = voice.say(3, (np.arange(1, 5) / 32768).astype(np.float32))
    assert voice.heard(10).tolist() == [0, 0, 0, 1, 2, 3, 4, 0, 0, 0]
    assert (utterance.kind, utterance.text, utterance.starts_at, utterance.ends_at) == ("sound", "", 3, 7)


def test_one_thing_is_said_after_the_other_whatever_was_asked() -> None:
    voice = Voice()
    tone = voice.tone(100, CED, seconds=0.5)
    digits = voice.press(200, "12")
    later = voice.tone(20_000, CNG)
    assert (tone.starts_at, tone.ends_at) == (100, 4100)
    assert (digits.starts_at, digits.ends_at) == (4100, 4100 + 3200)
    assert later.starts_at == 20_000
    assert [each.text for each in voice.utterances] == ["CED", "12", "CNG"]
    assert voice.ends_at() == 20_000 + 28_000


def test_a_text_is_spoken_as_a_play_command_would_speak_it() -> None:
    voice = Voice()
    utterance = voice.speak(0, "Hello, this is Ann.", "en-GB", "male")
    expected = speech("Hello, this is Ann.", "en-GB", "male")
    assert (utterance.kind, utterance.text, utterance.ends_at) == ("speech", "Hello, this is Ann.", len(expected))
    heard = Heard(voice.heard(utterance.ends_at))
    assert heard.rms_db() == pytest.approx(10 * np.log10(np.mean(expected.astype(float) ** 2)), abs=0.2)


def test_speech_from_elsewhere_keeps_its_text_and_its_volume() -> None:
    voice = Voice()
    utterance = voice.say(0, np.full(10, 0.5, np.float32), "yes", volume_db=-20.0)
    assert (utterance.kind, utterance.text) == ("speech", "yes")
    assert set(voice.heard(10).tolist()) == {round(0.05 * 32768)}


def test_a_text_that_cannot_be_spoken_is_not_said() -> None:
    voice = Voice()
    with pytest.raises(MediaError, match="no text"):
        voice.speak(0, "  ")
    with pytest.raises(ValueError, match="no digit"):
        voice.press(0, "1x")
    assert voice.utterances == []


def test_digits_pressed_are_detected_where_they_lie() -> None:
    voice = Voice()
    voice.speak(0, "My code is")
    utterance = voice.press(0, "4w2#")
    detector = DigitDetector()
    found = [digit for start in range(0, 80_000, 160) for digit in detector.feed(voice.read(start, start + 160))]
    places = places_of_digits("4w2#", at=utterance.starts_at)
    assert "".join(each.digit for each in found) == "42#"
    assert [each.start for each in found] == pytest.approx([each.start for each in places], abs=40)


def test_a_key_may_be_held_down_and_pressed_again_soon() -> None:
    voice = Voice()
    voice.press(0, "9", duration_s=1.0, gap_s=0.05, level_db=-20.0)
    second = voice.press(0, "9", duration_s=0.05)
    assert second.starts_at == 8400
    found: list[Digit] = DigitDetector().feed(voice.heard(12_000))
    assert [each.digit for each in found] == ["9", "9"]


def test_tones_said_are_detected() -> None:
    voice = Voice()
    voice.tone(0, CNG, cycles=2)
    assert len(ToneDetector(CNG).feed(voice.heard(60_000))) == 2
    assert np.array_equal(voice.heard(4000), np.rint(sound_of_tone(CNG)[:4000].astype(float) * 32768))


def test_what_comes_too_late_is_said_at_the_first_moment_left() -> None:
    voice = Voice()
    voice.render(1000)
    assert voice.say(10, np.ones(5, np.float32)).starts_at == 1000


def test_hush_cuts_off_what_is_said_and_drops_what_waits() -> None:
    voice = Voice()
    said = voice.say(0, np.full(100, 0.1, np.float32))
    cut = voice.say(0, np.full(100, 0.2, np.float32))
    never = voice.say(0, np.full(100, 0.3, np.float32))
    voice.hush(150)
    assert (said.ends_at, cut.ends_at, never.playback.stopped) == (100, 150, True)
    assert voice.utterances == [said, cut]
    assert voice.ends_at() == 150
    assert not voice.heard(400)[150:].any()
    assert voice.say(160, np.full(10, 0.1, np.float32)).starts_at == 400


def test_hush_in_the_past_holds_from_the_first_moment_left() -> None:
    voice = Voice()
    utterance = voice.say(0, np.full(100, 0.1, np.float32))
    voice.render(50)
    voice.hush(20)
    assert utterance.ends_at == 50
    voice.hush(60)
    assert utterance.ends_at == 50


def test_a_muted_mouth_speaks_and_nobody_else_hears_it() -> None:
    voice = Voice()
    voice.say(0, (np.arange(1, 7) / 32768).astype(np.float32))
    voice.muting.begin(2)
    voice.muting.end(4)
    assert voice.heard(6).tolist() == [1, 2, 3, 4, 5, 6]
    assert voice.read(0, 6).tolist() == [1, 2, 0, 0, 5, 6]
    assert voice.read(3, 5).tolist() == [0, 5]
    assert voice.onward.read(1, 5).tolist() == [2, 0, 0, 5]


def test_what_is_played_onward_is_added_for_others_alone() -> None:
    voice = Voice()
    voice.say(0, (np.arange(1, 5) / 32768).astype(np.float32))
    voice.onward.line.start(2, (np.full(4, 10) / 32768).astype(np.float32))
    assert voice.onward.read(0, 7).tolist() == [1, 2, 13, 14, 10, 10, 0]
    assert voice.read(0, 7).tolist() == [1, 2, 3, 4, 0, 0, 0]
    assert voice.heard(7).tolist() == [1, 2, 3, 4, 0, 0, 0]
