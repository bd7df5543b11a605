"""Digits as sound, and found again: within the limits of ITU-T Q.24, and nowhere else."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from relay_sync.emulator.media import Digit, DigitDetector, Line, MediaLibrary, places_of_digits, sound_of_digits
from relay_sync.emulator.media.dtmf import DIGITS, HIGH_HZ, LOW_HZ
from relay_sync.emulator.media.sine import burst
from relay_sync.emulator.media.speech import speech
from tests.emulator.media.cutting import fed, needs_espeak, noisy, quiet

SENTENCES = (
    "The quick brown fox jumps over the lazy dog while nine wizards make toxic brew for the evil queen and jack.",
    "Please enter your account number, followed by the pound key: one two three four five six seven eight nine zero.",
    "Ah! Oh, who are you, and why do you do so? We were away a year ago; you owe me a yellow yo-yo.",
    "Peter Piper picked a peck of pickled peppers. She sells sea shells by the sea shore, sixty six at a time.",
    "Mm, hm. Aaaah. Eeee. Ooooh. Uuuuh. La la la la la, do re mi fa so la ti do, hallelujah, oh yeah.",
)


def found(sound: NDArray[np.floating], seed: int = 0) -> list[Digit]:
    detector = DigitDetector()
    return fed(sound, detector.feed, seed) + detector.flush()


def text(digits: list[Digit]) -> str:
    return "".join(each.digit for each in digits)


def keys_off(share: float) -> list[NDArray[np.float32]]:
    """Return the sound of each key, all of its frequencies off by ``share``."""
    return [
        np.concatenate([quiet(0.05), burst([(low * (1 + share), -13), (high * (1 + share), -11)], 640), quiet(0.05)])
        for low in LOW_HZ
        for high in HIGH_HZ
    ]


@pytest.mark.parametrize("digit", DIGITS)
def test_a_digit_is_two_tones_of_the_keypad_and_nothing_else(digit: str) -> None:
    sound = sound_of_digits(digit, duration_s=1.0, gap_s=0.0, level_db=-11.0, twist_db=2.0).astype(float)
    row, column = divmod(DIGITS.index(digit), 4)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(8000))) / 2000
    peaks = sorted(np.argsort(spectrum)[-6:].tolist())
    low, high = LOW_HZ[row], HIGH_HZ[column]
    assert peaks == [low - 1, low, low + 1, high - 1, high, high + 1]
    assert 20 * np.log10(spectrum[[low, high]]) == pytest.approx([-12, -10], abs=0.2)
    others = np.minimum(np.abs(np.arange(4001) - low), np.abs(np.arange(4001) - high)) > 20
    assert spectrum[others].max() < 1e-3


def test_digits_gaps_and_pauses_lie_where_they_should() -> None:
    sound = sound_of_digits("1w2W#", duration_s=0.08, gap_s=0.05)
    places = places_of_digits("1w2W#", at=100, duration_s=0.08, gap_s=0.05)
    assert places == [Digit("1", 100, 740), Digit("2", 5140, 5780), Digit("#", 14180, 14820)]
    assert len(sound) == 14820 - 100 + 400
    sounding = np.zeros(len(sound), bool)
    for place in places:
        sounding[place.start - 100 : place.end - 100] = True
    assert not sound[~sounding].any()
    assert np.abs(sound[sounding]).max() > 0.4


def test_a_digit_begins_and_ends_without_a_click() -> None:
    sound = sound_of_digits("5").astype(float)
    edges = np.abs(sound[[0, 1, 2, 797, 798, 799]])
    assert edges.max() < 0.02
    assert np.abs(sound[:20]).max() < 0.3 < np.abs(sound[100:700]).max()


def test_digits_stay_linear_on_a_line() -> None:
    sound = sound_of_digits(DIGITS)
    line = Line()
    line.start(0, sound)
    assert np.array_equal(line.heard(len(sound)), np.rint(sound.astype(float) * 32768).astype(np.int16))


@pytest.mark.parametrize(
    ("digits", "options", "said"),
    [
        ("12x", {}, "'x' in '12x' is no digit"),
        ("a", {}, "no digit"),
        ("1", {"duration_s": 0.0}, "duration_s must be a number of seconds above 0, not 0.0"),
        ("1", {"duration_s": math.nan}, "duration_s"),
        ("1", {"gap_s": -0.1}, "gap_s must be a number of seconds from 0, not -0.1"),
        ("1", {"level_db": math.inf}, "finite"),
        ("1", {"twist_db": math.nan}, "finite"),
    ],
)
def test_what_is_no_digit_or_no_number_is_refused(digits: str, options: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        sound_of_digits(digits, **options)


def test_all_digits_are_found_where_they_are() -> None:
    digits = DIGITS + "w11w1" + DIGITS[::-1]
    sound = sound_of_digits(digits)
    digits_found = found(sound)
    assert text(digits_found) == digits.replace("w", "")
    for seen, true in zip(digits_found, places_of_digits(digits), strict=True):
        assert abs(seen.start - true.start) <= 40
        assert abs(seen.end - true.end) <= 40


def test_positions_count_from_the_first_sample_that_was_named() -> None:
    here, later = DigitDetector(), DigitDetector(first=12_345)
    sound = sound_of_digits("7")
    (one,), (other,) = here.feed(sound), later.feed(sound)
    assert (other.start - one.start, other.end - one.end) == (12_345, 12_345)


def test_samples_of_16_bits_are_heard_as_floats_are() -> None:
    sound = sound_of_digits("123")
    assert found((sound * 32768).astype(np.int16)) == found((sound * 32768).astype(np.int16) / 32768)


@pytest.mark.parametrize("seed", range(8))
def test_how_the_sound_is_cut_makes_no_difference(seed: int) -> None:
    sound = noisy(sound_of_digits("0123456789*#ABCD", duration_s=0.045, gap_s=0.045), -30, seed)
    whole = DigitDetector()
    assert found(sound, seed) == whole.feed(sound) + whole.flush()


@pytest.mark.parametrize("seed", range(12))
def test_digits_are_found_under_noise_15_db_below_them_with_twist_at_many_levels(seed: int) -> None:
    random = np.random.default_rng(seed)
    digits = "".join(random.choice(list(DIGITS), 20))
    level, twist = random.uniform(-28, -11), random.choice([-8.0, -4.0, 0.0, 2.0, 4.0])
    duration_s, gap_s = random.uniform(0.04, 0.1, 2)
    sound = sound_of_digits(digits, duration_s=duration_s, gap_s=gap_s, level_db=level, twist_db=twist)
    power_db = 10 * math.log10((10 ** ((level - twist / 2) / 10) + 10 ** ((level + twist / 2) / 10)) / 2)
    digits_found = found(noisy(sound, power_db - 15, seed), seed)
    assert text(digits_found) == digits
    for seen, true in zip(digits_found, places_of_digits(digits, duration_s=duration_s, gap_s=gap_s), strict=True):
        assert abs(seen.start - true.start) <= 80
        assert abs(seen.end - true.end) <= 80


@pytest.mark.parametrize("twist_db", [-14.0, 10.0])
def test_tones_too_different_in_level_are_no_digit(twist_db: float) -> None:
    assert found(sound_of_digits(DIGITS, twist_db=twist_db)) == []


def test_a_whisper_is_no_digit() -> None:
    assert found(sound_of_digits(DIGITS, level_db=-45.0)) == []


@pytest.mark.parametrize("share", [-0.015, 0.015])
def test_frequencies_one_and_a_half_percent_off_are_accepted(share: float) -> None:
    assert [text(found(noisy(sound, -45, 1))) for sound in keys_off(share)] == list(DIGITS)


@pytest.mark.parametrize("share", [-0.035, 0.035])
def test_frequencies_three_and_a_half_percent_off_are_rejected(share: float) -> None:
    assert [found(sound) for sound in keys_off(share)] == [[]] * 16


def test_a_tone_of_40_ms_is_a_digit_and_one_of_20_ms_is_not() -> None:
    assert text(found(sound_of_digits(DIGITS, duration_s=0.04))) == DIGITS
    assert found(sound_of_digits(DIGITS, duration_s=0.02)) == []


def test_a_gap_of_40_ms_makes_two_digits_and_a_break_of_10_ms_one() -> None:
    assert text(found(sound_of_digits("55", gap_s=0.04))) == "55"
    (one,) = found(sound_of_digits("55", gap_s=0.01))
    assert one.end - one.start == pytest.approx(800 + 80 + 800, abs=60)


def test_two_digits_without_a_gap_are_told_apart() -> None:
    assert text(found(sound_of_digits("159D", gap_s=0.0))) == "159D"


@pytest.mark.parametrize("hz", [*LOW_HZ, *HIGH_HZ, 425, 1000, 2100])
def test_a_single_tone_is_no_digit(hz: int) -> None:
    assert found(burst([(hz, -10.0)], 4000)) == []


def test_two_tones_of_one_group_with_one_of_the_other_are_no_digit() -> None:
    assert found(burst([(697, -12.0), (770, -12.0), (1336, -12.0)], 4000)) == []


def test_a_digit_is_known_while_it_sounds_and_told_when_it_has_ended() -> None:
    detector = DigitDetector()
    sound = np.concatenate([quiet(0.1), sound_of_digits("8", duration_s=0.5, gap_s=0.0), quiet(0.1)])
    assert detector.feed(sound[: 800 + 240]) == []
    assert detector.sounding is None
    assert detector.feed(sound[800 + 240 : 800 + 320]) == []
    sounding = detector.sounding
    assert sounding is not None
    assert (sounding.digit, sounding.start) == ("8", pytest.approx(800, abs=40))
    assert detector.feed(sound[800 + 320 : 4800]) == []
    (digit,) = detector.feed(sound[4800 : 4800 + 320])
    assert (digit.digit, digit.start, digit.end) == ("8", pytest.approx(800, abs=40), pytest.approx(4800, abs=40))
    assert detector.sounding is None
    assert detector.flush() == []


def test_a_digit_that_sounds_to_the_very_end_is_told_at_the_end() -> None:
    detector = DigitDetector()
    assert detector.feed(sound_of_digits("3", gap_s=0.0)) == []
    assert text(detector.flush()) == "3"
    assert detector.flush() == []


def test_silence_has_no_digit() -> None:
    assert found(quiet(3.0)) == []


@needs_espeak
@pytest.mark.parametrize("sentence", range(len(SENTENCES)))
@pytest.mark.parametrize("gender", ["male", "female"])
def test_speech_has_no_digit(sentence: int, gender: str) -> None:
    for language in ("en-US", "de", "fr-FR", "es-MX"):
        spoken = speech(SENTENCES[sentence], language, gender)
        assert found(spoken * 1.5) == []
        assert found(spoken * 0.1) == []


def test_music_has_no_digit() -> None:
    music = MediaLibrary().samples({"type": "audio", "params": {"url": "welcome.mp3"}})
    for share in (1.0, 0.1):
        assert found(music * share) == []


def test_noise_has_no_digit() -> None:
    assert found(noisy(quiet(20.0), -20, 7)) == []


def test_only_mono_is_listened_to() -> None:
    with pytest.raises(ValueError, match="mono"):
        DigitDetector().feed(np.zeros((10, 2), np.int16))
