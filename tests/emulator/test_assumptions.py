"""Each open question, answered both ways."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from relay_sync.emulator import Assumptions, Emulator
from tests.emulator.raw import RawClient, audio, frames_of, phone, silence

Assume = Callable[..., RawClient]


@pytest.fixture
def assume(dialect: str) -> Iterator[Assume]:
    """Return a function that gives a client of an emulator with these assumptions."""
    with ExitStack() as stack:

        def assume(**answers: Any) -> RawClient:
            relay = Emulator(stepped=True, ping_interval=None, assumptions=Assumptions(**answers))
            stack.enter_context(relay)
            return stack.enter_context(frames_of[dialect](relay)).ready("office")

        yield assume


@pytest.mark.parametrize(
    ("answer", "events"),
    [
        ("before", ["play:finished", "play:finished", "state:ending", "state:ended"]),
        ("after", ["state:ending", "state:ended", "play:finished", "play:finished"]),
        ("never", ["state:ending", "state:ended"]),
    ],
)
def test_plays_at_call_end(assume: Assume, answer: str, events: list[str]) -> None:
    client = assume(plays_at_call_end=answer)
    call = client.answered()
    client.play(call, "a", silence(60))
    client.play(call, "b", silence(60))
    client.control(call, "b", "pause")
    client.drain()
    client.relay.phones["+15550101"].hang_up()
    client.relay.clock.advance(100)
    assert client.drain() == events


@pytest.mark.parametrize(("answer", "events"), [(True, ["state:ending", "state:ended"]), (False, ["state:ended"])])
def test_ending_event(assume: Assume, answer: bool, events: list[str]) -> None:
    client = assume(ending_event=answer)
    client.answered()
    client.drain()
    client.relay.phones["+15550101"].hang_up()
    assert client.drain() == events


@pytest.mark.parametrize("answer", ["200", "409"])
def test_pause_of_paused(assume: Assume, answer: str) -> None:
    client = assume(pause_of_paused=answer)
    call = client.answered()
    client.play(call, "p", audio("welcome.mp3"))
    assert client.control(call, "p", "pause")["code"] == "200"
    client.drain()
    assert client.control(call, "p", "pause")["code"] == answer
    assert client.drain() == ["reply:calling.play.pause"]
    assert client.control(call, "p", "resume")["code"] == "200"


@pytest.mark.parametrize("answer", ["200", "409"])
def test_resume_of_playing(assume: Assume, answer: str) -> None:
    client = assume(resume_of_playing=answer)
    call = client.answered()
    client.play(call, "p", audio("welcome.mp3"))
    client.drain()
    assert client.control(call, "p", "resume")["code"] == answer
    assert client.drain() == ["reply:calling.play.resume"]


@pytest.mark.parametrize("answer", ["200", "409"])
def test_volume_while_paused(assume: Assume, answer: str) -> None:
    client = assume(volume_while_paused=answer)
    call = client.answered()
    client.play(call, "p", audio("welcome.mp3"))
    client.control(call, "p", "pause")
    assert client.control(call, "p", "volume", volume=-20)["code"] == answer
    client.control(call, "p", "resume")
    client.relay.clock.advance(1)
    quiet = client.relay.phones["+15550101"].heard.rms_db() < -35
    assert quiet == (answer == "200")


@pytest.mark.parametrize("answer", ["400", "409"])
def test_play_before_answer(assume: Assume, answer: str) -> None:
    client = assume(play_before_answer=answer)
    client.relay.phone("+15550101", no_answer=True)
    reply = client.begin("+15550101")
    ids = {"call_id": reply["call_id"], "node_id": reply["node_id"]}
    assert client.command("calling.play", {**ids, "control_id": "p", "play": [silence(1)]})["code"] == answer


@pytest.mark.parametrize("answer", ["200", "409"])
def test_answer_of_answered(assume: Assume, answer: str) -> None:
    client = assume(answer_of_answered=answer)
    client.relay.phone("+15550155").call(context="office")
    offer = client.wait_event("receive")
    ids = {"call_id": offer["call_id"], "node_id": offer["node_id"]}
    assert client.command("calling.answer", ids)["code"] == "200"
    client.drain()
    assert client.command("calling.answer", ids)["code"] == answer
    assert client.drain() == ["reply:calling.answer"]


@pytest.mark.parametrize("answer", ["400", "-32602"])
def test_bad_params(assume: Assume, answer: str) -> None:
    client = assume(bad_params=answer)
    reply = client.command("calling.begin", {"tag": "t"})
    assert str(reply["code"]) == answer
    assert reply["message"] == "calling.begin needs device"


@pytest.mark.parametrize("answer", ["409", "404", "200"])
def test_other_session(assume: Assume, answer: str) -> None:
    owner = assume(other_session=answer)
    call = owner.answered()
    with type(owner)(owner.relay).ready() as other:
        reply = other.command("calling.end", call)
        assert reply["code"] == answer
        other.drain()
        assert not other.events
    assert (owner.drain()[-1] == "state:ended") == (answer == "200")


@pytest.mark.parametrize("answer", [True, False])
def test_begin_reply_has_ids(assume: Assume, answer: bool) -> None:
    reply = assume(begin_reply_has_ids=answer).begin("+15550101")
    assert ("call_id" in reply, "node_id" in reply) == (answer, answer)


@pytest.mark.parametrize(
    ("answer", "events"),
    [(False, ["state:answered", "dial:answered"]), (True, ["dial:answered", "state:answered"])],
)
def test_dial_event_first(assume: Assume, answer: bool, events: list[str]) -> None:
    client = assume(dial_event_first=answer)
    client.command("calling.dial", {"tag": "t", "devices": [[phone("+15550101"), phone("+15550102")]]})
    assert [entry for entry in client.drain() if "answered" in entry] == events


@pytest.mark.parametrize(("answer", "winner"), [(False, True), (True, "true")])
def test_dial_winner_is_text(assume: Assume, answer: bool, winner: Any) -> None:
    client = assume(dial_winner_is_text=answer)
    client.command("calling.dial", {"tag": "t", "devices": [[phone("+15550101")]]})
    assert client.wait_event("dial", "answered")["call"]["dial_winner"] == winner


@pytest.mark.parametrize("answer", ["created", "ringing"])
def test_receive_state(assume: Assume, answer: str) -> None:
    client = assume(receive_state=answer)
    client.relay.phone("+15550155").call(context="office")
    assert client.wait_event("receive")["call_state"] == answer


@pytest.mark.parametrize("answer", [False, True])
@pytest.mark.parametrize("half_open", [False, True])
def test_replay_missed_events(assume: Assume, answer: bool, half_open: bool) -> None:
    client = assume(replay_missed_events=answer)
    relay = client.relay
    relay.phone("+15550101", hang_up_after=5)
    client.answered()
    if half_open:
        relay.silence()
    else:
        relay.drop_connections()
    relay.clock.advance(10)
    with type(client)(relay) as again:
        assert again.come_back(client)
        came = again.drain()
        assert [entry for entry in came if "state:" in entry] == (["state:ending", "state:ended"] if answer else [])


@pytest.mark.parametrize(("window", "restored"), [(60.0, True), (0.0, False)])
def test_resume_window(assume: Assume, window: float, restored: bool) -> None:
    client = assume(resume_window=window)
    client.relay.drop_connections()
    with type(client)(client.relay) as again:
        assert again.come_back(client) == restored


@pytest.mark.parametrize("answer", [False, True])
def test_contexts_survive_resume(assume: Assume, answer: bool) -> None:
    client = assume(contexts_survive_resume=answer)
    client.relay.drop_connections()
    with type(client)(client.relay) as again:
        again.come_back(client)
        assert client.relay.contexts == ({"office": 1} if answer else {})


@pytest.mark.parametrize(("answer", "reply"), [(True, {"timestamp": 5}), (False, {})])
def test_ping_echoes(assume: Assume, answer: bool, reply: dict[str, Any]) -> None:
    assert assume(ping_echoes=answer).ping({"timestamp": 5}) == reply


def started(client: RawClient, method: str, limit: float) -> None:
    """Have a call answered that a command limits."""
    if method == "calling.answer":
        client.relay.phone("+15550155").call(context="office")
        offer = client.wait_event("receive")
        client.command(method, {"call_id": offer["call_id"], "node_id": offer["node_id"], "max_duration": limit})
    elif method == "calling.begin":
        client.command(method, {"tag": "t", "device": phone("+15550101"), "max_duration": limit})
    elif method == "calling.dial":
        client.command(method, {"tag": "t", "devices": [[phone("+15550101")]], "max_duration": limit})
    else:
        call = client.answered()
        client.command(method, {**call, "devices": [[phone("+15550102")]], "max_duration": limit})


@pytest.mark.parametrize(("answer", "seconds"), [("minutes", 90.0), ("seconds", 1.5)])
@pytest.mark.parametrize("method", ["calling.begin", "calling.dial", "calling.answer", "calling.connect"])
def test_max_duration_unit(assume: Assume, method: str, answer: str, seconds: float) -> None:
    client = assume(max_duration_unit=answer)
    client.relay.phone("+15550101", answer_after=0 if method == "calling.connect" else 5)
    started(client, method, 1.5)
    if method in ("calling.begin", "calling.dial"):
        client.relay.clock.advance(5)  # what it rings does not count
    client.drain()
    client.relay.clock.advance(seconds - 0.001)
    assert client.drain() == []
    client.relay.clock.advance(0.001)
    assert client.drain()[:2] == ["state:ending", "state:ended"]
    states = [outer["params"]["params"] for outer in client.events]
    assert {told["end_reason"] for told in states if told.get("call_state") == "ended"} == {"max_duration"}


def test_a_call_that_has_ended_before_is_not_ended_again(assume: Assume) -> None:
    client = assume()
    started(client, "calling.begin", 1)
    client.relay.phones["+15550101"].hang_up()
    client.drain()
    client.relay.clock.advance(120)
    assert client.drain() == []


def test_no_assumption_is_left_out() -> None:
    """``close_refused_login`` is tested with the handshake, others beside what they are about."""
    written = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    tested = set(re.findall(r"def test_(\w+)\(", written)) | {"close_refused_login"}
    assert {field.name for field in dataclasses.fields(Assumptions)} <= tested
    assert typing.get_type_hints(Assumptions)["plays_at_call_end"] == typing.Literal["before", "after", "never"]
