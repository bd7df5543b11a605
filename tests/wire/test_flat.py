from __future__ import annotations

import json
from typing import Any

import pytest

from relay_sync.wire.dialect import Dialect
from relay_sync.wire.events import TASKS, Answer, Answered, Dropped, GoAway, Happened, Ready, Refused, RelayEvent
from relay_sync.wire.flat import Flat
from relay_sync.wire.jsonrpc import Failure, Success
from tests.wire.support import FLAT_PROTOCOL as PROTOCOL
from tests.wire.support import INTERVAL, LIMIT, FlatTable

OK = Answer(True, "200", "OK", {"code": "200", "message": "OK"})
PLAYING = {"event_type": "calling.call.play", "timestamp": 1767225600.25, "params": {"state": "playing"}}
HEARD = Happened(RelayEvent("calling.call.play", {"state": "playing"}, 1767225600.25, None))


@pytest.fixture
def table() -> FlatTable:
    return FlatTable()


@pytest.fixture
def ready(table: FlatTable) -> FlatTable:
    table.ready()
    return table


# The handshake


def test_flat_is_a_dialect_that_lacks_nothing() -> None:
    dialect: Dialect = Flat(project="p", token="t", agent="a")
    assert dialect.session_id is dialect.protocol is dialect.signature is dialect.node_id is None
    assert (dialect.name, dialect.lacks) == ("flat", frozenset())


def test_the_whole_handshake_is_said_as_the_reference_has_it(table: FlatTable) -> None:
    table.session.add_contexts(["office", "home"])
    connect = table.open()
    assert connect == {
        "id": connect["id"],
        "method": "signalwire.connect",
        "params": {
            "version": {"major": 2, "minor": 0, "revision": 0},
            "agent": "relay_sync/0",
            "event_acks": True,
            "authentication": {"project": "proj-1", "token": "PTsecret"},
            "contexts": ["office", "home"],
        },
    }
    assert table.connected(connect["id"]) == [Ready(False, None)]
    assert table.session.ready
    assert table.sent() == []


def test_without_contexts_none_are_sent(table: FlatTable) -> None:
    assert "contexts" not in table.open()["params"]


def test_contexts_go_with_every_handshake(table: FlatTable) -> None:
    table.session.add_contexts(["office"])
    table.ready()
    table.session.add_contexts(["sales"])  # at run time: its own command registered it
    table.session.remove_contexts(["office"])
    table.lose()
    assert table.open()["params"]["contexts"] == ["sales"]


def test_attributes_are_those_of_the_reply(table: FlatTable) -> None:
    table.ready(sessionid="sess-1", nodeid="rn-1")
    flat = table.flat
    assert (flat.session_id, flat.protocol, flat.signature, flat.node_id) == ("sess-1", PROTOCOL, "sig1", "rn-1")


@pytest.mark.parametrize(
    "changed", [{}, {"authorization": None}, {"authorization": {"jti": "j"}}, {"sessionid": 5, "nodeid": ""}]
)
def test_a_sparse_reply_will_do(table: FlatTable, changed: dict[str, Any]) -> None:
    assert table.ready(**changed) == Ready(False, None)
    assert table.flat.session_id is table.flat.node_id is None


@pytest.mark.parametrize("protocol", [None, "", 5])
def test_a_reply_without_a_protocol_is_a_refusal(table: FlatTable, protocol: object) -> None:
    (refused,) = table.connected(table.open()["id"], protocol=protocol)
    why = "signalwire.connect was answered without a protocol"
    assert refused == Refused(Answer(False, None, why, {}), False)


@pytest.mark.parametrize(
    ("code", "credentials"),
    [(-32002, True), ("401", True), (403, True), (-32003, False), (-32601, False), (500, False)],
)
def test_a_handshake_can_be_refused(table: FlatTable, code: int | str, credentials: bool) -> None:
    outcomes = table.refuse(table.open()["id"], code, "no entry")
    assert outcomes == [Refused(Answer(False, str(code), "no entry", {}), credentials)]
    assert table.sent() == []


