"""The same over TLS, where a broken connection looks different: records that are cut, and no end that is announced."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from relay_sync import ConnectFailed, ConnectionLost
from relay_sync.emulator import Emulator
from tests.faults.conftest import MakeLine
from tests.faults.support import PINGING, PROMPTLY, Speech, raised, within
from tests.stage import parked
from tests.support import in_thread


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The certificate of a server, with its key, and the authority that it is from."""
    folder, authority = tmp_path_factory.mktemp("tls"), trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    return folder / "server.pem", folder / "ca.pem"


@pytest.fixture
def relay(files: tuple[Path, Path]) -> Iterator[Emulator]:
    with Emulator(stepped=True, ping_interval=None, tls=files[0]) as emulator:
        yield emulator


@pytest.mark.parametrize("fault", ["drop", "end", "close 1001", "send too-large", "restart"])
def test_a_loss_is_noticed_at_once_and_healed(make_line: MakeLine, files: tuple[Path, Path], fault: str) -> None:
    line = make_line(ca_file=files[1])
    action = line.play()
    with in_thread(action.wait) as waiting:
        parked(action)
        with within(2 * PROMPTLY), line.reconnecting():
            line.relay.faults.add(fault)
        line.relay.clock.advance(61)
    assert waiting.result().successful is (fault != "restart")


@pytest.mark.parametrize("fault", ["silence", "vanish"])
def test_a_silent_peer_is_noticed_and_left(make_line: MakeLine, files: tuple[Path, Path], fault: str) -> None:
    line = make_line(ca_file=files[1], **PINGING)
    action = line.play()
    with line.reconnecting():
        line.relay.faults.add(fault)
    assert action.stop().successful


@pytest.mark.parametrize("fault", ["drop", "end", "close 1011"])
def test_a_command_in_flight_is_told(make_line: MakeLine, files: tuple[Path, Path], fault: str) -> None:
    line = make_line(ca_file=files[1])
    call = line.dial()
    line.relay.faults.add(f"{fault} before reply to calling.play")
    with within(PROMPTLY), pytest.raises(ConnectionLost):
        call.play_silence(1)


def test_frames_that_drip_in_are_read_whole(make_line: MakeLine, files: tuple[Path, Path]) -> None:
    line = make_line(ca_file=files[1])
    with line.relay.faults.add("drip 20 0.0002s"):
        assert line.play().stop().successful


def test_disconnect_does_not_wait_for_a_silent_peer(make_line: MakeLine, files: tuple[Path, Path]) -> None:
    line = make_line(ca_file=files[1])
    line.relay.faults.add("silence")
    with within(2.0):
        line.client.disconnect()


def test_a_server_that_is_not_trusted_is_told_at_once_and_never_tried_again(
    make_line: MakeLine, speech: Speech, files: tuple[Path, Path]
) -> None:
    line = make_line(ca_file=files[1])
    stranger = speech.client(line.relay)
    with within(PROMPTLY):
        error = raised(stranger.connect)
    assert type(error) is ConnectFailed
    assert "127.0.0.1" in str(error)
    assert "ca_file" in str(error)
    assert line.logins == 1
