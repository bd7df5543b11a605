"""The dialect as a user meets it: which one is spoken, how it is found out, and what one can do about it."""

from __future__ import annotations

import logging
import re
import socket
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

import relay_sync
from relay_sync import AuthenticationFailed, Client, ConfigurationError, ConnectFailed, ConnectionLost, NotConnected
from relay_sync.emulator import Assumptions, Emulator, envelope
from relay_sync.emulator.describing import describe_reply
from relay_sync.emulator.envelope import Accepted, RpcError
from relay_sync.emulator.journal import Described
from relay_sync.emulator.replies import carry_out
from relay_sync.emulator.service import Link
from relay_sync.link.failures import TransportLost
from relay_sync.wire.dialect import Handshake, Heard, Said, not_understood, pong, refused
from relay_sync.wire.events import Answer, Happened, Ready, RelayEvent
from relay_sync.wire.jsonrpc import Failure, Request, Success, write_result
from tests.pulse import within
from tests.stage import GIVEN, PROJECT, TOKEN, ScriptedClient, Stage, at_once
from tests.support import LIMIT, ScriptedRelay, in_thread, until
from tests.words import VARIABLE, chosen

NUMBERS = {"from_number": "+15550100", "to_number": "+15550101"}
BOTH = ("blade", "flat")
GOOD = "JWT-good-1"


@pytest.fixture
def scripted() -> ScriptedRelay:
    return ScriptedRelay()


@pytest.fixture
def auto(scripted: ScriptedRelay) -> Iterator[Client]:
    """A client that is told nothing of the dialect."""
    client = ScriptedClient(scripted, dialect="auto")
    yield client
    client.disconnect()


@pytest.fixture
def blade(monkeypatch: pytest.MonkeyPatch) -> None:
    """The relay that the test plays speaks Blade."""
    monkeypatch.setenv(VARIABLE, "blade")


@pytest.fixture
def flat(monkeypatch: pytest.MonkeyPatch) -> None:
    """The relay that the test plays speaks Flat."""
    monkeypatch.setenv(VARIABLE, "flat")


def cut(relay: Emulator, client: Client) -> None:
    """Cut the connection, and return once the client has come back."""
    gone = threading.Event()
    client.on("signalwire.socket.close", gone.set)
    relay.drop_connections()
    assert gone.wait(LIMIT)
    until(lambda: client.connected)


def turn_down(relay: ScriptedRelay, code: int = -32601) -> None:
    """Take the next connection, and refuse its first method."""
    connect = relay.next_line().take()
    error = {"code": code, "message": f"Unknown method {connect['method']}"}
    relay.line.say({"jsonrpc": "2.0", "id": connect["id"], "error": error})


def hang_up(relay: ScriptedRelay) -> None:
    """Take the next connection, and close it when its first method has come."""
    relay.next_line().take()
    relay.line.break_("closed by Relay: 1000")


def say_nothing(relay: ScriptedRelay, client: Client) -> None:
    """Take the next connection and have six seconds pass, for as long as which nothing is said."""
    relay.next_line().take()
    client._life().connection._clock = lambda: time.monotonic() + 6
    relay.line.nudge()


# -- which one is spoken ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialects", "spoken"), [(BOTH, "flat"), (("flat",), "flat"), (("blade",), "blade")], ids=["both", "flat", "blade"]
)
def test_unless_told_otherwise_the_current_one_is_spoken_where_the_service_does(
    dialects: tuple[str, ...], spoken: str
) -> None:
    with Emulator(stepped=True, dialects=dialects) as relay, Client(**relay.credentials) as client:
        relay.phone("+15550101")
        assert client.dialect == spoken
        assert client.calling.dial(**NUMBERS).successful
        assert relay.connections == 1


@pytest.mark.parametrize("dialect", BOTH)
def test_one_that_is_asked_for_is_spoken_and_no_other(dialect: str) -> None:
    (other,) = set(BOTH) - {dialect}
    with Emulator(dialects=(other,)) as relay:
        client = Client(**relay.credentials, dialect=dialect)
        assert client.dialect == dialect
        with pytest.raises(ConnectFailed, match="-32601") as caught:
            client.connect()
        assert caught.value.code == "-32601"
        assert len({frame.connection for frame in relay.journal.frames}) == 1


def test_a_service_that_says_nothing_is_spoken_to_in_the_other_within_the_limit() -> None:
    quiet = Assumptions(unspoken_dialect="silence")
    with Emulator(dialects=("blade",), assumptions=quiet) as relay:
        began = time.monotonic()
        with within(2.0), Client(**relay.credentials, connect_timeout=2.0) as client:
            assert client.dialect == "blade"
            assert time.monotonic() - began >= 1.0


