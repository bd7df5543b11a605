"""Detect, fax, tap and refer of the real client, over the emulator: every form, each kind of outcome."""

from __future__ import annotations

import contextlib
import socket
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from relay_sync import Call, Client, RelayTimeout
from relay_sync.emulator import Assumptions, Emulator
from relay_sync.emulator.media import RATE, fax_document, page_count
from tests.stage import at_once
from tests.support import in_thread
from tests.words import spoken

T = TypeVar("T")

PLAIN = "+15550199001"
PERSON = "+15550199041"
MACHINE = "+15550199042"
TAKES_FAXES = "+15550199043"
SENDS_A_FAX = "+15550199044"
CUT_FAX = "+15550199045"
PRESSES = "+15550199022"

TWO_PAGES = fax_document(2, "Two pages")


@pytest.fixture
def document(tmp_path: Path) -> str:
    path = tmp_path / "two.pdf"
    path.write_bytes(TWO_PAGES)
    return str(path)


def dial(client: Client, to: str) -> Call:
    call = client.calling.dial(from_number="+15550100", to_number=to).call
    assert call is not None
    return call


def dial_sip(client: Client, to: str = "sip:you@emulator.example") -> Call:
    call = client.calling.dial(call_type="sip", from_number="sip:me@emulator.example", to_number=to).call
    assert call is not None
    return call


def passing(relay: Emulator, command: str, seconds: float, verb: Callable[[], T]) -> T:
    """Run a blocking ``verb``; let ``seconds`` pass once its command has arrived."""
    before = len(relay.journal.commands(command))
    with in_thread(verb) as running:
        relay.expect(command, count=before + 1)
        relay.clock.advance(seconds)
    return running.result()


# -- detect -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "verb", "kind", "result"),
    [
        (PERSON, lambda call: call.detect("machine"), "machine", "HUMAN"),
        (PERSON, lambda call: call.amd(wait_for_beep=True), "machine", "HUMAN"),
        (MACHINE, lambda call: call.detect_answering_machine(), "machine", "MACHINE"),
        (MACHINE, lambda call: call.amd(wait_for_beep=True, timeout=20), "machine", "MACHINE"),
        (PLAIN, lambda call: call.amd(initial_timeout=1.5), "machine", "UNKNOWN"),
        (PERSON, lambda call: call.amd(machine_voice_threshold=0.2), "machine", "MACHINE"),
        (PERSON, lambda call: call.amd(machine_words_threshold=1), "machine", "MACHINE"),
        (TAKES_FAXES, lambda call: call.detect_fax(), "fax", "CED"),
        (SENDS_A_FAX, lambda call: call.detect_fax("CNG"), "fax", "CNG"),
        (PRESSES, lambda call: call.detect_digit(), "digit", "1"),
        (PRESSES, lambda call: call.detect_digit("#3"), "digit", "3"),
    ],
)
def test_a_blocking_detection_returns_the_first_answer(
    relay: Emulator, client: Client, number: str, verb: Callable[[Call], Any], kind: str, result: str
) -> None:
    call = dial(client, number)
    found = passing(relay, "calling.detect", 10, lambda: verb(call))
    assert (found.successful, found.type, found.result) == (True, kind, result)
    assert found.event.payload["type"] == kind


def test_waiting_for_the_beep_returns_when_it_is_over(relay: Emulator, client: Client) -> None:
    call = dial(client, MACHINE)
    with in_thread(lambda: call.amd(wait_for_beep=True)) as running:
        relay.expect("calling.detect")
        relay.clock.advance(2)
        relay.wait_for(lambda emulator: len(emulator.journal.events("calling.call.detect")) == 2)
        assert running.thread.is_alive()
        relay.clock.advance(10)
    result = running.result()
    assert result.event is not None
    assert result.event.payload["params"] == {"event": "READY", "beep": True}


