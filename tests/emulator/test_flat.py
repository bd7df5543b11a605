"""What only Flat has: handshake, acknowledgements, resume, contexts at run time, farewell, JWTs (protocol.md 6)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from relay_sync.emulator import DEMO_PROJECT, DEMO_TOKEN, Assumptions, Emulator
from relay_sync.emulator.emulator import DIALECTS
from relay_sync.emulator.flat import Flat
from relay_sync.emulator.journal import Described
from relay_sync.emulator.service import Link
from relay_sync.emulator.session import Session
from tests.emulator.conftest import Connect, in_both
from tests.emulator.raw import ABSENT, VERSION, FlatClient, Frame, RawClient, frames_of, silence

Assume = Callable[..., FlatClient]


@pytest.fixture
def dialect() -> str:
    return "flat"


@pytest.fixture
def stranger(relay: Emulator, connect: Connect) -> FlatClient:
    """A client that has not logged in."""
    client = connect(relay, ready=False)
    assert isinstance(client, FlatClient)
    return client


@pytest.fixture
def assume() -> Iterator[Assume]:
    """Return a function that gives a client of an emulator with these assumptions, not logged in."""
    with ExitStack() as stack:

        def assume(**answers: Any) -> FlatClient:
            relay = Emulator(stepped=True, ping_interval=None, assumptions=Assumptions(**answers))
            stack.enter_context(relay)
            client = FlatClient(relay)
            stack.enter_context(client)
            return client

        yield assume


class Sharp(Flat):
    """A dialect nobody speaks."""

    @property
    def opening(self) -> str:
        return "sharp.connect"

    def describe(self, frame: Frame) -> Described:
        return super().describe(renamed(frame, "sharp", "signalwire"))

    def receive(self, link: Link, frame: Frame) -> None:
        super().receive(link, renamed(frame, "sharp", "signalwire"))

    def event(self, session: Session, queue: str, event: dict[str, Any]) -> Frame:
        return renamed(super().event(session, queue, event), "signalwire", "sharp")


class SharpClient(FlatClient):
    space, opening, event = "sharp", "sharp.connect", "sharp.event"

    def send(self, method: str, params: Any = ABSENT, **more: Any) -> str:
        return super().send(method.replace("signalwire.", "sharp."), params, **more)


def renamed(frame: Frame, old: str, new: str) -> Frame:
    """Return the frame with another name for a method of the session."""
    return {**frame, "method": frame["method"].replace(f"{old}.", f"{new}.")} if "method" in frame else frame


def with_jwt(**settings: Any) -> Emulator:
    return Emulator(stepped=True, ping_interval=None, jwt_token=["first.jwt.x", "second.jwt.x"], **settings)


def jwt(jwt_token: str = "first.jwt.x", **more: Any) -> dict[str, Any]:
    return {"version": VERSION, "authentication": {"jwt_token": jwt_token, **more}}


def test_one_request_logs_in(relay: Emulator, stranger: FlatClient) -> None:
    result = stranger.connect(agent="test/1.0")
    assert set(result) == {"protocol", "identity", "authorization"}
    assert result["authorization"]["project"] == DEMO_PROJECT
    assert result["authorization"]["expires_at"] is None
    assert result["protocol"].split("_")[:2] == ["signalwire", result["authorization"]["signature"]]
    assert stranger.begin("+15550101")["code"] == "200"


def test_contexts_are_received_from_the_handshake_on(relay: Emulator, stranger: FlatClient) -> None:
    stranger.connect(contexts=["office"], topics=["home"])
    assert relay.contexts == {"office": 1, "home": 1}
    relay.phone("+15550155").call(context="home")
    assert stranger.wait_event("receive")["context"] == "home"


def test_a_context_can_be_left(relay: Emulator, connect: Connect) -> None:
    client = connect(relay, "office", "home")
    assert client.command("signalwire.unreceive", {"contexts": ["office", "garden"]})["code"] == "200"
    assert relay.contexts == {"home": 1}
    assert relay.phone("+15550155").call(context="office").state == "ended"
    assert client.command("signalwire.unreceive", {})["code"] == "400"
    assert [command.method for command in relay.journal.commands()] == ["signalwire.unreceive"] * 2


@pytest.mark.parametrize("strict", [True, False])
def test_in_blade_it_can_only_if_not_strict(strict: bool) -> None:
    with Emulator(strict=strict) as relay, RawClient(relay) as client:
        answer = client.ready("office").command("signalwire.unreceive", {"contexts": ["office"]})
        assert str(answer["code"]) == ("-32601" if strict else "200")
        assert relay.contexts == ({"office": 1} if strict else {})


def test_what_no_client_sends_is_refused(client: RawClient, stranger: FlatClient) -> None:
    for method in ("signalwire.event", "signalwire.disconnect"):
        assert client.ask(method, {})["error"]["code"] == -32601
    assert stranger.ask("signalwire.connect", {})["error"]["code"] == -32602
    colourful = {"version": VERSION, "authentication": {}, "colour": "red"}
    assert "no field colour" in stranger.ask("signalwire.connect", colourful)["error"]["message"]


@pytest.mark.parametrize(
    "method",
    [f"signalwire.{name}" for name in ("connect", "ping", "receive", "unreceive", "reauthenticate")],
)
def test_each_step_of_the_session_can_be_refused(relay: Emulator, stranger: FlatClient, method: str) -> None:
    relay.refuse_next(method, -32000, "Timeout")
    if method != "signalwire.connect":
        stranger.connect()
    assert stranger.ask(method, {})["error"] == {"code": -32000, "message": "Timeout"}
    assert stranger.session_id or stranger.connect()


class TestWhatIsSpoken:
    @in_both
    def test_a_connection_speaks_the_dialect_it_began_with(self, client: RawClient) -> None:
        other = {"signalwire": "blade", "blade": "signalwire"}[client.space]
        for method in (f"{other}.connect", f"{other}.ping"):
            assert client.ask(method, {})["error"]["code"] == -32601

    def test_clients_of_both_share_the_calls(self, relay: Emulator) -> None:
        with RawClient(relay) as blade, FlatClient(relay) as flat:
            for client in (blade, flat):
                client.ready("office")
            for client in (blade, flat, blade):
                relay.phone("+15550155").call(context="office")
                client.wait_event("receive")

    @pytest.mark.parametrize("spoken", ["blade", "flat"])
    @pytest.mark.parametrize("answer", ["-32601", "silence"])
    def test_unspoken_dialect(self, spoken: str, answer: Any) -> None:
        """A client may go on with the other one, on the same connection too."""
        assumptions = Assumptions(unspoken_dialect=answer)
        (other,) = set(frames_of) - {spoken}
        with Emulator(dialects=[spoken], assumptions=assumptions) as relay, frames_of[spoken](relay) as client:
            sent = client.send(frames_of[other].opening, {"version": VERSION, "authentication": {}})
            if answer == "silence":
                assert client.hears_nothing()
            else:
                assert client.reply(sent)["error"]["code"] == -32601
            assert client.ready("office").begin("+15550101")["code"] == "200"

    def test_another_dialect_is_one_class(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Here one that has Flat's frames with other names of the session's methods."""
        monkeypatch.setitem(DIALECTS, "sharp", Sharp())
        with Emulator(dialects=["sharp"]) as relay, SharpClient(relay) as client:
            assert client.ask("blade.connect", {})["error"]["code"] == -32601
            call = client.ready("office").answered()
            client.play(call, "p", silence(1))
            assert client.command("calling.end", call)["code"] == "200"
            relay.journal.assert_commands("calling.begin", "calling.play", "calling.end")
            assert client.wait_event("state", "ended")
            assert len(relay.journal.events("calling.call.state")) == 5
            relay.phone("+15550155").call(context="office")
            assert client.wait_event("receive")

    def test_a_method_of_no_dialect_wants_a_login_first(self) -> None:
        with Emulator(dialects=["blade"]) as relay, RawClient(relay) as client:
            assert client.ask("signalwire.ping", {})["error"]["code"] == -32002

    @pytest.mark.parametrize("names", [(), "flat", ("flat", "sharp")])
    def test_dialects_are_some_of_those_there_are(self, names: Any) -> None:
        with pytest.raises(ValueError, match="dialects must be some of blade, flat, or of your own, not"):
            Emulator(dialects=names)


