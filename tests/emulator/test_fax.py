"""``calling.send_fax`` and ``calling.receive_fax`` over bare frames in stepped time (protocol.md 11.6)."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from relay_sync.emulator import Assumptions, Emulator, ReceivedFax
from relay_sync.emulator.machines import DIS, PAGE
from relay_sync.emulator.media import CED, CNG, Heard, Tone, ToneDetector, fax_document, page_count, sound_of_tone
from tests.emulator.conftest import Connect
from tests.emulator.raw import Frame, RawClient
from tests.emulator.told import detected, faxed, told

FAX = "+15550102"
PDF = fax_document(2, "Two pages")
HEARD = 0.72  # CED begins 0.2 s after the answer and is sure half a second later


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a PDF of two pages, a text, and a PDF that breaks off."""
    folder = tmp_path_factory.mktemp("documents")
    (folder / "two.pdf").write_bytes(PDF)
    (folder / "letter.txt").write_text("no PDF")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4\nno more")
    return folder


@pytest.fixture(scope="module")
def gate() -> threading.Event:
    """Opens the way to what lies under ``/slow``."""
    return threading.Event()


@pytest.fixture(scope="module")
def web(documents: Path, gate: threading.Event) -> Iterator[str]:
    """The same folder on 127.0.0.1."""

    class Quiet(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/slow/"):
                gate.wait(10)
                self.path = self.path.removeprefix("/slow")
            super().do_GET()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(documents))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def two(documents: Path) -> str:
    return str(documents / "two.pdf")


def send(client: RawClient, call: Frame, document: str, **more: Any) -> Frame:
    return client.command("calling.send_fax", {**call, "control_id": "f", "document": document, **more})


def receive(client: RawClient, call: Frame) -> Frame:
    return client.command("calling.receive_fax", {**call, "control_id": "f"})


def stop(client: RawClient, call: Frame, method: str = "calling.send_fax") -> Frame:
    return client.command(f"{method}.stop", {**call, "control_id": "f"})


def tones(sound: Heard, tone: Tone) -> list[tuple[float, float]]:
    """Return where a tone sounds: its beginnings and ends in seconds, to a hundredth."""
    detector = ToneDetector(tone)
    return [(round(span.start / 8000, 2), round(span.end / 8000, 2)) for span in detector.feed(sound.samples)]


def last(client: RawClient) -> Frame:
    """Take the last event of a fax."""
    event: Frame = faxed(client)[-1][1]
    return event