def test_a_jwt_takes_the_place_of_project_and_token() -> None:
    with_project = FlatTable(token="", jwt_token="JWT-1")
    assert with_project.open()["params"]["authentication"] == {"project": "proj-1", "jwt_token": "JWT-1"}
    table = FlatTable(project="", token="", jwt_token="JWT-1")
    assert table.open()["params"]["authentication"] == {"jwt_token": "JWT-1"}
    table.flat.renew("JWT-2")
    assert table.open()["params"]["authentication"] == {"jwt_token": "JWT-2"}


def test_no_secret_shows_in_a_repr(table: FlatTable) -> None:
    table.ready()
    table.state("b64data:b64tag")
    assert repr(table.flat) == f"<Flat protocol='{PROTOCOL}'>"
    assert "PTsecret" not in repr(table.session)
    assert "b64data" not in repr(table.session)


# Resuming


def test_a_session_is_resumed_by_its_protocol_and_the_newest_state(ready: FlatTable) -> None:
    assert ready.state("b64data:old") == []
    assert ready.state("b64data:new", "evt-t") == []
    assert [frame["id"] for frame in ready.sent()] == ["evt-s", "evt-t"]
    ready.lose()
    connect = ready.open()
    assert connect["params"]["protocol"] == PROTOCOL
    assert connect["params"]["authorization_state"] == "b64data:new"
    assert connect["params"]["authentication"] == {"project": "proj-1", "token": "PTsecret"}
    assert ready.connected(connect["id"]) == [Ready(True, None)]


def test_without_a_state_the_protocol_goes_alone(ready: FlatTable) -> None:
    ready.lose()
    params = ready.open()["params"]
    assert (params["protocol"], "authorization_state" in params) == (PROTOCOL, False)


def test_restored_means_that_the_protocol_came_back(ready: FlatTable) -> None:
    ready.state("old")
    ready.lose()
    assert ready.ready(protocol="signalwire_sig1_new", session_restored=True) == Ready(False, None)
    ready.lose()
    params = ready.open()["params"]
    assert (params["protocol"], "authorization_state" in params) == ("signalwire_sig1_new", False)


def test_a_state_that_comes_before_the_reply_is_the_new_session_s(ready: FlatTable) -> None:
    ready.state("old")
    ready.lose()
    ident = ready.open()["id"]
    ready.state("new", "evt-u")
    ready.sent()
    assert ready.connected(ident, protocol="signalwire_sig1_new") == [Ready(False, None)]
    ready.lose()
    assert ready.open()["params"]["authorization_state"] == "new"


@pytest.mark.parametrize("code", [-32003, "-32003", 404, "410"])
def test_what_is_stale_is_left_out_of_a_second_try(ready: FlatTable, code: int | str) -> None:
    ready.state("old")
    ready.lose()
    assert ready.refuse(ready.open()["id"], code) == []
    again = ready.take()
    assert again["method"] == "signalwire.connect"
    assert not {"protocol", "authorization_state"} & set(again["params"])
    assert ready.connected(again["id"]) == [Ready(False, None)]  # even with the old protocol: it was not asked for


def test_there_is_no_third_try(ready: FlatTable) -> None:
    ready.lose()
    ready.refuse(ready.open()["id"], -32003)
    assert ready.refuse(ready.take()["id"], -32003) == [Refused(Answer(False, "-32003", "no", {}), False)]
    assert ready.sent() == []


def test_a_second_try_that_breaks_resumes_nothing(ready: FlatTable) -> None:
    ready.lose()
    ready.refuse(ready.open()["id"], -32003)
    ready.lose()
    assert ready.ready() == Ready(False, None)


@pytest.mark.parametrize("code", [-32602, -32002, "AUTH"])
def test_another_refusal_ends_the_session_without_a_second_try(ready: FlatTable, code: int | str) -> None:
    ready.lose()
    assert isinstance(ready.refuse(ready.open()["id"], code)[0], Refused)
    assert ready.sent() == []
    assert "protocol" not in ready.open()["params"]


