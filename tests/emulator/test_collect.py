"""``calling.collect``: what is pressed and said, without a question (protocol.md 11.3)."""

from __future__ import annotations

from typing import Any

import pytest

from relay_sync.emulator import Emulator, Phone
from tests.emulator.raw import Frame, RawClient

NUMBER = "+15550101"
Told = list[tuple[float, Frame]]


@pytest.fixture
def call(client: RawClient) -> Frame:
    return client.answered(NUMBER)


@pytest.fixture
def phone(relay: Emulator, call: Frame) -> Phone:
    return relay.phones[NUMBER]


def collect(client: RawClient, call: Frame, **params: Any) -> Frame:
    return client.command("calling.collect", {**call, "control_id": "c", **params})


def control(client: RawClient, call: Frame, verb: str) -> Frame:
    return client.command(f"calling.collect.{verb}", {**call, "control_id": "c"})


def collected(relay: Emulator) -> Told:
    """When each event came, to the ms, and what it told besides the ids."""
    relay.on_thread(lambda: None)  # what follows from the last command has been written
    ids = ("call_id", "node_id", "control_id")
    events = relay.journal.events("calling.call.collect")
    assert all(event.params["control_id"] == "c" for event in events)
    return [
        (round(event.at, 3), {key: event.params[key] for key in event.params if key not in ids}) for event in events
    ]


def digits(pressed: str, terminator: str = "", **more: Any) -> Frame:
    return {"result": {"type": "digit", "params": {"digits": pressed, "terminator": terminator}}, **more}


def speech(text: str, confidence: float = 95.0, **more: Any) -> Frame:
    return {"result": {"type": "speech", "params": {"text": text, "confidence": confidence}}, **more}


LAST = {"final": True, "state": "finished"}
MORE = {"final": False, "state": "collecting"}


def test_digits_are_taken_until_there_are_enough(relay: Emulator, client: RawClient, call: Frame, phone: Phone) -> None:
    reply = collect(client, call, digits={"max": 3})
    assert reply == {"code": "200", "message": "Collecting", "call_id": call["call_id"], "control_id": "c"}
    relay.clock.advance(100)  # no time runs before somebody starts it
    phone.press("1234")
    relay.clock.advance(5)
    assert collected(relay) == [(100.54, digits("123", **LAST))]
    assert control(client, call, "stop")["code"] == "404"


def test_speech_is_taken_until_silence(relay: Emulator, client: RawClient, call: Frame, phone: Phone) -> None:
    collect(client, call, speech={})
    relay.clock.advance(phone.say("a taxi please") + 1.1)
    assert [told for _, told in collected(relay)] == [speech("a taxi please", **LAST)]


def test_the_time_to_begin_runs_from_start_input_timers_on(relay: Emulator, client: RawClient, call: Frame) -> None:
    collect(client, call, digits={"max": 1}, initial_timeout=2.5, start_input_timers=False)
    relay.clock.advance(10)
    assert control(client, call, "start_input_timers")["code"] == "200"
    relay.clock.advance(1)
    assert control(client, call, "start_input_timers")["code"] == "200"  # once more changes nothing
    relay.clock.advance(10)
    assert collected(relay) == [(12.5, {"result": {"type": "no_input"}, "state": "finished"})]


@pytest.mark.parametrize("answer", [False, True])
def test_collect_timers_run(assumed: Any, answer: bool) -> None:
    client = assumed(collect_timers_run=answer)
    collect(client, client.answered(NUMBER), digits={"max": 1}, initial_timeout=2)
    client.relay.clock.advance(10)
    assert [at for at, _ in collected(client.relay)] == ([2.0] if answer else [])


def test_the_timers_may_run_from_the_command_on(relay: Emulator, client: RawClient, call: Frame) -> None:
    collect(client, call, speech={}, start_input_timers=True)
    relay.clock.advance(4)
    assert [at for at, _ in collected(relay)] == [4.0]