class TestSending:
    def test_a_fax_goes_through_page_by_page(self, client: RawClient, two: str) -> None:
        phone = client.relay.phone(FAX, fax="receive")
        call = client.answered(FAX)
        reply = send(client, call, two)
        assert reply == {"code": "200", "message": "Sending fax", "call_id": call["call_id"], "control_id": "f"}
        client.relay.clock.advance(60)
        finished = {
            "direction": "send",
            "identity": "+15550100",
            "remote_identity": FAX,
            "document": two,
            "pages": 2,
            "success": True,
            "result": 0,
            "result_text": "OK",
            "format": "pdf",
        }
        assert faxed(client) == [
            (HEARD + 9, {"type": "page", "params": {"direction": "send", "number": 1}}),
            (HEARD + 14, {"type": "page", "params": {"direction": "send", "number": 2}}),
            (HEARD + 15, {"type": "finished", "params": finished}),
        ]
        assert phone.faxes == (ReceivedFax(PDF, 2, "+15550100", "SignalWire"),)

    def test_the_document_is_fetched_from_the_web(self, client: RawClient, web: str) -> None:
        phone = client.relay.phone(FAX, fax="receive")
        send(client, client.answered(FAX), f"{web}/two.pdf")
        client.relay.clock.advance(60)
        assert last(client)["params"]["document"] == f"{web}/two.pdf"
        assert phone.faxes[0].content == PDF

    def test_all_of_it_sounds_on_the_line(self, client: RawClient, two: str) -> None:
        phone = client.relay.phone(FAX, fax="receive")
        send(client, client.answered(FAX), two)
        client.relay.clock.advance(60)
        assert tones(phone.heard, CNG) == [(0.0, 0.5)]  # the first burst; then CED was heard
        assert tones(phone.said, CED) == [(0.2, 3.2)]
        assert tones(phone.said, DIS) == []
        begins = [begin for begin, _ in tones(phone.heard, PAGE)]
        assert begins == [pytest.approx(HEARD + 4, abs=0.01), pytest.approx(HEARD + 9, abs=0.01)]

    def test_a_fax_machine_goes_on_answering_for_who_comes_late(self, client: RawClient, two: str) -> None:
        phone = client.relay.phone(FAX, fax="receive")
        call = client.answered(FAX)
        client.relay.clock.advance(10)
        send(client, call, two)
        client.relay.clock.advance(30)
        assert last(client)["params"]["success"] is True
        assert tones(phone.said, DIS)[:2] == [(3.2, 4.2), (6.7, 7.7)]

    @pytest.mark.parametrize(
        ("given", "header"), [({}, "SignalWire"), ({"header_info": ""}, ""), ({"header_info": "Hello"}, "Hello")]
    )
    def test_the_header_is_that_of_the_command(
        self, client: RawClient, two: str, given: dict[str, str], header: str
    ) -> None:
        phone = client.relay.phone(FAX, fax="receive")
        send(client, client.answered(FAX), two, **given)
        client.relay.clock.advance(60)
        assert [fax.header for fax in phone.faxes] == [header]

    def test_the_identity_is_that_of_the_command(self, client: RawClient, two: str) -> None:
        phone = client.relay.phone(FAX, fax="receive")
        send(client, client.answered(FAX), two, identity="The office")
        client.relay.clock.advance(60)
        assert last(client)["params"]["identity"] == "The office"
        assert phone.faxes[0].identity == "The office"

    @pytest.mark.parametrize(
        ("document", "text"),
        [
            ("letter.txt", "letter.txt is not a PDF"),
            ("broken.pdf", "broken.pdf is a PDF that can't be read"),
            ("nothing.pdf", "there is no document"),
        ],
    )
    def test_a_document_that_is_no_pdf_is_an_error(
        self, client: RawClient, documents: Path, document: str, text: str
    ) -> None:
        client.relay.phone(FAX, fax="receive")
        assert send(client, client.answered(FAX), str(documents / document))["code"] == "200"
        client.relay.clock.advance(0)
        [(at, event)] = faxed(client)
        assert (at, event["type"]) == (0.0, "error")
        assert text in event["params"]["description"]

    def test_an_address_without_a_document_is_an_error(self, client: RawClient, web: str) -> None:
        client.relay.phone(FAX, fax="receive")
        send(client, client.answered(FAX), f"{web}/nothing.pdf?key=canary")
        client.relay.clock.advance(0)
        description = last(client)["params"]["description"]
        assert "404" in description
        assert "canary" not in description

    @pytest.mark.parametrize("number", ["+15550199001", "+15550199041", "+15550199044"])
    def test_without_a_fax_machine_that_answers_there_is_no_carrier(
        self, client: RawClient, two: str, number: str
    ) -> None:
        send(client, client.answered(number), two)
        client.relay.clock.advance(34.9)
        assert faxed(client) == []
        client.relay.clock.advance(10)
        assert faxed(client) == [(35.0, {"type": "error", "params": {"description": "no carrier"}})]
        assert len(tones(client.relay.phones[number].heard, CNG)) == 10


