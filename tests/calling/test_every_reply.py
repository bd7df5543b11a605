"""Every command that is done once Relay has answered: one table, one row for each."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from typing import Any

import pytest

from relay_sync import Call, CommandRefused, ConferenceResult, ConnectionLost, NotConnected, RelayTimeout, ReplyResult
from tests.stage import Stage
from tests.support import Running, in_thread, until

Fields = dict[str, Any]


@dataclass(frozen=True)
class Command:
    """One row: a method of ``Call``, what to give it, and what goes on the wire.

    ``elsewhere``: it names something else too, so that what Relay does not find may be that, not the call.
    """

    verb: str
    arguments: tuple[Any, ...]
    method: str
    sent: Fields = field(default_factory=dict)
    keywords: Fields = field(default_factory=dict)
    elsewhere: bool = False

    def __str__(self) -> str:
        return self.verb

    def run(self, call: Call, **more: Any) -> ReplyResult:
        result = getattr(call, self.verb)(*self.arguments, **self.keywords, **more)
        assert isinstance(result, ReplyResult)
        return result


SAY = {"play": [{"type": "tts", "params": {"text": "Star one"}}]}
COMMANDS = [
    Command("hold", (), "calling.hold"),
    Command("unhold", (), "calling.unhold"),
    Command("denoise", (), "calling.denoise"),
    Command("denoise_stop", (), "calling.denoise.stop"),
    Command("echo", (30, "https://app.example/e"), "calling.echo",
            {"timeout": 30, "status_url": "https://app.example/e"}),
    Command("join_conference", ("room-1",), "calling.join_conference",
            {"name": "room-1", "muted": False, "beep": "onEnter", "max_participants": 10, "stream": {"url": "wss://x"}},
            {"muted": False, "beep": "onEnter", "max_participants": 10, "stream_obj": {"url": "wss://x"}}),
    Command("leave_conference", ("conf-1",), "calling.leave_conference", {"conference_id": "conf-1"}, elsewhere=True),
    Command("join_room", ("lobby",), "calling.join_room", {"name": "lobby"}),
    Command("leave_room", (), "calling.leave_room", elsewhere=True),
    Command("queue_leave", ("support", "queue-1"), "calling.queue.leave",
            {"queue_name": "support", "queue_id": "queue-1"}, elsewhere=True),
    Command("live_transcribe", ({"start": {"language": "en-US"}},), "calling.live_transcribe",
            {"action": {"start": {"language": "en-US"}}}, elsewhere=True),
    Command("live_translate", ({"action": "stop"},), "calling.live_translate",
            {"action": {"action": "stop"}, "status_url": "https://app.example/l"},
            {"status_url": "https://app.example/l"}, elsewhere=True),
    Command("ai_message", ("Caller is a member", "system"), "calling.ai_message",
            {"message_text": "Caller is a member", "role": "system"}, elsewhere=True),
    Command("ai_hold", (30, "One moment"), "calling.ai_hold", {"timeout": "30", "prompt": "One moment"},
            elsewhere=True),
    Command("ai_unhold", ("Thanks",), "calling.ai_unhold", {"prompt": "Thanks"}, elsewhere=True),
    Command("amazon_bedrock", (), "calling.amazon_bedrock", {"prompt": {"text": "Be brief."}, "params": {}},
            {"prompt": {"text": "Be brief."}, "ai_params": {}}),
    Command("transfer", ("context:sales",), "calling.transfer", {"dest": "context:sales"}),
    Command("user_event", ("order_placed",), "calling.user_event", {"event": "order_placed", "order_id": "7"},
            {"order_id": "7"}),
    Command("bind_digit", ("*1", "calling.play", SAY, "menu", 0), "calling.bind_digit",
            {"digits": "*1", "bind_method": "calling.play", "params": SAY, "realm": "menu", "max_triggers": 0}),
    Command("clear_digit_bindings", ("menu",), "calling.clear_digit_bindings", {"realm": "menu"}, elsewhere=True),
    Command("execute", ("calling.something", {"a": [1]}), "calling.something", {"a": [1]}, elsewhere=True),
]  # fmt: skip

every_command = pytest.mark.parametrize("command", COMMANDS, ids=str)


@pytest.fixture
def call(stage: Stage) -> Call:
    return stage.call()


def sent_by(frame: Fields) -> Fields:
    params: Fields = dict(frame["params"]["params"])
    return params


@every_command
def test_it_sends_what_it_was_given_and_returns_every_field_of_the_answer(
    stage: Stage, call: Call, command: Command
) -> None:
    with in_thread(lambda: command.run(call)) as running:
        frame = stage.relay.take_command(command.method)
        stage.relay.answer(frame, {"code": "200", "message": "OK", "conference_id": "conf-1", "data": {"x": 1}})
    sent = sent_by(frame)
    control_id = sent.pop("control_id", None)
    assert (control_id is not None) == (command.verb == "queue_leave")
    assert sent == {"node_id": "node-1", "call_id": "call-1", **command.sent}
    result = running.result()
    assert (result.successful, result.code, result.message, result.event) == (True, "200", "OK", None)
    assert result.result == {"code": "200", "message": "OK", "conference_id": "conf-1", "data": {"x": 1}}
    assert result.raise_for_status() is result
    assert pickle.loads(pickle.dumps(result)) == result
    if isinstance(result, ConferenceResult):
        assert result.conference_id == "conf-1"


@every_command
def test_what_it_was_given_is_not_changed_and_can_be_changed_afterwards(
    stage: Stage, call: Call, command: Command
) -> None:
    before = repr((command.arguments, command.keywords))
    with in_thread(lambda: command.run(call)):
        stage.relay.refuse_command(command.method, "409")
    assert repr((command.arguments, command.keywords)) == before


@every_command
def test_a_refusal_keeps_code_and_message(stage: Stage, call: Call, command: Command) -> None:
    with in_thread(lambda: command.run(call)) as running:
        stage.relay.refuse_command(command.method, "409", "not now")
    result = running.result()
    assert (result.successful, result.code, result.message) == (False, "409", "not now")
    with pytest.raises(CommandRefused) as caught:
        result.raise_for_status()
    assert (caught.value.method, caught.value.call_id) == (command.method, "call-1")
    assert call.active


@every_command
@pytest.mark.parametrize("code", ["404", "410"])
def test_what_relay_does_not_find_ends_the_call_unless_it_may_be_something_else(
    stage: Stage, call: Call, command: Command, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay_sync.calling.leg.GONE_GRACE_S", 0.0)
    with in_thread(lambda: command.run(call)) as running:
        stage.relay.refuse_command(command.method, code)
    assert not running.result().successful
    if code == "404" and command.elsewhere:
        stage.settle()
        assert call.active
        assert stage.client._life().connection._timers == []
    else:
        until(lambda: not call.active)


@every_command
def test_on_a_call_that_has_ended_nothing_is_sent(stage: Stage, call: Call, command: Command) -> None:
    stage.relay.tell_state("ended", end_reason="hangup")
    call.wait_for_ended(timeout=10)
    result = command.run(call)
    assert (result.successful, result.code, result.result) == (False, None, {})
    assert "the call has ended (hangup); nothing was sent" in result.message
    stage.settle()
    assert stage.relay.line.sent.empty()


@every_command
def test_on_a_call_that_was_not_dialled_nothing_is_sent(stage: Stage, command: Command) -> None:
    assert "dial() it first" in command.run(stage.new_call()).message
    stage.settle()


@every_command
def test_after_disconnecting_nothing_is_sent(stage: Stage, call: Call, command: Command) -> None:
    stage.client.disconnect()
    assert "nothing was sent" in command.run(call).message


@every_command
def test_a_connection_lost_before_the_answer_leaves_it_unknown(stage: Stage, call: Call, command: Command) -> None:
    running = Running(lambda: command.run(call))
    stage.relay.take_command(command.method)
    stage.reconnect(restored=True)
    with pytest.raises(ConnectionLost) as caught:
        running.result()
    assert (caught.value.method, caught.value.call_id) == (command.method, "call-1")
    assert call.active


@every_command
def test_the_call_ends_before_the_answer(stage: Stage, call: Call, command: Command) -> None:
    running = Running(lambda: command.run(call))
    frame = stage.relay.take_command(command.method)
    stage.relay.tell_state("ended", end_reason="hangup")
    stage.relay.answer(frame, {"code": "404", "message": "Call does not exist"})
    result = running.result()
    assert (result.successful, result.code) == (False, "404")


@every_command
def test_without_time_nothing_is_sent(stage: Stage, call: Call, command: Command) -> None:
    with pytest.raises(RelayTimeout) as caught:
        command.run(call, wait_timeout=0)
    assert caught.value.sent is False
    assert caught.value.call_id == "call-1"
    stage.settle()


@every_command
@pytest.mark.parametrize("limit", ["1", True, float("nan")], ids=repr)
def test_a_limit_that_is_none_is_an_error_before_anything_is_sent(
    stage: Stage, call: Call, command: Command, limit: object
) -> None:
    with pytest.raises((TypeError, ValueError), match="timeout"):
        command.run(call, wait_timeout=limit)
    stage.settle()


@every_command
def test_a_command_that_could_not_be_sent_in_time_surely_was_not(stage: Stage, call: Call, command: Command) -> None:
    stage.relay.refuse_next()
    stage.relay.line.break_()
    until(lambda: stage.client.state == "reconnecting")
    with pytest.raises(NotConnected, match="was not sent"):
        command.run(call, wait_timeout=0)
    stage.relay.next_line()
    stage.come_back()


@pytest.mark.parametrize("command", [row for row in COMMANDS if row.verb != "user_event"], ids=str)
def test_an_unknown_keyword_is_a_type_error(stage: Stage, call: Call, command: Command) -> None:
    with pytest.raises(TypeError, match="bogus"):
        command.run(call, bogus=1)
    stage.settle()


def test_a_call_that_was_transferred_is_no_longer_ours(stage: Stage, call: Call) -> None:
    action = stage.play(call)
    with in_thread(lambda: call.transfer("context:sales")) as transferring:
        stage.relay.accept_command("calling.transfer")
    assert transferring.result().successful
    assert (call.active, action.state) == (False, "failed")
    assert "the call was transferred" in action.result.message
    assert stage.tables == []


def test_a_transfer_that_was_refused_leaves_the_call_ours(stage: Stage, call: Call) -> None:
    with in_thread(lambda: call.transfer("context:sales")):
        stage.relay.refuse_command("calling.transfer", "409")
    assert call.active


def test_a_conference_is_left_by_what_joining_it_returned(stage: Stage, call: Call) -> None:
    with in_thread(lambda: call.join_conference("room-1")) as joining:
        stage.relay.accept_command("calling.join_conference", conference_id="conf-9")
    with in_thread(lambda: call.leave_conference(joining.result())) as leaving:
        sent = stage.relay.accept_command("calling.leave_conference")
    assert sent["conference_id"] == "conf-9"
    assert leaving.result().successful


@pytest.mark.parametrize(
    ("verb", "arguments", "sent"),
    [
        ("echo", (), {}),
        ("echo", (0,), {"timeout": 0}),
        ("ai_message", (None, None, {"full": True}, {"x": 1}), {"reset": {"full": True}, "global_data": {"x": 1}}),
        ("ai_hold", (), {}),
        ("ai_hold", (1.5,), {"timeout": "1.5"}),
        ("ai_unhold", (), {}),
        ("amazon_bedrock", (), {}),
        ("join_conference", ("r",), {"name": "r"}),
        ("join_room", ("r", "https://app.example/r"), {"name": "r", "status_url": "https://app.example/r"}),
        ("live_translate", ({"stop": {}},), {"action": {"stop": {}}}),
        ("user_event", ("x",), {"event": "x"}),
        ("bind_digit", ("*1", "calling.hangup"), {"digits": "*1", "bind_method": "calling.hangup"}),
        ("clear_digit_bindings", (), {}),
        ("execute", ("calling.x",), {}),
    ],
)
def test_what_is_left_out_is_not_sent(stage: Stage, call: Call, verb: str, arguments: Any, sent: Fields) -> None:
    with in_thread(lambda: getattr(call, verb)(*arguments)):
        frame = stage.relay.take_any()
        stage.relay.answer(frame, {"code": "200", "message": "OK"})
    assert sent_by(frame) == {"node_id": "node-1", "call_id": "call-1", **sent}


def test_a_queue_is_left_by_name_alone_too(stage: Stage, call: Call) -> None:
    with in_thread(lambda: call.queue_leave("support", status_url="https://app.example/q")):
        sent = stage.relay.accept_command("calling.queue.leave")
    assert (sent["queue_name"], sent["status_url"], "queue_id" in sent) == ("support", "https://app.example/q", False)
