"""Logging in, and what every frame must be (protocol.md 2, 5, 6 and 7). More of Flat is in test_flat.py."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relay_sync.emulator import DEMO_PROJECT, DEMO_TOKEN, Assumptions, Emulator
from tests.emulator.conftest import Connect, in_blade
from tests.emulator.raw import RawClient, inner

VERSION = {"major": 2, "minor": 1, "revision": 0}


@pytest.fixture
def stranger(relay: Emulator, connect: Connect) -> RawClient:
    """A client that has not logged in."""
    return connect(relay, ready=False)


def login(project: Any = DEMO_PROJECT, token: Any = DEMO_TOKEN) -> dict[str, Any]:
    return {"version": VERSION, "authentication": {"project": project, "token": token}}


@in_blade
def test_connect_tells_session_nodes_and_signature(stranger: RawClient) -> None:
    result = stranger.connect(agent="test/1.0")
    assert result["session_restored"] is False
    assert result["sessionid"]
    assert result["nodeid"]
    assert result["authorization"]["project"] == DEMO_PROJECT
    assert result["authorization"]["expires_at"] is None
    assert result["protocols_uncertified"] == ["signalwire"]


def test_the_second_piece_of_the_protocol_is_the_signature(stranger: RawClient) -> None:
    signature = stranger.connect()["authorization"]["signature"]
    assert stranger.setup().split("_")[1] == signature


@in_blade
def test_setup_has_no_code_and_the_subscription_echoes_what_was_asked(stranger: RawClient) -> None:
    stranger.connect()
    setup = inner(stranger.ask("blade.execute", {"protocol": "signalwire", "method": "setup", "params": {}}))
    assert set(setup) == {"protocol"}
    asked = {"command": "add", "protocol": setup["protocol"], "channels": ["notifications", "weather"]}
    assert stranger.ask("blade.subscription", asked)["result"] == {
        "command": "add",
        "protocol": setup["protocol"],
        "subscribe_channels": ["notifications"],
        "failed_channels": ["weather"],
    }


@in_blade
def test_a_client_that_unsubscribes_hears_no_events(relay: Emulator, client: RawClient) -> None:
    asked = {"command": "remove", "protocol": client.protocol, "channels": ["notifications"]}
    assert client.ask("blade.subscription", asked)["result"]["subscribe_channels"] == ["notifications"]
    client.begin("+15550101")
    assert client.drain() == ["reply:blade.subscription", "reply:calling.begin"]
    asked["protocol"] = "signalwire_other_x"
    assert client.ask("blade.subscription", asked)["result"]["failed_channels"] == ["notifications"]


@pytest.mark.parametrize(
    "who",
    [
        login(token="PT-wrong"),
        login(project="nobody"),
        {"version": VERSION, "authentication": {"project": DEMO_PROJECT}},
        {"version": VERSION, "authentication": {"project": DEMO_PROJECT, "jwt_token": "x.y.z"}},
    ],
)
def test_wrong_credentials_are_refused_by_a_json_rpc_error(stranger: RawClient, who: dict[str, Any]) -> None:
    reply = stranger.ask(stranger.opening, who)
    assert reply["error"]["code"] == -32002
    assert "Authentication failed" in reply["error"]["message"]
    assert "result" not in reply
    assert stranger.connect()  # the socket is still good


def test_no_secret_is_in_the_journal(relay: Emulator, stranger: RawClient) -> None:
    stranger.ask(stranger.opening, login(token="PT-wrong"))
    stranger.connect(agent=f"thoughtless/{DEMO_TOKEN}")
    stranger.send_text(f"this is {DEMO_TOKEN}")
    stranger.setup()
    written = "".join(frame.text + repr(frame.body) for frame in relay.journal.frames)
    assert DEMO_TOKEN not in written
    assert "PT-wrong" not in written
    assert DEMO_PROJECT in written


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("blade.execute", {"protocol": "signalwire", "method": "setup", "params": {}}),
        ("blade.subscription", {"command": "add", "protocol": "x", "channels": ["notifications"]}),
        ("blade.ping", {}),
        ("calling.play", {}),
        ("signalwire.ping", {}),
    ],
)
def test_nothing_is_done_before_logging_in(stranger: RawClient, method: str, params: dict[str, Any]) -> None:
    error = stranger.ask(method, params)["error"]
    assert error["code"] == -32002
    assert "Authentication required" in error["message"]
    assert stranger.connect()


def test_nothing_is_done_after_a_refused_login(stranger: RawClient) -> None:
    stranger.ask(stranger.opening, login(token="PT-wrong"))
    assert stranger.ask(f"{stranger.space}.ping", {})["error"]["code"] == -32002


def test_one_logs_in_once(client: RawClient) -> None:
    assert client.ask(client.opening, login())["error"]["code"] == -32600


def test_contexts_are_received_as_list_or_as_one(relay: Emulator, client: RawClient) -> None:
    assert client.command("signalwire.receive", {"contexts": ["office", "home"]}) == {
        "code": "200",
        "message": "Receiving",
    }
    assert client.command("signalwire.receive", {"context": "garden"})["code"] == "200"
    assert relay.contexts == {"office": 1, "home": 1, "garden": 1}
    assert client.command("signalwire.receive", {})["code"] == "400"
    assert client.command("signalwire.receive", {"contexts": []})["code"] == "400"
    assert client.command("signalwire.receive", {"contexts": "office"})["code"] == "400"


@in_blade
def test_a_command_needs_the_protocol_of_the_session(client: RawClient) -> None:
    asked = {"protocol": "signalwire_sig_other", "method": "signalwire.receive", "params": {"contexts": ["x"]}}
    assert client.ask("blade.execute", asked)["error"]["code"] == -32602


def test_ping_is_echoed(client: RawClient) -> None:
    assert client.ask(f"{client.space}.ping", {"timestamp": 12.5, "payload": "x"})["result"] == {
        "timestamp": 12.5,
        "payload": "x",
    }
    assert client.ask(f"{client.space}.ping")["result"] == {}


def test_the_server_pings_on_request_and_at_its_interval(connect: Connect) -> None:
    with Emulator(ping_interval=0.01) as relay:
        client = connect(relay)
        while not client.requests:
            client.read()
        ping = client.requests.pop()
        assert ping["method"] == f"{client.space}.ping"
        assert ping["params"]["timestamp"] > 0
        client.send_text(json.dumps({"jsonrpc": "2.0", "id": ping["id"], "result": ping["params"]}))
        assert client.ping() == {}
        assert relay.ping() == 1


@in_blade
def test_a_client_that_says_goodbye_is_answered_and_let_go(relay: Emulator, client: RawClient) -> None:
    assert client.ask("blade.disconnect", {})["result"] == {}
    relay.wait_for(lambda relay: relay.connections == 0)


@pytest.mark.parametrize(
    "text",
    ["hello", "#SPU 12", "[]", "[1, 2]", '"x"', "null", "{", '{"id": NaN}', '{"id": 1e999}', "[" * 100_000],
    ids=lambda text: text[:12],
)
def test_what_is_no_json_object_is_answered_by_an_error_without_id(client: RawClient, text: str) -> None:
    client.send_text(text)
    frame = client.read()
    assert frame["id"] is None
    assert frame["error"]["code"] in (-32700, -32600)
    assert client.ping() == {}


def test_a_binary_frame_is_not_understood_and_harms_nothing(client: RawClient) -> None:
    client.ws.send_binary(b"\xff\x00")
    assert client.read()["error"]["code"] == -32700
    assert client.ping() == {}


@pytest.mark.parametrize("frame", [{}, {"id": "1", "result": {}}, {"id": ["x"], "result": 1}, {"id": {}, "error": 2}])
def test_an_answer_to_nothing_is_ignored(client: RawClient, frame: dict[str, Any]) -> None:
    client.send_text(json.dumps(frame))
    assert client.drain() == []


def test_strict_wants_ids_that_are_texts_and_used_once(relay: Emulator, client: RawClient) -> None:
    for request_id in (7, "", None):
        client.send_text(
            json.dumps({"jsonrpc": "2.0", "id": request_id, "method": f"{client.space}.ping", "params": {}})
        )
        assert client.read()["error"] == {"code": -32600, "message": "id must be a string that is not empty"}
    for expected in ("result", "error"):
        client.send_text(json.dumps({"jsonrpc": "2.0", "id": "same", "method": f"{client.space}.ping", "params": {}}))
        assert expected in client.read()


def test_strict_wants_json_rpc_2_and_no_unknown_field(client: RawClient) -> None:
    client.send_text(json.dumps({"id": "a", "method": f"{client.space}.ping", "params": {}}))
    assert client.read()["error"]["code"] == -32600
    assert client.ask(f"{client.space}.ping", {"colour": "red"})["error"]["code"] == -32602
    assert client.ask(f"{client.space}.ping", [])["error"]["code"] == -32602


def test_without_strict_such_things_pass(connect: Connect) -> None:
    with Emulator(strict=False) as relay:
        client = connect(relay)
        for request_id in (7, 7):
            client.send_text(
                json.dumps({"id": request_id, "method": f"{client.space}.ping", "params": {"colour": "red"}})
            )
            assert client.read()["result"] == {"colour": "red"}
        client.send_text(json.dumps({"id": "b", "method": 12}))
        assert client.read()["error"]["code"] == -32600


def test_a_frame_that_breaks_the_emulator_does_not_break_the_connection(
    relay: Emulator,
    client: RawClient,
    dialect: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(f"relay_sync.emulator.{dialect}.carry_out", lambda *_: 1 // 0)
    client.send(f"{client.space}.ping", {})
    relay.wait_for(lambda _: "failed to deal with a frame" in caplog.text)
    monkeypatch.undo()
    assert client.ping() == {}


def test_an_unknown_method_is_refused_by_a_json_rpc_error(client: RawClient) -> None:
    assert client.ask(f"{client.space}.levitate", {})["error"]["code"] == -32601
    error = client.command("calling.levitate", {})
    assert error["code"] == -32601
    assert "calling.levitate" in error["message"]
    nodes = {"requester_nodeid", "responder_nodeid"} if client.space == "blade" else set()
    assert set(error) == {"code", "message"} | nodes


@pytest.mark.parametrize("closes", [False, True])
def test_a_refused_login_closes_the_socket_only_if_assumed(connect: Connect, closes: bool) -> None:
    with Emulator(assumptions=Assumptions(close_refused_login=closes)) as relay:
        client = connect(relay, ready=False)
        assert client.ask(client.opening, login(token="PT-wrong"))["error"]["code"] == -32002
        if closes:
            relay.wait_for(lambda relay: relay.connections == 0)
        else:
            assert client.connect()
