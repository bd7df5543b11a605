"""Tasks as consumers receive them (api.md 5, protocol.md 15)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from relay_sync import Client, NotConnected, Task
from relay_sync.emulator import Emulator
from tests.stage import Stage
from tests.support import in_thread, until


class Heard:
    """A handler that keeps what it was given."""

    def __init__(self) -> None:
        self.tasks: list[Any] = []

    def __call__(self, message: Any) -> None:
        self.tasks.append(message)

    def wait(self, count: int) -> list[Any]:
        until(lambda: len(self.tasks) >= count, f"that {count} tasks were heard, not {self.tasks}")
        return self.tasks


@pytest.fixture
def client(relay: Emulator) -> Iterator[Client]:
    with Client(**relay.credentials) as client:
        yield client


class TestOverTheWholeRoad:
    @pytest.mark.parametrize(
        "message", [{"action": "call", "to": "+15550103"}, {}, {"text": "Grüße, 世界 🙂", "deep": [None, {"a": 1.5}]}]
    )
    def test_a_task_arrives_as_it_was_delivered(self, client: Client, relay: Emulator, message: Any) -> None:
        heard = Heard()
        assert client.tasking.receive(["office"], heard).successful
        assert Task(**relay.credentials).deliver("office", message) is True
        assert heard.wait(1) == [message]

    def test_a_handler_may_call_and_write(self, client: Client, relay: Emulator) -> None:
        def work(task: Any) -> None:
            call = client.calling.dial(from_number="+15550100", to_number=task["to"]).call
            client.messaging.send(from_number="+15550100", to_number=task["to"], context="office", body="You're up")
            call.hangup()

        client.tasking.receive(["office"], work)
        assert relay.deliver_task("office", {"to": "+15550103"})
        phone = relay.phone("+15550103")
        assert phone.wait_for("ended")
        assert [message.body for message in phone.messages] == ["You're up"]

    def test_each_task_goes_to_one_consumer_in_turn(self, relay: Emulator) -> None:
        heard = [Heard(), Heard()]
        with ExitStack() as stack:
            for handler in heard:
                client = stack.enter_context(Client(**relay.credentials))
                client.tasking.receive(["office"], handler)
            for number in range(6):
                relay.deliver_task("office", {"n": number})
            for handler in heard:
                handler.wait(3)
        assert sorted(task["n"] for handler in heard for task in handler.tasks) == list(range(6))

    def test_each_context_has_its_handler_and_the_later_one_counts(self, client: Client, relay: Emulator) -> None:
        early, office, sales = Heard(), Heard(), Heard()
        client.tasking.receive(["office", "sales"], early)
        client.tasking.receive(["office"], office)
        client.tasking.receive(["sales"], sales)
        for context in ("office", "sales"):
            relay.deliver_task(context, {"for": context})
        assert (office.wait(1), sales.wait(1), early.tasks) == ([{"for": "office"}], [{"for": "sales"}], [])

    def test_a_slow_handler_holds_up_no_other_task(self, client: Client, relay: Emulator) -> None:
        going, heard = threading.Event(), Heard()

        def handler(task: Any) -> None:
            if task["n"] == 0:
                assert going.wait(10)
            heard(task)

        client.tasking.receive(["office"], handler)
        for number in range(3):
            relay.deliver_task("office", {"n": number})
        assert {task["n"] for task in heard.wait(2)} == {1, 2}
        going.set()
        heard.wait(3)

    def test_contexts_asked_for_before_connect_are_received(self, relay: Emulator) -> None:
        heard = Heard()
        client = Client(**relay.credentials)
        assert client.tasking.receive(["office"], heard).message == "registered at connect()"
        with client:
            relay.deliver_task("office", {"n": 1})
            assert heard.wait(1) == [{"n": 1}]

    def test_after_a_reconnect_tasks_are_received_again(self, client: Client, relay: Emulator) -> None:
        heard = Heard()
        client.tasking.receive(["office"], heard)
        relay.drop_connections(resume=False)
        relay.wait_for(lambda relay: relay.contexts.get("office"))
        relay.deliver_task("office", {"n": 1})
        assert heard.wait(1) == [{"n": 1}]

    def test_a_refusal_is_reported_and_the_handler_not_kept(self, client: Client, relay: Emulator) -> None:
        heard = Heard()
        relay.refuse_next("signalwire.receive", "403", "Not yours")
        result = client.tasking.receive(["office"], heard)
        assert (result.successful, result.code, result.message) == (False, "403", "Not yours")
        assert client.execute("signalwire.receive", {"contexts": ["office"]}).successful
        relay.deliver_task("office", {"n": 1})
        client.execute("signalwire.receive", {"contexts": ["office"]})
        assert heard.tasks == []


def tell(stage: Stage, **event: Any) -> None:
    """Send a task: an event that in Blade has no type, and is known by its queue."""
    stage.relay.tell_through("queuing.relay.tasks", **event)


class TestEvents:
    @pytest.fixture
    def heard(self, stage: Stage) -> Heard:
        heard = Heard()
        with in_thread(lambda: stage.client.tasking.receive(["office"], heard)):
            stage.relay.accept_command("signalwire.receive")
        return heard

    @pytest.mark.parametrize("event", [{}, {"context": 5}, {"context": None, "message": {}}, {"message": {"n": 1}}])
    def test_a_task_without_a_context_harms_nothing(self, stage: Stage, heard: Heard, event: dict[str, Any]) -> None:
        tell(stage, **event)
        tell(stage, context="office", message={"n": 2})
        assert heard.wait(1) == [{"n": 2}]

    def test_a_task_without_a_message_is_none(self, stage: Stage, heard: Heard) -> None:
        tell(stage, context="office")
        assert heard.wait(1) == [None]

    def test_the_other_form_with_a_type_is_understood_too(self, stage: Stage, heard: Heard) -> None:
        tell(stage, event_type="queuing.relay.tasks", context="office", message={"n": 1}, timestamp="1767225600")
        assert heard.wait(1) == [{"n": 1}]

    def test_a_task_that_nobody_handles_is_told_in_the_log(
        self, stage: Stage, heard: Heard, caplog: pytest.LogCaptureFixture
    ) -> None:
        tell(stage, context="sales", message={})
        stage.settle()
        assert "nobody handles tasks of the context 'sales'" in caplog.text
        assert heard.tasks == []

    def test_a_handler_that_raises_harms_no_other_task(self, stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
        heard = Heard()

        def fragile(task: Any) -> None:
            heard(task)
            raise RuntimeError("canary")

        with in_thread(lambda: stage.client.tasking.receive(["office"], fragile)):
            stage.relay.accept_command("signalwire.receive")
        for number in range(3):
            tell(stage, context="office", message={"n": number})
        heard.wait(3)
        until(lambda: caplog.text.count("RuntimeError: canary") == 3)

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("office", print), "contexts='office'"),
            (([], print), r"contexts=\[\]"),
            ((["office"], None), "handler=None"),
        ],
    )
    def test_what_cannot_be_registered_is_named(self, stage: Stage, arguments: tuple[Any, ...], words: str) -> None:
        with pytest.raises((TypeError, ValueError), match=words):
            stage.client.tasking.receive(*arguments)
        assert stage.relay.line.sent.empty()

    def test_after_disconnect_nothing_can_be_registered(self, stage: Stage) -> None:
        stage.client.disconnect()
        with pytest.raises(NotConnected):
            stage.client.tasking.receive(["office"], print)
