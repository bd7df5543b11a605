"""Fax tones and beeps, made and found again."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from relay_sync.emulator.media import (
    BEEP,
    CED,
    CNG,
    RECORD_BEEP,
    MediaLibrary,
    Tone,
    ToneDetector,
    ToneSpan,
    sound_of_digits,
    sound_of_tone,
)
from relay_sync.emulator.media.sine import burst
from relay_sync.emulator.media.speech import speech
from tests.emulator.media.cutting import fed, needs_espeak, noisy, quiet

TONES = (CNG, CED, BEEP, RECORD_BEEP)


def found(tone: Tone, sound: NDArray[np.floating], seed: int = 0) -> list[ToneSpan]:
    detector = ToneDetector(tone)
    return fed(sound, detector.feed, seed) + detector.flush()


def names_found(sound: NDArray[np.floating]) -> list[str]:
    return [span.tone.name for tone in TONES for span in found(tone, sound)]


def test_cng_is_half_a_second_of_1100_hz_every_three_and_a_half() -> None:
    sound = sound_of_tone(CNG, cycles=2)
    assert len(sound) == 2 * 28_000
    assert np.flatnonzero(np.abs(sound[:28_000]) > 1e-4).max() == pytest.approx(3999, abs=5)
    spectrum = np.abs(np.fft.rfft(sound[28_000:32_000]))
    assert np.argmax(spectrum) * 2 == 1100


def test_ced_lasts_as_long_as_it_is_told_to() -> None:
    assert len(sound_of_tone(CED)) == 24_000
    assert len(sound_of_tone(CED, seconds=2.6)) == 20_800


def test_a_tone_has_the_level_asked_for_and_soft_edges() -> None:
    sound = sound_of_tone(BEEP, level_db=-20.0)
    assert 20 * math.log10(np.abs(sound).max()) == pytest.approx(-20.0, abs=0.01)
    assert np.abs(np.diff(sound[:5])).max() < 0.002


@pytest.mark.parametrize("options", [{"seconds": 0.0}, {"seconds": math.nan}, {"cycles": 0}, {"level_db": math.inf}])
def test_numbers_that_make_no_tone_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="no tone lasts"):
        sound_of_tone(BEEP, **options)  # type: ignore[arg-type]  # a table of numbers for several parameters


@pytest.mark.parametrize("tone", TONES, ids=lambda tone: tone.name)
def test_each_tone_is_found_where_it_is_and_is_no_other(tone: Tone) -> None:
    sound = np.concatenate([quiet(0.7), sound_of_tone(tone), quiet(0.5)])
    (span,) = found(tone, sound)
    assert span.tone is tone
    assert span.start == pytest.approx(5600, abs=40)
    assert span.end == pytest.approx(5600 + tone.on_s * 8000, abs=40)
    assert names_found(sound) == [tone.name]


def test_every_cycle_of_cng_is_found() -> None:
    spans = found(CNG, sound_of_tone(CNG, cycles=3))
    assert [span.start for span in spans] == pytest.approx([0, 28_000, 56_000], abs=40)
    assert [span.end for span in spans] == pytest.approx([4000, 32_000, 60_000], abs=40)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("tone", TONES, ids=lambda tone: tone.name)
def test_a_tone_is_found_under_noise_at_the_edge_of_its_frequencies(tone: Tone, seed: int) -> None:
    for off in (-tone.tolerance_hz, 0.0, tone.tolerance_hz):
        for level_db in (-13.0, -30.0):
            sound = np.concatenate(
                [quiet(0.2), burst([(tone.hz + off, level_db)], round(tone.on_s * 8000)), quiet(0.2)]
            )
            (span,) = found(tone, noisy(sound, level_db - 3 - 15, seed), seed)
            assert span.start == pytest.approx(1600, abs=120)
            assert span.end == pytest.approx(1600 + tone.on_s * 8000, abs=120)


@pytest.mark.parametrize("tone", TONES, ids=lambda tone: tone.name)
def test_a_tone_far_off_its_frequency_is_another(tone: Tone) -> None:
    for off in (-tone.tolerance_hz - 40, tone.tolerance_hz + 40):
        assert found(tone, burst([(tone.hz + off, -13.0)], round(tone.on_s * 8000))) == []


@pytest.mark.parametrize("tone", TONES, ids=lambda tone: tone.name)
def test_what_is_too_short_or_too_long_is_another(tone: Tone) -> None:
    for seconds in (tone.shortest_s * 0.8, tone.longest_s * 1.2):
        assert found(tone, sound_of_tone(tone, seconds=seconds)) == []


def test_a_tone_is_known_while_it_sounds() -> None:
    detector = ToneDetector(CED)
    sound = sound_of_tone(CED)
    assert detector.feed(sound[:3600]) == []
    assert detector.sounding is None
    assert detector.feed(sound[3600:4800]) == []
    assert detector.sounding is not None
    assert detector.sounding.start == pytest.approx(0, abs=40)


def test_a_tone_that_goes_on_for_ever_is_no_beep_any_more() -> None:
    detector = ToneDetector(BEEP)
    sound = sound_of_tone(BEEP, seconds=3.0)
    detector.feed(sound[:8000])
    assert detector.sounding is not None
    detector.feed(sound[8000:])
    assert detector.sounding is None
    assert detector.flush() == []


@pytest.mark.parametrize("seed", range(4))
def test_how_the_sound_is_cut_makes_no_difference(seed: int) -> None:
    sound = noisy(np.concatenate([quiet(0.3), sound_of_tone(BEEP), quiet(0.3), sound_of_tone(BEEP)]), -31, seed)
    whole = ToneDetector(BEEP)
    assert found(BEEP, sound, seed) == whole.feed(sound) + whole.flush()


def test_minutes_at_once_are_listened_to_and_counted_right() -> None:
    sound = np.concatenate([quiet(300.0), sound_of_tone(BEEP), quiet(1.0)])
    (span,) = ToneDetector(BEEP, first=8000 * 3300).feed(sound)
    assert span.start == pytest.approx(8000 * 3600, abs=40)


def test_digits_and_music_have_no_tone() -> None:
    music = MediaLibrary().samples({"type": "audio", "params": {"url": "welcome.mp3"}})
    assert names_found(music) == []
    assert names_found(sound_of_digits("0123456789*#ABCD", duration_s=0.5)) == []


@needs_espeak
@pytest.mark.parametrize("gender", ["male", "female"])
def test_speech_has_no_tone(gender: str) -> None:
    spoken = speech(
        "You have reached the voice mail of Ann. Please leave a message after the beep. Oooooh, aaaah!", "en-US", gender
    )
    assert names_found(spoken) == []
