"""examples/play_and_control.py, in real time: it sleeps as a person would listen."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from relay_sync.emulator import Emulator
from tests.examples.programs import EXAMPLES, MUSIC, Program
from tests.words import dial_one, in_each, spoken

EXAMPLE = EXAMPLES / "play_and_control.py"


@in_each
def test_it_controls_the_music_and_the_phone_hears_it(music: Path, tmp_path: Path) -> None:
    with Emulator(dialects=spoken(), media={MUSIC: music}) as relay:
        phone = relay.phone("+15550101")
        with Program(EXAMPLE, relay=relay, folder=tmp_path, TO_NUMBER=phone.number) as program:
            output = program.ends()
        verbs = ("pause", "resume", "volume", "stop")
        relay.journal.assert_commands(
            dial_one(), "calling.play", *(f"calling.play.{verb}" for verb in verbs), "calling.end"
        )
        answered = phone.calls[0].answered_at
        assert answered is not None
        at = {verb: relay.journal.commands(f"calling.play.{verb}")[0].at - answered for verb in verbs}
        heard = phone.heard

    def level(start: float, end: float) -> float:
        return heard.between(start + 0.1, end - 0.1).rms_db()  # away from the very moments, which real time blurs

    assert level(at["pause"] - 1, at["pause"]) == pytest.approx(-20, abs=0.1)
    assert level(at["pause"], at["resume"]) == -math.inf
    assert level(at["resume"], at["volume"]) == pytest.approx(-20, abs=0.1)
    assert level(at["volume"], at["stop"]) == pytest.approx(-14, abs=0.1)
    assert heard.between(min(at["stop"] + 0.1, heard.duration)).rms_db() == -math.inf
    for name in ("PlayPauseResult", "PlayResumeResult", "PlayVolumeResult", "StopResult", "PlayResult", "HangupResult"):
        assert f"{name}(successful=True" in output


def test_it_says_so_when_nobody_answers(relay: Emulator, tmp_path: Path) -> None:
    phone = relay.phone("+15550102", busy=True)
    with Program(EXAMPLE, relay=relay, folder=tmp_path, TO_NUMBER=phone.number) as program:
        assert "+15550102 did not answer: " in program.ends(code=1)
    assert "Traceback" not in program.output
    assert not relay.journal.commands("calling.play")
