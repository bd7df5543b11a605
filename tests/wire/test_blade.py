from __future__ import annotations

from typing import Any

import pytest

from relay_sync.wire.blade import Blade
from relay_sync.wire.dialect import Dialect
from relay_sync.wire.events import TASKS, Answer, Answered, Dropped, GoAway, Happened, Ready, Refused, RelayEvent
from relay_sync.wire.jsonrpc import Failure, Success
from relay_sync.wire.session import Session
from tests.wire.support import INTERVAL, PROTOCOL, TIMEOUT, Table


@pytest.fixture
def table() -> Table:
    return Table()


def blade_of(table: Table) -> Blade:
    assert isinstance(table.session.dialect, Blade)
    return table.session.dialect


# The handshake


def test_blade_is_a_dialect() -> None:
    dialect: Dialect = Blade(project="p", token="t", agent="a")
    assert dialect.session_id is dialect.protocol is dialect.signature is dialect.node_id is None


def test_the_repr_is_one_line_without_secrets(table: Table) -> None:
    assert repr(table.session.dialect) == "<Blade session_id=None protocol=None>"
    assert "PTsecret" not in repr(table.session)


def test_the_whole_handshake_is_said_as_the_reference_has_it(table: Table) -> None:
    table.session.add_contexts(["office", "home"])
    connect = table.open()
    assert connect.pop("id")
    assert connect == {
        "method": "blade.connect",
        "params": {
            "version": {"major": 2, "minor": 3, "revision": 0},
            "authentication": {"project": "proj-1", "token": "PTsecret"},
            "agent": "relay_sync/0",
        },
    }
    setup = table.to_setup()
    assert setup["method"] == "blade.execute"
    assert setup["params"] == {"protocol": "signalwire", "method": "setup", "params": {}}
    assert table.accept_inner(setup["id"], protocol=PROTOCOL) == []
    subscription = table.take()
    assert subscription["method"] == "blade.subscription"
    assert subscription["params"] == {"command": "add", "protocol": PROTOCOL, "channels": ["notifications"]}
    assert table.subscribed(subscription["id"]) == []
    receive = table.take()
    assert receive["method"] == "blade.execute"
    assert receive["params"] == {
        "protocol": PROTOCOL,
        "method": "signalwire.receive",
        "params": {"contexts": ["office", "home"]},
    }
    assert table.accept_inner(receive["id"], code="200", message="Receiving") == [Ready(False, None)]
    assert table.sent() == []


def test_without_contexts_the_subscription_makes_ready(table: Table) -> None:
    assert table.subscribed(table.to_subscription()["id"]) == [Ready(False, None)]
    assert table.session.ready


def test_attributes_are_those_of_the_replies(table: Table) -> None:
    table.make_ready()
    blade = blade_of(table)
    assert (blade.session_id, blade.protocol, blade.signature, blade.node_id) == ("sess-1", PROTOCOL, "sig1", "rn-1")


def test_contexts_added_during_the_handshake_go_with_it(table: Table) -> None:
    subscription = table.to_subscription()
    table.session.add_contexts(["late"])
    assert table.subscribed(subscription["id"]) == []
    assert table.take()["params"]["params"] == {"contexts": ["late"]}


@pytest.mark.parametrize("reply", [{"code": "402", "message": "Payment required"}, {"code": 402}])
def test_a_refusal_of_the_contexts_is_reported_and_not_fatal(table: Table, reply: dict[str, Any]) -> None:
    table.session.add_contexts(["office"])
    table.subscribed(table.to_subscription()["id"])
    refusal = Answer(False, "402", reply.get("message", ""), reply)
    assert table.accept_inner(table.take()["id"], **reply) == [Ready(False, refusal)]
    assert table.session.ready


def test_an_error_reply_to_the_contexts_is_not_fatal(table: Table) -> None:
    table.session.add_contexts(["office"])
    table.subscribed(table.to_subscription()["id"])
    assert table.refuse(table.take()["id"], -32601, "what?") == [Ready(False, Answer(False, "-32601", "what?", {}))]