class TestAcknowledgements:
    def test_the_journal_knows_them(self, relay: Emulator, client: RawClient) -> None:
        client.begin("+15550101")
        client.drain()
        relay.journal.assert_events_acknowledged()
        state, *calls = relay.journal.deliveries
        assert state.event_type == "signalwire.authorization.state"
        assert [call.event_type for call in calls] == ["calling.call.state"] * 3
        assert {one.acknowledged for one in relay.journal.deliveries} == {1}
        assert len(relay.journal.events()) == 3

    def test_one_that_is_missing_is_named(self, relay: Emulator, client: FlatClient) -> None:
        client.acknowledges = False
        client.begin("+15550101")
        client.drain()
        with pytest.raises(AssertionError, match=r"acknowledged once.*\n.*calling.call.state .*: 0 times") as failure:
            relay.journal.assert_events_acknowledged(timeout=0)
        assert str(failure.value).count("calling.call.state") == 3

    def test_one_too_many_is_named(self, relay: Emulator, client: FlatClient) -> None:
        client.begin("+15550101")
        client.drain()
        event = relay.journal.deliveries[-1]
        client.send_text(json.dumps({"jsonrpc": "2.0", "id": event.id, "result": {}}))
        client.drain()
        with pytest.raises(AssertionError, match=rf"calling.call.state {event.id}: 2 times"):
            relay.journal.assert_events_acknowledged()

    def test_an_event_that_is_sent_twice_is_acknowledged_twice(self, relay: Emulator, client: FlatClient) -> None:
        relay.duplicate_events()
        client.begin("+15550101")
        client.drain()
        relay.journal.assert_events_acknowledged()
        ids = [one.id for one in relay.journal.deliveries[1:]]
        assert ids[::2] == ids[1::2]
        assert len(ids) == 6

    @pytest.mark.parametrize("answer", [{"error": {"code": -32000, "message": "Timeout"}}, {}])
    def test_an_error_is_none(self, relay: Emulator, client: FlatClient, answer: Frame) -> None:
        client.acknowledges = False
        client.begin("+15550101")
        client.drain()
        for event in relay.journal.deliveries:
            client.send_text(json.dumps({"jsonrpc": "2.0", "id": event.id, **answer}))
        client.drain()
        assert [one.acknowledged for one in relay.journal.deliveries] == [1, 0, 0, 0]

    def test_what_a_lost_connection_did_not_acknowledge_is_no_mistake(
        self, relay: Emulator, client: FlatClient
    ) -> None:
        client.acknowledges = False
        client.begin("+15550101")
        client.drain()
        relay.drop_connections()
        relay.journal.assert_events_acknowledged(timeout=0)

    @pytest.mark.parametrize("more", [{}, {"event_acks": False}])
    def test_who_did_not_ask_gives_none(self, relay: Emulator, stranger: FlatClient, more: Frame) -> None:
        who = {"project": DEMO_PROJECT, "token": DEMO_TOKEN}
        stranger.ask("signalwire.connect", {"version": VERSION, "authentication": who, **more})
        stranger.acknowledges = False
        stranger.begin("+15550101")
        stranger.drain()
        assert relay.journal.deliveries == []
        relay.journal.assert_events_acknowledged(timeout=0)

    @pytest.mark.parametrize("after", [0.05, None])
    def test_redeliver_after(self, assume: Assume, after: float | None) -> None:
        client = assume(redeliver_after=after)
        client.ready()
        client.acknowledges = False
        client.begin("+15550101")
        states = ["state:created", "state:ringing", "state:answered"]
        assert [entry for entry in client.drain() if "state:" in entry] == states
        if after is None:
            assert client.hears_nothing()
            return
        while len(client.events) < 9:  # each comes again and again, as it was
            client.read()
        assert all(event in client.events[:3] for event in client.events)
        client.acknowledges = True
        (session,) = client.relay.on_thread(lambda: list(client.relay.running_parts.sessions))
        assert session.acknowledgements is not None
        while session.acknowledgements.pending:  # until each has come once more and was acknowledged
            client.ping()

    def test_a_resumed_session_is_sent_again_what_the_lost_connection_did_not_acknowledge(self, assume: Assume) -> None:
        """Before what it has missed, if it is sent that too."""
        client = assume(redeliver_after=60, replay_missed_events=True)
        client.ready()
        client.acknowledges = False
        client.begin("+15550101")
        client.drain()
        client.relay.drop_connections()
        client.relay.phones["+15550101"].hang_up()
        with FlatClient(client.relay) as again:
            assert again.come_back(client)
            states = [event["params"]["params"]["call_state"] for event in again.events]
            assert states == ["created", "ringing", "answered", "ending", "ended"]