def test_a_service_that_says_nothing_at_all_is_given_up_within_the_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = Client(**{**GIVEN, "host": f"ws://127.0.0.1:{server.getsockname()[1]}"}, connect_timeout=0.3)
        began = time.monotonic()
        with pytest.raises(ConnectFailed):
            client.connect()
        assert time.monotonic() - began < 3
        assert client.dialect is None


def test_a_service_that_speaks_but_does_not_answer_is_given_up_within_the_limit(
    scripted: ScriptedRelay, blade: None
) -> None:
    client = ScriptedClient(scripted, dialect="auto", connect_timeout=0.3)
    began = time.monotonic()
    with pytest.raises(ConnectFailed):
        client.connect()
    assert time.monotonic() - began < 3
    said = [scripted.next_line().take()["method"] for _ in BOTH]
    assert said == ["signalwire.connect", "blade.connect"]
    assert scripted._transports.empty()


@pytest.mark.parametrize("how", ["-32601", "silence", "closed"])
def test_however_the_service_turns_one_down_it_is_spoken_to_in_the_other(how: Any) -> None:
    with Emulator(stepped=True, dialects=("blade",), assumptions=Assumptions(unspoken_dialect=how)) as relay:
        relay.phone("+15550101")
        with Client(**relay.credentials, connect_timeout=2.0) as client:
            assert client.dialect == "blade"
            assert client.calling.dial(**NUMBERS).successful


def test_a_peer_that_is_gone_when_its_silence_is_noticed_is_spoken_to_in_the_other(
    blade: None, scripted: ScriptedRelay, auto: Client
) -> None:
    with in_thread(auto.connect):
        scripted.next_line().take()
        auto._life().connection._clock = lambda: time.monotonic() + 3
        scripted.line.sending = TransportLost("reset by peer")  # the pong, in the pass in which the time is up
        scripted.line.say({"jsonrpc": "2.0", "id": "srv-1", "method": "signalwire.ping", "params": {}})
        scripted.accept()
    assert auto.dialect == "blade"


@pytest.mark.parametrize(
    ("turn", "why"),
    [
        (lambda relay, client: turn_down(relay), r"Unknown method signalwire.connect \(code -32601\)"),
        (lambda relay, client: hang_up(relay), "closed by Relay: 1000"),
        (lambda relay, client: say_nothing(relay, client), r"no answer for \d+\.\d s"),
    ],
    ids=["unknown method", "closed", "silent"],
)
def test_an_attempt_that_failed_in_both_says_how_it_failed_in_each(
    blade: None, scripted: ScriptedRelay, turn: Any, why: str
) -> None:
    client = ScriptedClient(scripted, dialect="auto", connect_timeout=30)
    failed: list[ConnectFailed] = []

    def connect() -> None:
        try:
            client.connect()
        except ConnectFailed as error:
            failed.append(error)

    with in_thread(connect):
        turn(scripted, client)
        turn_down(scripted)
    (error,) = failed
    last = r"Unknown method blade.connect \(code -32601, dialect 'blade'\)"
    assert re.fullmatch(f"Relay refused the connection: {last}; before that, in 'flat': {why}", error.message)
    assert error.code == "-32601"


def test_what_was_said_of_a_dialect_is_forgotten_once_another_one_was_agreed_to(
    blade: None, scripted: ScriptedRelay, auto: Client
) -> None:
    with in_thread(auto.connect):
        turn_down(scripted)
        scripted.accept()
    with in_thread(auto.run) as running:
        until(lambda: auto._life().connection._room is not None, "that it waits: later it would connect anew")
        scripted.line.break_()
        connect = scripted.next_line().take()
        error = {"code": -32002, "message": "no"}
        scripted.line.say({"jsonrpc": "2.0", "id": connect["id"], "error": error})
        with pytest.raises(AuthenticationFailed) as caught:
            running.result()
    assert "flat" not in caught.value.message


def test_a_service_replaced_by_one_that_turns_the_old_dialect_down_in_silence_is_found_out_about() -> None:
    quiet = Assumptions(unspoken_dialect="closed")
    with Emulator(dialects=("flat",)) as relay:
        client = Client(**relay.credentials, resume_timeout=0.2)
        with client:
            at_once(client)
            assert client.dialect == "flat"
            host, port = relay.host, relay.port
            relay.stop()
            with Emulator(
                dialects=("blade",), host=host, port=port, project=relay.project, token=relay.token, assumptions=quiet
            ):
                until(lambda: client.connected and client.dialect == "blade")