@pytest.mark.parametrize(
    ("code", "credentials"), [(-32002, True), ("-32002", True), (401, True), (403, True), (-32003, False), (500, False)]
)
@pytest.mark.parametrize("step", ["connect", "setup", "subscription"])
def test_each_step_can_be_refused(table: Table, step: str, code: int | str, credentials: bool) -> None:
    steps = {"connect": table.open, "setup": table.to_setup, "subscription": table.to_subscription}
    outcomes = table.refuse(steps[step]()["id"], code, "no entry")
    assert outcomes == [Refused(Answer(False, str(code), "no entry", {}), credentials)]
    assert not table.session.ready
    assert table.sent() == []
    assert table.session.next_timer() is None


@pytest.mark.parametrize("result", [[], None, "ok", 1])
@pytest.mark.parametrize("step", ["connect", "setup", "subscription"])
def test_a_step_answered_with_no_object_is_a_refusal(table: Table, step: str, result: object) -> None:
    steps = {"connect": table.open, "setup": table.to_setup, "subscription": table.to_subscription}
    (refused,) = table.say(id=steps[step]()["id"], result=result)
    assert isinstance(refused, Refused)
    assert not refused.credentials
    assert "not an object" in refused.answer.message


@pytest.mark.parametrize("inner", [{}, {"protocol": None}, {"protocol": ""}, {"protocol": 5}])
def test_a_setup_without_a_protocol_is_a_refusal(table: Table, inner: dict[str, Any]) -> None:
    (refused,) = table.accept_inner(table.to_setup()["id"], **inner)
    assert refused == Refused(Answer(False, None, "setup was answered without a protocol", {}), False)


def test_a_setup_with_a_code_that_says_no_is_a_refusal(table: Table) -> None:
    (refused,) = table.accept_inner(table.to_setup()["id"], code="500", protocol=PROTOCOL)
    assert isinstance(refused, Refused)
    assert refused.answer.code == "500"


def test_a_subscription_that_failed_for_our_channel_is_a_refusal(table: Table) -> None:
    outcomes = table.accept(table.to_subscription()["id"], subscribe_channels=[], failed_channels=["notifications"])
    (refused,) = outcomes
    assert isinstance(refused, Refused)
    assert "notifications" in refused.answer.message


@pytest.mark.parametrize("failed", [None, "notifications", ["other"], {}])
def test_a_subscription_whose_failures_do_not_concern_us_is_accepted(table: Table, failed: object) -> None:
    assert table.accept(table.to_subscription()["id"], failed_channels=failed) == [Ready(False, None)]


@pytest.mark.parametrize(
    "changed",
    [
        {"sessionid": None, "nodeid": 5, "authorization": None},
        {"sessionid": "", "nodeid": [], "authorization": []},
        {"authorization": {"signature": 5}},
    ],
)
def test_a_sparse_connect_reply_will_do(table: Table, changed: dict[str, Any]) -> None:
    assert not table.make_ready(**changed).restored
    assert blade_of(table).signature is None


# Resuming


def test_a_session_is_resumed_by_its_id_and_its_protocol(table: Table) -> None:
    table.make_ready()
    table.lose()
    connect = table.open()
    assert connect["params"]["sessionid"] == "sess-1"
    assert "session_id" not in connect["params"]
    table.connected(connect["id"], session_restored=True)
    setup = table.take()
    assert setup["params"] == {"protocol": "signalwire", "method": "setup", "params": {"protocol": PROTOCOL}}
    table.accept_inner(setup["id"], protocol=PROTOCOL)
    assert table.subscribed(table.take()["id"]) == [Ready(True, None)]


@pytest.mark.parametrize(
    ("restored", "protocol", "expected"),
    [
        (True, PROTOCOL, True),
        (False, PROTOCOL, False),
        (True, "signalwire_sig1_new", False),
        (None, PROTOCOL, False),
        ("true", PROTOCOL, False),
    ],
)
def test_restored_means_same_session_and_same_protocol(
    table: Table, restored: object, protocol: str, expected: bool
) -> None:
    assert not table.make_ready().restored
    table.lose()
    assert table.make_ready(protocol, session_restored=restored).restored is expected
    assert blade_of(table).protocol == protocol