@pytest.mark.parametrize(
    "verb",
    [
        lambda call: call.detect_digit(timeout=3),
        lambda call: call.detect_fax(timeout=3),
        lambda call: call.amd(timeout=3),
        lambda call: call.amd(wait_for_beep=True, timeout=3),
    ],
)
def test_a_detection_whose_time_is_over_is_not_successful(
    relay: Emulator, client: Client, verb: Callable[[Call], Any]
) -> None:
    result = passing(relay, "calling.detect", 3, lambda: verb(dial(client, PLAIN)))
    assert (result.successful, result.result) == (False, None)
    assert result.event.name == "finished"


def test_a_machine_without_a_beep_in_time_is_told(relay: Emulator, client: Client) -> None:
    relay.phone("+15550107", machine="A greeting that goes on and on, without ever coming to its end, on and on.")
    result = passing(relay, "calling.detect", 3, lambda: dial(client, "+15550107").amd(wait_for_beep=True, timeout=3))
    assert (result.successful, result.result) == (False, "MACHINE")


def test_a_detection_in_the_background_gathers_everything(relay: Emulator, client: Client) -> None:
    call = dial(client, PRESSES)
    action = call.detect_digit_async(timeout=5)
    relay.clock.advance(5)
    result = action.wait(10)
    assert (result.successful, result.result, action.state) == (True, "1,2,3,4,#", "finished")


def test_a_detection_in_the_background_can_be_stopped(relay: Emulator, client: Client) -> None:
    action = dial(client, MACHINE).amd_async()
    relay.clock.advance(2)
    assert action.wait_for_state("NOT_READY", 10)
    assert action.stop().successful
    assert action.wait(10).result == "MACHINE,NOT_READY"
    assert not action.stop().successful


def test_an_error_of_a_detection_is_not_successful(relay: Emulator, client: Client) -> None:
    call = dial(client, PLAIN)
    relay.fail_next("calling.detect", 2)
    blocking = call.detect_digit(wait_timeout=10)
    action = call.detect_digit_async()
    assert not blocking.successful
    assert blocking.event is not None
    assert blocking.event.name == "error"
    assert not action.wait(10).successful
    assert action.state == "error"


def test_a_wait_for_a_detection_can_time_out_and_go_on(relay: Emulator, client: Client) -> None:
    action = dial(client, PLAIN).detect_digit_async(timeout=5)
    with pytest.raises(RelayTimeout):
        action.wait(0)
    relay.clock.advance(5)
    assert not action.wait(10).successful


# -- fax ----------------------------------------------------------------------------------------------------


def test_a_fax_is_sent(relay: Emulator, client: Client, document: str) -> None:
    call = dial(client, TAKES_FAXES)
    result = passing(
        relay, "calling.send_fax", 60, lambda: call.fax_send(document, identity="The office", header="Hello")
    )
    assert result.successful
    assert (result.direction, result.identity, result.remote_identity) == ("send", "The office", TAKES_FAXES)
    assert (result.document, result.pages, result.result, result.result_text) == (document, 2, 0, "OK")
    [fax] = relay.phones[TAKES_FAXES].faxes
    assert (fax.content, fax.identity, fax.header) == (TWO_PAGES, "The office", "Hello")


@pytest.mark.parametrize(("header", "shown"), [("", ""), (None, "SignalWire")])
def test_an_empty_header_switches_it_off(
    relay: Emulator, client: Client, document: str, header: str | None, shown: str
) -> None:
    call = dial(client, TAKES_FAXES)
    assert passing(relay, "calling.send_fax", 60, lambda: call.fax_send(document, header=header)).successful
    assert relay.phones[TAKES_FAXES].faxes[0].header == shown


def test_a_fax_is_received(relay: Emulator, client: Client) -> None:
    call = dial(client, SENDS_A_FAX)
    result = passing(relay, "calling.receive_fax", 60, call.fax_receive)
    assert result.successful
    assert (result.direction, result.identity, result.remote_identity) == ("receive", "+15550100", SENDS_A_FAX)
    assert result.pages == 2
    assert result.document is not None
    with urllib.request.urlopen(result.document) as response:
        assert page_count(response.read(), "fax") == 2


