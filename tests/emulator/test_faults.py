"""Faults on request."""

from __future__ import annotations

import socket
import struct
import threading
from typing import Any

import pytest
import websocket

from relay_sync.emulator import Emulator
from tests.emulator.conftest import Connect, in_blade
from tests.emulator.raw import RawClient, audio, inner, phone, silence
from tests.support import in_thread


def test_dropped_connections_are_reset(relay: Emulator, client: RawClient, connect: Connect) -> None:
    other = connect(relay)
    assert relay.drop_connections() == 2
    assert relay.connections == 0
    for lost in (client, other):
        with pytest.raises((ConnectionError, websocket.WebSocketException)):
            lost.read()
    assert relay.drop_connections() == 0
    assert connect(relay).begin("+15550101")["code"] == "200"


def test_a_silent_connection_stays_open_and_says_nothing(relay: Emulator, client: RawClient) -> None:
    relay.silence()
    client.send(f"{client.space}.ping", {})
    client.ws.ping()
    assert client.hears_nothing()
    assert relay.connections == 1
    assert relay.journal.frames[-1].method != f"{client.space}.ping"
    relay.silence(False)
    assert client.read()["result"] == {}


def test_what_had_arrived_is_not_acted_on_while_silent(relay: Emulator, client: RawClient) -> None:
    def fall_silent_with_frames_in_hand() -> None:
        # On the emulator's thread: it has no chance to read between these two.
        client.post("calling.begin", {"tag": "t", "device": phone("+15550101")})
        for connection in relay.running_parts.server.connections:
            connection.silence(True)

    relay.on_thread(fall_silent_with_frames_in_hand)
    assert client.hears_nothing()
    assert relay.calls == []
    relay.silence(False)
    client.wait_event("state", "answered")


def test_a_silent_connection_can_be_cut(relay: Emulator, client: RawClient) -> None:
    relay.silence()
    client.post("calling.begin", {"tag": "t", "device": phone("+15550101")})
    assert relay.drop_connections() == 1
    assert relay.connections == 0
    assert relay.calls == []


def test_only_connections_that_exist_fall_silent_unless_new_ones_are_to(relay: Emulator, connect: Connect) -> None:
    relay.silence()
    assert connect(relay).answered()
    relay.silence(new_connections=True)
    silent = connect(relay, ready=False)
    silent.send(silent.opening, {})
    assert silent.hears_nothing()
    relay.silence(False)
    assert connect(relay).answered()


def test_time_can_move_while_a_connection_is_silent(relay: Emulator, client: RawClient) -> None:
    relay.phone("+15550101", hang_up_after=5)
    client.answered()
    relay.silence()
    relay.clock.advance(10)
    assert relay.phones["+15550101"].state == "ended"


def test_requests_can_be_refused_a_number_of_times(relay: Emulator, client: RawClient) -> None:
    relay.refuse_next("calling.begin", "402", "Payment required", count=2)
    for _ in range(2):
        assert client.begin("+15550101") == {"code": "402", "message": "Payment required"}
    assert client.begin("+15550101")["code"] == "200"
    assert len(relay.calls) == 1


@pytest.mark.parametrize("code", [-32003, "-32003"])
def test_a_negative_code_refuses_by_a_json_rpc_error(relay: Emulator, client: RawClient, code: Any) -> None:
    relay.refuse_next("calling.begin", code, "Requester validation failed")
    error = client.begin("+15550101")
    assert (error["code"], error["message"]) == (-32003, "Requester validation failed")


@in_blade
@pytest.mark.parametrize("method", ["blade.connect", "setup", "blade.subscription", "signalwire.receive", "blade.ping"])
def test_each_step_of_the_session_can_be_refused(relay: Emulator, connect: Connect, method: str) -> None:
    relay.refuse_next(method, -32000, "Timeout")
    client = connect(relay, ready=False)
    steps: dict[str, Any] = {
        "blade.connect": lambda: client.ask("blade.connect", {"authentication": {}, "version": {}}),
        "setup": lambda: client.ask("blade.execute", {"protocol": "signalwire", "method": "setup", "params": {}}),
        "blade.subscription": lambda: client.ask("blade.subscription", {}),
        "signalwire.receive": lambda: client.reply(client.post("signalwire.receive", {"contexts": ["x"]})),
        "blade.ping": lambda: client.ask("blade.ping", {}),
    }
    if method != "blade.connect":
        client.connect()
    assert steps[method]()["error"]["code"] == -32000


