from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest

from relay_sync.emulator import Emulator
from tests.cli.support import Cli, calls_of, child, interrupt, noise, write_wav
from tests.support import in_thread
from tests.words import dial_one

TO, FROM = "+15550101", "+15550100"
NUMBERS = ("--to", TO, "--from", FROM)


@pytest.fixture
def sound(tmp_path: Path) -> str:
    """Two seconds of sound."""
    return str(write_wav(tmp_path / "noise.wav", noise(2.0)))


@pytest.fixture
def long_sound(tmp_path: Path) -> str:
    """Sound that ends in no test: five minutes, of 20 virtual seconds a second."""
    return str(write_wav(tmp_path / "long.wav", noise(300.0)))


def test_it_dials_plays_to_the_end_and_hangs_up(pointed: Cli, relay: Emulator, sound: str) -> None:
    assert pointed("play", *NUMBERS, sound) == 0, pointed.err
    heard = relay.phone(TO).heard.samples.astype(int)
    assert np.count_nonzero(heard) == 16000
    np.testing.assert_allclose(heard[heard != 0], noise(2.0), atol=1)
    relay.journal.assert_commands(dial_one(), "calling.play", "calling.end")
    assert not relay.calls
    assert f"call = client.calling.new_call(from_number='{FROM}', to_number='{TO}')" in pointed.out
    assert "action.wait()  -> PlayResult(successful=True)" in pointed.out.splitlines()
    assert pointed.err == ""


def test_json_tells_each_call_and_its_result(pointed: Cli, sound: str) -> None:
    assert pointed("play", *NUMBERS, "--json", sound) == 0
    assert calls_of(pointed.lines) == [
        "Client",
        "client.connect",
        "client.calling.new_call",
        "call.dial",
        "call.play_audio_async",
        "action.wait",
        "call.hangup",
    ]
    results = [line["result"] for line in pointed.lines]
    assert [one["successful"] for one in results if isinstance(one, dict) and "successful" in one] == [True] * 3
    assert pointed.err == ""


def test_volume_and_ring_time_go_to_relay(pointed: Cli, relay: Emulator, sound: str) -> None:
    assert pointed("play", *NUMBERS, "--volume", "-6.5", "--timeout", "12", sound) == 0
    (dial,) = relay.journal.commands(dial_one())
    (play,) = relay.journal.commands("calling.play")
    device = dial.params.get("device") or dial.params["devices"][0][0]
    assert device["params"]["timeout"] == 12
    assert play.params["volume"] == -6.5


@pytest.mark.parametrize(
    ("number", "reason"),
    [("+15550199003", "busy"), ("+15550199004", "noAnswer"), ("+15550199005", "decline"), ("+15550199008", "error")],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_call_that_is_not_answered_ends_with_1(
    pointed: Cli, sound: str, number: str, reason: str, as_json: bool
) -> None:
    options = ("--json",) if as_json else ()
    assert pointed("play", "--to", number, "--from", FROM, "--timeout", "5", *options, sound) == 1
    if as_json:
        assert pointed.lines[-1]["kind"] == "error"
        (dialled,) = [line["result"] for line in pointed.lines if line.get("code") == "call.dial()"]
        assert dialled["end_reason"] == reason
        assert pointed.err == ""
    else:
        assert pointed.err.startswith("relay-sync: DialResult: ")
        assert f"call.end_reason='{reason}'" in pointed.out


def test_a_phone_that_hangs_up_during_the_playback_ends_it_with_1(
    pointed: Cli, relay: Emulator, long_sound: str
) -> None:
    def hang_up() -> None:
        relay.journal.wait_for_event("calling.call.play", state="playing")
        relay.phone(TO).hang_up()

    with in_thread(hang_up):
        assert pointed("play", *NUMBERS, long_sound) == 1
    assert "successful=False" in pointed.out
    assert pointed.err.startswith("relay-sync: ")


def test_audio_that_cannot_be_had_ends_with_1_and_the_call_is_hung_up(pointed: Cli, relay: Emulator) -> None:
    assert pointed("play", *NUMBERS, "no-such-file.wav") == 1
    assert "error" in pointed.err
    relay.journal.assert_commands(dial_one(), "calling.play", "calling.end")
    assert not relay.calls


def test_without_credentials_it_ends_with_2_and_names_the_variables(cli: Cli) -> None:
    assert cli("play", *NUMBERS, "x.wav") == 2
    assert "SIGNALWIRE_PROJECT_ID" in cli.err
    assert cli("play", *NUMBERS, "--json", "x.wav") == 2
    assert cli.lines[-1]["error"] == "ConfigurationError"


def test_refused_credentials_end_with_1_and_stay_secret(pointed: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALWIRE_API_TOKEN", "PT-my-very-own-secret")
    for options in ((), ("--json",)):
        assert pointed("play", *NUMBERS, *options, "x.wav") == 1
        assert "secret" not in pointed.out + pointed.err
    assert pointed.lines[-1]["error"] == "AuthenticationFailed"


def test_nothing_that_listens_ends_with_1(pointed: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setenv("SIGNALWIRE_RELAY_HOST", f"ws://{address}")
    assert pointed("play", *NUMBERS, "x.wav") == 1
    assert address in pointed.err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("x.wav",),
        ("--to", TO, "x.wav"),
        ("--from", FROM, "x.wav"),
        NUMBERS,
        ("--to", "", "--from", FROM, "x.wav"),
        (*NUMBERS, ""),
        (*NUMBERS, "--volume", "nan", "x.wav"),
        (*NUMBERS, "--volume", "-40.5", "x.wav"),
        (*NUMBERS, "--timeout", "0", "x.wav"),
        (*NUMBERS, "--timeout", "-1", "x.wav"),
        (*NUMBERS, "--token", "secret", "x.wav"),
    ],
)
def test_wrong_usage_ends_with_2_and_nobody_is_called(
    pointed: Cli, relay: Emulator, arguments: tuple[str, ...]
) -> None:
    assert pointed("play", *arguments) == 2
    assert "Usage: relay-sync play" in pointed.err
    assert pointed.out == ""
    assert not relay.journal.frames


def test_ctrl_c_during_the_playback_hangs_up_and_ends_with_130(
    relay: Emulator, environment: dict[str, str], long_sound: str, tmp_path: Path
) -> None:
    with child("play", *NUMBERS, long_sound, cwd=tmp_path, environment=environment) as process:
        relay.journal.wait_for_event("calling.call.play", timeout=30.0, state="playing")
        code, out, err = interrupt(process)
    assert code == 130
    assert "call.hangup()  -> HangupResult(successful=True" in out
    assert err == "relay-sync: stopped by Ctrl-C\n"
    relay.journal.assert_commands(dial_one(), "calling.play", "calling.end")


def test_ctrl_c_while_it_rings_hangs_up_and_ends_with_130(
    relay: Emulator, environment: dict[str, str], sound: str, tmp_path: Path
) -> None:
    never = relay.phone(TO, no_answer=True)
    with child("play", *NUMBERS, "--timeout", "6000", sound, cwd=tmp_path, environment=environment) as process:
        assert never.wait_for("ringing", timeout=30.0)
        code, _, err = interrupt(process)
    assert code == 130
    assert "Traceback" not in err
    assert never.wait_for("ended")
    relay.journal.assert_commands(dial_one(), "calling.end")
