"""Refs: short names of calls and actions, and the live objects found by them (design.md 7)."""

from __future__ import annotations

import copy
import json
import pickle
from queue import Queue
from typing import Any

import pytest

from relay_sync import Call, GenericAction, PlayAction
from relay_sync.ref import MOST, Ref
from tests.calling.moves import begin
from tests.stage import PROJECT, TOKEN, Stage
from tests.support import in_thread

UUID = "8a1cad10-413e-4f5c-9d1c-0a2b3c4d5e6f"
NODE = f"{UUID}@puc1"
CALL, ACTION = Ref(NODE, UUID), Ref(NODE, UUID, UUID, "calling.play_and_collect")


@pytest.mark.parametrize(
    "named",
    [CALL, ACTION, Ref("", "call-1"), Ref("no:de", "cäll %1", "c:1", "calling.play"), Ref('"', "'\\\n", "\x00", "…")],
)
def test_a_ref_names_what_it_was_made_of_in_plain_characters(named: Ref) -> None:
    text = named.text
    assert text is not None
    assert Ref.parse(text) == named
    assert Ref.parse(json.loads(json.dumps({"music": text}))["music"]) == named
    assert len(text.encode()) <= MOST
    assert not set(text) & set(" \"'\\&?#+<>\n\x00")


def test_a_ref_is_short_and_shows_its_form() -> None:
    assert CALL.text == f"relay1:call:{NODE}:{UUID}"
    assert ACTION.text == f"relay1:calling.play_and_collect:{NODE}:{UUID}:{UUID}"
    assert len(ACTION.text) < 160


def test_ids_that_are_no_text_have_none() -> None:
    assert Ref("", json.loads('"\\ud800"')).text is None


def test_ids_longer_than_a_ref_may_be_have_none() -> None:
    room = MOST - len(Ref("", "").text or "")
    assert len(Ref("", "x" * room).text or "") == MOST
    assert Ref("", "x" * (room + 1)).text is None


@pytest.mark.parametrize(
    "text",
    [
        "", "call-1", "relay1", "relay1:call", "relay1:call:node-1", "relay1:call:node-1:",
        "relay1:call:node-1:call-1:ctl-1", "relay1:calling.play:node-1:call-1", "relay1:calling.play:node-1:call-1:",
        "relay1:calling.play:node-1:call-1:a:b",
        "relay2:call:node-1:call-1", "RELAY1:call:node-1:call-1", f"relay1:call:node-1:{'x' * MOST}",
    ],
)  # fmt: skip
def test_what_is_no_ref_is_a_value_error_that_says_what_to_give(stage: Stage, text: str) -> None:
    with pytest.raises(ValueError, match=r"^ref='.*' names nothing: give call\.ref or action\.ref") as caught:
        stage.client.calling.find(text)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("text", [None, 5, b"relay1:call:node-1:call-1", ["relay1:call:node-1:call-1"], CALL])
def test_what_is_no_text_is_a_type_error_that_says_what_to_give(stage: Stage, text: Any) -> None:
    with pytest.raises(TypeError, match=r"^ref=.*: give the ref of a call or of an action, a string"):
        stage.client.calling.find(text)


def test_a_ref_that_python_cannot_write_is_refused_too(stage: Stage) -> None:
    nested: list[object] = []
    for _ in range(20_000):
        nested = [nested]
    with pytest.raises(TypeError, match=r"^ref=<list .*: give the ref of a call"):
        stage.client.calling.find(nested)  # type: ignore[arg-type]


def test_a_call_and_its_actions_are_found_by_their_refs(stage: Stage) -> None:
    call, other = stage.call(), stage.call("call-2")
    music, more = stage.play(call), stage.play(call)
    assert stage.client.calling.find(call.ref or "") is call
    assert stage.client.calling.find(other.ref or "") is other
    assert stage.client.calling.find(music.ref or "") is music
    assert stage.client.calling.find(more.ref or "") is more
    assert len({call.ref, other.ref, music.ref, more.ref}) == 4