def test_a_first_session_is_never_a_restored_one(table: Table) -> None:
    assert not table.make_ready(session_restored=True).restored


@pytest.mark.parametrize("authorization", [{"signature": "sig2"}, {}, None])
def test_a_protocol_of_another_signature_is_not_sent(table: Table, authorization: object) -> None:
    table.make_ready()
    table.lose()
    setup = table.to_setup(session_restored=True, authorization=authorization)
    assert setup["params"]["params"] == {}
    table.accept_inner(setup["id"], protocol=PROTOCOL)
    assert table.subscribed(table.take()["id"]) == [Ready(False, None)]


def test_a_session_lost_in_a_broken_handshake_is_not_restored_by_the_next_one(table: Table) -> None:
    table.make_ready()
    table.lose()
    table.to_setup(session_restored=False, sessionid="sess-2")  # the calls of sess-1 are gone; and then this breaks
    table.lose()
    assert table.open()["params"]["sessionid"] == "sess-2"
    assert not table.make_ready(session_restored=True, sessionid="sess-2").restored
    table.lose()
    assert table.make_ready(session_restored=True, sessionid="sess-2").restored


def test_a_session_survives_a_handshake_that_broke_after_restoring_it(table: Table) -> None:
    table.make_ready()
    table.lose()
    table.to_subscription(session_restored=True)
    table.lose()
    assert table.make_ready(session_restored=True).restored


def test_a_protocol_lost_in_a_broken_handshake_is_not_restored_by_the_next_one(table: Table) -> None:
    table.make_ready()
    table.lose()
    table.to_subscription("signalwire_sig1_new", session_restored=True)
    table.lose()
    assert not table.make_ready("signalwire_sig1_new", session_restored=True).restored


@pytest.mark.parametrize("code", [-32003, -32602, 404, "AUTH"])
@pytest.mark.parametrize("step", ["connect", "setup"])
def test_a_refused_resume_is_not_tried_again(table: Table, step: str, code: int | str) -> None:
    table.make_ready()
    table.lose()
    frame = table.open() if step == "connect" else table.to_setup(session_restored=True)
    assert isinstance(table.refuse(frame["id"], code)[0], Refused)
    assert "sessionid" not in table.open()["params"]
    assert not table.make_ready(session_restored=True).restored


@pytest.mark.parametrize("code", [-32000, 500, "503", 429])
def test_a_passing_refusal_leaves_the_session_to_be_resumed(table: Table, code: int | str) -> None:
    table.make_ready()
    table.lose()
    assert isinstance(table.refuse(table.open()["id"], code)[0], Refused)
    assert table.make_ready(session_restored=True).restored


def test_a_forgotten_session_is_not_resumed(table: Table) -> None:
    table.session.add_contexts(["office"])
    table.make_ready()
    table.lose()
    table.session.forget_session()
    assert "sessionid" not in table.open()["params"]
    assert table.to_setup(session_restored=True)["params"]["params"] == {}
    assert table.session.contexts == ("office",)


def test_contexts_are_registered_again_in_each_handshake(table: Table) -> None:
    table.session.add_contexts(["office"])
    table.make_ready()
    table.session.add_contexts(["sales"])  # at run time: its own command registered it
    table.lose()
    table.subscribed(table.to_subscription(session_restored=True)["id"])
    assert table.take()["params"]["params"] == {"contexts": ["office", "sales"]}


# Commands


def test_a_command_is_wrapped_with_the_protocol_of_the_moment(table: Table) -> None:
    table.make_ready()
    _, frame = table.ask("calling.play", "t", call_id="call-A1")
    assert frame["method"] == "blade.execute"
    assert frame["params"] == {"protocol": PROTOCOL, "method": "calling.play", "params": {"call_id": "call-A1"}}
    table.lose()
    table.make_ready("signalwire_sig1_new")
    _, frame = table.ask("calling.play", "t")
    assert frame["params"]["protocol"] == "signalwire_sig1_new"


DEVICE = {"type": "phone", "params": {"from_number": "+15550100001", "to_number": "+15550100003"}}
OTHER = {"type": "sip", "params": {"from": "sip:me@a.example", "to": "sip:you@b.example"}}