class TestResume:
    @pytest.mark.parametrize("answer", ["ignored", "-32003"])
    @pytest.mark.parametrize("wrong", ["protocol", "authorization_state", "forgotten"])
    def test_stale_resume(self, assume: Assume, answer: str, wrong: str) -> None:
        client = assume(stale_resume=answer)
        client.ready()
        if wrong == "forgotten":
            client.relay.forget_sessions()
        resume = {"protocol": client.protocol, "authorization_state": client.state}
        with FlatClient(client.relay) as again:
            who = {"project": DEMO_PROJECT, "token": DEMO_TOKEN}
            params = {"version": VERSION, "authentication": who, **resume, wrong: "invented"}
            params.pop("forgotten", None)
            reply = again.ask("signalwire.connect", params)
            if answer == "ignored":
                assert reply["result"]["protocol"] != client.protocol
            else:
                assert reply["error"]["code"] == -32003
                assert again.connect()["protocol"]  # without both it is welcome

    @pytest.mark.parametrize("answer", [True, False])
    def test_protocol_alone_resumes(self, assume: Assume, answer: bool) -> None:
        client = assume(protocol_alone_resumes=answer)
        client.ready()
        client.state = None
        with FlatClient(client.relay) as again:
            assert again.come_back(client) == answer

    @pytest.mark.parametrize("answer", [True, False])
    def test_newest_state_only(self, assume: Assume, answer: bool) -> None:
        client = assume(newest_state_only=answer)
        client.ready()
        old = client.state
        assert client.relay.renew_authorization_state() == 1
        client.ping()
        new, client.state = client.state, old
        assert new not in (None, old)
        with FlatClient(client.relay) as again:
            assert again.come_back(client) == (not answer)
        client.state = new
        with FlatClient(client.relay) as once_more:
            assert once_more.come_back(client)

    def test_the_state_is_nowhere_in_the_journal(self, relay: Emulator, client: FlatClient) -> None:
        assert client.state
        assert client.state not in "".join(frame.text + repr(frame.body) for frame in relay.journal.frames)

    def test_a_session_of_blade_is_not_resumed(self, relay: Emulator) -> None:
        with RawClient(relay) as blade, FlatClient(relay) as flat:
            blade.ready()
            assert flat.connect(protocol=blade.protocol)["protocol"] != blade.protocol

    def test_of_another_dialect_only_those_of_flat_are_sent_a_state(self, relay: Emulator) -> None:
        with RawClient(relay) as blade:
            blade.ready()
            assert relay.renew_authorization_state() == 0

    @in_both
    @pytest.mark.parametrize("restart", [True, False])
    def test_a_restart_forgets_the_sessions(
        self, relay: Emulator, client: RawClient, connect: Connect, restart: bool
    ) -> None:
        relay.go_away(wait=0.01, restart=restart)
        request = client.read()
        assert request.get("params") == (None if client.space == "blade" else {"restart": restart})
        assert connect(relay, ready=False).come_back(client) == (not restart)


