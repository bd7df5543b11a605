"""Speech with eSpeak NG where it is installed, and the tone in its place where it isn't."""

from __future__ import annotations

import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import numpy as np
import pytest
from numpy.typing import NDArray

from relay_sync.emulator.media import MediaError
from relay_sync.emulator.media import speech as speech_module
from relay_sync.emulator.media.speech import speech

TEXT = "Hello, and welcome to the show. Your call is important to us."

needs_espeak = pytest.mark.skipif(find_spec("espeakng_loader") is None, reason="the extra 'speech' is not installed")


def pitch(sound: NDArray[np.float32]) -> float:
    """Return the median pitch of the voiced parts, in Hz, by autocorrelation."""
    pitches = []
    for start in range(0, len(sound) - 800, 400):
        frame = sound[start : start + 800].astype(float)
        echo = np.correlate(frame, frame, "full")[799:]
        lag = 20 + int(np.argmax(echo[20:120]))
        if echo[0] > 1 and echo[lag] > 0.5 * echo[0]:
            pitches.append(8000 / lag)
    return float(np.median(pitches))


@pytest.fixture
def no_espeak(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process in which espeakng-loader can't be imported and nothing was spoken yet."""
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    monkeypatch.setattr(speech_module, "_speech", speech_module._Speech())


@needs_espeak
def test_a_text_is_spoken_audibly_and_in_plausible_time() -> None:
    spoken = speech(TEXT)
    assert spoken.dtype == np.float32
    assert 2.0 < len(spoken) / 8000 < 8.0
    assert 0.1 < np.abs(spoken).max() <= 1.0


@needs_espeak
@pytest.mark.parametrize("language", ["en-US", "en-GB", "fr-FR", "es-MX"])
def test_a_male_voice_is_lower_than_a_female_one_whichever_comes_first(language: str) -> None:
    for _ in range(2):
        assert pitch(speech(TEXT, language, "female")) > 160
        assert pitch(speech(TEXT, language, "male")) < 150


@needs_espeak
def test_the_same_text_differs_between_languages() -> None:
    assert len(speech("La vie est belle", "fr-FR")) != len(speech("La vie est belle", "en-US"))


@needs_espeak
def test_a_region_without_a_voice_of_its_own_is_spoken_in_the_plain_language() -> None:
    # A whole sentence: eSpeak NG lengthens one of two words by a twelfth of both, now in one voice, now in the other.
    text = "Guten Tag, ich möchte mit jemandem über meine Rechnung sprechen"
    assert len(speech(text, "de-AT")) == pytest.approx(len(speech(text, "de")), rel=0.05)


@needs_espeak
def test_an_unknown_language_is_refused_and_not_spoken_in_the_previous_voice() -> None:
    speech("Hello", "en-US")
    with pytest.raises(MediaError, match="no voice for the language 'xx-YY'"):
        speech("Hello", "xx-YY")


@needs_espeak
def test_texts_of_any_script_are_spoken() -> None:
    assert np.abs(speech("Grüße aus Köln", "de-DE")).max() > 0.1
    assert np.abs(speech("Здравствуйте", "ru-RU")).max() > 0.1


@needs_espeak
def test_the_same_text_is_the_same_samples_and_cannot_be_changed() -> None:
    spoken = speech(TEXT)
    speech("Something else")
    assert np.array_equal(speech(TEXT), spoken)
    assert not spoken.flags.writeable


@needs_espeak
def test_texts_of_several_threads_do_not_mix() -> None:
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            (gender, pool.submit(speech, f"{TEXT} Number {number}.", "en-GB", gender))
            for number in range(4)
            for gender in ("male", "female")
        ]
    for gender, job in jobs:
        assert 3.0 < len(job.result()) / 8000 < 8.0
        assert (pitch(job.result()) > 160) == (gender == "female")


@pytest.mark.usefixtures("no_espeak")
def test_without_espeak_a_quiet_tone_as_long_as_the_text_is_played() -> None:
    tone = speech(TEXT)
    assert 2.0 < len(tone) / 8000 < 8.0
    assert -32 < 20 * np.log10(np.abs(tone).max()) < -29
    assert len(speech(TEXT + TEXT)) == pytest.approx(2 * len(tone), abs=1)
    assert len(speech("a")) == 2400


@pytest.mark.usefixtures("no_espeak")
def test_without_espeak_voices_still_differ_and_never_click() -> None:
    male, female = speech(TEXT, gender="male"), speech(TEXT, gender="female")
    assert np.abs(np.fft.rfft(male)).argmax() < np.abs(np.fft.rfft(female)).argmax()
    assert max(abs(female[0]), abs(female[-1])) < 0.002


@pytest.mark.usefixtures("no_espeak")
def test_without_espeak_one_log_line_says_so_and_how_to_get_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="relay_sync"):
        speech("one")
        speech("two")
    assert len(caplog.records) == 1
    assert caplog.records[0].levelno == logging.WARNING
    assert "pip install 'relay-sync[speech]'" in caplog.text


def test_an_espeak_that_does_not_load_is_as_good_as_none(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class BrokenLoader:
        @staticmethod
        def get_library_path() -> str:
            return "/nonexistent/libespeak-ng.so"

        @staticmethod
        def get_data_path() -> str:
            return "/nonexistent"

    monkeypatch.setitem(sys.modules, "espeakng_loader", BrokenLoader)
    monkeypatch.setattr(speech_module, "_speech", speech_module._Speech())
    assert np.abs(speech("Hello")).max() < 0.04
    assert "nonexistent" in caplog.text


@needs_espeak
def test_an_espeak_without_its_data_is_as_good_as_none() -> None:
    # In a process of its own: the library keeps one set of data per process.
    program = (
        "import logging; logging.basicConfig();"
        "import espeakng_loader; espeakng_loader.get_data_path = lambda: '/nonexistent';"
        "from relay_sync.emulator.media.speech import speech; assert abs(speech('Hello')).max() < 0.04"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, timeout=60, stderr=subprocess.PIPE, text=True)
    assert "could not be initialised with the data of /nonexistent" in done.stderr


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_a_text_without_a_word_is_refused(text: str) -> None:
    with pytest.raises(MediaError, match="no text"):
        speech(text)


def test_an_unknown_gender_is_refused() -> None:
    with pytest.raises(MediaError, match="'male' or 'female', not 'robot'"):
        speech("Hello", gender="robot")