def test_the_pages_of_a_fax_can_be_followed(relay: Emulator, client: Client, document: str) -> None:
    action = dial(client, TAKES_FAXES).fax_send_async(document)
    events = action.events(10)
    relay.clock.advance(60)
    assert [event.name for event in events] == ["page", "page", "finished"]
    assert action.wait(10).successful


@pytest.mark.parametrize("direction", ["send", "receive"])
def test_without_a_fax_machine_there_is_no_carrier(
    relay: Emulator, client: Client, document: str, direction: str
) -> None:
    call = dial(client, PERSON)
    verb = call.fax_receive if direction == "receive" else lambda: call.fax_send(document)
    result = passing(relay, f"calling.{direction}_fax", 60, verb)
    assert not result.successful
    assert "no carrier" in result.message


def test_a_document_that_is_no_pdf_fails_with_the_reason(relay: Emulator, client: Client, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Hello")
    call = dial(client, TAKES_FAXES)
    result = call.fax_send(str(tmp_path / "letter.txt"), wait_timeout=10)
    assert not result.successful
    assert "is not a PDF" in result.message


def test_a_fax_that_is_cut_off_is_not_successful(relay: Emulator, client: Client, document: str) -> None:
    call = dial(client, CUT_FAX)
    result = passing(relay, "calling.send_fax", 60, lambda: call.fax_send(document))
    assert not result.successful
    assert result.pages == 1
    assert "The call ended" in result.message
    assert call.wait_for_ended(timeout=10)


def test_a_fax_can_be_stopped(relay: Emulator, client: Client, document: str) -> None:
    action = dial(client, TAKES_FAXES).fax_send_async(document)
    relay.clock.advance(12)
    assert action.wait_for_state("page", 10)
    assert action.stop().successful
    result = action.wait(10)
    assert (result.successful, result.pages, result.result_text) == (False, 1, "Stopped")


# -- tap ----------------------------------------------------------------------------------------------------


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        listener.bind(("127.0.0.1", 0))
        listener.setblocking(False)
        yield listener


def packets(listener: socket.socket) -> list[bytes]:
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(listener.recv(4096))
    return found


def test_a_tap_really_sends(relay: Emulator, client: Client, udp: socket.socket) -> None:
    call = dial(client, PLAIN)
    relay.phones[PLAIN].play(np.full(RATE, 0.25, np.float32))
    port = udp.getsockname()[1]
    action = call.tap_async("speak", "rtp", target_addr="127.0.0.1", target_port=port, target_ptime=10, codec="PCMA")
    assert action.wait_for_state("tapping", 10)
    relay.clock.advance(0.5)
    assert [len(packet) for packet in packets(udp)] == [92] * 50
    source = action.source_device
    assert source is not None
    assert source["params"]["codec"] == "PCMA"
    assert action.stop().successful
    result = action.wait(10)
    assert result.successful
    assert result.tap == {"type": "audio", "params": {"direction": "speak"}}
    assert result.source_device == source
    assert result.destination_device is not None
    assert result.destination_device["params"]["port"] == port


def test_a_blocking_tap_ends_with_the_call(relay: Emulator, client: Client, udp: socket.socket) -> None:
    call = dial(client, PLAIN)
    with in_thread(lambda: call.tap("both", "rtp", "127.0.0.1", udp.getsockname()[1])) as running:
        relay.expect("calling.tap")
        relay.clock.advance(1)
        relay.phones[PLAIN].hang_up()
    assert running.result().successful  # Relay said finished before the end of the call
    assert len(packets(udp)) == 50


def test_a_tap_to_another_machine_is_refused_by_the_emulator(relay: Emulator, client: Client) -> None:
    result = dial(client, PLAIN).tap("both", "rtp", "192.0.2.10", 4000, wait_timeout=10)
    assert not result.successful
    assert result.code == "400"
    assert "loopback" in result.message


def test_a_tap_that_nobody_takes_finishes(relay: Emulator, client: Client) -> None:
    result = dial(client, PLAIN).tap("both", "ws", target_uri="ws://127.0.0.1:9/", wait_timeout=10)
    assert result.successful  # as in v2: finished is all that Relay tells
    assert result.source_device == {"type": "ws", "params": {"codec": "PCMU", "rate": 8000}}


# -- refer --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "state", "notify"),
    [
        ("sip:desk@emulator.example", "success", "200"),
        ("sip:slow@emulator.example", "success", "200"),
        ("sip:busy@emulator.example", "busy", "486"),
        ("sip:nobody@emulator.example", "noAnswer", "408"),
        ("sip:decline@emulator.example", "cancel", "603"),
        ("sip:gone@emulator.example", "error", "404"),
    ],
)
def test_a_refer_goes_as_the_other_phone_does(
    relay: Emulator, client: Client, to: str, state: str, notify: str
) -> None:
    action = dial_sip(client).refer_async(to, headers=[{"name": "X-Ref", "value": "1"}], username="me", password="x")
    relay.clock.advance(30)
    result = action.wait(10)
    assert (result.successful, action.state) == (state == "success", state)
    assert (result.refer_to, result.refer_response_code, result.refer_notify_code) == (to, "202", notify)