class TestJwt:
    def test_one_logs_in_by_jwt(self) -> None:
        with with_jwt() as relay, FlatClient(relay) as client:
            authorization = client.ask("signalwire.connect", jwt())["result"]["authorization"]
            assert (authorization["project_id"], authorization["expires_at"]) == (DEMO_PROJECT, None)
            assert authorization["jti"]
            assert client.begin("+15550101")["code"] == "200"
            assert "first.jwt.x" not in "".join(frame.text for frame in relay.journal.frames)

    @pytest.mark.parametrize("who", [jwt("third.jwt.x"), jwt(project="nobody"), jwt(token="PT-wrong"), jwt(DEMO_TOKEN)])
    def test_others_are_refused(self, who: Frame) -> None:
        with with_jwt(strict=False) as relay, FlatClient(relay) as client:
            assert client.ask("signalwire.connect", who)["error"]["code"] == -32002
            assert client.ask("signalwire.connect", jwt("second.jwt.x", project=DEMO_PROJECT))["result"]

    @in_both
    def test_a_login_by_jwt_is_renewed(self, dialect: str) -> None:
        with with_jwt(jwt_lifetime=1000) as relay, frames_of[dialect](relay) as client:
            who = {"project": DEMO_PROJECT, "jwt_token": "first.jwt.x"}
            login = client.ask(client.opening, {"version": VERSION, "authentication": who})["result"]
            session = {"sessionid": login["sessionid"]} if dialect == "blade" else {}
            renewed = client.ask(
                f"{client.space}.reauthenticate", {**session, "authentication": {**who, "jwt_token": "second.jwt.x"}}
            )["result"]
            assert renewed["authorization"]["expires_at"] > login["authorization"]["expires_at"] > 1e9
            refused = {**session, "authentication": {**who, "jwt_token": "third.jwt.x"}}
            assert client.ask(f"{client.space}.reauthenticate", refused)["error"]["code"] == -32002

    @in_both
    def test_a_login_by_token_is_not(self, client: RawClient) -> None:
        session = {"sessionid": client.session_id} if client.space == "blade" else {}
        params = {**session, "authentication": {"project": DEMO_PROJECT, "jwt_token": "x"}}
        assert client.ask(f"{client.space}.reauthenticate", params)["error"]["code"] == -32600

    @in_both
    @pytest.mark.parametrize("answer", ["refused", "closed", "ignored"])
    def test_expired_login(self, dialect: str, answer: Any) -> None:
        assumptions = Assumptions(expired_login=answer)
        with with_jwt(jwt_lifetime=0.01, assumptions=assumptions) as relay, frames_of[dialect](relay) as client:
            who = {"project": DEMO_PROJECT, "jwt_token": "first.jwt.x"}
            client.ask(client.opening, {"version": VERSION, "authentication": who})
            if answer == "closed":
                relay.wait_for(lambda relay: relay.connections == 0)
                return
            (session,) = relay.on_thread(lambda: list(relay.running_parts.sessions))
            relay.wait_for(lambda _: session.login.expired)
            reply = client.ask(f"{client.space}.ping", {})
            assert ("error" in reply) == (answer == "refused")
            assert reply.get("error", {}).get("code", -32002) == -32002

    @pytest.mark.parametrize("lifetime", [0, -1])
    def test_a_lifetime_is_above_zero(self, lifetime: float) -> None:
        with pytest.raises(ValueError, match="jwt_lifetime"):
            Emulator(jwt_lifetime=lifetime)