class TestReceiving:
    def test_a_fax_comes_through_and_is_served(self, client: RawClient) -> None:
        phone = client.relay.phone(FAX, fax="send", fax_pages=3)
        call = client.answered(FAX)
        reply = receive(client, call)
        assert reply == {"code": "200", "message": "Receiving fax", "call_id": call["call_id"], "control_id": "f"}
        client.relay.clock.advance(60)
        *pages, (end, finished) = faxed(client)
        assert [event["params"] for _, event in pages] == [
            {"direction": "receive", "number": number} for number in (1, 2, 3)
        ]
        first = pages[0][0]
        assert 9.7 <= first <= 9.8  # the first burst of CNG is over at 0.7 s
        assert [round(at - first, 3) for at, _ in pages] == [0, 5, 10]
        assert round(end - first, 3) == 11
        url = finished["params"].pop("document")
        assert finished == {
            "type": "finished",
            "params": {
                "direction": "receive", "identity": "+15550100", "remote_identity": FAX, "pages": 3, "success": True,
                "result": 0, "result_text": "OK", "format": "pdf",
            },
        }  # fmt: skip
        with urllib.request.urlopen(url) as response:
            assert response.headers["Content-Type"] == "application/pdf"
            assert page_count(response.read(), url) == 3
        assert len(tones(phone.said, PAGE)) == 3
        assert phone.faxes == ()

    def test_the_document_of_the_phone_is_what_arrives(self, client: RawClient, two: str) -> None:
        client.relay.phone(FAX, fax="send", fax_document=two)
        receive(client, client.answered(FAX))
        client.relay.clock.advance(60)
        params = last(client)["params"]
        assert params["pages"] == 2
        with urllib.request.urlopen(params["document"]) as response:
            assert response.read() == PDF

    def test_the_phone_hears_a_fax_machine(self, client: RawClient) -> None:
        phone = client.relay.phone(FAX)
        receive(client, client.answered(FAX))
        client.relay.clock.advance(60)
        assert tones(phone.heard, CED) == [(0.0, 3.0)]
        assert tones(phone.heard, DIS)[0] == (3.0, 4.0)

    @pytest.mark.parametrize("number", ["+15550199001", "+15550199043"])
    def test_without_a_fax_machine_that_calls_there_is_no_carrier(self, client: RawClient, number: str) -> None:
        receive(client, client.answered(number))
        client.relay.clock.advance(60)
        assert faxed(client) == [(35.0, {"type": "error", "params": {"description": "no carrier"}})]

    def test_a_phone_that_only_sounds_like_one_has_nothing_to_send(self, client: RawClient) -> None:
        client.relay.phone(FAX)
        receive(client, client.answered(FAX))
        client.relay.phones[FAX].play(sound_of_tone(CNG))
        client.relay.clock.advance(60)
        assert faxed(client) == [(35.0, {"type": "error", "params": {"description": "no carrier"}})]

    def test_a_document_of_the_phone_that_is_no_pdf_is_an_error(self, client: RawClient, documents: Path) -> None:
        client.relay.phone(FAX, fax="send", fax_document=documents / "letter.txt")
        receive(client, client.answered(FAX))
        client.relay.clock.advance(60)
        assert last(client)["type"] == "error"

    def test_a_fax_machine_that_calls_is_detected_and_received(self, relay: Emulator, connect: Connect) -> None:
        client = connect(relay, "office")
        relay.phone(FAX, fax="send").call(context="office")
        offer = client.wait_event("receive")
        call = {"node_id": offer["node_id"], "call_id": offer["call_id"]}
        client.command("calling.answer", call)
        detect = {"type": "fax", "params": {"tone": "CNG"}}
        client.command("calling.detect", {**call, "control_id": "d", "detect": detect, "timeout": 2})
        relay.clock.advance(2)
        assert [event for _, event in detected(client)] == ["CNG", "finished"]
        receive(client, call)
        relay.clock.advance(60)
        params = last(client)["params"]
        assert (params["success"], params["identity"], params["remote_identity"]) == (True, "+15550100000", FAX)


