"""An emulator on which the examples run, and music whose level is known."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from relay_sync.emulator import Emulator
from tests.examples.programs import MUSIC
from tests.words import spoken


@pytest.fixture(scope="session")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds of a tone at -20 dBFS, so that silence and gain can be measured anywhere in it."""
    path = tmp_path_factory.mktemp("media") / "music.wav"
    seconds = np.arange(20 * 8000) / 8000
    samples = np.sqrt(2) * 10 ** (-20 / 20) * np.sin(2 * np.pi * 400 * seconds)
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(8000)
        wav.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    return path


@pytest.fixture
def relay(music: Path, dialect: str) -> Iterator[Emulator]:
    """An emulator whose time stands still until the test moves it, and whose music is the tone.

    It speaks one dialect alone, each in turn, and the examples are not told which: their clients have to find out.
    """
    with Emulator(dialects=spoken(), stepped=True, media={MUSIC: music}) as relay:
        yield relay