def test_a_blocking_refer_returns_when_it_was_taken(relay: Emulator, client: Client) -> None:
    call = dial_sip(client)
    assert passing(relay, "calling.refer", 2, lambda: call.refer("sip:slow@emulator.example")).successful
    assert call.wait_for_ended(timeout=10)


def test_a_phone_call_can_not_be_referred(relay: Emulator, client: Client) -> None:
    result = dial(client, PLAIN).refer("sip:desk@emulator.example", wait_timeout=10)
    assert (result.successful, result.code) == (False, "409")


# -- what holds for all -------------------------------------------------------------------------------------

STARTS: list[Callable[[Call, str], Any]] = [
    lambda call, document: call.detect_digit_async(),
    lambda call, document: call.fax_send_async(document),
    lambda call, document: call.fax_receive_async(),
    lambda call, document: call.tap_async("both", "rtp", "127.0.0.1", 9),
    lambda call, document: call.refer_async("sip:slow@emulator.example"),
]


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("answer", ["before", "after", "never"])
def test_the_end_of_the_call_ends_every_action(document: str, answer: Any, start: Callable[[Call, str], Any]) -> None:
    assumptions = Assumptions(plays_at_call_end=answer)
    with (
        Emulator(dialects=spoken(), stepped=True, assumptions=assumptions) as relay,
        Client(**relay.credentials) as client,
    ):
        at_once(client)
        action = start(dial_sip(client), document)
        assert not action.completed
        relay.phones["sip:you@emulator.example"].hang_up()
        result = action.wait(10)
        assert action.completed
        assert result.successful is (answer == "before" and type(action).__name__ == "TapAction")


@pytest.mark.parametrize("start", STARTS)
def test_a_refusal_keeps_code_and_message(
    relay: Emulator, client: Client, document: str, start: Callable[[Call, str], Any]
) -> None:
    call = dial_sip(client)
    for method in ("detect", "send_fax", "receive_fax", "tap", "refer"):
        relay.refuse_next(f"calling.{method}", "403", "Not today")
    action = start(call, document)
    assert (action.completed, action.state) == (True, "failed")
    assert (action.result.successful, action.result.code, action.result.message) == (False, "403", "Not today")


@pytest.mark.parametrize("start", STARTS)
def test_events_before_the_reply_and_twice_do_no_harm(
    relay: Emulator, client: Client, document: str, start: Callable[[Call, str], Any]
) -> None:
    call = dial_sip(client)
    relay.duplicate_events()
    for method in ("detect", "send_fax", "receive_fax", "tap", "refer"):
        relay.before_reply(f"calling.{method}")
        relay.fail_next(f"calling.{method}")
    action = start(call, document)
    assert action.wait(10) is action.result
    assert action.result.successful is (type(action).__name__ == "TapAction")
