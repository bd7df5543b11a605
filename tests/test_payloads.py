"""What relay_sync.payloads says of events is what Relay, the tables and ``call.on`` say.

That the emulator's events are of these types is looked at after every test that has one: see conforming.py.
"""

from __future__ import annotations

from typing import Any, get_type_hints

import pytest
from typing_extensions import get_overloads

from relay_sync import Call, payloads
from relay_sync.calling import hearing
from relay_sync.wire.states import CALL_STATE_EVENT, ERROR_EVENT, EVENT_NAMES, OPERATIONS
from tests.conforming import BY_TYPE, FAMILIES, check_payloads, complaints
from tests.stage import Stage
from tests.support import until

IDS = {"call_id": "call-1", "node_id": "node-1"}
BOTH = {**IDS, "control_id": "ctl-1"}

#: One of each as protocol.md shows it, where the emulator shows another.
SHOWN: list[tuple[str, dict[str, Any]]] = [
    ("calling.call.state", {**IDS, "call_state": "created", "peer": {"call_id": "call-A1", "node_id": "node-7"}}),
    ("calling.call.state", {**IDS, "call_state": "created", "created_by": "dial", "tag": "tag-2"}),
    ("calling.call.collect", {**BOTH, "result": {"type": "speech", "params": {"text": "I", "confidence": 61.0}}}),
    ("calling.call.record", {**BOTH, "state": "finished", "record": {"url": "u", "duration": 4.0, "size": 4096}}),
    ("calling.call.record", {**BOTH, "state": "finished", "record": {"audio": {"format": "mp3"}}, "duration": 4}),
    ("calling.call.detect", {**BOTH, "detect": {"type": "machine", "params": {"event": "READY", "beep": True}}}),
    ("calling.call.fax", {**BOTH, "fax": {"type": "finished", "params": {"pages": "1", "result": 0, "success": True}}}),
    ("calling.call.pay", {**BOTH, "for": "payment-completed", "error_type": "", "payment_card_type": "visa"}),
    ("calling.conference", {"conference_id": "c", "status": "conference-end", "size": 0, "reason_ended": "left"}),
    ("calling.error", {**IDS, "code": "500", "message": "Internal failure"}),
]


def test_every_name_that_on_knows_has_a_type_and_no_other() -> None:
    names = [name for family, _ in FAMILIES.values() for name in family]
    assert len(names) == len(set(names))
    raw = {CALL_STATE_EVENT, ERROR_EVENT, *(row.event_type for row in OPERATIONS.values() if row.kind != "dial")}
    assert set(names) == EVENT_NAMES | raw


def test_a_name_is_in_the_family_of_its_operation() -> None:
    for row in OPERATIONS.values():
        if row.kind == "dial":
            continue
        kind = BY_TYPE[row.event_type]
        for name in row.names:
            (found,) = [payload for names, payload in FAMILIES.values() if name in names]
            # A detector's handlers are given a part of the event.
            assert found is (get_type_hints(kind)[row.told_by] if row.told_by else kind), name


def test_call_on_gives_each_name_its_type() -> None:
    seen = {**vars(hearing), "payloads": payloads, "Self": Call}  # what only type checkers import
    hints = [get_type_hints(one, globalns=seen) for one in get_overloads(Call.on)]
    if not hints:
        pytest.skip("before Python 3.11 overloads are not kept")
    given = {hint["event"]: hint["callback"].__args__[0] for hint in hints[:-1]}
    assert given == {getattr(payloads, f"{family}Name"): getattr(payloads, f"{family}Payload") for family in FAMILIES}
    assert hints[-1]["event"] is str


@pytest.mark.parametrize(("kind", "params"), SHOWN)
def test_what_the_sources_show_is_of_its_type(kind: str, params: dict[str, Any]) -> None:
    check_payloads([(kind, params)])


@pytest.mark.parametrize(
    "wrong",
    [{"state": 5}, {"stat": "playing"}, {"state": True}, {"call_id": None}, {"control_id": b""}],
    ids=repr,
)
def test_what_is_not_of_its_type_is_found(wrong: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check_payloads([("calling.call.play", {**IDS, "control_id": "ctl-1", "state": "playing", **wrong})])
    assert list(complaints(1.5, int, "x"))
    assert not list(complaints(1, float, "x"))


def test_a_payment_tells_what_it_is_for() -> None:
    assert "for" in get_type_hints(payloads.PayPayload)


def test_a_handler_is_given_what_its_hint_says(stage: Stage) -> None:
    call = stage.call()
    told: list[payloads.PlayPayload] = []
    call.on("play.finished", told.append)
    action = stage.play(call)
    stage.tell_play(action, "finished")
    until(lambda: told)
    (event,) = told
    assert not list(complaints(event, payloads.PlayPayload, "told"))
    assert (event["event_type"], event["state"]) == ("calling.call.play", "finished")
