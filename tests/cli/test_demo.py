from __future__ import annotations

import math
import os
import re
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from relay_sync.cli import demo
from relay_sync.cli.demo import Steps
from relay_sync.emulator import Emulator
from tests.cli.support import Cli, calls_of, child, interrupt, noise, read_wav, write_wav
from tests.words import in_each, spoken

SPEED = ("--speed", "10")
ONE_SECOND = 8000

CALLS = [
    "Client",
    "client.connect",
    "client.calling.dial",
    "call.play_audio_async",
    "action.wait_for_state",
    "action.pause",
    "action.resume",
    "action.volume",
    "action.stop",
    "action.wait",
    "call.hangup",
]


@in_each
def test_the_wav_holds_the_file_with_a_silent_pause_then_louder_then_nothing(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "Emulator", partial(Emulator, dialects=spoken()))  # the demo's own speaks both
    source = noise(30.0)
    write_wav(tmp_path / "noise.wav", source)
    assert cli("demo", "--audio", "noise.wav", "--volume", "6", *SPEED) == 0, cli.err

    heard = read_wav(tmp_path / "heard.wav").astype(int)
    sounding = np.flatnonzero(heard)
    (gap,) = np.flatnonzero(np.diff(sounding) > 1)  # one silence inside the music, and exactly one
    paused = sounding[gap + 1] - sounding[gap] - 1
    assert paused >= 0.99 * ONE_SECOND
    assert len(heard) - sounding[-1] >= 0.49 * ONE_SECOND  # after the stop

    before = heard[sounding[0] : sounding[gap] + 1]
    after = heard[sounding[gap + 1] : sounding[-1] + 1]
    assert len(before) >= 1.99 * ONE_SECOND
    played = source[: len(before) + len(after)].astype(int)
    np.testing.assert_allclose(before, played[: len(before)], atol=1)  # nothing lost or repeated ...
    played = played[len(before) :]
    changed = int(np.flatnonzero(np.abs(after - played) > 1)[0])
    assert changed >= 0.99 * ONE_SECOND
    np.testing.assert_allclose(after[:changed], played[:changed], atol=1)  # ... around the pause
    louder = slice(changed + 40, None)  # the ramp takes 5 ms
    assert len(after[louder]) >= 1.48 * ONE_SECOND
    np.testing.assert_allclose(after[louder], played[louder] * 10 ** (6 / 20), atol=1.5)


def test_each_call_is_printed_as_python_with_its_result_and_without_colour_when_piped(cli: Cli, tmp_path: Path) -> None:
    assert cli("demo", "--out", "sound.wav", "--speed", "5") == 0, cli.err
    lines = cli.out.splitlines()
    assert "action.pause()  -> PlayPauseResult(successful=True, code='200')" in lines
    assert "action.resume()  -> PlayResumeResult(successful=True, code='200')" in lines
    assert "action.volume(6.0)  -> PlayVolumeResult(successful=True, code='200')" in lines
    assert "action.stop()  -> StopResult(successful=True, code='200')" in lines
    assert "action.wait(timeout=10)  -> PlayResult(successful=True)" in lines
    assert "call.hangup()  -> HangupResult(successful=True, reason='hangup')" in lines
    assert any(line.startswith("result = client.calling.dial(from_number='+15550100'") for line in lines)
    assert f"What the phone heard is in {(tmp_path / 'sound.wav').resolve()}" in cli.out
    assert cli.err == ""
    assert "\x1b" not in cli.out
    assert "━" not in cli.out


def test_json_is_one_object_per_line_with_results_and_levels_that_are_those_of_the_wav(
    cli: Cli, tmp_path: Path
) -> None:
    write_wav(tmp_path / "noise.wav", noise(30.0))
    assert cli("demo", "--audio", "noise.wav", "--volume", "-10", "--json", *SPEED) == 0, cli.err
    lines = cli.lines
    assert calls_of(lines) == CALLS
    assert lines[0]["kind"] == "listening"
    assert lines[0]["host"].startswith("ws://127.0.0.1:")
    results = {line["code"].partition("(")[0]: line["result"] for line in lines if line["kind"] == "call"}
    assert results["action.pause"] == {
        "type": "PlayPauseResult",
        "successful": True,
        "code": "200",
        "message": "Paused",
        "event": None,
    }
    assert results["call.hangup"]["reason"] == "hangup"
    assert [line["what"] for line in lines if line["kind"] == "stretch"] == [
        "playing",
        "paused",
        "playing",
        "playing at -10 dB",
        "after the stop",
    ]
    assert cli.err == ""

    stretches = {line["what"]: line for line in cli.lines if line["kind"] == "stretch"}
    heard = read_wav(tmp_path / "heard.wav").astype(float)
    for stretch in stretches.values():
        part = heard[round(stretch["start"] * 8000) : round(stretch["end"] * 8000)]
        if stretch["level_db"] is None:
            assert not part.any()
        else:
            assert stretch["level_db"] == pytest.approx(20 * math.log10(np.sqrt(np.mean(part**2)) / 32768), abs=0.01)
    assert stretches["paused"]["level_db"] is None
    assert stretches["after the stop"]["level_db"] is None
    assert stretches["playing"]["gain_db"] == pytest.approx(0.0, abs=0.3)
    assert stretches["playing at -10 dB"]["gain_db"] == pytest.approx(-10.0, abs=0.3)
    (summary,) = [line for line in cli.lines if line["kind"] == "heard"]
    assert summary["path"] == str((tmp_path / "heard.wav").resolve())
    assert summary["duration"] == pytest.approx(len(heard) / 8000)