def test_an_action_that_was_found_is_the_one_that_was_named(stage: Stage) -> None:
    ref = stage.play(stage.call()).ref
    found = stage.client.calling.find(ref or "")
    assert isinstance(found, PlayAction)
    with in_thread(found.pause) as pausing:
        sent = stage.relay.accept_command("calling.play.pause")
    assert pausing.result().successful
    assert Ref.parse(ref) == Ref(sent["node_id"], sent["call_id"], sent["control_id"], "calling.play")


def test_an_inbound_call_has_a_ref_when_it_is_handed_over(stage: Stage) -> None:
    heard: Queue[Call] = Queue()
    with in_thread(lambda: stage.client.calling.receive(["office"], heard.put)):
        stage.relay.accept_command("signalwire.receive")
    stage.inbound()
    call = heard.get(timeout=10)
    assert call.ref == "relay1:call:node-1:call-in"
    assert stage.client.calling.find(call.ref) is call


def test_an_operation_that_has_no_control_id_on_the_wire_is_found_too(stage: Stage) -> None:
    call = stage.call()
    with in_thread(lambda: call.connect_async({"to_number": "+15550102"})) as starting:
        sent = stage.relay.accept_command("calling.connect")
    action = starting.result()
    assert "control_id" not in sent
    assert stage.client.calling.find(action.ref or "") is action


def test_the_ref_names_the_command_that_the_controls_hang_on(stage: Stage) -> None:
    call = stage.call()
    staying = begin(stage, lambda: call.queue_enter_async("support"))
    assert Ref.parse(staying.ref).command == "calling.queue"
    special = begin(stage, lambda: call.start("calling.special", {}, final=["done"], success=["done"]))
    assert isinstance(special, GenericAction)
    assert Ref.parse(special.ref).command == "calling.special"
    assert stage.client.calling.find(special.ref or "") is special


def test_what_is_over_is_found_no_more_but_keeps_its_ref(stage: Stage) -> None:
    call = stage.call()
    music, rest = stage.play(call), stage.play(call)
    refs = [call.ref, music.ref, rest.ref]
    stage.tell_play(music, "finished")
    music.wait(10)
    assert stage.client.calling.find(music.ref or "") is None
    assert stage.client.calling.find(rest.ref or "") is rest
    stage.relay.tell_state("ended")
    call.wait_for_ended(timeout=10)
    assert [stage.client.calling.find(ref or "") for ref in refs] == [None, None, None]
    assert [call.ref, music.ref, rest.ref] == refs


def test_a_call_without_an_id_has_no_ref_yet(stage: Stage) -> None:
    call = stage.new_call()
    assert call.ref is None
    assert call.play_audio_async("https://example.com/welcome.mp3").ref is None


def test_another_client_and_another_session_find_nothing(stage: Stage) -> None:
    call = stage.call()
    ref = call.ref or ""
    with Stage() as other:
        assert other.client.calling.find(ref) is None
    stage.client.disconnect()
    assert stage.client.calling.find(ref) is None
    stage.connect()
    assert stage.client.calling.find(ref) is None


def test_a_client_that_was_never_connected_finds_nothing_and_sends_nothing() -> None:
    assert Stage().client.calling.find(CALL.text or "") is None


def test_a_ref_holds_no_secret(stage: Stage) -> None:
    music = stage.play(stage.call())
    for ref in (music.ref, music.call.ref):
        assert not any(secret in (ref or "") for secret in (PROJECT, TOKEN, stage.relay.PROTOCOL, "+1555"))


def test_live_objects_refuse_to_be_pickled_or_copied_and_name_the_ref(stage: Stage) -> None:
    call = stage.call()
    for live in (call, stage.play(call), stage.client):
        for copying in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match=r"can't be pickled: .*\bref\b"):
                copying(live)
