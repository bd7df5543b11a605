"""Text messages: sent, followed to their end, received (api.md 12, protocol.md 14)."""

from __future__ import annotations

import gc
import logging
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from relay_sync import Client, CommandRefused, ConnectionLost, Message, NotConnected, RelayTimeout, SendResult
from relay_sync.emulator import Assumptions, Emulator
from relay_sync.messaging import EARLY
from tests.stage import Stage, standing_time
from tests.support import Running, in_thread, until
from tests.words import chosen, spoken

FROM, TO = "+15550100", "+15550101"
ALL = ["queued", "initiated", "sent", "delivered"]
MEDIA = "https://media.example/cat.jpg"
TEXT: dict[str, Any] = {"from_number": FROM, "to_number": TO, "context": "office", "body": "Hello"}


class Heard:
    """A handler that keeps what it was given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def __call__(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def states(self) -> list[str | None]:
        return [message.state for message in self.messages]

    def wait(self, count: int) -> list[Message]:
        until(lambda: len(self.messages) >= count, f"that {count} messages were heard, not {self.messages}")
        return self.messages


@pytest.fixture
def heard(client: Client) -> Heard:
    """A handler of the states of messages sent with the context office."""
    heard = Heard()
    assert client.messaging.state_change(["office"], heard).successful
    return heard


class TestOverTheWholeRoad:
    def test_a_message_is_sent_and_followed_to_its_end(self, client: Client, heard: Heard, relay: Emulator) -> None:
        result = client.messaging.send(**TEXT, media=[MEDIA], tags=["vip"], region="us")
        assert isinstance(result, SendResult)
        assert (result.successful, result.code, result.message) == (True, "200", "Message accepted")
        assert result.sent is not None
        assert result.sent.wait(10)
        assert (result.sent.id, result.sent.state, result.sent.direction) == (
            result.message_id,
            "delivered",
            "outbound",
        )
        (received,) = relay.phones[TO].messages
        assert (received.id, received.body, received.media) == (result.message_id, "Hello", (MEDIA,))
        (command,) = relay.journal.commands("messaging.send")
        assert command.params == {**TEXT, "media": [MEDIA], "tags": ["vip"], "region": "us"}

    def test_handlers_hear_of_each_state_in_order(self, client: Client, heard: Heard) -> None:
        ids = [client.messaging.send(**TEXT, tags=["vip"]).message_id for _ in range(5)]
        messages = heard.wait(len(ALL) * len(ids))
        for message_id in ids:
            assert [message.state for message in messages if message.id == message_id] == ALL
        first = messages[0]
        assert (first.from_number, first.to_number, first.body, first.tags) == (FROM, TO, "Hello", ["vip"])
        assert (first.media, first.segments, first.context, first.reason) == ([], 1, "office", None)

    @pytest.mark.parametrize(
        ("number", "state", "reason"),
        [("+15550199032", "undelivered", "carrier blocked"), ("+15550199033", "failed", "number is not reachable")],
    )
    def test_a_message_that_does_not_arrive_says_why(
        self, client: Client, heard: Heard, number: str, state: str, reason: str
    ) -> None:
        sent = client.messaging.send(**{**TEXT, "to_number": number}).sent
        assert sent is not None
        assert sent.wait(10)
        assert (sent.state, sent.reason, sent.is_final) == (state, reason, True)
        until(lambda: heard.states[-1:] == [state])
        assert heard.messages[-1].reason == reason

    def test_a_slow_message_is_waited_for_as_long_as_is_said(
        self, client: Client, heard: Heard, relay: Emulator
    ) -> None:
        relay.phone(TO, message_after=4)
        sent = client.messaging.send(**TEXT).sent
        assert sent is not None
        with pytest.raises(RelayTimeout, match="was not delivered within 0"):
            sent.wait(0)
        with in_thread(lambda: sent.wait(10)) as waiting:
            relay.clock.advance(4)
        assert waiting.result()
        assert heard.wait(4)

    @pytest.mark.parametrize("rule", ["before_reply", "hold_reply"])
    def test_a_state_that_overtakes_the_reply_is_not_lost(
        self, client: Client, heard: Heard, relay: Emulator, rule: str
    ) -> None:
        """Defect 91."""
        getattr(relay, rule)("messaging.send", 1)
        with in_thread(lambda: client.messaging.send(**TEXT)) as sending:
            heard.wait(4)
            relay.release()
        sent = sending.result().sent
        assert sent is not None
        assert sent.wait(10)
        assert sent.state == "delivered"
        assert heard.states == ALL

    def test_events_that_come_twice_change_nothing_of_the_message(
        self, client: Client, heard: Heard, relay: Emulator
    ) -> None:
        relay.duplicate_events()
        sent = client.messaging.send(**TEXT).sent
        assert sent is not None
        assert sent.wait(10)
        heard.wait({"blade": 8, "flat": 4}[chosen()])  # Flat's are acknowledged by id, and told once
        assert sent.state == "delivered"

    def test_without_the_context_nothing_is_heard_of_it(self, client: Client, relay: Emulator) -> None:
        sent = client.messaging.send(**TEXT).sent
        assert sent is not None
        with pytest.raises(RelayTimeout):
            sent.wait(0.05)
        assert sent.state == "queued"
        relay.wait_for(lambda relay: relay.phones[TO].messages)

    def test_a_message_of_a_phone_is_handed_to_the_handler_of_its_context(
        self, client: Client, relay: Emulator
    ) -> None:
        office, sales = Heard(), Heard()
        client.messaging.receive(["office"], office)
        client.messaging.receive(["sales"], sales)
        relay.route("+15550900", "sales")
        first = relay.phone("+15550155").text(context="office", body="Hi", media=[MEDIA])
        second = relay.phone("+15550155").text("+15550900", "Ho")
        (message,) = office.wait(1)
        assert (message.id, message.state, message.direction) == (first.id, "received", "inbound")
        assert (message.body, message.media, message.tags) == ("Hi", [MEDIA], ["message", "inbound", "MMS"])
        assert (message.from_number, message.segments, message.context) == ("+15550155", 1, "office")
        assert [one.id for one in sales.wait(1)] == [second.id]

    def test_an_echo_of_whatever_came_is_sent(self, client: Client, relay: Emulator) -> None:
        """Without media a message has an empty list of them: that can be passed on as it is."""
        results: list[SendResult] = []

        def echo(message: Message) -> None:
            to, number = message.from_number or "", message.to_number or ""
            more = {"body": message.body, "media": message.media, "tags": []}
            results.append(client.messaging.send(from_number=number, to_number=to, context="office", **more))

        client.messaging.receive(["office"], echo)
        phone = relay.phone("+15550155")
        phone.text(context="office", body="Hi")
        phone.text(context="office", media=[MEDIA])
        until(lambda: len(phone.messages) == 2)
        assert {(message.body, message.media) for message in phone.messages} == {("Hi", ()), ("", (MEDIA,))}
        until(lambda: len(results) == 2)

    def test_a_refused_message_says_so(self, client: Client, relay: Emulator) -> None:
        relay.refuse_next("messaging.send", "402", "No credit")
        result = client.messaging.send(**TEXT)
        assert (result.successful, result.code, result.message) == (False, "402", "No credit")
        assert (result.message_id, result.sent) == (None, None)
        with pytest.raises(CommandRefused) as caught:
            result.raise_for_status()
        assert (caught.value.code, caught.value.method) == ("402", "messaging.send")

    @pytest.mark.parametrize("end", ["from_number", "to_number"])
    def test_a_short_code_is_sent_and_taken(self, client: Client, relay: Emulator, end: str) -> None:
        """The client and the emulator each judge on their own, and agree."""
        assert client.messaging.send(**{**TEXT, end: "12345"}).successful

    def test_a_refused_context_is_reported_and_its_handler_not_kept(self, client: Client, relay: Emulator) -> None:
        relay.refuse_next("signalwire.receive", "403", "Not yours")
        heard = Heard()
        result = client.messaging.receive(["office"], heard)
        assert (result.successful, result.code) == (False, "403")
        client.messaging.state_change(["office"], Heard())
        relay.phone("+15550155").text(context="office", body="Hi")
        client.execute("signalwire.receive", {"contexts": ["office"]})
        assert heard.messages == []

    @pytest.mark.parametrize("everyone", [True, False])
    def test_it_works_whoever_is_told_of_the_states(self, everyone: bool) -> None:
        assumptions = Assumptions(message_states_go_to="all" if everyone else "one")
        with ExitStack() as stack:
            relay = stack.enter_context(
                Emulator(dialects=spoken(), stepped=True, ping_interval=None, assumptions=assumptions)
            )
            heard = [Heard(), Heard()]
            for handler in heard:
                client = stack.enter_context(Client(**relay.credentials))
                client.messaging.state_change(["office"], handler)
            client.messaging.send(**TEXT)
            until(lambda: sum(len(handler.messages) for handler in heard) == (8 if everyone else 4))


@pytest.fixture
def sent(stage: Stage) -> Callable[..., Message]:
    """Return a function that sends a message over a scripted relay, which accepts it as msg-1."""

    def sent(message_id: str = "msg-1") -> Message:
        with in_thread(lambda: stage.client.messaging.send(**TEXT)) as sending:
            stage.relay.accept_command("messaging.send", message_id=message_id)
        message = sending.result().sent
        assert message is not None
        return message

    return sent


def tell(stage: Stage, state: Any, message_id: Any = "msg-1", **more: Any) -> None:
    stage.relay.tell("messaging.state", message_id=message_id, message_state=state, context="office", **more)


class TestFollowing:
    def test_a_final_state_stays_and_steps_back_are_old_news(self, stage: Stage, sent: Callable[..., Message]) -> None:
        message = sent()
        for state, seen in [("sent", "sent"), ("queued", "sent"), ("sent", "sent"), ("failed", "failed"),
                            ("delivered", "failed"), ("queued", "failed")]:  # fmt: skip
            tell(stage, state, reason="why" if state == "failed" else None)
            stage.settle()
            assert message.state == seen
        assert message.reason == "why"
        assert message.wait(0)

    @pytest.mark.parametrize(
        ("told", "seen"),
        [(["delivered"], "delivered"), (["queued", "sent"], "sent"), (["delivered", "sent"], "delivered"),
         (["sent", "queued"], "sent"), (["on its way"], "on its way")],
    )  # fmt: skip
    def test_of_the_states_that_overtook_the_reply_the_furthest_counts(
        self, stage: Stage, told: list[str], seen: str
    ) -> None:
        running = Running(lambda: stage.client.messaging.send(**TEXT))
        command = stage.relay.take_command("messaging.send")
        for state in told:
            tell(stage, state)
        stage.relay.answer(command, {"code": "200", "message": "OK", "message_id": "msg-1"})
        message = running.result().sent
        assert message is not None
        assert message.state == seen

    def test_an_unknown_state_is_kept_and_ends_nothing(self, stage: Stage, sent: Callable[..., Message]) -> None:
        message = sent()
        tell(stage, "on its way")
        stage.settle()
        assert (message.state, message.is_final) == ("on its way", False)
        tell(stage, "delivered")
        assert message.wait(10)

    def test_a_lost_session_ends_the_wait(self, stage: Stage, sent: Callable[..., Message]) -> None:
        message = sent()
        running = Running(message.wait)
        until(lambda: message._room is not None)
        stage.reconnect(restored=False)
        assert running.result() is False
        assert message.wait(0) is False
        assert message.state == "queued"

    def test_a_restored_session_goes_on_following(self, stage: Stage, sent: Callable[..., Message]) -> None:
        message = sent()
        stage.reconnect(restored=True)
        tell(stage, "delivered")
        assert message.wait(10)

    def test_disconnecting_ends_the_wait(self, stage: Stage, sent: Callable[..., Message]) -> None:
        message = sent()
        running = Running(message.wait)
        until(lambda: message._room is not None)
        stage.client.disconnect()
        assert running.result() is False

    def test_a_message_that_a_handler_was_given_is_not_waited_for(self, stage: Stage) -> None:
        waited: list[tuple[str | None, bool]] = []

        def handler(message: Message) -> None:
            waited.append((message.state, message.wait()))

        for register in (stage.client.messaging.receive, stage.client.messaging.state_change):
            with in_thread(lambda register=register: register(["office"], handler)):  # type: ignore[misc]
                stage.relay.accept_command("signalwire.receive")
        tell(stage, "sent")
        tell(stage, "delivered")
        stage.relay.tell("messaging.receive", message_id="msg-2", message_state="received", context="office")
        until(lambda: len(waited) == 3)
        assert set(waited) == {("sent", False), ("delivered", True), ("received", False)}

    def test_messages_nobody_holds_are_forgotten(self, stage: Stage, sent: Callable[..., Message]) -> None:
        sent()
        stage.settle()  # the connection's thread has the latest answer in its hands until the next one
        gc.collect()
        table = stage.client._life().messages
        assert not table._followed
        for number in range(EARLY + 5):
            tell(stage, "sent", f"other-{number}")
        stage.settle()
        assert len(table._early) == EARLY

    @pytest.mark.parametrize("answer", [{}, {"message_id": None}, {"message_id": 5}, {"message_id": ["x"]}])
    def test_an_accepted_message_without_an_id_cannot_be_followed(self, stage: Stage, answer: dict[str, Any]) -> None:
        with in_thread(lambda: stage.client.messaging.send(**TEXT)) as sending:
            stage.relay.accept_command("messaging.send", **answer)
        result = sending.result()
        assert (result.successful, result.message_id, result.sent) == (True, None, None)

    def test_a_result_can_be_pickled_without_its_message(self, stage: Stage, sent: Callable[..., Message]) -> None:
        with in_thread(lambda: stage.client.messaging.send(**TEXT)) as sending:
            stage.relay.accept_command("messaging.send", message_id="msg-1")
        result = sending.result()
        copy = pickle.loads(pickle.dumps(result))
        assert (copy.successful, copy.message_id, copy.sent) == (True, "msg-1", None)
        with pytest.raises(TypeError, match="can't be pickled"):
            pickle.dumps(result.sent)


class TestEvents:
    @pytest.fixture
    def heard(self, stage: Stage) -> Heard:
        heard = Heard()
        for register in (stage.client.messaging.receive, stage.client.messaging.state_change):
            with in_thread(lambda register=register: register(["office"], heard)):  # type: ignore[misc]
                stage.relay.accept_command("signalwire.receive")
        return heard

    @pytest.mark.parametrize(
        "params",
        [
            {},
            {"message_id": None, "message_state": None},
            {"message_id": 5, "message_state": ["x"], "media": "x", "tags": {}, "segments": "1", "body": 5},
            {"message_id": "msg-9", "media": [1, "x"], "tags": [None], "segments": True, "reason": 4, "extra": {}},
        ],
    )
    @pytest.mark.parametrize("event_type", ["messaging.state", "messaging.receive", "messaging.else"])
    def test_missing_and_strange_fields_harm_nothing(
        self, stage: Stage, heard: Heard, event_type: str, params: dict[str, Any]
    ) -> None:
        stage.relay.tell(event_type, context="office", **params)
        stage.relay.tell("messaging.receive", message_id="last", context="office")
        until(lambda: any(message.id == "last" for message in heard.messages))
        for message in heard.messages:
            assert all(isinstance(item, str) for item in (*message.media, *message.tags))
            assert message.segments is None
            repr(message)

    def test_a_context_that_nobody_handles_is_passed_over(
        self, stage: Stage, heard: Heard, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG, "relay_sync.messaging"):
            stage.relay.tell("messaging.receive", message_id="msg-1", context="sales")
            stage.settle()
        assert "'sales'" in caplog.text
        assert heard.messages == []

    def test_the_context_may_stand_outside_only(self, stage: Stage, heard: Heard) -> None:
        event = {"event_type": "messaging.receive", "context": "office", "params": {"message_id": "m"}}
        stage.relay.tell_through("queuing.relay.messaging", **event)
        assert heard.wait(1)[0].context == "office"

    def test_a_handler_that_raises_harms_no_other_message(self, stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
        heard = Heard()

        def fragile(message: Message) -> None:
            heard(message)
            if message.id == "msg-0":
                raise RuntimeError("canary")

        with in_thread(lambda: stage.client.messaging.receive(["office"], fragile)):
            stage.relay.accept_command("signalwire.receive")
        for number in range(3):
            stage.relay.tell("messaging.receive", message_id=f"msg-{number}", context="office")
        heard.wait(3)
        until(lambda: "canary" in caplog.text)

    def test_the_news_of_one_message_wait_for_each_other_and_hold_up_no_other(self, stage: Stage) -> None:
        going, heard = threading.Event(), Heard()

        def slow(message: Message) -> None:
            if (message.id, message.state) == ("msg-1", "queued"):
                assert going.wait(10)
            heard(message)

        with in_thread(lambda: stage.client.messaging.state_change(["office"], slow)):
            stage.relay.accept_command("signalwire.receive")
        for state in ALL:
            tell(stage, state)
        tell(stage, "delivered", "msg-2")
        (other,) = heard.wait(1)
        assert other.id == "msg-2"
        going.set()
        assert [message.state for message in heard.wait(5)[1:]] == ALL


class TestBadInput:
    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"from_number": ""}, "from_number=''"),
            ({"from_number": None}, "from_number=None"),
            ({"to_number": 15550101}, "to_number=15550101"),
            ({"context": " "}, "context=' '"),
            ({"body": None}, "body=None and media=None"),
            ({"body": ""}, "body='' and media=None"),
            ({"body": None, "media": []}, r"body=None and media=\[\]"),
            ({"body": 5}, "body=5"),
            ({"media": MEDIA}, f"media='{MEDIA}'"),
            ({"media": [""]}, "media"),
            ({"media": [5]}, "media=5"),
            ({"media": 5}, "media=5"),
            ({"tags": "vip"}, "tags='vip'"),
            ({"tags": [None]}, "tags=None"),
            ({"region": ""}, "region=''"),
            ({"wait_timeout": "1"}, "timeout='1'"),
            ({"colour": "red"}, "colour"),
        ],
    )
    def test_what_cannot_be_sent_is_named_and_nothing_is_sent(
        self, stage: Stage, wrong: dict[str, Any], words: str
    ) -> None:
        """Defect 111: neither body nor media, among others."""
        with pytest.raises((TypeError, ValueError), match=words):
            stage.client.messaging.send(**{**TEXT, **wrong})
        assert stage.relay.line.sent.empty()

    @pytest.mark.parametrize("register", ["receive", "state_change"])
    @pytest.mark.parametrize(
        ("arguments", "words"),
        [(("office", print), "contexts='office'"), (([], print), r"contexts=\[\]"), ((["office"], 5), "handler=5")],
    )
    def test_what_cannot_be_registered_is_named(
        self, stage: Stage, register: str, arguments: tuple[Any, ...], words: str
    ) -> None:
        with pytest.raises((TypeError, ValueError), match=words):
            getattr(stage.client.messaging, register)(*arguments)
        assert stage.relay.line.sent.empty()

    def test_iterables_will_do(self, stage: Stage) -> None:
        with in_thread(lambda: stage.client.messaging.send(**TEXT, media=(MEDIA,), tags=iter(["a", "b"]))) as sending:
            params = stage.relay.accept_command("messaging.send", message_id="msg-1")
        assert sending.result().successful
        assert (params["media"], params["tags"]) == ([MEDIA], ["a", "b"])


class TestConnectionTrouble:
    def test_before_connect_it_is_surely_not_sent(self) -> None:
        with pytest.raises(NotConnected):
            Stage().client.messaging.send(**TEXT)

    def test_a_connection_lost_before_the_answer_leaves_it_unknown(self, stage: Stage) -> None:
        running = Running(lambda: stage.client.messaging.send(**TEXT))
        stage.relay.take_command("messaging.send")
        stage.reconnect(restored=True)
        with pytest.raises(ConnectionLost):
            running.result()

    def test_a_time_limit_ends_the_wait_for_the_answer(self, stage: Stage) -> None:
        with (
            standing_time() as clock,
            in_thread(lambda: stage.client.messaging.send(**TEXT, wait_timeout=5)) as sending,
        ):
            command = stage.relay.take_command("messaging.send")
            clock.now += 6
            with pytest.raises(RelayTimeout) as caught:
                sending.result()
        assert caught.value.sent
        stage.relay.answer(command, {"code": "200", "message": "OK", "message_id": "msg-1"})  # too late: harmless
        stage.settle()


@pytest.fixture
def client(relay: Emulator) -> Iterator[Client]:
    with Client(**relay.credentials) as client:
        yield client