@pytest.mark.parametrize(("duration", "used"), [(1.0, 0.8), (2.5, 2.0), (5.0, 4.0), (9.0, 4.5), (600.0, 4.5)])
def test_the_steps_use_at_most_four_fifths_of_the_file(duration: float, used: float) -> None:
    steps = Steps.within(duration)
    assert steps.play + steps.resume + steps.louder == pytest.approx(used)
    assert (steps.pause, steps.rest) == (Steps.pause, Steps.rest)


def test_an_audio_file_that_cannot_be_played_ends_with_1_and_says_why(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "letter.mp3").write_text("dear friend")
    write_wav(tmp_path / "blip.wav", noise(0.2))
    for audio, why in (
        ("missing.mp3", "there is no audio file missing.mp3"),
        ("letter.mp3", "letter.mp3 is not audio"),
        ("blip.wav", "blip.wav lasts 0.20 s: give a file of at least 1 s"),
        (str(tmp_path), "there is no audio file"),
    ):
        assert cli("demo", "--audio", audio) == 1
        assert cli.err.startswith("relay-sync: ")
        assert why in cli.err
        assert "Traceback" not in cli.err
        assert cli.out == ""
    assert not (tmp_path / "heard.wav").exists()


def test_an_error_is_an_object_too_when_json_is_asked_for(cli: Cli) -> None:
    assert cli("demo", "--audio", "missing.mp3", "--json") == 1
    (line,) = cli.lines
    assert line["kind"] == "error"
    assert "missing.mp3" in line["message"]
    assert cli.err == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("--out", "no-such-folder/heard.wav"),
        ("--out", "."),
        ("--volume", "nan"),
        ("--volume", "41"),
        ("--volume", "loud"),
        ("--speed", "0"),
        ("--speed", "nan"),
        ("--speed", "inf"),
        ("--fast",),
        ("heard.wav",),
    ],
)
def test_wrong_usage_ends_with_2_before_anything_runs(cli: Cli, arguments: tuple[str, ...]) -> None:
    assert cli("demo", *arguments) == 2
    assert cli.out == ""
    assert "Usage: relay-sync demo" in cli.err


def test_ctrl_c_ends_it_with_130_and_no_traceback(tmp_path: Path) -> None:
    with child("demo", "--speed", "0.5", "--json", cwd=tmp_path) as process:
        assert process.stdout is not None
        while '"action = call.play_audio_async' not in process.stdout.readline():
            assert process.poll() is None
        code, out, err = interrupt(process)
    assert code == 130
    assert '"error": "KeyboardInterrupt"' in out
    assert err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_shows_a_bar_with_position_state_and_volume(tmp_path: Path) -> None:
    import pty

    wide = {"TERM": "xterm", "COLUMNS": "160"}
    ours, theirs = pty.openpty()
    try:
        with child("demo", "--speed", "4", cwd=tmp_path, stdout=theirs, environment=wide) as process:
            os.close(theirs)
            shown = _read_all(ours)
            assert process.wait() == 0, shown
    finally:
        os.close(ours)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    for state in ("playing", "paused"):
        assert re.search(rf"{state} +━.*0:0\d\.\d / 0:0\d\.\d \+0\.0 dB", plain), plain
    assert re.search(r"playing +━.* \+6\.0 dB", plain), plain
    assert "\x1b[?25h" in shown  # the cursor is back


def _read_all(descriptor: int) -> str:
    pieces: list[bytes] = []
    while True:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:  # how Linux says that the other end is closed
            piece = b""
        if not piece:
            return b"".join(pieces).decode()
        pieces.append(piece)