@pytest.mark.parametrize("answer", ["start_of_input", "start_of_speech"])
def test_start_of_input(assumed: Any, answer: str) -> None:
    client = assumed(start_of_input=answer)
    relay = client.relay
    collect(client, client.answered(NUMBER), digits={"max": 2}, send_start_of_input=True)
    relay.phones[NUMBER].press("12")
    relay.clock.advance(2)
    (began, start), (ended, result) = collected(relay)
    assert (start, result) == ({"result": {"type": answer}}, digits("12", **LAST))
    assert 0 < began < 0.2 < ended


@pytest.mark.parametrize("answer", [True, False])
def test_collect_state(assumed: Any, answer: bool) -> None:
    client = assumed(collect_state=answer)
    call = client.answered(NUMBER)
    collect(client, call, digits={"max": 2}, partial_results=True)
    client.relay.phones[NUMBER].press("12")
    client.relay.clock.advance(2)
    states = [told.get("state") for _, told in collected(client.relay)]
    assert states == (["collecting", "finished"] if answer else [None, None])


def test_partial_results_are_not_final(relay: Emulator, client: RawClient, call: Frame, phone: Phone) -> None:
    collect(client, call, digits={"max": 3, "terminators": "#"}, partial_results=True)
    phone.press("12#")
    relay.clock.advance(2)
    assert [told for _, told in collected(relay)] == [
        digits("1", **MORE),
        digits("12", **MORE),
        digits("12", "#", **LAST),
    ]


def test_a_continuous_collect_goes_on_until_it_is_stopped(
    relay: Emulator, client: RawClient, call: Frame, phone: Phone
) -> None:
    collect(client, call, digits={"max": 2}, speech={}, continuous=True, send_start_of_input=True)
    phone.press("1234")
    relay.clock.advance(3)
    relay.clock.advance(phone.say("and a taxi") + 2)
    began = {"result": {"type": "start_of_input"}}
    told = [digits("12", **MORE), digits("34", **MORE), speech("and a taxi", **MORE)]
    assert [entry for _, entry in collected(relay)] == [one for result in told for one in (began, result)]
    assert control(client, call, "stop")["code"] == "200"
    assert collected(relay)[-1][1] == {"result": {"type": "no_input"}, "state": "finished"}


@pytest.mark.parametrize(("answer", "last"), [("no_input", "no_input"), ("error", "error"), ("nothing", None)])
@pytest.mark.parametrize("how", ["stop", "hang up"])
def test_a_stop_and_the_calls_end_are_told_as_those_of_a_prompt(
    assumed: Any, answer: str, last: str | None, how: str
) -> None:
    client = assumed(prompt_stopped=answer)
    call = client.answered(NUMBER)
    collect(client, call, digits={"max": 2})
    if how == "stop":
        control(client, call, "stop")
    else:
        client.relay.phones[NUMBER].hang_up()
        client.drain()
    state = "error" if last == "error" else "finished"
    expected = [] if last is None else [{"result": {"type": last}, "state": state}]
    assert [told for _, told in collected(client.relay)] == expected


def test_a_phone_that_answers_when_asked_answers_a_collect(relay: Emulator, client: RawClient) -> None:
    relay.phone(NUMBER, presses_when_asked="7")
    collect(client, client.answered(NUMBER), digits={"max": 1})
    relay.clock.advance(1)
    assert [told for _, told in collected(relay)] == [digits("7", **LAST)]


def test_it_wants_digits_or_speech(client: RawClient, call: Frame) -> None:
    reply = collect(client, call, initial_timeout=2)
    assert reply == {"code": "400", "message": "calling.collect needs digits, speech or both"}


def test_the_time_for_speech_may_have_the_name_that_ruby_gives_it(
    relay: Emulator, client: RawClient, call: Frame, phone: Phone
) -> None:
    collect(client, call, speech={"timeout": 0.5})
    phone.say("one two three four five six seven eight")
    relay.clock.advance(1)
    ((_, told),) = collected(relay)
    assert told["result"]["type"] == "speech"


def test_fail_next_ends_it_with_error(relay: Emulator, client: RawClient, call: Frame) -> None:
    relay.fail_next("calling.collect")
    collect(client, call, digits={"max": 1})
    assert [told for _, told in collected(relay)] == [{"result": {"type": "error"}, "state": "error"}]
