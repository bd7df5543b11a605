"""Text messages, from clients to phones and from phones to contexts (protocol.md 14)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from relay_sync.emulator import Assumptions, Behaviour, Emulator
from relay_sync.emulator.messages import segments
from tests.emulator.conftest import Connect
from tests.emulator.raw import Frame, RawClient

ALL = ["queued", "initiated", "sent", "delivered"]
TO = "+15550101"
MEDIA = "https://media.example/cat.jpg"


@pytest.fixture
def client(relay: Emulator, connect: Connect) -> RawClient:
    return connect(relay, "office")


@pytest.fixture
def assumed() -> Iterator[Callable[..., Emulator]]:
    """Return a function that makes an emulator with these assumptions."""
    with ExitStack() as stack:

        def assumed(**answers: Any) -> Emulator:
            relay = Emulator(stepped=True, ping_interval=None, assumptions=Assumptions(**answers))
            return stack.enter_context(relay)

        yield assumed


def message(**more: Any) -> Frame:
    """Right params of messaging.send; None leaves a field out."""
    params = {"context": "office", "from_number": "+15550100", "to_number": TO, "body": "Hello", **more}
    return {name: value for name, value in params.items() if value is not None}


def send(client: RawClient, **more: Any) -> str:
    """Send a message; return its id."""
    reply = client.command("messaging.send", message(**more))
    assert reply == {"code": "200", "message": "Message accepted", "message_id": reply.get("message_id")}
    return str(reply["message_id"])


def states(client: RawClient) -> list[str]:
    return [entry.removeprefix("messaging.state:") for entry in client.drain() if entry.startswith("messaging.state")]


class TestSending:
    def test_the_reply_comes_first_and_then_every_state(self, client: RawClient) -> None:
        send(client)
        assert client.drain() == ["reply:messaging.send", *(f"messaging.state:{state}" for state in ALL)]

    def test_a_state_event_holds_what_was_sent(self, relay: Emulator, client: RawClient) -> None:
        message_id = send(client, media=[MEDIA], tags=["vip"], region="us")
        client.drain()
        outer = client.events[0]
        assert outer["event"] == "queuing.relay.messaging"
        assert outer["params"]["context"] == "office"
        assert outer["params"]["params"] == {
            "message_id": message_id,
            "context": "office",
            "direction": "outbound",
            "tags": ["vip"],
            "from_number": "+15550100",
            "to_number": TO,
            "body": "Hello",
            "media": [MEDIA],
            "segments": 1,
            "message_state": "queued",
        }

    def test_the_phone_has_it(self, relay: Emulator, client: RawClient) -> None:
        relay.clock.advance(3)
        message_id = send(client, media=[MEDIA])
        received = relay.phones[TO].messages[0]
        assert (received.id, received.from_number, received.to_number) == (message_id, "+15550100", TO)
        assert (received.body, received.media, received.state, received.at) == ("Hello", (MEDIA,), "delivered", 3.0)

    def test_media_will_do_without_a_body(self, relay: Emulator, client: RawClient) -> None:
        send(client, body=None, media=[MEDIA])
        assert relay.phones[TO].messages[0].body == ""

    def test_a_slow_phone_gets_it_on_the_clock(self, relay: Emulator, client: RawClient) -> None:
        slow = relay.phone(TO, message_after=4)
        send(client)
        assert states(client) == ["queued", "initiated"]
        relay.clock.advance(2)
        assert states(client) == ["sent"]
        relay.clock.advance(1.9)
        assert states(client) == []
        assert list(slow.messages) == []
        relay.clock.advance(0.1)
        assert states(client) == ["delivered"]
        assert [one.at for one in slow.messages] == [4.0]

    @pytest.mark.parametrize(
        ("number", "wanted", "reason", "arrives"),
        [
            ("+15550199031", ALL, None, True),
            ("+15550199032", ["queued", "initiated", "sent", "undelivered"], "carrier blocked", False),
            ("+15550199033", ["queued", "initiated", "failed"], "number is not reachable", False),
            ("+15550199034", ["queued", "initiated", "sent"], None, True),
        ],
    )
    def test_magic_numbers_end_their_messages_without_any_python(
        self, relay: Emulator, client: RawClient, number: str, wanted: list[str], reason: str | None, arrives: bool
    ) -> None:
        send(client, to_number=number)
        relay.clock.advance(2)
        assert states(client) == wanted
        assert client.events[-1]["params"]["params"].get("reason") == reason
        assert all("reason" not in outer["params"]["params"] for outer in client.events[:-1])
        assert len(relay.phones[number].messages) == arrives

    @pytest.mark.parametrize("more", [{"message_state": "received"}, {"message_after": -1.0}])
    def test_a_behaviour_that_cannot_be_is_refused(self, more: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="message_"):
            Behaviour(**more)

    def test_every_consumer_of_the_context_is_told_and_nobody_else(self, relay: Emulator, connect: Connect) -> None:
        sender, colleague, stranger = connect(relay), connect(relay, "office"), connect(relay, "sales")
        send(sender)
        assert states(colleague) == ALL
        assert states(sender) == states(stranger) == []

    @pytest.mark.parametrize("who", ["all", "one"])
    def test_message_states_go_to(self, assumed: Callable[..., Emulator], connect: Connect, who: str) -> None:
        relay = assumed(message_states_go_to=who)
        both = [connect(relay, "office"), connect(relay, "office")]
        send(both[0])
        told = [states(client) for client in both]
        assert told == ([ALL, ALL] if who == "all" else [ALL[::2], ALL[1::2]])

    def test_a_state_event_may_come_before_the_reply(self, relay: Emulator, client: RawClient) -> None:
        relay.before_reply("messaging.send")
        send(client)
        assert client.drain() == [*(f"messaging.state:{state}" for state in ALL), "reply:messaging.send"]

    def test_a_refusal_on_request_sends_nothing(self, relay: Emulator, client: RawClient) -> None:
        relay.refuse_next("messaging.send", "402", "No credit")
        assert client.command("messaging.send", message()) == {"code": "402", "message": "No credit"}
        assert states(client) == []
        assert TO not in relay.phones

    @pytest.mark.parametrize(
        ("wrong", "complaint"),
        [
            ({"body": None}, "body or media"),
            ({"body": "", "media": []}, "body or media"),
            ({"context": None}, "needs context"),
            ({"from_number": None}, "needs from_number"),
            ({"to_number": None}, "needs to_number"),
            ({"from_number": "5551234567"}, "from_number must be a phone number"),
            ({"to_number": "+0123"}, "to_number must be a phone number"),
            ({"to_number": "+1555010010010010"}, "to_number must be a phone number"),
            ({"to_number": "sip:you@host"}, "to_number must be a phone number"),
            ({"body": 5}, "body must be a string"),
            ({"media": MEDIA}, "media must be a list"),
            ({"tags": [""]}, "tags must be a list"),
            ({"colour": "red"}, "no field colour"),
        ],
    )
    def test_wrong_fields_are_400(self, client: RawClient, wrong: Frame, complaint: str) -> None:
        reply = client.command("messaging.send", message(**wrong))
        assert reply["code"] == "400"
        assert complaint in reply["message"]
        assert states(client) == []

    @pytest.mark.parametrize("end", ["from_number", "to_number"])
    @pytest.mark.parametrize("code", ["988", "12345", "12345678"])
    def test_a_short_code_is_a_number_too(self, client: RawClient, end: str, code: str) -> None:
        assert client.command("messaging.send", message(**{end: code}))["code"] == "200"

    @pytest.mark.parametrize("code", ["12", "123456789", "+", "12 345", "\u0663\u0664\u0665"])
    def test_what_is_neither_a_number_nor_a_short_code_is_400(self, client: RawClient, code: str) -> None:
        reply = client.command("messaging.send", message(from_number=code))
        assert (reply["code"], "or a short code of 3 to 8 digits, not" in reply["message"]) == ("400", True)

    def test_not_strict_takes_any_number(self, connect: Connect) -> None:
        with Emulator(stepped=True, ping_interval=None, strict=False) as relay:
            client = connect(relay, "office")
            send(client, to_number="anybody", colour="red")
            assert states(client) == ALL


class TestReceiving:
    def test_a_message_of_a_phone_is_told_to_a_consumer(self, relay: Emulator, client: RawClient) -> None:
        sent = relay.phone("+15550155").text(context="office", body="Hi", media=[MEDIA])
        assert sent.state == "received"
        client.drain()
        (outer,) = client.events
        assert outer["event"] == "queuing.relay.messaging"
        assert outer["params"]["event_type"] == "messaging.receive"
        assert outer["params"]["context"] == "office"
        assert outer["params"]["params"] == {
            "message_id": sent.id,
            "context": "office",
            "direction": "inbound",
            "tags": ["message", "inbound", "MMS"],
            "from_number": "+15550155",
            "to_number": "+15550100000",
            "body": "Hi",
            "media": [MEDIA],
            "segments": 1,
            "message_state": "received",
        }

    def test_a_number_leads_to_its_context(self, relay: Emulator, client: RawClient) -> None:
        relay.route("+15550900", "office")
        assert relay.phone("+15550155").text("+15550900", "Hi").context == "office"
        received = client.wait_event("messaging.receive")
        assert (received["to_number"], received["tags"]) == ("+15550900", ["message", "inbound", "SMS"])

    def test_each_goes_to_one_consumer_in_turn(self, relay: Emulator, connect: Connect) -> None:
        both = [connect(relay, "office"), connect(relay, "office")]
        for body in "abcd":
            relay.phone("+15550155").text(context="office", body=body)
        bodies = []
        for client in both:
            client.drain()
            bodies.append([outer["params"]["params"]["body"] for outer in client.events])
        assert bodies == [["a", "c"], ["b", "d"]]

    def test_a_number_that_leads_nowhere_drops_it(self, relay: Emulator, client: RawClient) -> None:
        assert relay.phone("+15550155").text("+15550901", "Hi").state == "dropped"
        assert client.drain() == []

    @pytest.mark.parametrize("fate", ["dropped", "kept"])
    def test_work_without_consumer(self, assumed: Callable[..., Emulator], connect: Connect, fate: str) -> None:
        relay = assumed(work_without_consumer=fate)
        early, other = connect(relay), connect(relay, "sales")
        for body in "ab":
            assert relay.phone("+15550155").text(context="office", body=body).state == fate
        assert early.command("signalwire.receive", {"contexts": ["office"]})["code"] == "200"
        wanted = ["messaging.receive:received"] * 2 if fate == "kept" else []
        assert early.drain() == ["reply:signalwire.receive", *wanted]
        assert other.drain() == []
        relay.phone("+15550155").text(context="office", body="c")
        assert len(early.drain()) == 1

    def test_a_message_needs_somewhere_to_go_and_something_to_say(self, relay: Emulator) -> None:
        phone = relay.phone("+15550155")
        with pytest.raises(ValueError, match="a number or a context"):
            phone.text(body="Hi")
        with pytest.raises(ValueError, match="a body or media"):
            phone.text(context="office")


@pytest.mark.parametrize(
    ("body", "media", "wanted"),
    [
        ("", [MEDIA], 1),
        ("a" * 160, [], 1),
        ("a" * 161, [], 2),
        ("€" * 80, [], 1),  # each takes the room of two
        ("€" * 81, [], 2),
        ("ж" * 70, [], 1),
        ("ж" * 71, [], 2),
        ("🙂" * 36, [], 2),
        ("a" * 307, [], 3),
    ],
)
def test_segments_are_counted_as_networks_do(body: str, media: list[str], wanted: int) -> None:
    assert segments(body, media) == wanted