@pytest.mark.parametrize("answer", [None, "AUTH_REQUIRED"])
def test_refusal_word(assume: Assume, answer: str | None) -> None:
    who = {"version": VERSION, "authentication": {"project": DEMO_PROJECT, "token": "PT-wrong"}}
    error = assume(refusal_word=answer).ask("signalwire.connect", who)["error"]
    assert error.get("data") == (None if answer is None else {"signalwire_error_code": answer})


def test_the_reply_to_the_handshake_comes_before_all_that_follows(relay: Emulator, stranger: FlatClient) -> None:
    relay.hold_reply("signalwire.connect", count=1)
    sent = stranger.send("signalwire.connect", {**jwt(project=DEMO_PROJECT, token=DEMO_TOKEN), "contexts": ["office"]})
    stranger.read()  # the authorization state: the reply is held, and not what comes of it
    assert stranger.state
    relay.release()
    assert "result" in stranger.reply(sent)
    assert relay.contexts == {"office": 1}


def test_a_message_without_a_context_of_its_own_is_told_to_who_sent_it(relay: Emulator, connect: Connect) -> None:
    """3.x gives its protocol as the context (protocol.md 14)."""
    sender, other = connect(relay), connect(relay)
    params = {"context": sender.protocol, "from_number": "+15550100", "to_number": "+15550101", "body": "hi"}
    assert sender.command("messaging.send", params)["code"] == "200"
    sender.wait_event("messaging.state", "delivered")
    assert other.drain() == []
    assert relay.contexts == {}


def test_plays_are_driven_as_in_blade(relay: Emulator, client: RawClient) -> None:
    call = client.answered()
    client.play(call, "p", silence(10))
    for verb in ("pause", "resume", "stop"):
        assert client.control(call, "p", verb)["code"] == "200"
    client.drain()
    states = [event.params["state"] for event in relay.journal.events("calling.call.play")]
    assert states == ["playing", "paused", "playing", "finished"]
    relay.journal.assert_commands("calling.play", "calling.play.pause", "calling.play.resume", "calling.play.stop")