def test_after_a_connect_that_failed_the_service_is_asked_again(auto: Client, scripted: ScriptedRelay) -> None:
    relay = ScriptedRelay()
    auto._scripted = relay  # type: ignore[attr-defined]
    with in_thread(auto.connect):
        relay.accept() if chosen() == "flat" else (turn_down(relay), relay.accept())
    auto.disconnect()
    assert auto.dialect == chosen()
    relay.refuse_next()
    with pytest.raises(ConnectFailed):
        auto.connect()
    assert auto.dialect is None


def test_refused_credentials_are_no_reason_to_speak_otherwise() -> None:
    with Emulator() as relay:
        client = Client(**{**relay.credentials, "token": "PTwrong"})
        with pytest.raises(AuthenticationFailed, match=r"dialect 'flat'.*check project and token"):
            client.connect()
        assert len({frame.connection for frame in relay.journal.frames}) == 1
        assert client.dialect is None


def test_the_answer_is_remembered_for_reconnects_and_for_the_next_connect(
    blade: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "relay_sync")
    relay = ScriptedRelay()
    client = ScriptedClient(relay, dialect="auto")
    assert client.dialect is None
    with in_thread(client.connect):
        turn_down(relay)
        assert client.dialect is None
        relay.accept()
    assert client.dialect == "blade"
    assert "does not speak the dialect 'flat'; trying 'blade'" in caplog.text
    relay.line.break_()
    relay.accept(restored=True)  # which takes no signalwire.connect
    until(lambda: client.connected)
    client.disconnect()
    assert client.dialect == "blade"
    with in_thread(client.connect):
        relay.accept()
    assert client.dialect == "blade"
    client.disconnect()


def test_a_service_that_was_replaced_is_found_out_about_while_reconnecting(
    auto: Client, scripted: ScriptedRelay, flat: None
) -> None:
    relay = ScriptedRelay()
    auto._scripted = relay  # type: ignore[attr-defined]
    with in_thread(auto.connect):
        relay.accept()
    assert auto.dialect == "flat"
    relay.line.break_()
    turn_down(relay)
    connect = relay.next_line().take()
    assert connect["method"] == "blade.connect"


def test_disconnect_while_the_dialect_is_being_found_out_ends_it(auto: Client, scripted: ScriptedRelay) -> None:
    failed: list[Exception] = []

    def connect() -> None:
        try:
            auto.connect()
        except NotConnected as error:
            failed.append(error)

    with in_thread(connect):
        turn_down(scripted)
        scripted.next_line().take()
        auto.disconnect()
    assert failed