class TestEnd:
    def test_stop_ends_it_with_what_got_through(self, client: RawClient, two: str) -> None:
        phone = client.relay.phone(FAX, fax="receive")
        call = client.answered(FAX)
        send(client, call, two)
        client.relay.clock.advance(12)
        assert stop(client, call)["code"] == "200"
        client.relay.clock.advance(60)
        (_, page), (at, finished) = faxed(client)
        assert page["type"] == "page"
        assert at == 12.0
        assert {key: finished["params"][key] for key in ("success", "result", "result_text", "pages")} == {
            "success": False, "result": 1, "result_text": "Stopped", "pages": 1,
        }  # fmt: skip
        assert phone.heard.between(12.001).rms_db() == float("-inf")
        assert phone.faxes == ()
        assert stop(client, call) == {"code": "404", "message": "Control id does not exist"}

    def test_stop_of_receiving_hushes_the_sender(self, client: RawClient) -> None:
        phone = client.relay.phone(FAX, fax="send")
        call = client.answered(FAX)
        receive(client, call)
        client.relay.clock.advance(7)
        stop(client, call, "calling.receive_fax")
        client.relay.clock.advance(10)
        assert last(client)["params"]["success"] is False
        assert phone.said.between(7.001).rms_db() == float("-inf")

    def test_each_stop_is_for_its_own_kind(self, client: RawClient) -> None:
        call = client.answered(FAX)
        receive(client, call)
        assert stop(client, call, "calling.send_fax")["code"] == "404"
        assert stop(client, call, "calling.receive_fax")["code"] == "200"

    def test_a_phone_that_hangs_up_in_the_middle_ends_it(self, client: RawClient, two: str) -> None:
        phone = client.relay.phone("+15550199045")
        send(client, client.answered(phone.number), two)
        client.relay.clock.advance(60)
        (_, page), (at, finished) = faxed(client)
        assert (page["type"], at, finished["type"]) == ("page", 12.0, "finished")
        assert finished["params"]["success"] is False
        assert finished["params"]["result_text"] == "The call ended"
        assert finished["params"]["pages"] == 1
        assert phone.faxes == ()

    @pytest.mark.parametrize("method", ["send", "receive"])
    @pytest.mark.parametrize(
        ("answer", "order"),
        [
            ("before", ["fax:None", "state:ending", "state:ended"]),
            ("after", ["state:ending", "state:ended", "fax:None"]),
            ("never", ["state:ending", "state:ended"]),
        ],
    )
    def test_the_end_of_the_call_ends_it(
        self, connect: Connect, two: str, method: str, answer: Any, order: list[str]
    ) -> None:
        with Emulator(stepped=True, ping_interval=None, assumptions=Assumptions(plays_at_call_end=answer)) as relay:
            client = connect(relay)
            call = client.answered(FAX)
            assert (send(client, call, two) if method == "send" else receive(client, call))["code"] == "200"
            relay.clock.advance(1)
            client.drain()
            relay.phones[FAX].hang_up()
            relay.clock.advance(60)
            assert client.drain() == order

    @pytest.mark.parametrize("how", ["stop", "hang up"])
    def test_it_can_end_while_the_document_is_fetched(
        self, client: RawClient, web: str, gate: threading.Event, how: str
    ) -> None:
        gate.clear()
        call = client.answered(FAX)
        send(client, call, f"{web}/slow/two.pdf")
        if how == "stop":
            stop(client, call)
        else:
            client.relay.phones[FAX].hang_up()
        assert [event["type"] for _, event in faxed(client)] == ["finished"]
        gate.set()
        client.relay.clock.advance(60)
        assert faxed(client) == []

    def test_a_fault_ends_it_with_error(self, client: RawClient, two: str) -> None:
        client.relay.fail_next("calling.send_fax")
        client.relay.phone(FAX, fax="receive")
        assert send(client, client.answered(FAX), two)["code"] == "200"
        client.relay.clock.advance(60)
        assert faxed(client) == [(0.0, {"type": "error", "params": {"description": "Fax failed"}})]


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ({"fax": "both"}, "fax must be receive or send, not 'both'"),
        ({"fax": "send", "fax_pages": 0}, "fax_pages must be a whole number of 1 or more, not 0"),
        ({"fax": "send", "fax_pages": True}, "fax_pages must be a whole number of 1 or more, not True"),
        ({"fax": "send", "says": "Hello"}, "a phone has one of says, machine, fax"),
        ({"fax": "send", "machine": "Hello"}, "a phone has one of says, machine, fax"),
    ],
)
def test_a_phone_is_one_thing(relay: Emulator, behaviour: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        relay.phone(FAX, **behaviour)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"document": ""}, "calling.send_fax: document must be a string that is not empty, not ''"),
        ({"document": "a.pdf", "header_info": 1}, "calling.send_fax: header_info must be a string, not 1"),
        (
            {"document": "a.pdf", "identity": ""},
            "calling.send_fax: identity must be a string that is not empty, not ''",
        ),
        ({"document": "a.pdf", "header": "x"}, "calling.send_fax has no field header"),
        ({}, "calling.send_fax needs document"),
    ],
)
def test_a_wrong_field_is_400_and_named(client: RawClient, params: Frame, message: str) -> None:
    call = client.answered()
    reply = client.command("calling.send_fax", {**call, "control_id": "f", **params})
    assert reply == {"code": "400", "message": message}
    assert told(client, "fax") == []