def test_one_device_is_dialled_by_begin(table: Table) -> None:
    table.make_ready()
    params = {"tag": "tag-1", "devices": [[DEVICE]], "region": "us", "max_duration": 5}
    _, frame = table.ask("calling.dial", "t", **params)
    assert frame["params"]["method"] == "calling.begin"
    assert frame["params"]["params"] == {"tag": "tag-1", "device": DEVICE, "region": "us", "max_duration": 5}
    assert params["devices"] == [[DEVICE]]


@pytest.mark.parametrize("devices", [[[DEVICE, OTHER]], [[DEVICE], [OTHER]], [], [[]], "x", None])
def test_any_other_dial_stays_a_dial(table: Table, devices: object) -> None:
    table.make_ready()
    _, frame = table.ask("calling.dial", "t", tag="tag-1", devices=devices)
    assert frame["params"]["method"] == "calling.dial"
    assert frame["params"]["params"] == {"tag": "tag-1", "devices": devices}


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        ({"result": {"code": "200", "message": "Playing"}}, Answer(True, "200", "Playing", {})),
        ({"result": {"code": 404}}, Answer(False, "404", "", {})),
        ({"result": {"protocol": "p"}}, Answer(True, None, "", {})),
        ({}, Answer(False, None, "Relay's answer is not an object but None", {})),
        ({"result": [1]}, Answer(False, None, "Relay's answer is not an object but list", {})),
        ([1], Answer(False, None, "Relay's answer is not an object but list", {})),
    ],
)
def test_an_answer_is_taken_out_of_its_wrapping(result: Any, answer: Answer) -> None:
    unwrapped = Blade(project="p", token="t", agent="a").answer(Success("id", result), "calling.play")
    assert (unwrapped.ok, unwrapped.code, unwrapped.message) == (answer.ok, answer.code, answer.message)
    assert unwrapped.result == (result["result"] if "code" in unwrapped.result or unwrapped.ok else {})


def test_an_error_reply_is_a_refusal() -> None:
    answer = Blade(project="p", token="t", agent="a").answer(Failure("id", -32601, "unknown"), "calling.play")
    assert answer == Answer(False, "-32601", "unknown", {})


# Credentials


def test_a_jwt_takes_the_place_of_the_token() -> None:
    blade = Blade(project="proj-1", token="", jwt_token="JWT-1", agent="relay_sync/0")
    table = Table(Session(blade, ping_interval=INTERVAL, ping_timeout=TIMEOUT))
    assert table.open()["params"]["authentication"] == {"project": "proj-1", "jwt_token": "JWT-1"}
    blade.renew("JWT-2")
    assert table.open()["params"]["authentication"] == {"project": "proj-1", "jwt_token": "JWT-2"}


def test_another_jwt_is_shown_with_a_request_that_is_not_wrapped(table: Table) -> None:
    table.make_ready()
    shown = {"authentication": {"project": "proj-1", "jwt_token": "JWT-2"}}
    ident, frame = table.ask("signalwire.reauthenticate", "t", **shown)
    assert (frame["method"], frame["params"]) == ("blade.reauthenticate", {"sessionid": "sess-1", **shown})
    result = {"authorization": {"expires_at": 1767229200}}
    assert table.accept(ident, **result) == [Answered("t", Answer(True, None, "", result))]


def test_leaving_a_context_is_what_this_dialect_lacks(table: Table) -> None:
    assert (blade_of(table).name, blade_of(table).lacks) == ("blade", {"signalwire.unreceive"})


# What the server says unasked


def test_a_broadcast_of_our_protocol_is_an_event(table: Table) -> None:
    table.make_ready()
    event = {"event_type": "calling.call.play", "timestamp": 1767225600.25, "params": {"state": "playing"}}
    expected = RelayEvent("calling.call.play", {"state": "playing"}, 1767225600.25, None)
    assert table.broadcast(event) == [Happened(expected)]
    assert table.sent() == []


@pytest.mark.parametrize("protocol", ["signalwire_sig1_old", None, 5, {"deep": []}])
def test_a_broadcast_of_another_protocol_is_dropped(table: Table, protocol: object) -> None:
    table.make_ready()
    (dropped,) = table.broadcast({"event_type": "e", "params": {}}, protocol=protocol)
    assert isinstance(dropped, Dropped)
    assert dropped.kind == "event of another protocol"