@pytest.mark.parametrize(
    ("wrong", "kind", "words"),
    [
        ("flatt", ValueError, "dialect='flatt' is unknown: did you mean 'flat'. give one of auto, blade, flat"),
        ("", ValueError, "dialect=''"),
        (None, TypeError, "dialect=None: give one of auto, blade, flat"),
        (5, TypeError, "dialect=5"),
    ],
)
def test_a_dialect_that_is_none_is_refused(wrong: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        Client("p", "t", dialect=wrong)


# -- a third one -----------------------------------------------------------------------------------------------------


class Murmur:
    """A dialect made up for this test: one step of handshake, and everything has another name."""

    def __init__(self, *, project: str, token: str, jwt_token: str | None, agent: str) -> None:
        self.name = "murmur"
        self.lacks: frozenset[str] = frozenset()
        self.secrets: tuple[str, ...] = ()
        self.session_id: str | None = None
        self.protocol: str | None = None
        self.signature: str | None = None
        self.node_id: str | None = None
        self._secret = f"{project}:{token}"

    def handshake(self, contexts: Collection[str]) -> Handshake:
        previous = self.protocol
        answer = Answer.to((yield "hello", {"secret": self._secret, "again": previous, "for": list(contexts)}))
        if not answer.ok:
            return refused(answer)
        self.protocol = answer.result["name"]
        return Ready(self.protocol == previous, None)

    def command(self, method: str, params: dict[str, Any]) -> Said:
        return "please", {"do": method, "with": params}

    def answer(self, reply: Success | Failure, method: str) -> Answer:
        return Answer.to(reply)

    def ping(self, now: float) -> Said:
        return "there?", {}

    def hear(self, request: Request) -> Heard:
        if request.method == "there?":
            return pong(request)
        event = RelayEvent.read(request.params)
        if request.method != "listen" or event is None:
            return not_understood(request)
        return write_result(request.id, "heard"), Happened(event)

    def forget(self) -> None:
        self.protocol = None

    def renew(self, jwt_token: str) -> None:
        self._secret = jwt_token


class MurmurWords:
    """The other side of it."""

    ping, farewell, first, resumes = "there?", "", "hello", "again"

    def is_aside(self, text: str) -> bool:
        return '"result":"heard"' in text

    def shake_hands(self, relay: ScriptedRelay, restored: bool, protocol: Any, session_id: str, contexts: bool) -> None:
        hello = relay.line.take()
        assert hello["method"] == "hello"
        assert bool(hello["params"]["for"]) is contexts
        relay.reply(hello, {"name": hello["params"]["again"] if restored else "room-1"})

    def command(self, frame: dict[str, Any]) -> dict[str, Any]:
        return {"id": frame["id"], "params": {"method": frame["params"]["do"], "params": frame["params"]["with"]}}

    def result(self, inner: object) -> object:
        return inner

    def event(self, protocol: str, queue: str, event: dict[str, Any]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": "e", "method": "listen", "params": event}

    def outcome(self, params: dict[str, Any]) -> None:
        return None

    def has_acknowledged(self) -> bool:
        return True


def test_a_made_up_third_dialect_is_one_class_and_no_change_anywhere_else() -> None:
    stage = Stage(dialect=Murmur)
    stage.relay.words = MurmurWords()  # type: ignore[assignment]  # as good as the others
    inbound: list[Any] = []
    stage.client.calling.receive(["office"], inbound.append)
    stage.connect(contexts=True)
    assert (stage.client.dialect, stage.client.protocol) == ("murmur", "room-1")
    call = stage.new_call()
    with in_thread(call.dial) as dialling:
        assert stage.relay.accept_command("calling.dial")["devices"]
        stage.relay.tell_state("created", tag=call.tag)
        stage.relay.tell_state("answered", tag=call.tag)
    assert dialling.result().successful
    action = stage.play(call)
    with in_thread(action.pause) as pausing:
        stage.relay.accept_command("calling.play.pause")
    assert pausing.result().successful
    stage.reconnect(contexts=True)
    stage.relay.accept_command("calling.play.volume")  # the probe of a playback after a resume
    stage.tell_play(action, "finished")
    assert action.wait(LIMIT).successful
    stage.inbound()
    until(lambda: inbound)
    stage.relay.tell_state("ended")
    stage.settle()
    assert call.state == "ended"
    stage.client.disconnect()


class MurmurService:
    """The emulator's side of it."""

    opening = "hello"

    def describe(self, frame: Any) -> Described:
        params = frame.get("params", {})
        match frame.get("method"):
            case "please":
                return Described("command", "please", params["do"], params["with"])
            case "listen":
                return Described("event", "listen", params["event_type"], params.get("params", {}))
            case str(method):
                return Described("other", method)
        return describe_reply(frame)

    def receive(self, link: Link, frame: Any) -> None:
        def write(outcome: Accepted | envelope.Refused | RpcError) -> Any:
            if isinstance(outcome, RpcError):
                return envelope.failure(frame["id"], outcome.code, outcome.message)
            if isinstance(outcome, Accepted):
                return envelope.success(frame["id"], outcome.result)
            return envelope.success(frame["id"], {"code": outcome.code, "message": outcome.message})

        params = frame["params"]
        method = params["do"] if frame["method"] == "please" else frame["method"]
        carry_out(link, method, link.session, lambda: self._carry(link, frame["method"], params), write)

    def _carry(self, link: Link, method: str, params: Any) -> Accepted:
        if method == "hello":
            return self._hello(link, params)
        if method == "there?" or link.session is None:
            return Accepted({})
        return link.service.desk.perform(link.session, params["do"], params["with"])

    def _hello(self, link: Link, params: Any) -> Accepted:
        project, token = params["secret"].split(":")
        login = link.service.logins.log_in(link, {"project": project, "token": token})
        found = next((one for one in link.service.sessions if one.protocol == params["again"]), None)
        session, restored = link.service.sessions.connect(link, login, None if found is None else found.id)
        if not restored:
            session.new_protocol()
        link.session = session

        def begin() -> None:
            session.subscribe(True)
            if params["for"]:
                link.service.desk.perform(session, "signalwire.receive", {"contexts": params["for"]})

        return Accepted({"name": session.protocol}, then=begin)

    def answer(self, link: Link, frame: Any) -> None:
        pass

    def event(self, session: Any, queue: str, event: Any) -> Any:
        return envelope.request(envelope.new_id(), "listen", event)

    def ping(self, request_id: str, timestamp: float) -> Any:
        return envelope.request(request_id, "there?", {"timestamp": timestamp})

    def go_away(self, request_id: str, restart: bool) -> Any:
        return envelope.request(request_id, "farewell", {})


def test_a_made_up_third_dialect_is_one_class_on_the_emulator_s_side_as_well() -> None:
    with Emulator(stepped=True, dialects=(MurmurService(), "flat")) as relay:
        caller = relay.phone("+15550101")
        inbound: list[Any] = []
        client = Client(**relay.credentials, dialect=Murmur)
        client.calling.receive(["office"], lambda call: inbound.append(call.answer()))
        with client, Client(**relay.credentials) as other:
            assert (client.dialect, other.dialect) == ("murmur", "flat")
            at_once(client)
            call = client.calling.dial(**NUMBERS).call
            action = call.play_silence_async(5)
            cut(relay, client)
            assert action.pause().successful
            assert action.resume().successful
            relay.clock.advance(5)
            assert action.wait(LIMIT).successful
            assert call.hangup().successful
            caller.call(context="office")
            until(lambda: inbound)
            assert inbound[0].successful
        relay.expect("calling.dial")


def test_nothing_above_the_wire_knows_a_dialect_by_name() -> None:
    package = Path(relay_sync.__file__).parent
    above = [path for name in ("calling", "link") for path in (package / name).glob("*.py")]
    above += [path for path in package.glob("*.py") if path.name != "client.py"]  # whose documentation names them
    knowing = [path.name for path in above if "wire.blade" in path.read_text() or "wire.flat" in path.read_text()]
    assert knowing == []


# What a session says of itself: words of one dialect.
OF_ONE = re.compile(r"\bblade\.[a-z]+|\bsignalwire\.(connect|event|ping|disconnect|unreceive|reauthenticate)\b")
ABOUT_ONE = {"emulator", "interop", "wire"}  # folders of tests that are about the dialects, or speak by hand
SPELLING = {f"faults/{name}.py" for name in ("fuzz", "support", "test_ctrl_c_everywhere", "test_secrets")}
SPELLING |= {"test_dialect.py", "test_masking.py", "words.py"}


def test_no_other_test_spells_a_dialect_and_so_each_can_speak_both() -> None:
    tests = Path(__file__).parent
    found = {path.relative_to(tests) for path in tests.rglob("*.py") if OF_ONE.search(path.read_text(encoding="utf-8"))}
    assert {path.as_posix() for path in found if path.parts[0] not in ABOUT_ONE} == SPELLING


# -- dialling: the outcome is told by events of the leg and by one of the dial, in any order -------------------------


CREATED, RINGING, ANSWERED, ENDED = (
    ("created", {}),
    ("ringing", {}),
    ("answered", {}),
    ("ended", {"end_reason": "busy"}),
)
WON = {"dial_state": "answered", "call": {"call_id": "call-1", "node_id": "node-1", "dial_winner": True}}
FAILED = {"dial_state": "failed", "reason": "busy"}
DIALING = {"dial_state": "dialing"}


def tell(stage: Stage, tag: str, *events: Any) -> None:
    for event in events:
        if isinstance(event, tuple):
            state, more = event
            params = {"call_id": "call-1", "node_id": "node-1", "call_state": state, "tag": tag, **more}
            stage.relay.tell("calling.call.state", **params)
        else:
            stage.relay.tell("calling.call.dial", tag=tag, node_id="node-1", **event)


@pytest.mark.parametrize("early", [True, False], ids=["before the reply", "after the reply"])
@pytest.mark.parametrize(
    ("events", "successful"),
    [
        ([CREATED, RINGING, ANSWERED, WON], True),
        ([CREATED, RINGING, WON, ANSWERED], True),
        ([CREATED, DIALING, WON], True),
        ([DIALING, WON, CREATED, RINGING, ANSWERED], True),
        ([WON], True),
        ([ANSWERED], True),
        ([{**WON, "call": {**WON["call"], "dial_winner": "true"}}], True),
        ([CREATED, ENDED, FAILED], False),
        ([CREATED, FAILED, ENDED], False),
        ([RINGING, FAILED], False),
        ([FAILED, ENDED], False),
        ([FAILED], False),
        ([{"dial_state": "failed", "call": {}}], False),
    ],
)
def test_a_dial_of_one_device_ends_in_every_order_of_its_events(
    stage: Stage, events: list[Any], successful: bool, early: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay_sync.calling.table.GONE_GRACE_S", 0.0)
    call = stage.new_call()
    with in_thread(call.dial) as dialling:
        command = stage.relay.take_command("calling.begin")
        if not early:
            stage.relay.answer(command, {"code": "200", "message": "Dialing"})
        tell(stage, call.tag, *events)
        if early:
            stage.relay.answer(command, {"code": "200", "message": "Dialing"})
    result = dialling.result()
    stage.settle()
    assert result.successful is successful
    table = stage.client._life().table
    assert table._by_tag == {}
    if successful:
        assert (call.id, call.state) == ("call-1", "answered")
        assert table._by_id == {"call-1": call}
    else:
        assert stage.tables == []
        assert call.end_reason == (None if events[0].get("call") == {} else "busy") if FAILED not in events else "busy"


def test_the_end_of_its_leg_says_more_of_a_failed_dial_than_the_dial_s_own_event(stage: Stage) -> None:
    """The handlers and results of a call that failed are the same in every dialect."""
    call = stage.new_call()
    told: list[str] = []
    call.on("stateChange", lambda event: told.append(event["call_state"]))
    with in_thread(call.dial) as dialling:
        stage.relay.accept_command("calling.begin")
        tell(stage, call.tag, CREATED, FAILED, ENDED)
    result = dialling.result()
    assert (result.successful, call.state, call.end_reason, call.busy) == (False, "ended", "busy", True)
    assert result.event is not None
    assert result.event.name == "ended"
    until(lambda: told == ["created", "ended"])


def test_an_answer_that_is_told_after_a_failure_is_believed(stage: Stage) -> None:
    call = stage.new_call()
    with in_thread(call.dial) as dialling:
        stage.relay.accept_command("calling.begin")
        tell(stage, call.tag, CREATED, FAILED, ANSWERED)
    assert dialling.result().successful
    stage.client._life().connection._clock = lambda: time.monotonic() + 2  # the grace for its end is over
    stage.settle()
    assert (call.active, call.state) == (True, "answered")


def test_legs_that_lost_leave_nothing_behind(stage: Stage) -> None:
    call = stage.new_call()
    with in_thread(call.dial) as dialling:
        stage.relay.accept_command("calling.begin")
        tell(stage, call.tag, CREATED)
        stage.relay.tell("calling.call.state", call_id="other", node_id="n", call_state="ringing", tag=call.tag)
        tell(stage, call.tag, WON)
    assert dialling.result().successful
    stage.relay.tell("calling.call.state", call_id="other", node_id="n", call_state="ended", tag=call.tag)
    stage.settle()
    assert call.id == "call-1"
    assert stage.client._life().table._legs == {}


# -- leaving contexts ------------------------------------------------------------------------------------------------


def test_a_context_that_was_left_is_not_received_any_more_and_not_registered_again() -> None:
    with Emulator(stepped=True) as relay, Client(**relay.credentials) as client:
        at_once(client)
        relay.route("+15550100", "office")
        client.calling.receive(["office", "home"], print)
        assert relay.contexts == {"office": 1, "home": 1}
        assert client.unreceive(["office"]).successful
        assert client.contexts == ["home"]
        assert relay.contexts == {"home": 1}
        cut(relay, client)
        until(lambda: relay.contexts)
        assert relay.contexts == {"home": 1}


def test_where_contexts_cannot_be_left_the_result_says_so_and_the_next_connection_leaves_them() -> None:
    with Emulator(stepped=True, dialects=("blade",)) as relay, Client(**relay.credentials) as client:
        at_once(client)
        client.calling.receive(["office", "home"], print)
        result = client.unreceive(["office"])
        assert (result.successful, result.code) == (False, None)
        assert "nothing was sent: blade has no way to leave a context" in result.message
        assert client.contexts == ["home"]
        assert relay.journal.commands("signalwire.unreceive") == []
        cut(relay, client)
        until(lambda: relay.contexts)
        assert relay.contexts == {"home": 1}


def test_before_connecting_contexts_are_left_without_a_word(auto: Client) -> None:
    auto.calling.receive(["office", "home"], print)
    assert auto.unreceive(["home", "never"]).successful
    assert auto.contexts == ["office"]


def test_a_refused_leave_changes_nothing(flat: None) -> None:
    with Stage() as stage:
        with in_thread(lambda: stage.client.calling.receive(["office"], print)):
            stage.relay.accept_command("signalwire.receive")
        with in_thread(lambda: stage.client.unreceive(["office"])) as leaving:
            assert stage.relay.refuse_command("signalwire.unreceive", "402", "No") == {"contexts": ["office"]}
        result = leaving.result()
        assert (result.successful, result.code) == (False, "402")
        assert stage.client.contexts == ["office"]


def test_a_leave_that_surely_was_not_sent_changes_nothing_and_one_that_may_have_been_is_kept(flat: None) -> None:
    with Stage() as stage:
        with in_thread(lambda: stage.client.calling.receive(["office"], print)):
            stage.relay.accept_command("signalwire.receive")

        def leave() -> None:
            with pytest.raises(ConnectionLost):
                stage.client.unreceive(["office"])

        with in_thread(leave) as leaving:
            stage.relay.take_command("signalwire.unreceive")
            stage.reconnect()
        leaving.result()
        assert stage.client.contexts == []
    with pytest.raises(NotConnected):
        stage.client.unreceive(["office"])


@pytest.mark.parametrize("contexts", ["office", [], [""], None, [5]])
def test_contexts_to_leave_that_are_no_names_are_refused(auto: Client, contexts: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="contexts"):
        auto.unreceive(contexts)


NO = {"code": "402", "message": "No"}


# -- JWT -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", BOTH)
def test_a_jwt_does_in_place_of_project_and_token(dialect: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Emulator(jwt_token=["JWT-canary-1", "JWT-canary-2"]) as relay:
        given = {"project": relay.project, "host": relay.url}
        with Client(**given, jwt_token="JWT-canary-1", dialect=dialect) as client:
            assert client.project == relay.project
            result = client.reauthenticate("JWT-canary-2")
            assert result.successful
            assert "authorization" in result.result
            at_once(client)
            cut(relay, client)
    assert "canary" not in caplog.text


def test_a_jwt_that_relay_refuses_leaves_the_old_one_in_use() -> None:
    with Emulator(jwt_token=GOOD) as relay, Client(relay.project, host=relay.url, jwt_token=GOOD) as client:
        at_once(client)
        result = client.reauthenticate("JWT-bad-1")
        assert (result.successful, result.code) == (False, "-32002")
        cut(relay, client)


@pytest.mark.parametrize("first", [0, 1])
def test_when_two_tokens_at_a_time_are_refused_the_old_one_stays(flat: None, first: int) -> None:
    """Neither is put back by the other's refusal."""
    with Stage(token=None, jwt_token="JWT-one-1") as stage:
        with in_thread(lambda: stage.client.reauthenticate("JWT-two-2")) as second:
            frames = [stage.relay.take_command("signalwire.reauthenticate")]
            with in_thread(lambda: stage.client.reauthenticate("JWT-three-3")) as third:
                frames.append(stage.relay.take_command("signalwire.reauthenticate"))
                for frame in (frames[first], frames[1 - first]):
                    stage.relay.answer(frame, NO)
        assert not second.result()
        assert not third.result()
        stage.relay.line.break_()
        assert stage.relay.next_line().take()["params"]["authentication"]["jwt_token"] == "JWT-one-1"


def test_a_token_that_was_accepted_stays_when_an_earlier_one_is_refused_after_it(flat: None) -> None:
    with Stage(token=None, jwt_token="JWT-one-1") as stage:
        with in_thread(lambda: stage.client.reauthenticate("JWT-two-2")) as second:
            early = stage.relay.take_command("signalwire.reauthenticate")
            with in_thread(lambda: stage.client.reauthenticate("JWT-three-3")) as third:
                stage.relay.answer(stage.relay.take_command("signalwire.reauthenticate"), {"code": "200"})
            stage.relay.answer(early, NO)
        assert third.result()
        assert not second.result()
        with in_thread(lambda: stage.client.reauthenticate("JWT-four-4")) as fourth:
            stage.relay.answer(stage.relay.take_command("signalwire.reauthenticate"), NO)
        assert not fourth.result()
        stage.relay.line.break_()
        assert stage.relay.next_line().take()["params"]["authentication"]["jwt_token"] == "JWT-three-3"


def test_a_client_whose_jwt_was_refused_goes_on_with_another() -> None:
    with Emulator(jwt_token=GOOD) as relay:
        client = Client(relay.project, host=relay.url, jwt_token="JWT-old-1")
        with pytest.raises(AuthenticationFailed):
            client.connect()
        assert client.reauthenticate(GOOD).message == "used at connect()"
        with client:
            assert client.connected


def test_a_jwt_whose_outcome_is_unknown_is_used_at_the_next_handshake(flat: None) -> None:
    with Stage(token=None, jwt_token="JWT-one-1") as stage:

        def show() -> None:
            with pytest.raises(ConnectionLost):
                stage.client.reauthenticate("JWT-two-2")

        with in_thread(show) as showing:
            frame = stage.relay.take_command("signalwire.reauthenticate")
            assert frame["params"]["params"]["authentication"]["jwt_token"] == "JWT-two-2"
            stage.relay.line.break_()
            connect = stage.relay.next_line().take()
        showing.result()
        assert connect["params"]["authentication"]["jwt_token"] == "JWT-two-2"


def test_reauthentication_is_for_clients_with_a_jwt(auto: Client) -> None:
    with pytest.raises(ConfigurationError, match="jwt_token="):
        auto.reauthenticate("JWT")


@pytest.mark.parametrize(("wrong", "kind"), [("", ValueError), (" ", ValueError), (None, TypeError), (b"x", TypeError)])
def test_a_jwt_that_is_no_text_is_refused_and_not_shown(wrong: Any, kind: type[Exception]) -> None:
    client = Client(host="example", jwt_token="JWT")
    with pytest.raises(kind, match="jwt_token= is") as caught:
        client.reauthenticate(wrong)
    assert repr(wrong) not in str(caught.value) or not wrong


# -- secrets and acknowledgements ------------------------------------------------------------------------------------


def test_the_authorization_state_is_shown_nowhere(flat: None, caplog: pytest.LogCaptureFixture) -> None:
    """Defect 107."""
    caplog.set_level(logging.DEBUG)
    with Stage() as stage:
        params = {"authorization_state": "canary-b64:tag"}
        stage.relay.tell_through("", event_type="signalwire.authorization.state", params=params)
        stage.settle()
        stage.relay.line.break_()
        connect = stage.relay.next_line().take()
        assert connect["params"]["authorization_state"] == "canary-b64:tag"
        assert "canary-b64" not in repr(stage.client._life().connection.session)
    assert "canary-b64" not in caplog.text


def test_an_authorization_state_that_relay_repeats_is_shown_nowhere(
    flat: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Stage() as stage:
        for state in ("canary-1", "canary-2"):
            params = {"authorization_state": state}
            stage.relay.tell_through("", event_type="signalwire.authorization.state", params=params)
        stage.settle()
        stage.relay.line.break_()
        connect = stage.relay.next_line().take()
        error = {"code": -32002, "message": "canary-2 is not canary-1"}
        stage.relay.line.say({"jsonrpc": "2.0", "id": connect["id"], "error": error})
        until(lambda: stage.client.state == "closed")
        with pytest.raises(NotConnected) as caught:
            stage.client.execute("calling.x", {})
    assert "*** is not ***" in str(caught.value)
    assert "canary-" not in str(caught.value)
    assert "canary-" not in caplog.text.replace(PROJECT, "").replace(TOKEN, "")


def test_every_event_is_acknowledged_exactly_once() -> None:
    with Emulator(stepped=True, dialects=("flat",)) as relay, Client(**relay.credentials) as client:
        relay.phone("+15550101")
        call = client.calling.dial(**NUMBERS).call
        action = call.play_silence_async(1)
        relay.clock.advance(2)
        assert action.wait(LIMIT).successful
        assert call.hangup().successful
        client.execute("calling.nonsense", {})
        relay.journal.assert_events_acknowledged()
        assert relay.journal.deliveries


def test_a_slow_handler_delays_no_acknowledgement() -> None:
    gate = threading.Event()
    with Emulator(stepped=True, dialects=("flat",)) as relay, Client(**relay.credentials) as client:
        relay.phone("+15550101")
        call = client.calling.new_call(**NUMBERS)
        call.on("stateChange", lambda event: gate.wait(LIMIT))
        assert call.dial().successful
        client.execute("calling.nonsense", {})
        relay.journal.assert_events_acknowledged()
        gate.set()
        assert call.hangup().successful


@pytest.mark.parametrize("restart", [True, False])
def test_a_restart_ends_the_session_and_a_mere_farewell_does_not(restart: bool) -> None:
    with Emulator(stepped=True, dialects=("flat",)) as relay, Client(**relay.credentials) as client:
        at_once(client)
        relay.phone("+15550101")
        call = client.calling.dial(**NUMBERS).call
        relay.go_away(10, restart=restart)
        until(lambda: client.connected and relay.connections == 1)
        assert call.active is not restart
        if not restart:
            assert call.hangup().successful


@pytest.mark.parametrize("answer", ["ignored", "-32003"])
def test_what_is_stale_at_a_resume_is_given_up_and_the_client_goes_on(answer: Any) -> None:
    stale = Assumptions(stale_resume=answer)
    with Emulator(stepped=True, dialects=("flat",), assumptions=stale) as relay, Client(**relay.credentials) as client:
        at_once(client)
        relay.phone("+15550101")
        call = client.calling.dial(**NUMBERS).call
        relay.drop_connections(resume=False)
        until(lambda: not call.active)
        until(lambda: client.connected)
        assert client.calling.dial(**NUMBERS).successful
