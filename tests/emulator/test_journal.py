"""Every frame is written down, and what is written down can be asserted."""

from __future__ import annotations

import json

import pytest

from relay_sync.emulator import Emulator, Journal
from relay_sync.emulator.clock import Clock
from relay_sync.emulator.journal import Described
from relay_sync.emulator.watch import Watch
from tests.emulator.conftest import Connect
from tests.emulator.raw import RawClient, inner, phone, silence
from tests.support import in_thread


def played(client: RawClient) -> dict[str, str]:
    call = client.answered()
    client.play(call, "p", silence(10))
    client.control(call, "p", "pause")
    client.control(call, "p", "stop")
    client.command("calling.end", call)
    client.drain()
    return call


def test_frames_are_noted_with_time_connection_direction_and_methods(relay: Emulator, client: RawClient) -> None:
    relay.clock.advance(2.5)
    client.begin("+15550101")
    client.drain()
    (request,) = [frame for frame in relay.journal.frames if frame.inner == "calling.begin"]
    assert (request.at, request.connection, request.direction) == (2.5, 1, "received")
    assert request.real > 1e9
    assert request.body is not None
    wrapped = client.wrapped("calling.begin", relay.journal.commands()[0].params)
    assert {"method": request.method, "params": request.body["params"]} == wrapped
    event = next(frame for frame in relay.journal.frames if frame.inner == "calling.call.state")
    assert (event.direction, event.method) == ("sent", client.event)
    numbers = [frame.number for frame in relay.journal.frames]
    assert numbers == list(range(1, len(numbers) + 1))


def test_commands_know_their_answers(relay: Emulator, client: RawClient) -> None:
    call = client.answered()
    client.command("calling.play.pause", {**call, "control_id": "none"})
    client.command("calling.levitate", {})
    begin, pause, levitate = relay.journal.commands()
    assert (begin.method, begin.code, begin.result["call_id"]) == ("calling.begin", "200", call["call_id"])
    assert (pause.code, pause.message) == ("404", "Control id does not exist")
    assert pause.params["control_id"] == "none"
    assert levitate.code == "-32601"
    assert relay.journal.commands("calling.begin") == [begin]
    assert relay.journal.commands("calling.play") == []


def test_what_a_client_answers_is_no_answer_to_what_it_asked(relay: Emulator, client: RawClient) -> None:
    relay.hold_reply("calling.begin", count=1)
    sent = client.post("calling.begin", {"tag": "t", "device": phone("+15550101")})
    client.send_text(json.dumps({"jsonrpc": "2.0", "id": sent, "result": {}}))
    client.ping()
    assert relay.journal.commands("calling.begin")[0].code is None
    relay.release()
    assert inner(client.reply(sent))["code"] == "200"
    assert relay.journal.commands("calling.begin")[0].code == "200"


def test_what_a_client_calls_an_event_is_none(relay: Emulator, client: RawClient) -> None:
    event = {"event_type": "calling.call.play", "params": {"state": "playing"}}
    wrapped = {"event": "queuing.relay.events", "params": event} if client.space == "blade" else event
    assert client.ask(client.event, wrapped)["error"]["code"] == -32601
    assert relay.journal.events() == []


def test_handshake_and_pings_are_no_commands(relay: Emulator, client: RawClient) -> None:
    client.ping()
    assert relay.journal.commands() == []
    assert relay.journal.events() == []
    assert {client.opening, f"{client.space}.ping"} <= {frame.method for frame in relay.journal.frames}


def test_events_can_be_asked_for_by_type(relay: Emulator, client: RawClient) -> None:
    played(client)
    states = [event.params["state"] for event in relay.journal.events("calling.call.play")]
    assert states == ["playing", "paused", "finished"]
    assert len(relay.journal.events()) == 3 + 5


def test_commands_in_a_row_are_asserted(relay: Emulator, client: RawClient) -> None:
    played(client)
    relay.journal.assert_commands("calling.play", "calling.play.pause", "calling.play.stop")
    relay.journal.assert_commands("calling.begin")
    relay.journal.assert_commands()
    with pytest.raises(AssertionError) as failure:
        relay.journal.assert_commands("calling.play", "calling.play.stop")
    text = str(failure.value)
    assert "expected these commands in a row:\n  calling.play\n  calling.play.stop\nbut these came:" in text
    assert "calling.play.pause  -> 200" in text