def test_a_client_that_is_gone_before_its_upgrade_is_answered_is_no_mistake_of_ours(
    relay: Emulator, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    key = (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        + "A" * 22
        + "=="
    )
    busy, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        busy.set()
        go_on.wait(10)

    with in_thread(lambda: relay.on_thread(hold)):
        assert busy.wait(10)
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", relay.port)) as client:
                client.sendall(f"GET / HTTP/1.1\r\nHost: x\r\n{key}\r\n\r\n".encode())
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        go_on.set()
    assert connect(relay).ping() == {}
    assert "Error handling request" not in caplog.text


def test_upgrades_can_be_refused_with_503(relay: Emulator, client: RawClient, connect: Connect) -> None:
    relay.refuse_connections()
    with pytest.raises(websocket.WebSocketBadStatusException, match="503"):
        connect(relay)
    assert client.ping() == {}
    relay.refuse_connections(False)
    connect(relay)


@pytest.mark.parametrize(
    ("method", "events"),
    [
        ("calling.begin", ["state:created", "state:ringing", "state:answered"]),
        ("calling.play", ["play:playing"]),
        ("calling.play.pause", ["play:paused"]),
        ("calling.play.stop", ["play:finished"]),
        ("calling.end", ["play:finished", "state:ending", "state:ended"]),
    ],
)
def test_events_can_come_before_the_reply(relay: Emulator, client: RawClient, method: str, events: list[str]) -> None:
    call: dict[str, Any] = {}
    steps: dict[str, Any] = {
        "calling.begin": lambda: client.begin("+15550102"),
        "calling.play": lambda: client.command(method, {**call, "control_id": "p", "play": [audio("welcome.mp3")]}),
        "calling.play.pause": lambda: client.control(call, "p", "pause"),
        "calling.play.stop": lambda: client.control(call, "p", "stop"),
        "calling.end": lambda: client.command("calling.end", call),
    }
    call.update(client.answered())
    if method not in ("calling.begin", "calling.play"):
        client.play(call, "p", silence(60))
    client.drain()
    relay.before_reply(method, count=1)
    steps[method]()
    assert client.drain() == [*events, f"reply:{method}"]


def test_events_come_before_every_reply_until_the_faults_are_cleared(relay: Emulator, client: RawClient) -> None:
    relay.before_reply("calling.begin")
    for _ in range(2):
        client.begin("+15550101")
        assert client.drain()[-1] == "reply:calling.begin"
    relay.clear_faults()
    client.begin("+15550101")
    assert client.drain()[0] == "reply:calling.begin"


def test_an_event_before_the_reply_to_media_that_fail(relay: Emulator, client: RawClient) -> None:
    call = client.answered()
    client.drain()
    relay.before_reply("calling.play")
    client.command("calling.play", {**call, "control_id": "p", "play": [audio("/nowhere.wav")]})
    assert client.drain() == ["play:error", "reply:calling.play"]


def test_a_reply_can_be_held_and_released(relay: Emulator, client: RawClient) -> None:
    relay.hold_reply("calling.begin")
    sent = client.post("calling.begin", {"tag": "t", "device": phone("+15550101")})
    client.wait_event("state", "answered")
    assert client.drain() == ["state:created", "state:ringing", "state:answered"]
    assert relay.held_replies == ("calling.begin",)
    assert relay.journal.commands("calling.begin")[0].code is None
    assert relay.release("calling.play") == 0
    assert relay.release() == 1
    assert inner(client.reply(sent))["code"] == "200"
    assert relay.journal.commands("calling.begin")[0].code == "200"
    assert client.begin("+15550102")["code"] == "200"


def test_a_reply_held_for_a_lost_connection_is_dropped(relay: Emulator, client: RawClient) -> None:
    relay.hold_reply("calling.begin", count=1)
    client.post("calling.begin", {"tag": "t", "device": phone("+15550101")})
    client.wait_event("state", "answered")
    relay.drop_connections()
    assert relay.release("calling.begin") == 1


def test_a_reply_can_be_lost(relay: Emulator, client: RawClient) -> None:
    relay.lose_reply("calling.begin", count=1)
    client.post("calling.begin", {"tag": "t", "device": phone("+15550101")})
    client.wait_event("state", "answered")
    assert "reply:calling.begin" not in client.drain()
    assert client.begin("+15550102")["code"] == "200"


def test_pings_can_go_unanswered(relay: Emulator, client: RawClient) -> None:
    relay.lose_reply(f"{client.space}.ping", count=1)
    client.send(f"{client.space}.ping", {})
    assert client.begin("+15550101")["code"] == "200"
    assert f"reply:{client.space}.ping" not in client.order


def test_events_can_come_twice(relay: Emulator, client: RawClient) -> None:
    relay.duplicate_events()
    client.begin("+15550101")
    states = [entry for entry in client.drain() if "state:" in entry]
    assert states == [
        f"state:{state}" for state in ("created", "created", "ringing", "ringing", "answered", "answered")
    ]
    relay.duplicate_events(False)
    relay.phones["+15550101"].hang_up()
    assert client.drain() == ["state:ending", "state:ended"]


def test_any_text_can_be_sent_to_everybody(relay: Emulator, client: RawClient, connect: Connect) -> None:
    other = connect(relay)
    assert relay.send_raw("this is no JSON") == 2
    for receiver in (client, other):
        assert receiver.ws.recv() == "this is no JSON"
    assert relay.journal.frames[-1].body is None


def test_the_server_says_that_it_goes_and_then_closes(relay: Emulator, client: RawClient) -> None:
    assert relay.go_away(wait=0.01) == 1
    request = client.read()
    assert request["method"] == f"{client.space}.disconnect"
    assert request.get("params") == (None if client.space == "blade" else {"restart": False})
    opcode, data = client.ws.recv_data()
    assert opcode == websocket.ABNF.OPCODE_CLOSE
    assert data[:2] == (1001).to_bytes(2, "big")
    assert relay.connections == 0


def test_the_server_closes_as_soon_as_the_client_has_answered(relay: Emulator, client: RawClient) -> None:
    with in_thread(lambda: relay.go_away(wait=30)) as going:
        request = client.read()
        client.send_text(f'{{"jsonrpc":"2.0","id":"{request["id"]}","result":{{}}}}')
        assert client.ws.recv_data()[0] == websocket.ABNF.OPCODE_CLOSE
    assert going.result() == 1


def test_going_away_takes_strangers_and_the_silent_along(relay: Emulator, client: RawClient, connect: Connect) -> None:
    connect(relay, ready=False)
    relay.silence()
    assert relay.go_away(wait=0.01) == 2
    assert relay.connections == 0


@pytest.mark.parametrize("count", [0, -1])
def test_a_count_is_at_least_one(relay: Emulator, count: int) -> None:
    with pytest.raises(ValueError, match="count"):
        relay.refuse_next("calling.play", "400", count=count)
    with pytest.raises(ValueError, match="count"):
        relay.lose_reply("calling.play", count=count)


def test_faults_of_connections_need_a_running_emulator() -> None:
    relay = Emulator()
    relay.refuse_next("calling.begin", "400")  # data: may be set up before
    with pytest.raises(RuntimeError, match="not running"):
        relay.drop_connections()
    with pytest.raises(RuntimeError, match="not running"):
        relay.ping()


def test_a_client_that_vanishes_without_a_word_is_noticed(relay: Emulator, client: RawClient) -> None:
    client.socket.shutdown(socket.SHUT_RDWR)
    relay.wait_for(lambda relay: relay.connections == 0)
