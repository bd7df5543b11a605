"""The dialects as a relay that a test plays speaks them: one small class each, and the choice of one for all tests.

``--dialect blade`` or ``flat`` says which (see conftest.py), or a test runs in each (:data:`in_each`). The words are
the tests' own: a misreading in the client must not agree with itself.
"""

from __future__ import annotations

import itertools
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from relay_sync.wire.choice import DIALECTS
from relay_sync.wire.dialect import Dialect

if TYPE_CHECKING:
    from tests.support import ScriptedRelay

VARIABLE = "RELAY_SYNC_TEST_DIALECT"  # in the environment, so that programs that tests run see it, too
NAMES = ("blade", "flat")
DEFAULT = "blade"

#: For what only Blade can tell: what Relay says of the contexts alone, which in Flat are a part of the handshake.
blade_only = pytest.mark.skipif(f"os.environ[{VARIABLE!r}] != 'blade'", reason="contexts have no answer of their own")

#: Runs a test in each dialect, one after the other: for one that ``tox -e dialects`` does not run once more, and that
#: uses no fixture that does as much.
in_each = pytest.mark.usefixtures("dialect")


def in_one(why: str) -> pytest.MarkDecorator:
    """Runs a test in one dialect, though its fixtures run others in each: ``why`` it cannot depend on that."""
    assert why
    return pytest.mark.parametrize("dialect", ["flat"], indirect=True)


def chosen() -> str:
    """The name of the dialect that the test speaks: the one of the run, or of an :data:`in_each`."""
    return os.environ.get(VARIABLE, DEFAULT)


def spoken() -> tuple[str, ...]:
    """It alone, as an emulator is told: the client, which is told nothing, has to find out."""
    return (chosen(),)


def dial_one() -> str:
    """The command that dials one device."""
    return {"blade": "calling.begin", "flat": "calling.dial"}[chosen()]


def make_dialect() -> Dialect:
    """The client's side of it, for tests that have no client."""
    return DIALECTS[chosen()](project="proj-1", token="PTsecret", jwt_token=None, agent="relay_sync/0")


class BladeWords:
    """Blade: several steps of handshake, commands and events wrapped, nothing acknowledged."""

    ping = "blade.ping"
    farewell = "blade.disconnect"
    first = "blade.connect"
    resumes = "sessionid"  # the field of the first request that asks for the session that was lost

    def is_aside(self, text: str) -> bool:
        """Whether a frame of the client's is no business of the test: none."""
        return False

    def shake_hands(
        self, relay: ScriptedRelay, restored: bool, protocol: str | None, session_id: str, contexts: bool
    ) -> None:
        connect = relay.line.take()
        assert connect["method"] == "blade.connect", connect
        relay.reply(
            connect,
            {
                "session_restored": restored,
                "sessionid": session_id,
                "nodeid": "rn-1",
                "authorization": {"signature": "sig1"},
            },
        )
        setup = relay.line.take()
        assert setup["params"]["method"] == "setup", setup
        relay.answer(setup, {"protocol": protocol or relay.PROTOCOL})
        subscription = relay.line.take()
        assert subscription["method"] == "blade.subscription", subscription
        relay.reply(subscription, {"command": "add", "subscribe_channels": ["notifications"]})
        if contexts:
            assert set(relay.accept_command("signalwire.receive")) == {"contexts"}

    def command(self, frame: dict[str, Any]) -> dict[str, Any]:
        assert frame["method"] == "blade.execute", frame
        return frame

    def result(self, inner: object) -> object:
        return {"requester_nodeid": "rn-1", "responder_nodeid": "rn-2", "result": inner}

    def event(self, protocol: str, queue: str, event: dict[str, Any]) -> dict[str, Any]:
        params = {"broadcaster_nodeid": "rn-2", "protocol": protocol, "channel": "notifications", "event": queue}
        return {"jsonrpc": "2.0", "id": "evt", "method": "blade.broadcast", "params": {**params, "params": event}}

    def outcome(self, params: dict[str, Any]) -> dict[str, Any] | None:
        """What else is told with a state of a dialled call: nothing."""
        return None

    def has_acknowledged(self) -> bool:
        """Nothing is acknowledged."""
        return True


class FlatWords:
    """Flat: one step of handshake, commands and events as they are, each event acknowledged once."""

    ping = "signalwire.ping"
    farewell = "signalwire.disconnect"
    first = "signalwire.connect"
    resumes = "protocol"

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._open: set[str] = set()  # tags of dials whose outcome was not told
        self._told: list[str] = []  # ids of events, in order
        self._acknowledged: list[str] = []

    def is_aside(self, text: str) -> bool:
        """Whether a frame is an acknowledgement, which is noted and kept from the test."""
        frame = json.loads(text)
        if "result" not in frame or not str(frame["id"]).startswith("evt-"):
            return False
        assert frame["result"] == {}, frame
        self._acknowledged.append(frame["id"])
        return True

    def shake_hands(
        self, relay: ScriptedRelay, restored: bool, protocol: str | None, session_id: str, contexts: bool
    ) -> None:
        connect = relay.line.take()
        assert connect["method"] == "signalwire.connect", connect
        assert connect["params"]["event_acks"] is True
        assert ("contexts" in connect["params"]) is contexts, connect
        previous = connect["params"].get("protocol")
        if protocol is None:
            protocol = relay.PROTOCOL if previous is None else f"{relay.PROTOCOL}_{next(self._numbers)}"
            protocol = previous if restored and previous else protocol
        reply = {"protocol": protocol, "identity": "idn-1@host-1", "authorization": {"signature": "sig1"}}
        relay.reply(connect, {**reply, "sessionid": session_id})

    def command(self, frame: dict[str, Any]) -> dict[str, Any]:
        method, params = frame["method"], dict(frame["params"])
        if method == "calling.dial" and len(params["devices"]) == len(params["devices"][0]) == 1:
            self._open.add(params["tag"])
            method, params["device"] = "calling.begin", params.pop("devices")[0][0]
        return {**frame, "params": {"method": method, "params": params}}

    def result(self, inner: object) -> object:
        return inner

    def event(self, protocol: str, queue: str, event: dict[str, Any]) -> dict[str, Any]:
        ident = f"evt-{next(self._numbers)}"
        self._told.append(ident)
        typed = {"event_type": queue, **event} if queue == "queuing.relay.tasks" else event
        return {"jsonrpc": "2.0", "id": ident, "method": "signalwire.event", "params": typed}

    def outcome(self, params: dict[str, Any]) -> dict[str, Any] | None:
        """The outcome of a dial, which is told besides the state of its leg."""
        tag, state = params.get("tag"), params.get("call_state")
        if tag not in self._open or state not in ("answered", "ended"):
            return None
        self._open.discard(tag)
        if state == "answered":
            leg = {"call_id": params["call_id"], "node_id": params["node_id"], "tag": tag, "dial_winner": True}
            return {"dial_state": "answered", "tag": tag, "node_id": params["node_id"], "call": leg}
        return {"dial_state": "failed", "tag": tag, "node_id": params["node_id"]}

    def has_acknowledged(self) -> bool:
        """Whether every event that was told so far was acknowledged once, in order."""
        return self._acknowledged == self._told


Words = BladeWords | FlatWords


def make_words() -> Words:
    return BladeWords() if chosen() == "blade" else FlatWords()