@pytest.mark.parametrize("protocol", [None, PROTOCOL])
def test_a_broadcast_before_there_is_a_protocol_is_dropped(table: Table, protocol: object) -> None:
    table.open()
    (dropped,) = table.broadcast({"event_type": "e", "params": {}}, protocol=protocol)
    assert isinstance(dropped, Dropped)


@pytest.mark.parametrize("event", [None, [], {}, {"event_type": 5}, {"event_type": "e", "params": "x"}])
def test_a_malformed_broadcast_is_dropped(table: Table, event: object) -> None:
    table.make_ready()
    assert table.broadcast(event) == [Dropped("malformed event", "in the queue queuing.relay.events")]


def test_a_task_arrives_as_the_object_it_is(table: Table) -> None:
    table.make_ready()
    task = {"context": "office", "message": {"action": "call"}, "timestamp": 1767225600}
    assert table.broadcast(task, queue=TASKS) == [Happened(RelayEvent(TASKS, task, 1767225600.0, "office"))]


def test_missed_events_are_delivered_during_the_handshake_that_resumes(table: Table) -> None:
    table.make_ready()
    table.lose()
    event = {"event_type": "calling.call.play", "params": {"state": "finished"}}
    for reached in (table.open, table.to_setup, table.to_subscription):
        reached()
        assert table.broadcast(event) == [Happened(RelayEvent("calling.call.play", {"state": "finished"}, None, None))]


@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.parametrize(
    ("params", "echo"),
    [
        ({"params": {"timestamp": 1767225610.5, "payload": "x"}}, {"timestamp": 1767225610.5, "payload": "x"}),
        ({"params": {"timestamp": 5, "other": 1}}, {"timestamp": 5}),
        ({"params": {}}, {}),
        ({}, {}),
    ],
)
def test_a_ping_is_answered_with_its_own_timestamp_and_payload(
    table: Table, params: dict[str, Any], echo: dict[str, Any], ready: bool
) -> None:
    if ready:
        table.make_ready()
    else:
        table.open()
    assert table.say(id="srv-1", method="blade.ping", **params) == []
    assert table.take() == {"id": "srv-1", "result": echo}


def test_a_ping_that_cannot_be_echoed_is_answered_all_the_same(table: Table) -> None:
    table.make_ready()
    assert table.session.receive('{"id":"srv-1","method":"blade.ping","params":{"timestamp":1e999}}', table.now) == []
    assert table.take() == {"id": "srv-1", "result": {}}


def test_a_request_with_a_number_for_an_id_is_answered_with_that_number(table: Table) -> None:
    table.make_ready()
    table.say(id=17, method="blade.ping")
    assert table.take() == {"id": 17, "result": {}}


def test_a_request_without_an_id_is_heard_and_not_answered(table: Table) -> None:
    table.make_ready()
    assert table.say(method="blade.ping") == []
    assert table.sent() == []


def test_a_farewell_is_answered_and_told(table: Table) -> None:
    table.make_ready()
    assert table.say(id="srv-2", method="blade.disconnect") == [GoAway(restart=False)]
    assert table.take() == {"id": "srv-2", "result": {}}


def test_after_a_farewell_the_session_is_resumed(table: Table) -> None:
    table.make_ready()
    table.say(id="srv-2", method="blade.disconnect", params={})
    table.lose()
    assert table.make_ready(session_restored=True).restored


def test_routing_news_are_ignored(table: Table) -> None:
    table.make_ready()
    params = {"netcaster_nodeid": "rn-3", "command": "protocol.add", "params": {}}
    assert table.say(id="srv-3", method="blade.netcast", params=params) == []
    assert table.sent() == []


def test_an_unknown_request_is_refused_and_dropped(table: Table) -> None:
    table.make_ready()
    assert table.say(id="srv-4", method="blade.sing", params={}) == [Dropped("unknown method", "blade.sing")]
    refusal = table.take()
    assert (refusal["id"], refusal["error"]["code"]) == ("srv-4", -32601)
