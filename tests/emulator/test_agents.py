"""Payments and AIs, which follow the script of a test (protocol.md 13)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from relay_sync.emulator import Emulator, PayStep, Phone
from relay_sync.emulator.media.limiter import to_int16
from relay_sync.emulator.media.speech import speech
from tests.emulator.raw import Frame, RawClient
from tests.emulator.sounds import RATE, Samples
from tests.emulator.told import told

NUMBER = "+15550101"


@pytest.fixture
def call(client: RawClient) -> Frame:
    call = client.answered(NUMBER)
    client.drain()
    return call


@pytest.fixture
def phone(relay: Emulator, call: Frame) -> Phone:
    return relay.phones[NUMBER]


def pay(client: RawClient, call: Frame, **more: Any) -> Frame:
    connector = "https://pay.example/c"
    return client.command("calling.pay", {**call, "control_id": "p", "payment_connector_url": connector, **more})


def paid(client: RawClient, call: Frame) -> list[tuple[float, Frame]]:
    """Take the events of payments: when, and what they tell besides the ids."""
    ids = {**call, "control_id": "p"}
    events = told(client, "pay")
    assert all(params.items() >= ids.items() for _, params in events)
    return [(at, {key: params[key] for key in params if key not in ids}) for at, params in events]


COMPLETED = {"for": "payment-completed", "error_type": "", "payment_method": "credit-card"}


class TestPay:
    def test_without_a_script_it_is_completed(self, relay: Emulator, client: RawClient, call: Frame) -> None:
        reply = pay(client, call, input="dtmf", charge_amount="9.99", parameters=[{"name": "order", "value": "7"}])
        assert reply == {"code": "200", "message": "OK", "call_id": call["call_id"], "control_id": "p"}
        relay.clock.advance(10)
        assert paid(client, call) == [(5.0, {"state": "finished", **COMPLETED, "payment_card_type": "visa"})]
        assert client.command("calling.pay.stop", {**call, "control_id": "p"})["code"] == "404"

    def test_it_goes_as_its_script_says(self, relay: Emulator, client: RawClient, call: Frame) -> None:
        relay.scripts.pay(
            PayStep("payment-card-number", after=2),
            PayStep("payment-failed", after=3.5, error_type="card-declined", details={"attempt": 1}),
        )
        pay(client, call)
        relay.clock.advance(10)
        card, failed = paid(client, call)
        told = {"payment_method": "credit-card"}
        assert card == (2.0, {"for": "payment-card-number", "error_type": "", **told})
        assert failed == (
            5.5, {"state": "error", "for": "payment-failed", "error_type": "card-declined", "attempt": 1, **told}
        )  # fmt: skip

    def test_a_script_holds_for_what_begins_later_and_can_be_taken_back(
        self, relay: Emulator, client: RawClient, call: Frame
    ) -> None:
        pay(client, call)
        relay.scripts.pay(PayStep("payment-failed", after=1))
        relay.clock.advance(5)
        assert [params["for"] for _, params in paid(client, call)] == ["payment-completed"]
        relay.scripts.pay()
        pay(client, call)
        relay.clock.advance(5)
        assert [params["for"] for _, params in paid(client, call)] == ["payment-completed"]

    def test_one_without_an_end_is_stopped(self, relay: Emulator, client: RawClient, call: Frame) -> None:
        relay.scripts.pay(PayStep("payment-card-number", after=0))
        pay(client, call)
        relay.clock.advance(1000)
        paid(client, call)
        assert client.command("calling.pay.stop", {**call, "control_id": "p"})["code"] == "200"
        ((_, stopped),) = paid(client, call)
        assert (stopped["state"], stopped["for"], stopped["error_type"]) == ("finished", "payment-failed", "stopped")

    def test_the_calls_end_is_an_error(self, client: RawClient, call: Frame, phone: Phone) -> None:
        pay(client, call)
        phone.hang_up()
        ((_, ended),) = paid(client, call)
        assert ended["state"] == "error"

    @pytest.mark.parametrize(
        ("answer", "events"),
        [
            ("both", [{**COMPLETED, "for": "payment-card-number"}, {"state": "finished", **COMPLETED}]),
            ("state", [{"state": "finished"}]),
            ("for", [{**COMPLETED, "for": "payment-card-number"}, COMPLETED]),
        ],
    )
    def test_pay_event(self, assumed: Any, answer: str, events: list[Frame]) -> None:
        client = assumed(pay_event=answer)
        client.relay.scripts.pay(PayStep("payment-card-number"), PayStep("payment-completed"))
        call = client.answered(NUMBER)
        pay(client, call)
        client.relay.clock.advance(2)
        assert [params for _, params in paid(client, call)] == events

    def test_fail_next_ends_it_with_error(self, relay: Emulator, client: RawClient, call: Frame) -> None:
        relay.fail_next("calling.pay")
        pay(client, call)
        assert [params["state"] for _, params in paid(client, call)] == ["error"]

    @pytest.mark.parametrize(
        "more",
        [
            {"charge_amount": 9.99},
            {"timeout": 5},
            {"input": "mind"},
            {"token_type": "eternal"},
            {"parameters": {"order": "7"}},
            {"parameters": [{"name": "order"}]},
        ],
    )
    def test_what_can_not_be_is_400(self, client: RawClient, call: Frame, more: Frame) -> None:
        assert pay(client, call, **more)["code"] == "400"

    @pytest.mark.parametrize("step", [("", 1.0), ("x", -1.0), ("x", float("nan"))])
    def test_a_step_that_can_not_be_is_refused(self, step: tuple[str, float]) -> None:
        with pytest.raises(ValueError, match=r"step|after"):
            PayStep(*step)


def ai(client: RawClient, call: Frame, **more: Any) -> Frame:
    return client.command("calling.ai", {**call, "control_id": "a", "prompt": {"text": "Be brief."}, **more})


def to_ai(client: RawClient, call: Frame, method: str, **more: Any) -> Frame:
    return client.command(f"calling.{method}", {**call, **more})


def spoken(text: str) -> Samples:
    """What a phone hears of it."""
    return to_int16(speech(text).astype(np.float64))


def heard(phone: Phone, text: str) -> bool:
    """Was this text spoken to the phone in the last seconds, to the sample?"""
    sound = spoken(text)
    return any(
        np.array_equal(phone.heard.samples[start : start + len(sound)], sound)
        for start in np.flatnonzero(phone.heard.samples == sound[np.flatnonzero(sound)[0]]) - np.flatnonzero(sound)[0]
        if start >= 0
    )


class TestAi:
    def test_it_greets_listens_and_answers(self, relay: Emulator, client: RawClient, call: Frame, phone: Phone) -> None:
        texts: list[str] = []

        def reply(text: str) -> str | None:
            texts.append(text)
            return None if text == "never mind" else f"You said {text}"

        relay.scripts.ai(greeting="Hello", reply=reply)
        assert ai(client, call) == {"code": "200", "message": "OK", "call_id": call["call_id"], "control_id": "a"}
        relay.clock.advance(2)
        assert heard(phone, "Hello")
        for text in ("a taxi", "never mind", "at noon"):
            relay.clock.advance(phone.say(text) + 5)
        assert texts == ["a taxi", "never mind", "at noon"]
        assert heard(phone, "You said a taxi")
        assert heard(phone, "You said at noon")

    def test_a_mapping_is_a_script_too(self, relay: Emulator, client: RawClient, call: Frame, phone: Phone) -> None:
        relay.scripts.ai(reply={"Yes": "Good"})
        ai(client, call)
        relay.clock.advance(phone.say("perhaps") + 2)
        assert not phone.heard.samples.any()
        relay.clock.advance(phone.say("yes") + 2)
        assert heard(phone, "Good")

    def test_without_a_script_it_says_nothing(
        self, relay: Emulator, client: RawClient, call: Frame, phone: Phone
    ) -> None:
        ai(client, call)
        relay.clock.advance(phone.say("anybody there") + 2)
        assert not phone.heard.samples.any()

    def test_what_it_says_comes_one_after_the_other(
        self, relay: Emulator, client: RawClient, call: Frame, phone: Phone
    ) -> None:
        relay.scripts.ai(greeting="Hello", reply={"one": "Two"})
        ai(client, call)
        to_ai(client, call, "ai_message", message_text="one", role="user")
        to_ai(client, call, "ai_message", message_text="Three", role="assistant")
        to_ai(client, call, "ai_message", message_text="be kind", role="system")
        relay.clock.advance(10)
        row = np.concatenate([spoken(text) for text in ("Hello", "Two", "Three")])
        assert np.array_equal(phone.heard.samples[: len(row)], row)
        assert not phone.heard.samples[len(row) :].any()

    def test_a_short_text_does_not_overtake_a_long_one(
        self, relay: Emulator, client: RawClient, call: Frame, phone: Phone
    ) -> None:
        ai(client, call)
        texts = ["a text that takes its time to be made into sound, for it is long", "Two", "Three"]
        (agent,) = relay.switch.calls[0].operations.values()
        relay.on_thread(lambda: [agent.say(text) for text in texts])  # type: ignore[attr-defined]  # all at once
        relay.clock.advance(20)
        row = np.concatenate([spoken(text) for text in texts])
        assert np.array_equal(phone.heard.samples[: len(row)], row)

    @pytest.mark.parametrize("timeout", [None, "30"])
    def test_on_hold_it_does_not_listen_and_comes_back(
        self, relay: Emulator, client: RawClient, call: Frame, phone: Phone, timeout: str | None
    ) -> None:
        texts: list[str] = []
        relay.scripts.ai(reply=lambda text: texts.append(text))
        ai(client, call)
        more = {} if timeout is None else {"timeout": timeout}
        assert to_ai(client, call, "ai_hold", prompt="One moment", **more)["code"] == "200"
        relay.clock.advance(phone.say("unheard") + 4)
        assert heard(phone, "One moment")
        relay.clock.advance(30)
        if timeout is None:
            relay.clock.advance(phone.say("still unheard") + 2)
            to_ai(client, call, "ai_unhold", prompt="Thanks")
            relay.clock.advance(2)
            assert heard(phone, "Thanks")
        relay.clock.advance(phone.say("heard again") + 2)
        assert texts == ["heard again"]

    def test_it_is_stopped_in_the_midst_of_a_word(
        self, relay: Emulator, client: RawClient, call: Frame, phone: Phone
    ) -> None:
        relay.scripts.ai(greeting="a long and winding speech that nobody wants to hear")
        ai(client, call)
        relay.clock.advance(0.5)
        assert client.command("calling.ai.stop", {**call, "control_id": "a"})["code"] == "200"
        relay.clock.advance(5)
        assert not phone.heard.samples[RATE // 2 :].any()
        assert client.wait_event("ai") == {"state": "finished", "control_id": "a", **call}

    @pytest.mark.parametrize(("fails", "state"), [(False, "finished"), (True, "error")])
    def test_it_may_end_by_itself(
        self, relay: Emulator, client: RawClient, call: Frame, fails: bool, state: str
    ) -> None:
        relay.scripts.ai(end_after=7, fails=fails)
        ai(client, call)
        relay.clock.advance(10)
        assert told(client, "ai", "state") == [(7.0, state)]

    @pytest.mark.parametrize("answer", [True, False])
    def test_ai_end_event(self, assumed: Any, answer: bool) -> None:
        client = assumed(ai_end_event=answer)
        call = client.answered(NUMBER)
        ai(client, call)
        client.command("calling.ai.stop", {**call, "control_id": "a"})
        assert [state for _, state in told(client, "ai", "state")] == ["finished"] * answer

    def test_bedrock_is_one_without_a_control_id(
        self, relay: Emulator, client: RawClient, call: Frame, phone: Phone
    ) -> None:
        relay.scripts.ai(greeting="Hello")
        reply = client.command("calling.amazon_bedrock", {**call, "prompt": {"text": "Be brief."}, "params": {}})
        assert reply == {"code": "200", "message": "OK", "call_id": call["call_id"]}
        assert ai(client, call) == {"code": "409", "message": "One of these is running already"}
        relay.clock.advance(2)
        assert heard(phone, "Hello")
        assert to_ai(client, call, "ai_message", message_text="x", role="user")["code"] == "200"

    @pytest.mark.parametrize("method", ["ai_message", "ai_hold", "ai_unhold"])
    def test_what_is_said_to_none_is_409(self, client: RawClient, call: Frame, method: str) -> None:
        assert to_ai(client, call, method) == {"code": "409", "message": "No AI is on this call"}

    @pytest.mark.parametrize("timeout", [30, "soon", ""])
    def test_a_timeout_is_a_string_of_digits(self, client: RawClient, call: Frame, timeout: Any) -> None:
        ai(client, call)
        assert to_ai(client, call, "ai_hold", timeout=timeout)["code"] == "400"
