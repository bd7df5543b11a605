"""Faults at their moments: what the wire then carries, one by one."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
import websocket

from relay_sync.emulator import GARBAGE, GARBLED_EVENTS, GARBLED_REPLIES, Emulator, Fault
from tests.emulator.conftest import Connect
from tests.emulator.raw import LIMIT, FlatClient, RawClient, phone

LOST = (ConnectionError, websocket.WebSocketException, AssertionError)


@pytest.fixture
def client(client: RawClient) -> RawClient:
    """One that acknowledges no event: that would fail on a connection that is cut, before the event is read."""
    if isinstance(client, FlatClient):
        client.acknowledges = False
    return client


def gone(client: RawClient) -> list[str]:
    """Read until the connection is over; return what came before."""
    try:
        while True:
            client.read()
    except LOST:
        return client.order


def come_back(connect: Connect, relay: Emulator, before: RawClient) -> tuple[RawClient, bool]:
    client = connect(relay, ready=False)
    return client, client.come_back(before)


@pytest.mark.parametrize(
    ("moment", "came", "calls"),
    [
        ("at command calling.begin", [], 0),
        ("before reply to calling.begin", [], 1),
        ("after reply to calling.begin", ["reply:calling.begin"], 1),
        ("before event calling.call.state:ringing", ["reply:calling.begin", "state:created"], 1),
        ("after event calling.call.state:ringing", ["reply:calling.begin", "state:created", "state:ringing"], 1),
        ("after event calling.call.state #2", ["reply:calling.begin", "state:created", "state:ringing"], 1),
    ],
)
def test_a_connection_is_cut_at_its_moment(
    relay: Emulator, client: RawClient, moment: str, came: list[str], calls: int
) -> None:
    with relay.faults.add(f"drop {moment}") as drop:
        client.post("calling.begin", {"tag": "t", "device": phone("+15550101")})
        assert gone(client) == came
        drop.wait()
    assert len(relay.calls) == calls


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda faults: faults.drop_at("calling.play"), "drop at command calling.play"),
        (lambda faults: faults.drop_before("calling.play", 2), "drop before reply to calling.play #2"),
        (lambda faults: faults.drop_after("calling.play"), "drop after reply to calling.play"),
        (lambda faults: faults.drop_after("calling.call.play:playing"), "drop after event calling.call.play:playing"),
        (lambda faults: faults.close_after("ping", 1012), "close 1012 after reply to ping"),
        (lambda faults: faults.silence_after("login"), "silence after reply to login"),
        (lambda faults: faults.send_after("ping", "nan"), "send nan after reply to ping"),
        (lambda faults: faults.lose("calling.play"), "lose reply to calling.play"),
        (lambda faults: faults.delay("messaging.state", 0.5), "delay 0.5s event messaging.state"),
        (lambda faults: faults.repeat("calling.call.play", 3), "repeat 3 event calling.call.play"),
        (lambda faults: faults.swap("calling.call.play", 2), "swap event calling.call.play #2"),
    ],
)
def test_the_most_common_faults_have_names_in_python(relay: Emulator, make: Callable[[Any], Any], text: str) -> None:
    with make(relay.faults) as injected:
        assert str(injected.fault) == text
        assert [str(fault) for fault in relay.faults.active] == [text]
    assert relay.faults.active == ()


def test_the_nth_command_is_counted_from_when_the_fault_was_added(relay: Emulator, client: RawClient) -> None:
    client.begin("+15550101")
    drop = relay.faults.drop_after("calling.begin", 2)
    assert client.begin("+15550102")["code"] == "200"
    assert drop.struck == 0
    client.begin("+15550103")
    drop.wait()


def test_a_fault_that_is_taken_back_does_not_strike(relay: Emulator, client: RawClient) -> None:
    with relay.faults.drop_after("calling.begin") as drop:
        pass
    assert client.answered()
    assert drop.struck == 0


def test_waiting_for_a_fault_that_does_not_strike_fails_with_its_name(relay: Emulator) -> None:
    with relay.faults.drop_after("calling.begin") as drop, pytest.raises(TimeoutError, match=r"drop after .*begin"):
        drop.wait(timeout=0.01)


def test_the_older_of_two_faults_strikes_first_and_the_other_at_the_next(relay: Emulator, client: RawClient) -> None:
    relay.faults.add_all(["refuse 402 calling.begin", "refuse 503 calling.begin", "refuse 500 calling.begin #4"])
    assert [client.begin("+15550101")["code"] for _ in range(4)] == ["402", "503", "200", "500"]


def test_a_command_can_be_ignored(relay: Emulator, client: RawClient) -> None:
    relay.faults.add("ignore calling.begin")
    client.post("calling.begin", {"tag": "t", "device": phone("+15550101")})
    assert client.drain() == []
    assert relay.calls == []


def test_an_event_can_be_lost(relay: Emulator, client: RawClient) -> None:
    relay.faults.lose("calling.call.state:ringing")
    client.begin("+15550101")
    assert client.drain() == ["reply:calling.begin", "state:created", "state:answered"]


def test_an_event_can_change_places_with_the_next(relay: Emulator, client: RawClient) -> None:
    relay.faults.swap("calling.call.state:created")
    client.begin("+15550101")
    assert client.drain() == ["reply:calling.begin", "state:ringing", "state:created", "state:answered"]


def test_an_event_that_has_nothing_to_change_places_with_comes_by_itself(relay: Emulator, client: RawClient) -> None:
    relay.faults.swap("calling.call.state:answered")
    client.begin("+15550101")
    assert client.drain() == ["reply:calling.begin", "state:created", "state:ringing"]
    assert client.wait_event("state", "answered")


def test_a_reply_can_come_late_and_its_events_on_time(relay: Emulator, client: RawClient) -> None:
    relay.faults.delay("calling.begin", 0.05)
    client.begin("+15550101")
    assert client.drain() == ["state:created", "state:ringing", "state:answered", "reply:calling.begin"]


def test_an_event_can_come_late(relay: Emulator, client: RawClient) -> None:
    relay.faults.delay("calling.call.state:created", 0.05)
    client.begin("+15550101")
    client.wait_event("state", "created")
    assert client.drain()[-1] == "state:created"


def test_a_reply_can_come_twice(relay: Emulator, client: RawClient) -> None:
    relay.faults.repeat("calling.begin")
    client.begin("+15550101")
    assert client.drain().count("reply:calling.begin") == 2


def test_a_close_has_its_code_and_nothing_follows_it(relay: Emulator, client: RawClient) -> None:
    relay.faults.close_after("calling.begin", 1012)
    client.begin("+15550101")
    opcode, data = client.ws.recv_data()
    assert (opcode, struct.unpack("!H", data[:2])[0]) == (websocket.ABNF.OPCODE_CLOSE, 1012)
    relay.wait_for(lambda relay: relay.connections == 0)


def test_a_stream_can_end_without_a_closing_frame(relay: Emulator, client: RawClient) -> None:
    relay.faults.add("end")
    assert client.socket.recv(100) == b""


def test_silence_ends_when_its_time_is_up_and_loses_nothing(relay: Emulator, client: RawClient) -> None:
    relay.faults.add("silence 0.05 at calling.begin")
    began = time.monotonic()
    assert client.begin("+15550101")["code"] == "200"
    assert time.monotonic() - began >= 0.05
    assert len(relay.calls) == 1


def test_silence_ends_with_its_block(relay: Emulator, client: RawClient) -> None:
    with relay.faults.add("silence"):
        sent = client.send(f"{client.space}.ping", {})
        assert client.hears_nothing()
    assert client.reply(sent)["result"] == {}


def test_a_machine_that_vanishes_says_nothing_and_its_session_can_be_resumed(
    relay: Emulator, client: RawClient, connect: Connect
) -> None:
    call = client.answered()
    relay.faults.add("vanish")
    client.send(f"{client.space}.ping", {})
    assert client.hears_nothing()
    again, restored = come_back(connect, relay, client)
    assert restored
    assert again.command("calling.end", call)["code"] == "200"
    assert client.hears_nothing()


def test_a_machine_that_has_vanished_does_not_come_back_with_the_end_of_a_silence(
    relay: Emulator, client: RawClient
) -> None:
    """It would carry out commands, and tell nothing of what follows: its session has no connection any more."""
    relay.faults.add("vanish")
    with relay.faults.add("silence"):
        pass
    relay.silence(False)
    client.send(f"{client.space}.ping", {})
    assert client.hears_nothing()
    assert relay.drop_connections() == 1


@pytest.mark.parametrize(("text", "size"), [("drip", 1), ("drip 5 0.0005s", 5)])
def test_frames_can_come_in_pieces(relay: Emulator, client: RawClient, text: str, size: int) -> None:
    with relay.faults.add(text.replace("drip", "drip 1 0.0005s") if text == "drip" else text):
        client.send(f"{client.space}.ping", {})
        assert 0 < len(client.socket.recv(1)) <= 1
        pieces = [client.socket.recv(1000)]
        assert len(pieces[0]) < 20


def test_what_drips_is_whole_in_the_end(relay: Emulator, client: RawClient) -> None:
    with relay.faults.add("drip 11 0.0001s"):
        call = client.answered()
        client.ws.ping(b"x")
        assert client.command("calling.end", call)["code"] == "200"
    assert client.begin("+15550102")["code"] == "200"


def test_the_request_to_disconnect_is_a_fault_too(relay: Emulator, client: RawClient, connect: Connect) -> None:
    relay.faults.add("go-away restart after calling.begin")
    client.begin("+15550101")
    while not client.requests:
        client.read()
    assert client.requests[0]["method"] == f"{client.space}.disconnect"
    gone(client)
    assert not come_back(connect, relay, client)[1]


def test_no_session_can_be_resumed_after_the_service_forgot_it(
    relay: Emulator, client: RawClient, connect: Connect
) -> None:
    relay.faults.add_all(["forget", "drop"])
    assert not come_back(connect, relay, client)[1]


@pytest.mark.parametrize("replayed", [True, False])
def test_missed_events_are_replayed_or_not(connect: Connect, replayed: bool) -> None:
    from relay_sync.emulator import Assumptions

    with Emulator(ping_interval=None, assumptions=Assumptions(replay_missed_events=not replayed)) as relay:
        client = connect(relay)
        client.answered()
        with relay.faults.add("replay" if replayed else "no-replay"):
            relay.faults.add("drop")
            relay.phones["+15550101"].hang_up()
            again, restored = come_back(connect, relay, client)
            assert restored
            assert ("state:ended" in again.drain()) is replayed


def test_a_restart_ends_calls_sessions_and_connections(relay: Emulator, client: RawClient, connect: Connect) -> None:
    client.answered()
    relay.faults.add("restart")
    assert gone(client) == [*client.order]
    assert relay.calls == []
    assert relay.faults.active == ()
    assert not come_back(connect, relay, client)[1]


def refused(relay: Emulator) -> bool:
    try:
        socket.create_connection((relay.host, relay.port), LIMIT).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("kind", ["restart", "refuse-tcp"])
def test_nothing_listens_for_a_while(relay: Emulator, client: RawClient, connect: Connect, kind: str) -> None:
    port = relay.port
    with relay.faults.add(f"{kind} 60"):
        assert refused(relay)
        with relay.faults.add("refuse-tcp"):
            assert refused(relay)
        assert refused(relay)
    assert not refused(relay)
    assert relay.port == port
    assert connect(relay).begin("+15550101")["code"] == "200"


def test_it_listens_again_by_itself_when_the_time_is_up(relay: Emulator, connect: Connect) -> None:
    gone = relay.faults.add("refuse-tcp 0.05")
    relay.wait_for(lambda relay: gone.fault not in relay.faults.active)
    assert connect(relay).begin("+15550101")["code"] == "200"


def test_an_emulator_can_be_stopped_and_started_while_it_refuses(relay: Emulator, connect: Connect) -> None:
    relay.faults.add("refuse-tcp")
    relay.stop()
    relay.start()
    assert connect(relay).begin("+15550101")["code"] == "200"


def test_upgrades_and_credentials_are_refused_for_a_while(relay: Emulator, connect: Connect) -> None:
    with relay.faults.add("refuse-connections"), pytest.raises(websocket.WebSocketBadStatusException, match="503"):
        connect(relay, ready=False)
    who = {"version": {}, "authentication": {"project": relay.project, "token": relay.token}}
    with relay.faults.add("refuse-credentials"):
        client = connect(relay, ready=False)
        assert client.ask(client.opening, who)["error"]["code"] == -32002
    connect(relay)


def test_the_time_stamps_jump(relay: Emulator, client: RawClient) -> None:
    client.begin("+15550101")
    client.drain()
    before = client.events[-1]["params"]["timestamp"]
    relay.faults.add("jump -86400")
    relay.phones["+15550101"].hang_up()
    client.drain()
    assert client.events[-1]["params"]["timestamp"] == pytest.approx(before - 86400, abs=1)


@pytest.mark.parametrize("name", [name for name, garbage in GARBAGE.items() if garbage.event is not None])
def test_garbage_in_an_event_is_wrapped_as_events_are(relay: Emulator, client: RawClient, name: str) -> None:
    relay.faults.add(f"send {name}")
    frame = json.loads(client.ws.recv())
    assert frame["method"] == client.event
    event = GARBAGE[name].event
    assert event is not None
    assert frame["params"].get("params", frame["params"]) in (event(), event()["params"])


@pytest.mark.parametrize(("name", "text"), [("not-json", "this is {not} JSON"), ("unknown-event", "unheard_of")])
def test_garbage_comes_exactly_at_its_moment(relay: Emulator, client: RawClient, name: str, text: str) -> None:
    relay.faults.add(f"send {name} before reply to calling.begin")
    client.post("calling.begin", {"tag": "t", "device": phone("+15550101")})
    assert text in str(client.ws.recv())
    assert client.drain()[0] == "reply:calling.begin"


@pytest.mark.parametrize("name", [name for name, garbage in GARBAGE.items() if garbage.make is not None])
def test_garbage_goes_out_byte_by_byte_as_it_is(relay: Emulator, client: RawClient, name: str) -> None:
    make = GARBAGE[name].make
    assert make is not None
    wanted = make()
    relay.faults.add(f"send {name}")
    came = bytearray()
    while len(came) < len(wanted):
        came += client.socket.recv(1 << 20)
    assert came == wanted
    assert relay.journal.frames[-1].text == f"<garbage: {name}>"


@pytest.mark.parametrize("what", list(GARBLED_REPLIES))
def test_a_reply_is_garbled_and_has_its_id(relay: Emulator, client: RawClient, what: str) -> None:
    right = client.reply(client.post("calling.begin", {"tag": "t", "device": phone("+15550101")}))
    relay.faults.add(f"garble {what} reply to calling.begin")
    sent = client.post("calling.begin", {"tag": "u", "device": phone("+15550101")})
    wrong = client.reply(sent)
    assert wrong["id"] == sent
    assert shape(wrong) != shape(right) or what == "message-number"
    assert client.begin("+15550102")["code"] == "200"


@pytest.mark.parametrize("what", list(GARBLED_EVENTS))
def test_an_event_is_garbled(relay: Emulator, client: RawClient, what: str) -> None:
    relay.faults.add(f"garble {what} event calling.call.state:created")
    client.post("calling.begin", {"tag": "t", "device": phone("+15550101")})
    frames = [json.loads(client.ws.recv()) for _ in range(4)]
    wrong, right = (next(f for f in frames if f.get("method")), frames[-1])
    assert shape(wrong) != shape(right)


@pytest.mark.parametrize(("what", "levels"), [("nested", 80), ("nested-deeply", 600), ("params-deep-within", 600)])
def test_a_real_event_is_nested_as_deeply_as_is_said(
    relay: Emulator, client: RawClient, what: str, levels: int
) -> None:
    relay.faults.add(f"garble {what} event calling.call.state:created")
    client.post("calling.begin", {"tag": "t", "device": phone("+15550101")})
    wrong = next(text for text in (client.ws.recv() for _ in range(4)) if '"nest"' in text)
    assert wrong.count('{"nest":') == levels
    assert json.loads(wrong)["method"]
    assert '"created"' in wrong


def shape(value: Any) -> Any:
    """Return the value with each text replaced by its type, but for the states of a call; not what is nested."""
    if isinstance(value, dict):
        hidden = ("end_reason", "peer")
        return {name: name == "nest" or shape(member) for name, member in value.items() if name not in hidden}
    if isinstance(value, list):
        return [shape(member) for member in value]
    return "levitating" if value == "levitating" else type(value)


def test_faults_can_be_given_from_the_start_and_end_with_stop(connect: Connect) -> None:
    relay = Emulator(faults=["refuse-connections", Fault.parse("refuse 402 calling.begin")])
    assert len(relay.faults.active) == 2
    with relay, pytest.raises(websocket.WebSocketBadStatusException, match="503"):
        connect(relay)
    with relay:
        assert connect(relay).begin("+15550101")["code"] == "200"


def test_faults_at_a_time_strike_then(relay: Emulator, client: RawClient) -> None:
    relay.faults.add("drop in 0.02").wait()
    gone(client)


def test_what_is_no_fault_is_not_taken(relay: Emulator) -> None:
    with pytest.raises(ValueError, match="is no fault"):
        relay.faults.add("explode")
    with pytest.raises(ValueError, match="is no fault"):
        Emulator(faults=["explode"])


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.mark.parametrize("given", ["context", "file", "pair"])
def test_it_speaks_tls(authority: trustme.CA, tmp_path: Path, given: str) -> None:
    certificate = authority.issue_cert("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    both, chain, key = (tmp_path / name for name in ("both.pem", "chain.pem", "key.pem"))
    both.write_bytes(certificate.private_key_and_cert_chain_pem.bytes())
    chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    key.write_bytes(certificate.private_key_pem.bytes())
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls: Any = {"context": context, "file": str(both), "pair": (chain, key)}[given]
    with Emulator(tls=tls) as relay:
        assert relay.url == f"wss://127.0.0.1:{relay.port}"
        assert relay.http_url == f"https://127.0.0.1:{relay.port}"
        assert relay.credentials["host"] == relay.url
        with pytest.raises(ssl.SSLError):
            websocket.create_connection(relay.url, timeout=LIMIT)
        trusting = {"ca_certs": str(tmp_path / "ca.pem")}
        ws = websocket.create_connection(relay.url, timeout=LIMIT, sslopt=trusting)
        ws.send('{"jsonrpc":"2.0","id":"1","method":"blade.ping"}')
        assert "Authentication required" in str(ws.recv())
        relay.faults.add("drop")
        with pytest.raises(LOST):
            ws.recv()
        ws.shutdown()


def test_a_playback_can_be_made_to_fail(relay: Emulator, client: RawClient) -> None:
    relay.faults.add("fail calling.play")
    call = client.answered()
    command = {**call, "control_id": "c-1", "play": [{"type": "silence", "params": {"duration": 5}}]}
    assert client.command("calling.play", command)["code"] == "200"
    client.wait_event("play", "error", control_id="c-1")
    relay.clock.advance(6)
    assert client.control(call, "c-1", "stop")["code"] == "404"
    assert "play:playing" not in client.order
    assert client.play(call, "c-2", {"type": "silence", "params": {"duration": 5}})["code"] == "200"