@pytest.mark.parametrize("code", [-32000, 500, "503", 429])
def test_a_passing_refusal_leaves_the_session_to_be_resumed(ready: FlatTable, code: int | str) -> None:
    ready.lose()
    assert isinstance(ready.refuse(ready.open()["id"], code)[0], Refused)
    assert ready.ready() == Ready(True, None)


def test_a_forgotten_session_is_not_resumed(ready: FlatTable) -> None:
    ready.state("old")
    ready.lose()
    ready.session.forget_session()
    assert not {"protocol", "authorization_state"} & set(ready.open()["params"])


@pytest.mark.parametrize(
    ("params", "restart"),
    [({"restart": True}, True), ({"restart": False}, False), ({}, False), ({"restart": "x"}, False)],
)
def test_a_farewell_is_answered_and_with_restart_ends_the_session(
    ready: FlatTable, params: dict[str, Any], restart: bool
) -> None:
    ready.state("old")
    ready.sent()
    assert ready.say(id="srv-3", method="signalwire.disconnect", params=params) == [GoAway(restart)]
    assert ready.take() == {"id": "srv-3", "result": {}}
    ready.lose()
    resumes = {"protocol", "authorization_state"} & set(ready.open()["params"])
    assert resumes == (set() if restart else {"protocol", "authorization_state"})


# Commands


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("calling.play", {"call_id": "call-A1"}),
        ("calling.dial", {"tag": "tag-1", "devices": [[{"type": "phone", "params": {}}]]}),
        ("signalwire.receive", {"contexts": ["sales"]}),
        ("signalwire.unreceive", {"contexts": ["sales"]}),
        ("signalwire.reauthenticate", {"authentication": {"jwt_token": "JWT-2"}}),
    ],
)
def test_a_command_goes_as_it_is(ready: FlatTable, method: str, params: dict[str, Any]) -> None:
    ident, frame = ready.ask(method, "t", **params)
    assert frame == {"jsonrpc": "2.0", "id": ident, "method": method, "params": params}
    assert ready.accept(ident, code="200", message="OK") == [Answered("t", OK)]


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (Success("id", {"code": "201", "message": "Playing"}), (True, "201", "Playing")),
        (Success("id", {"code": 404}), (False, "404", "")),
        (Success("id", {"authorization": {}}), (True, None, "")),
        (Success("id", [1]), (False, None, "Relay's answer is not an object but list")),
        (Failure("id", -32601, "unknown"), (False, "-32601", "unknown")),
    ],
)
def test_an_answer_is_what_the_reply_says(reply: Success | Failure, answer: tuple[bool, str | None, str]) -> None:
    found = Flat(project="p", token="t", agent="a").answer(reply, "calling.play")
    assert (found.ok, found.code, found.message) == answer


def test_our_ping_tells_the_time_of_day(ready: FlatTable) -> None:
    ready.session.tick(ready.now + INTERVAL)
    ping = ready.take()
    assert (ping["method"], ping["params"]) == ("signalwire.ping", {"timestamp": 1767225605.0})
    assert ready.accept(ping["id"], timestamp=1767225605.0) == []


# What the server says unasked


def test_an_event_is_acknowledged_once_and_told(ready: FlatTable) -> None:
    assert ready.event(PLAYING, "evt-501") == [HEARD]
    assert ready.take() == {"id": "evt-501", "result": {}}
    assert ready.sent() == []


@pytest.mark.parametrize("event", [None, [], {}, {"event_type": 5}, {"event_type": "e", "params": "x"}])
def test_a_malformed_event_is_acknowledged_and_dropped(ready: FlatTable, event: object) -> None:
    (dropped,) = ready.event(event)
    assert isinstance(dropped, Dropped)
    assert dropped.kind == "malformed event"
    assert ready.take() == {"id": "evt-1", "result": {}}


