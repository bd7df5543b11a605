"""Faxes: what they send, pages, ends (api.md 7.8, protocol.md 11.6)."""

from __future__ import annotations

from typing import Any

import pytest

from relay_sync import Call, OperationFailed
from relay_sync.calling.fax import FaxAction, FaxResult
from tests.calling.moves import begin, block, sent_by, tell
from tests.stage import Stage
from tests.support import in_thread, until

PDF = "https://files.example/in.pdf"
WELL: dict[str, Any] = {
    "direction": "send",
    "identity": "+15550100001",
    "remote_identity": "+15550100002",
    "document": PDF,
    "success": True,
    "result": 0,
    "result_text": "OK",
    "pages": 2,
    "format": "pdf",
}


@pytest.fixture
def call(stage: Stage) -> Call:
    return stage.call()


@pytest.fixture
def sending(stage: Stage, call: Call) -> FaxAction:
    return begin(stage, lambda: call.fax_send_async(PDF))


def fax(kind: str, **params: Any) -> dict[str, Any]:
    return {"fax": {"type": kind, "params": params}}


@pytest.mark.parametrize(
    ("positional", "named", "sent"),
    [
        ((PDF,), {}, {}),
        ((), {"url": PDF}, {}),
        ((), {"document": PDF}, {}),
        ((PDF, "+15550100001", "Hello"), {}, {"identity": "+15550100001", "header_info": "Hello"}),
        ((), {"document": PDF, "header": ""}, {"header_info": ""}),
    ],
)
def test_the_document_can_be_named_both_ways_and_an_empty_header_is_sent(
    stage: Stage, call: Call, positional: Any, named: Any, sent: Any
) -> None:
    """Defect 31: an empty header switches the header off."""
    assert sent_by(stage, lambda: call.fax_send_async(*positional, **named)) == {"document": PDF, **sent}


def test_receiving_sends_nothing_but_the_ids(stage: Stage, call: Call) -> None:
    assert sent_by(stage, lambda: call.fax_receive_async()) == {}


@pytest.mark.parametrize(
    ("positional", "named", "error", "message"),
    [
        ((), {}, TypeError, "url=None, document=None: give the address"),
        ((PDF,), {"document": PDF}, TypeError, "by one of the names"),
        ((), {"url": ""}, ValueError, "url='' is empty"),
        ((), {"document": 5}, TypeError, "document=5"),
        ((PDF,), {"identity": ""}, ValueError, "identity=''"),
        ((PDF,), {"header": 5}, TypeError, "header=5"),
    ],
)
def test_a_mistake_is_named_before_anything_is_sent(
    stage: Stage, call: Call, positional: Any, named: Any, error: type[Exception], message: str
) -> None:
    for verb in (call.fax_send, call.fax_send_async):
        with pytest.raises(error, match=message):
            verb(*positional, **named)
    stage.settle()


def test_pages_are_no_end_and_the_result_has_every_field(stage: Stage, call: Call) -> None:
    """Defects 15 and 21."""
    running, control_id = block(stage, lambda: call.fax_send(PDF))
    tell(stage, control_id, "fax", fax("page", direction="send", number=1), fax("page", number=2))
    assert running.thread.is_alive()
    tell(stage, control_id, "fax", fax("finished", **WELL))
    result = running.result()
    assert (type(result), result.successful, result.message) == (FaxResult, True, "")
    fields = ("direction", "identity", "remote_identity", "document", "pages", "result", "result_text")
    assert {name: getattr(result, name) for name in fields} == {name: WELL[name] for name in fields}
    assert (result.event.name, result.event.payload) == ("finished", fax("finished", **WELL)["fax"])


def test_a_fax_that_was_received_is_found_at_its_address(stage: Stage, call: Call) -> None:
    running, control_id = block(stage, call.fax_receive)
    tell(stage, control_id, "fax", fax("finished", **{**WELL, "direction": "receive", "pages": "2", "result": "0"}))
    result = running.result()
    assert (result.successful, result.direction, result.document) == (True, "receive", PDF)
    assert (result.pages, result.result) == (2, 0)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (fax("finished", **{**WELL, "success": False, "result_text": "line dropped"}), "line dropped"),
        (fax("finished"), "did not say why"),
        ({"fax": {"type": "finished"}}, "did not say why"),
        (fax("finished", success=1, result_text="odd"), "odd"),
        (fax("error", description="no carrier"), "no carrier"),
        (fax("error", success=True), "did not say why"),
    ],
)
def test_a_fax_is_successful_only_where_relay_said_so(
    stage: Stage, sending: FaxAction, event: Any, message: str
) -> None:
    tell(stage, sending, "fax", event)
    result = sending.wait(10)
    assert (result.successful, sending.state) == (False, event["fax"]["type"])
    assert message in result.message
    with pytest.raises(OperationFailed, match=message):
        result.raise_for_status()


@pytest.mark.parametrize("direction", ["send", "receive"])
def test_stop_is_that_of_the_direction(stage: Stage, call: Call, direction: str) -> None:
    action = begin(stage, lambda: call.fax_send_async(PDF) if direction == "send" else call.fax_receive_async())
    assert isinstance(action, FaxAction)
    with in_thread(action.stop) as stopping:
        stage.relay.accept_command(f"calling.{direction}_fax.stop")
    assert stopping.result().successful


def test_handlers_hear_of_pages_and_ends_with_all_fields(stage: Stage, call: Call, sending: FaxAction) -> None:
    heard: list[tuple[str, str]] = []
    for name in ("fax.stateChange", "fax.page", "fax.finished", "fax.error"):
        call.on(name, lambda event, name=name: heard.append((name, event["fax"]["type"])))
    tell(stage, sending, "fax", fax("page", number=1), fax("error", description="no carrier"))
    until(lambda: len(heard) == 4)
    assert heard == [
        ("fax.stateChange", "page"),
        ("fax.page", "page"),
        ("fax.stateChange", "error"),
        ("fax.error", "error"),
    ]