def test_a_failed_assertion_says_when_nothing_came(relay: Emulator) -> None:
    with pytest.raises(AssertionError, match="no command came"):
        relay.journal.assert_commands("calling.play")


def test_one_can_wait_for_a_command_and_for_its_answer(relay: Emulator, client: RawClient) -> None:
    relay.hold_reply("calling.begin", count=1)
    with in_thread(lambda: relay.expect("calling.begin")) as waiting:
        client.post("calling.begin", {"tag": "t", "device": {"type": "phone", "params": {
            "from_number": "+15550100", "to_number": "+15550101"}}})  # fmt: skip
    assert waiting.result().code is None
    with in_thread(lambda: relay.journal.wait_for_command("calling.begin", answered=True)) as waiting:
        relay.release()
    assert waiting.result().code == "200"


def test_waiting_for_what_does_not_come_ends_with_a_list_of_what_did(relay: Emulator, client: RawClient) -> None:
    client.begin("+15550101")
    with pytest.raises(
        TimeoutError, match=r"waited 0 s for calling.begin number 2\nthese came:\n.*calling.begin  -> 200"
    ):
        relay.expect("calling.begin", timeout=0, count=2)
    with pytest.raises(TimeoutError, match=r"event calling\.call\.play"):
        relay.journal.wait_for_event("calling.call.play", timeout=0, state="paused")


def test_one_can_wait_for_an_event(relay: Emulator, client: RawClient) -> None:
    relay.phone("+15550101", answer_after=1)
    client.begin("+15550101")
    with in_thread(lambda: relay.journal.wait_for_event("calling.call.state", call_state="answered")) as waiting:
        relay.clock.advance(1)
    assert waiting.result().at == 1.0
    assert relay.journal.wait_for_event("calling.call.state", count=3) == waiting.result()


def test_connections_are_told_apart(relay: Emulator, client: RawClient, connect: Connect) -> None:
    other = connect(relay)
    for one in (client, other):
        one.begin("+15550101")
    assert [command.connection for command in relay.journal.commands()] == [1, 2]


def test_the_journal_outlives_the_emulator(connect: Connect) -> None:
    relay = Emulator()
    for _ in range(2):
        with relay:
            client = connect(relay)
            client.begin("+15550101")
            client.close()
    assert [command.connection for command in relay.journal.commands()] == [1, 2]


def test_it_keeps_the_last_entries_only() -> None:
    journal = Journal(Clock(stepped=True), Watch(), limit=3)
    for number in range(5):
        journal.write(1, "sent", str(number), None, Described())
    assert [frame.text for frame in journal.frames] == ["2", "3", "4"]
    assert "3 frames" in repr(journal)


def test_secrets_are_masked_at_any_depth() -> None:
    journal = Journal(Clock(stepped=True), Watch(), ["sesame"])
    body = {"a": [{"jwt_token": "x.y.z", "note": "open sesame"}], "authorization_state": {"deep": 1}}
    journal.write(1, "received", str(body).replace("'", '"'), body, Described())
    (frame,) = journal.frames
    assert frame.body == {"a": [{"jwt_token": "***", "note": "open ***"}], "authorization_state": "***"}
    assert "x.y.z" not in frame.text
    assert "sesame" not in frame.text
    assert body["a"][0]["jwt_token"] == "x.y.z"  # type: ignore[index]  # what was sent is left as it is


def test_what_was_not_answered_is_forgotten_with_its_connection(relay: Emulator, connect: Connect) -> None:
    client = connect(relay)
    relay.faults.add("ignore command calling.begin")
    client.post("calling.begin", {"tag": "t", "device": phone("+15550101")})
    assert relay.expect("calling.begin").code is None
    assert relay.journal._unanswered
    relay.drop_connections()
    assert not relay.journal._unanswered
    assert len(relay.journal.commands("calling.begin")) == 1