@pytest.mark.parametrize("inner", [None, "x", {}, {"authorization_state": 5}, {"authorization_state": ""}])
def test_a_malformed_state_is_acknowledged_and_dropped(ready: FlatTable, inner: object) -> None:
    ready.state("good")
    ready.sent()
    event = {"event_type": "signalwire.authorization.state", "params": inner}
    assert ready.event(event) == [Dropped("malformed event", "of type signalwire.authorization.state")]
    assert ready.take() == {"id": "evt-1", "result": {}}
    ready.lose()
    assert ready.open()["params"]["authorization_state"] == "good"


def test_an_event_without_an_id_is_told_and_not_acknowledged(ready: FlatTable) -> None:
    for _ in range(2):
        assert ready.say(method="signalwire.event", params=PLAYING) == [HEARD]
    assert ready.sent() == []


def test_an_event_that_is_delivered_again_is_acknowledged_again_and_told_once(ready: FlatTable) -> None:
    assert ready.event(PLAYING) == [HEARD]
    ready.lose()
    ready.ready()
    assert ready.event(PLAYING) == [Dropped("repeated event", "of type calling.call.play")]
    assert ready.take() == {"id": "evt-1", "result": {}}


def test_an_id_may_be_used_again_for_another_event(ready: FlatTable) -> None:
    paused = {**PLAYING, "params": {"state": "paused"}}
    kinds = [type(ready.event(event)[0]) for event in (PLAYING, paused, PLAYING)]
    assert kinds == [Happened, Happened, Happened]


def test_few_events_are_remembered(ready: FlatTable) -> None:
    for number in range(1000):
        ready.event(PLAYING, f"evt-{number}")
    assert len(ready.flat._heard) == 64
    assert isinstance(ready.event(PLAYING, "evt-999")[0], Dropped)
    assert ready.event(PLAYING, "evt-0") == [HEARD]


def test_a_task_arrives_as_the_object_it_is(ready: FlatTable) -> None:
    task = {"event_type": TASKS, "context": "office", "message": {"action": "call"}, "timestamp": 1767225600}
    assert ready.event(task) == [Happened(RelayEvent(TASKS, task, 1767225600.0, "office"))]


def test_a_message_s_context_is_that_of_the_outer_level(ready: FlatTable) -> None:
    event = {"event_type": "messaging.receive", "context": "office", "params": {"message_id": "msg-2"}}
    assert ready.event(event) == [Happened(RelayEvent("messaging.receive", {"message_id": "msg-2"}, None, "office"))]


def test_missed_events_are_delivered_during_the_handshake_that_resumes(ready: FlatTable) -> None:
    ready.lose()
    ready.open()
    assert ready.event(PLAYING) == [HEARD]


@pytest.mark.parametrize(
    ("params", "echo"),
    [
        ({"params": {"timestamp": 1767225610.5, "payload": "x"}}, {"timestamp": 1767225610.5, "payload": "x"}),
        ({"params": {"timestamp": 5, "other": 1}}, {"timestamp": 5}),
        ({}, {}),
    ],
)
def test_a_ping_is_answered_with_its_own_timestamp(
    ready: FlatTable, params: dict[str, Any], echo: dict[str, Any]
) -> None:
    """Defect 86."""
    assert ready.say(id="srv-4", method="signalwire.ping", **params) == []
    assert ready.take() == {"id": "srv-4", "result": echo}


def test_an_unknown_request_is_refused_and_dropped(ready: FlatTable) -> None:
    assert ready.say(id="srv-5", method="blade.broadcast") == [Dropped("unknown method", "blade.broadcast")]
    refusal = ready.take()
    assert (refusal["id"], refusal["error"]["code"]) == ("srv-5", -32601)


def test_frames_go_out_in_order_and_once(table: FlatTable) -> None:
    table.session.open(table.now, LIMIT)
    table.say(id="srv-1", method="signalwire.ping", params={"timestamp": 1})
    table.say(id="srv-2", method="signalwire.sing")
    frames = [json.loads(text) for text in table.session.outgoing()]
    assert [frame.get("method", frame["id"]) for frame in frames] == ["signalwire.connect", "srv-1", "srv-2"]
    assert table.session.outgoing() == []
