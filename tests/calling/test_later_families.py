"""What is particular to the later commands: what they send, and what their results hold (api.md 15, protocol.md 13)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from math import nan
from typing import Any, ClassVar

import pytest

from relay_sync import AIAction, Call, OperationFailed, PayAction, QueueAction, ReplyResult
from tests.calling.moves import begin, block, sent_by, tell
from tests.stage import URL, Stage
from tests.support import in_thread, until

Fields = dict[str, Any]
CONNECTOR = "https://pay.example/c"
STREAM = "wss://media.example/in"
STATUS = "https://app.example/s"


@pytest.fixture
def call(stage: Stage) -> Call:
    return stage.call()


# -- what is sent ---------------------------------------------------------------------------------------------

EVERY_PAY_OPTION = {
    "input_method": "dtmf", "payment_method": "credit-card", "timeout": 7.5, "max_attempts": 2, "security_code": True,
    "postal_code": "90210", "min_postal_code_length": 5, "token_type": "reusable", "charge_amount": Decimal("9.90"),
    "currency": "usd", "language": "en-US", "voice": "woman", "description": "two tickets",
    "valid_card_types": ["visa", "amex"], "parameters": [{"name": "order", "value": "7"}],
    "prompts": [{"for": "payment-card-number", "actions": []}], "status_url": STATUS,
}  # fmt: skip
EVERY_AI_OPTION = {
    "agent": "desk", "prompt": {"text": "Be brief."}, "post_prompt": {"text": "Sum up."}, "post_prompt_url": STATUS,
    "post_prompt_auth_user": "me", "post_prompt_auth_password": "it's secret", "global_data": {"x": 1},
    "pronounce": [{"replace": "SW", "with": "SignalWire"}], "hints": ["order"], "languages": [{"code": "en-US"}],
    "SWAIG": {"functions": []}, "ai_params": {"end_of_speech_timeout": 1000},
}  # fmt: skip
SENT: list[tuple[str, tuple[Any, ...], Fields, Fields]] = [
    ("stream", (STREAM,), {}, {"url": STREAM}),
    (
        "stream", (STREAM,),
        {
            "name": "main", "codec": "PCMU", "track": "both_tracks", "status_url": STATUS, "status_url_method": "POST",
            "authorization_bearer_token": "t", "custom_parameters": {"k": "v"},
        },
        {
            "url": STREAM, "name": "main", "codec": "PCMU", "track": "both_tracks", "status_url": STATUS,
            "status_url_method": "POST", "authorization_bearer_token": "t", "custom_parameters": {"k": "v"},
        },
    ),
    ("stream", (STREAM,), {"track": "inbound", "name": None}, {"url": STREAM, "track": "inbound"}),
    ("pay", (CONNECTOR,), {}, {"payment_connector_url": CONNECTOR}),
    (
        "pay", (CONNECTOR,), EVERY_PAY_OPTION,
        {
            "payment_connector_url": CONNECTOR, "input": "dtmf", "payment_method": "credit-card", "timeout": "7.5",
            "max_attempts": "2", "security_code": "true", "postal_code": "90210", "min_postal_code_length": "5",
            "token_type": "reusable", "charge_amount": "9.90", "currency": "usd", "language": "en-US", "voice": "woman",
            "description": "two tickets", "valid_card_types": "visa amex",
            "parameters": [{"name": "order", "value": "7"}],
            "prompts": [{"for": "payment-card-number", "actions": []}], "status_url": STATUS,
        },
    ),
    (
        "pay", (CONNECTOR,), {"charge_amount": 5, "security_code": False, "postal_code": True,
                               "valid_card_types": "visa"},
        {
            "payment_connector_url": CONNECTOR, "charge_amount": "5", "security_code": "false", "postal_code": "true",
            "valid_card_types": "visa",
        },
    ),
    ("pay", (CONNECTOR,), {"charge_amount": "0.10"}, {"payment_connector_url": CONNECTOR, "charge_amount": "0.10"}),
    ("transcribe", (), {}, {}),
    ("transcribe", (STATUS,), {}, {"status_url": STATUS}),
    ("ai", (), {}, {}),
    (
        "ai", (), EVERY_AI_OPTION,
        {name: value for name, value in EVERY_AI_OPTION.items() if name != "ai_params"}
        | {"params": {"end_of_speech_timeout": 1000}},
    ),
    ("queue_enter", ("support",), {}, {"queue_name": "support"}),
    ("queue_enter", ("support", STATUS, URL), {}, {"queue_name": "support", "status_url": STATUS, "wait_url": URL}),
    ("play_audio", (URL,), {"direction": "both", "loop": 0},
     {"play": [{"type": "audio", "params": {"url": URL}}], "direction": "both", "loop": 0}),
    ("play", ([{"type": "silence", "duration": 1}], 2), {"loop": 3},
     {"play": [{"type": "silence", "params": {"duration": 1}}], "volume": 2, "loop": 3}),
    ("play_tts", ("hi",), {"voice": "gcloud.en-US-Wavenet-F", "direction": "speak"},
     {"play": [{"type": "tts", "params": {"text": "hi", "voice": "gcloud.en-US-Wavenet-F"}}], "direction": "speak"}),
    ("play_ringtone", ("us",), {"loop": 2, "direction": "listen"},
     {"play": [{"type": "ringtone", "params": {"name": "us"}}], "direction": "listen", "loop": 2}),
    ("prompt_tts", ("digits", "PIN?"), {"voice": "v", "digits_max": 4},
     {"play": [{"type": "tts", "params": {"text": "PIN?", "voice": "v"}}], "collect": {"digits": {"max": 4}}}),
    ("record", (), {"input_sensitivity": 60}, {"record": {"audio": {"input_sensitivity": 60}}}),
    (
        "detect", ("machine",),
        {"machine_ready_timeout": 2, "detect_interruptions": True, "detect_message_end": False},
        {
            "detect": {
                "type": "machine",
                "params": {"machine_ready_timeout": 2, "detect_interruptions": True, "detect_message_end": False},
            }
        },
    ),
    ("amd", (), {"detect_message_end": True}, {"detect": {"type": "machine", "params": {"detect_message_end": True}}}),
    (
        "connect", ({"to_number": "+15550102"},),
        {"tag": "tag-9", "max_duration": 60, "max_price_per_minute": 0.05, "status_url": STATUS},
        {
            "devices": [[{"type": "phone", "params": {"from_number": "+15550100", "to_number": "+15550102"}}]],
            "tag": "tag-9", "max_duration": 60, "max_price_per_minute": 0.05, "status_url": STATUS,
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(("verb", "arguments", "keywords", "sent"), SENT)
def test_what_is_given_goes_on_the_wire_as_the_protocol_has_it(
    stage: Stage, call: Call, verb: str, arguments: Any, keywords: Fields, sent: Fields
) -> None:
    before = repr((arguments, keywords))
    assert sent_by(stage, lambda: getattr(call, f"{verb}_async")(*arguments, **keywords)) == sent
    assert repr((arguments, keywords)) == before


@pytest.mark.parametrize(("verb", "arguments", "keywords", "sent"), SENT)
def test_the_blocking_form_sends_the_same(
    stage: Stage, call: Call, verb: str, arguments: Any, keywords: Fields, sent: Fields
) -> None:
    with in_thread(lambda: getattr(call, verb)(*arguments, **keywords)):
        frame = stage.relay.take_any()
        stage.relay.answer(frame, {"code": "409", "message": "no"})
    params = frame["params"]["params"]
    assert {key: value for key, value in params.items() if key not in ("node_id", "call_id", "control_id")} == sent


def test_a_payload_shares_nothing_with_what_was_given(stage: Stage, call: Call) -> None:
    prompt: Fields = {"text": "Be brief.", "list": [1]}
    action = begin(stage, lambda: call.ai_async(prompt=prompt))
    prompt["list"].append(9)
    action.payload["prompt"]["list"].append(2)
    assert action.payload["prompt"] == {"text": "Be brief.", "list": [1]}


# -- what is refused before anything is sent --------------------------------------------------------------------

WRONG: list[tuple[str, tuple[Any, ...], Fields, str]] = [
    ("stream", ("https://x",), {}, "url='https://x': give an address that begins with ws:// or wss://"),
    ("stream", (None,), {}, "url=None"),
    ("stream", (STREAM,), {"track": "left"}, "track='left' is unknown: "),
    ("stream", (STREAM,), {"status_url": "app"}, "status_url='app': give an address that begins with http://"),
    ("stream", (STREAM,), {"status_url_method": "PUT"}, "status_url_method='PUT' is unknown: give one of GET, POST"),
    ("stream", (STREAM,), {"custom_parameters": [1]}, "custom_parameters=[1]: give a dict"),
    ("stream", (STREAM,), {"authorization_bearer_token": 5}, "authorization_bearer_token: give a token as a string"),
    ("stream", (STREAM,), {"trak": "both"}, "trak='both': a stream has no such option; did you mean 'track'?"),
    ("pay", ("pay.example",), {}, "payment_connector_url='pay.example'"),
    ("pay", (CONNECTOR,), {"timeout": -1}, "timeout=-1: give a finite number of seconds from 0 up"),
    ("pay", (CONNECTOR,), {"max_attempts": 0}, "max_attempts=0: give a whole number of attempts from 1 up"),
    ("pay", (CONNECTOR,), {"min_postal_code_length": -1}, "min_postal_code_length=-1"),
    ("pay", (CONNECTOR,), {"security_code": "yes"}, "security_code='yes': give True or False"),
    ("pay", (CONNECTOR,), {"postal_code": 90210}, "postal_code=90210"),
    ("pay", (CONNECTOR,), {"token_type": "once"}, "token_type='once' is unknown"),
    ("pay", (CONNECTOR,), {"charge_amount": 9.99}, "charge_amount=9.99: give a decimal number as a string"),
    ("pay", (CONNECTOR,), {"charge_amount": True}, "charge_amount=True"),
    ("pay", (CONNECTOR,), {"charge_amount": "9,99"}, "charge_amount='9,99': give a decimal number, 0 or more"),
    ("pay", (CONNECTOR,), {"charge_amount": -5}, "charge_amount=-5"),
    ("pay", (CONNECTOR,), {"charge_amount": Decimal("NaN")}, "charge_amount=Decimal('NaN')"),
    ("pay", (CONNECTOR,), {"input_method": "telepathy"}, "input_method='telepathy'"),
    ("pay", (CONNECTOR,), {"parameters": {"name": "a"}}, "parameters={'name': 'a'}: give a list of dicts"),
    ("pay", (CONNECTOR,), {"prompts": ["x"]}, "prompts[0]='x': give a dict"),
    ("pay", (CONNECTOR,), {"valid_card_types": []}, "valid_card_types=[] is empty"),
    ("pay", (CONNECTOR,), {"amount": 5}, "amount=5: a payment has no such option; did you mean 'charge_amount'?"),
    ("transcribe", ("app",), {}, "status_url='app'"),
    ("ai", (), {"prompt": "Be brief."}, "prompt='Be brief.': give a dict"),
    ("ai", (), {"hints": "order"}, "hints='order': give a list of words"),
    ("ai", (), {"languages": {"code": "en"}}, "languages={'code': 'en'}: give a list of dicts"),
    ("ai", (), {"post_prompt_auth_password": 1234}, "post_prompt_auth_password: give a password as a string"),
    ("ai", (), {"post_prompt_auth_password": " "}, "post_prompt_auth_password: give a password as a string"),
    ("ai", (), {"params": {}}, "params={}: an agent has no such option; did you mean 'ai_params'?"),
    ("queue_enter", ("",), {}, "queue_name='' is empty"),
    ("queue_enter", ("q",), {"wait_url": "x"}, "wait_url='x'"),
    ("play_audio", (URL,), {"direction": "up"}, "direction='up' is unknown: give one of both, listen, speak"),
    ("play_audio", (URL,), {"loop": -1}, "loop=-1: give a whole number of times from 0 up"),
    ("play_audio", (URL,), {"loop": 1.5}, "loop=1.5"),
    ("play_audio", (URL,), {"loop": True}, "loop=True"),
    ("play_tts", ("x",), {"voice": ""}, "voice='' is empty"),
    ("record", (), {"input_sensitivity": 101}, "input_sensitivity=101: give a finite number of points from 0 to 100"),
    ("detect", ("machine",), {"machine_ready_timeout": -1}, "machine_ready_timeout=-1"),
    ("detect", ("machine",), {"detect_interruptions": 1}, "detect_interruptions=1"),
    ("detect", ("fax",), {"detect_message_end": True}, "is for detect_type='machine', not for 'fax'"),
    ("connect", ({"to_number": "+1"},), {"max_duration": 0}, "max_duration=0: give a finite number of minutes"),
    ("connect", ({"to_number": "+1"},), {"max_price_per_minute": -1}, "max_price_per_minute=-1"),
    ("connect", ({"to_number": "+1"},), {"tag": ""}, "tag='' is empty"),
    ("connect", ({"to_number": "+1"},), {"status_url": 5}, "status_url=5"),
]  # fmt: skip
LOOP: Fields = {}
LOOP["again"] = LOOP
DEEP: Fields = {}
for _ in range(5000):
    DEEP = {"a": DEEP}

WRONG_REPLY: list[tuple[str, tuple[Any, ...], Fields, str]] = [
    ("echo", (-1,), {}, "timeout=-1"),
    ("echo", (), {"status_url": "x"}, "status_url='x'"),
    ("join_conference", ("",), {}, "name='' is empty"),
    ("join_conference", ("r",), {"max_participants": 251}, "a whole number of participants from 1 to 250"),
    ("join_conference", ("r",), {"max_participants": 0}, "max_participants=0"),
    ("join_conference", ("r",), {"beep": "loud"}, "beep='loud' is unknown: give one of false, onEnter, onExit, true"),
    ("join_conference", ("r",), {"record": True}, "record=True"),
    ("join_conference", ("r",), {"muted": "no"}, "muted='no'"),
    ("join_conference", ("r",), {"coach": 5}, "coach=5"),
    ("join_conference", ("r",), {"status_callback_method": "get"}, "status_callback_method='get'"),
    ("join_conference", ("r",), {"stream_obj": "x"}, "stream_obj='x'"),
    ("join_conference", ("r",), {"mute": True}, "mute=True: a conference has no such option; did you mean 'muted'?"),
    ("leave_conference", (None,), {}, "conference_id=None"),
    ("join_room", (5,), {}, "name=5"),
    ("join_room", ("lobby", "x"), {}, "status_url='x'"),
    ("queue_leave", ("support", ""), {}, "queue_id='' is empty"),
    ("live_transcribe", ("start",), {}, "action='start': give a dict"),
    ("live_transcribe", ({},), {}, "give exactly one of start, stop, summarize, inject"),
    ("live_transcribe", ({"start": {}, "stop": {}},), {}, "give exactly one of"),
    ("live_transcribe", ({"begin": {}},), {}, "the key of action='begin' is unknown"),
    ("live_transcribe", ({"start": 5},), {}, "action['start']=5: give a dict"),
    ("live_translate", ({"action": "begin"},), {}, "action['action']='begin'"),
    ("ai_message", (), {}, "nothing was given"),
    ("ai_message", ("x", "robot"), {}, "role='robot' is unknown: give one of assistant, system, user"),
    ("ai_message", (), {"reset": True}, "reset=True: give a dict"),
    ("ai_message", (), {"global_data": []}, "global_data=[]"),
    ("ai_hold", ("30",), {}, "timeout='30': give a number of seconds"),
    ("ai_hold", (), {"prompt": ""}, "prompt='' is empty"),
    ("ai_unhold", (5,), {}, "prompt=5"),
    ("amazon_bedrock", (), {"agent": "x"}, "agent='x': an agent of Amazon Bedrock has no such option"),
    ("transfer", ("",), {}, "dest='' is empty"),
    ("user_event", (5,), {}, "event=5"),
    ("user_event", ("x",), {"call_id": "c"}, "call_id='c': an event of this call has its own call_id"),
    ("bind_digit", ("", "calling.play"), {}, "digits='' is empty"),
    ("bind_digit", ("*x", "calling.play"), {}, "'x' is not one of"),
    ("bind_digit", ("*1", "play"), {}, "bind_method='play': give a wire name that begins with 'calling.'"),
    ("bind_digit", ("*1", "calling.play", [1]), {}, "bind_params=[1]"),
    ("bind_digit", ("*1", "calling.play"), {"max_triggers": -1}, "max_triggers=-1"),
    ("clear_digit_bindings", ("",), {}, "realm='' is empty"),
    ("answer", (), {"max_duration": 0}, "max_duration=0"),
    ("answer", (), {"max_duration": "60"}, "max_duration='60'"),
    ("answer", (), {"codecs": "OPUS"}, "codecs='OPUS': give a list of codecs"),
    ("answer", (), {"codecs": ["MP3"]}, "codecs='MP3' is unknown"),
    ("answer", (), {"codecs": {"OPUS": 1}}, "codecs={'OPUS': 1}: give a list of codecs"),
    ("ai_message", (), {"global_data": {"a": {1, 2}}}, "global_data['a']="),
    ("ai_message", (), {"reset": {"a": [nan]}}, "reset['a']="),
    ("ai_async", (), {"SWAIG": {"a": LOOP}}, "SWAIG is nested too deeply, or holds itself: give at most 100 levels"),
    ("ai_async", (), {"languages": [{"a": object()}]}, "languages[0]['a']="),
    ("ai_async", (), {"prompt": DEEP}, "prompt is nested too deeply"),
    ("ai_async", (), {"hints": {"one": 1}}, "hints={'one': 1}: give a list of words to expect"),
    ("join_conference", ("r",), {"stream_obj": {"a": b"x"}}, "stream_obj['a']="),
    ("live_transcribe", ({"start": {"a": nan}},), {}, "action['start']="),
    ("user_event", ("x",), {"order": object()}, "order="),
    ("user_event", ("x",), {"order": DEEP}, "order is nested too deeply, or holds itself"),
    ("bind_digit", ("*1", "calling.play", {"a": nan}), {}, "bind_params['a']="),
    ("execute", ("calling.x", DEEP), {}, "params is nested too deeply"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("verb", "arguments", "keywords", "words"),
    [row for verb, *rest in WRONG for row in ((verb, *rest), (f"{verb}_async", *rest))] + WRONG_REPLY,
)
def test_a_mistake_is_named_before_anything_is_sent(
    stage: Stage, call: Call, verb: str, arguments: Any, keywords: Fields, words: str
) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        getattr(call, verb)(*arguments, **keywords)
    assert words in str(caught.value)
    stage.settle()
    assert stage.relay.line.sent.empty()
    assert not call._actions


def test_no_message_shows_a_secret(stage: Stage, call: Call) -> None:
    for act in (
        lambda: call.ai_async(post_prompt_auth_password=b"hunter2"),  # type: ignore[typeddict-item]  # the point
        lambda: call.stream_async(STREAM, authorization_bearer_token=b"hunter2"),  # type: ignore[typeddict-item]
        lambda: call.refer_async("sip:a", password=b"hunter2"),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError) as caught:
            act()
        assert "hunter2" not in str(caught.value)


# -- dial and answer ----------------------------------------------------------------------------------------------


def test_a_dial_may_have_a_limit_and_a_price(stage: Stage) -> None:
    call = stage.new_call(max_duration=60, max_price_per_minute=0.05)
    with in_thread(call.dial):
        params = stage.relay.refuse_command("calling.begin", "409")
    assert (params["max_duration"], params["max_price_per_minute"]) == (60, 0.05)
    for wrong in ({"max_duration": 0}, {"max_price_per_minute": -1}, {"max_duration": "60"}):
        with pytest.raises((TypeError, ValueError), match=next(iter(wrong))):
            stage.client.calling.dial(from_number="+1", to_number="+2", **wrong)  # type: ignore[arg-type]


def test_an_answer_may_name_a_limit_and_codecs(stage: Stage) -> None:
    answered: list[Any] = []
    with in_thread(lambda: stage.client.calling.receive(["office"], lambda call: answered.append(answer(call)))):
        stage.relay.accept_command("signalwire.receive")
    stage.inbound()
    params = stage.relay.accept_command("calling.answer")
    assert params == {"node_id": "node-1", "call_id": "call-in", "max_duration": 60, "codecs": ["OPUS", "PCMU"]}
    stage.relay.tell_state("answered", "call-in")
    until(lambda: answered == [True])


def answer(call: Call) -> bool:
    return call.answer(max_duration=60, codecs=("OPUS", "PCMU"), wait_timeout=10).successful


# -- results ------------------------------------------------------------------------------------------------------


def test_a_stream_s_result_says_where_it_went(stage: Stage, call: Call) -> None:
    action = begin(stage, lambda: call.stream_async(STREAM, name="main"))
    assert (action.result.url, action.result.name) == (STREAM, "main")
    tell(stage, action, "stream", {"state": "streaming"}, {"state": "finished"})
    assert (action.result.successful, action.result.url, action.result.name) == (True, STREAM, "main")


def test_a_transcription_s_result_holds_what_relay_told(stage: Stage, call: Call) -> None:
    action = begin(stage, call.transcribe_async)
    tell(stage, action, "transcribe", {"state": "transcribing", "recording_id": "rec-1"})
    told = {"recording_id": "rec-1", "url": "https://files.example/rec-1.wav", "duration": 30.0, "size": "123456"}
    tell(stage, action, "transcribe", {"state": "finished", "start_time": 1.5, "end_time": 31.5, **told})
    result = action.result
    assert (result.successful, result.url, result.recording_id) == (True, told["url"], "rec-1")
    assert (result.duration, result.size, result.start_time, result.end_time) == (30.0, 123456, 1.5, 31.5)


@pytest.mark.parametrize(
    ("event", "state", "successful", "error_type"),
    [
        ({"state": "finished"}, "finished", True, None),
        ({"state": "finished", "error_type": ""}, "finished", True, None),
        ({"state": "finished", "error_type": "card-declined"}, "finished", False, "card-declined"),
        ({"state": "error"}, "error", False, None),
        ({"for": "payment-completed", "error_type": ""}, "payment-completed", True, None),
        ({"for": "payment-completed", "error_type": "late"}, "payment-completed", False, "late"),
        ({"for": "payment-failed"}, "payment-failed", False, None),
        (
            {"for": "payment-canceled", "error_type": "caller-interrupted"},
            "payment-canceled",
            False,
            "caller-interrupted",
        ),
        ({"for": "payment-cancelled"}, "payment-cancelled", False, None),
        ({"error_type": "card-declined"}, "card-declined", False, "card-declined"),
    ],
)
def test_a_payment_ends_by_whichever_shape_relay_tells_it(
    stage: Stage, call: Call, event: Fields, state: str, successful: bool, error_type: str | None
) -> None:
    """Defect 16."""
    action = begin(stage, lambda: call.pay_async(CONNECTOR))
    tell(stage, action, "pay", {**event, "payment_method": "credit-card", "payment_card_type": "visa"})
    result = action.result
    assert (action.completed, action.state) == (True, state)
    assert (result.successful, result.error_type) == (successful, error_type)
    assert (result.payment_method, result.payment_card_type) == ("credit-card", "visa")
    if error_type:
        assert result.message == f"the payment failed: {error_type}"


@pytest.mark.parametrize(
    "event",
    [
        {"for": "payment-card-number", "error_type": "invalid-card-number"},
        {"for": "payment-processing"},
        {"for": "something-new"},
        {"state": "collecting"},
        {"for": "", "error_type": ""},
        {},
    ],
)
def test_a_step_of_a_payment_ends_nothing(stage: Stage, call: Call, event: Fields) -> None:
    action: PayAction = begin(stage, lambda: call.pay_async(CONNECTOR))
    tell(stage, action, "pay", event)
    assert not action.completed
    tell(stage, action, "pay", {"for": "payment-completed"})
    assert action.result.successful


class TestAStoppedPayment:
    @pytest.fixture
    def payment(self, stage: Stage, call: Call) -> PayAction:
        return begin(stage, lambda: call.pay_async(CONNECTOR))

    def stop(self, stage: Stage, payment: PayAction, code: str = "200", early: Fields | None = None) -> None:
        with in_thread(payment.stop):
            frame = stage.relay.take_command("calling.pay.stop")
            if early is not None:
                tell(stage, payment, "pay", early)
            stage.relay.answer(frame, {"code": code, "message": "said"})

    @pytest.mark.parametrize("early", [True, False])
    @pytest.mark.parametrize(
        ("event", "paid"),
        [
            ({"state": "finished"}, False),
            ({"state": "finished", "for": "payment-completed"}, True),
            ({"for": "payment-completed"}, True),
            ({"state": "error"}, False),
            ({"for": "payment-canceled"}, False),
        ],
    )
    def test_is_paid_only_where_relay_says_so(
        self, stage: Stage, payment: PayAction, event: Fields, paid: bool, early: bool
    ) -> None:
        self.stop(stage, payment, early=event if early else None)
        if not early:
            tell(stage, payment, "pay", event)
        result = payment.wait(0)
        assert result.successful is paid
        if event == {"state": "finished"}:
            assert result.message == "it was stopped, and Relay did not say that it was paid"
            with pytest.raises(OperationFailed):
                result.raise_for_status()

    def test_ends_though_nothing_tells_of_it(
        self, stage: Stage, payment: PayAction, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("relay_sync.calling.stopping.STOP_GRACE_S", 0.0)
        self.stop(stage, payment)
        result = payment.wait(10)
        assert (result.successful, result.event, payment.state) == (False, None, "finished")

    def test_goes_on_where_relay_refused_the_stop(
        self, stage: Stage, payment: PayAction, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("relay_sync.calling.stopping.STOP_GRACE_S", 0.0)
        self.stop(stage, payment, "409")
        stage.settle()
        assert not payment.completed
        tell(stage, payment, "pay", {"state": "finished"})
        assert payment.result.successful


class TestAgent:
    @pytest.fixture
    def agent(self, stage: Stage, call: Call) -> AIAction:
        return begin(stage, lambda: call.ai_async(prompt={"text": "Be brief."}))

    def stop(self, stage: Stage, agent: AIAction, code: str = "200") -> None:
        with in_thread(agent.stop):
            frame = stage.relay.take_command("calling.ai.stop")
            stage.relay.answer(frame, {"code": code, "message": "said"})

    def test_a_stop_that_relay_accepted_ends_it_well_though_nothing_tells_of_it(
        self, stage: Stage, agent: AIAction, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("relay_sync.calling.stopping.STOP_GRACE_S", 0.0)
        self.stop(stage, agent)
        result = agent.wait(10)
        assert (result.successful, result.event, agent.state) == (True, None, "finished")
        assert result.raise_for_status() is result

    def test_what_relay_tells_of_the_stop_goes_before(self, stage: Stage, agent: AIAction) -> None:
        self.stop(stage, agent)
        tell(stage, agent, "ai", {"state": "error"})
        assert (agent.state, agent.result.successful) == ("error", False)

    def test_a_stop_that_relay_refused_ends_nothing(
        self, stage: Stage, agent: AIAction, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("relay_sync.calling.stopping.STOP_GRACE_S", 0.0)
        self.stop(stage, agent, "409")
        stage.settle()
        assert not agent.completed


class TestQueue:
    @pytest.fixture
    def waiting(self, stage: Stage, call: Call) -> QueueAction:
        return begin(stage, lambda: call.queue_enter_async("support"))

    IN: ClassVar[Fields] = {
        "status": "enqueue",
        "id": "queue-1",
        "name": "support",
        "position": 2,
        "size": 3,
        "avg_time": 0,
    }

    def test_the_place_in_the_queue_can_be_looked_at(self, stage: Stage, waiting: QueueAction) -> None:
        assert (waiting.queue_id, waiting.position, waiting.size) == (None, None, None)
        tell(stage, waiting, "queue", self.IN)
        assert (waiting.queue_id, waiting.position, waiting.size) == ("queue-1", 2, 3)
        tell(stage, waiting, "queue", {**self.IN, "position": "1"})
        assert (waiting.position, waiting.completed, waiting.state) == (1, False, "enqueue")

    def test_who_is_taken_out_of_it_was_served(self, stage: Stage, waiting: QueueAction) -> None:
        stamps = {"enqueue_ts": 1767225600000000, "dequeue_ts": 1767225605000000, "leave_ts": 0}
        tell(stage, waiting, "queue", self.IN, {"status": "dequeue", **stamps})
        result = waiting.result
        assert (result.successful, result.queue_id, result.queue_name) == (True, "queue-1", "support")
        assert (result.position, result.size, result.avg_time) == (2, 3, 0)
        assert (result.enqueue_ts, result.dequeue_ts, result.leave_ts) == tuple(stamps.values())

    def test_who_leaves_was_not(self, stage: Stage, waiting: QueueAction) -> None:
        tell(stage, waiting, "queue", self.IN)
        with in_thread(waiting.leave) as leaving:
            sent = stage.relay.accept_command("calling.queue.leave")
        ids = {"node_id": "node-1", "call_id": "call-1", "control_id": waiting.control_id}
        assert sent == {**ids, "queue_name": "support", "queue_id": "queue-1"}
        assert type(leaving.result()) is ReplyResult
        tell(stage, waiting, "queue", {"status": "leave"})
        assert (waiting.result.successful, waiting.state) == (False, "leave")

    def test_one_may_leave_before_relay_told_the_queue_s_id(self, stage: Stage, waiting: QueueAction) -> None:
        with in_thread(waiting.leave):
            sent = stage.relay.accept_command("calling.queue.leave")
        assert "queue_id" not in sent

    def test_a_queue_that_is_not_found_is_not_the_call(self, stage: Stage, call: Call) -> None:
        for verb in (lambda: call.queue_leave("sales"), lambda: call.queue_enter("sales")):
            running, _ = block(stage, verb, code="404")
            assert running.result().code == "404"
        assert stage.client._life().connection._timers == []  # by which the call would be given up
        assert call.active


# -- events of the call -----------------------------------------------------------------------------------------


def hear(call: Call, *names: str) -> list[tuple[str, Fields]]:
    heard: list[tuple[str, Fields]] = []

    def remember(name: str) -> Callable[[Fields], object]:
        return lambda event: heard.append((name, event))

    for name in names:
        call.on(name, remember(name))
    return heard


@pytest.mark.parametrize(
    ("event_type", "event", "names"),
    [
        ("calling.call.hold", {"state": "hold"}, ["hold.stateChange", "hold.hold"]),
        ("calling.call.hold", {"state": "unhold"}, ["hold.stateChange", "hold.unhold"]),
        ("calling.call.denoise", {"denoised": True}, ["denoise.stateChange"]),
        ("calling.call.echo", {"state": "echoing"}, ["echo.stateChange", "echo.echoing"]),
        ("calling.call.queue", {"status": "leave"}, ["queue.stateChange", "queue.leave"]),
        ("calling.error", {"code": "500", "message": "Internal failure"}, ["error"]),
        ("calling.call.something_new", {"state": "begun"}, []),
    ],
)
def test_handlers_and_the_iterator_hear_of_what_has_no_action(
    stage: Stage, call: Call, event_type: str, event: Fields, names: list[str]
) -> None:
    heard = hear(call, *names, event_type)
    events = call.events(timeout=10)
    stage.relay.tell(event_type, call_id="call-1", node_id="node-1", **event)
    stage.relay.tell_state("ended")
    told = next(events)
    assert told.name == [*names, event_type][len(names) - 1 if names else 0]
    assert event.items() <= told.payload.items()
    call.wait_for_ended(timeout=10)
    until(lambda: len(heard) == len(names) + 1, "that the handlers have run")
    assert [name for name, _ in heard] == [*names, event_type]
    for _, seen in heard:
        assert event.items() <= seen.items()
        assert seen["event_type"] == event_type


def test_an_error_that_is_about_no_call_is_logged(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.relay.tell("calling.error", code="500", message="Internal failure")
    stage.relay.tell("calling.error", call_id=["strange"])
    stage.settle()
    assert "Relay told of an error 500: Internal failure" in caplog.text
