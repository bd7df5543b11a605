"""Frames of every kind that a peer should not send, and after them a connection that works as before.

``python -m tests.faults.fuzz 1000000 [SEED [DIALECT]]`` sends so many and prints what became of them; the tests send
20,000. One frame in a few is nearly right: an event or an answer of the service with one or more things wrong in it.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from relay_sync import PlayAction
from tests.stage import URL, Stage
from tests.support import LIMIT
from tests.words import DEFAULT, VARIABLE, Words, make_words

BATCH = 1000  # after so many, everything is looked at

WORDS = [
    "",
    "playing",
    "finished",
    "ended",
    "answered",
    "created",
    "digit",
    "200",
    "404",
    "queuing.relay.events",
    "é\ud800",
]
EVENT_TYPES = [
    *(f"calling.call.{kind}" for kind in ("state", "play", "collect", "record", "detect", "fax", "tap", "send_digits")),
    *(f"calling.call.{kind}" for kind in ("refer", "connect", "dial", "receive", "stream", "nonsense", "error")),
    *("calling.error", "messaging.receive", "messaging.state", "queuing.relay.tasks", "nonsense", ""),
]
# Not those that mean that Relay is about to close: the client is right to reconnect then.
METHODS = [
    "blade.broadcast",
    "blade.netcast",
    "blade.ping",
    "blade.execute",
    "blade.connect",
    "nonsense",
    "",
    "signalwire.event",
    "signalwire.ping",
    "signalwire.connect",
]


class AutomaticRelay:
    """Answers every command with 200, and every dial with a call, on a thread of its own.

    So nobody waits for an answer to what the frames have set going.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage, self._over = stage, False
        self._thread = threading.Thread(target=self._answer, name="test-relay", daemon=True)
        self._thread.start()

    def _answer(self) -> None:
        relay = self._stage.relay
        line = relay.line
        while not self._over:
            try:
                frame = line.take(0.2)
            except queue.Empty:
                continue
            if "method" not in frame:
                continue  # an acknowledgement, or the answer to a request of ours
            frame = relay.words.command(frame)
            relay.answer(frame, {"code": "200", "message": "OK"})
            told = frame["params"]["params"]
            if frame["params"]["method"] == "calling.begin":
                for state in ("created", "answered"):
                    relay.tell_state(state, f"call-{told['tag']}", tag=told["tag"])

    def stop(self) -> None:
        self._over = True
        self._thread.join(LIMIT)


class Generator:
    """Texts from one seed: the same seed makes the same ones."""

    def __init__(self, seed: int, words: Words, protocol: str, victims: list[str]) -> None:
        self._random = random.Random(seed)
        self._words = words
        self._protocol = protocol
        self.meant = victims  # call ids, tags and control ids; may be changed at any time

    def text(self) -> str:
        chance = self._random.random()
        if chance < 0.05:
            return self._noise()
        if chance < 0.1:
            return self._written(self._value(3))
        frame: Any = self._event() if chance < 0.7 else self._reply() if chance < 0.85 else self._request()
        for _ in range(self._random.choice((0, 0, 1, 1, 2, 5))):
            frame = self._spoiled(frame)
        text = self._written(frame)
        return self._broken(text) if self._random.random() < 0.05 else text

    def _noise(self) -> str:
        kind = self._random.randrange(6)
        if kind == 0:
            return "".join(
                chr(self._random.randrange(0x110000 - 0x800) % 0xD800) for _ in range(self._random.randrange(40))
            )
        if kind == 1:
            return self._random.choice("[{") * self._random.choice((10, 1000, 100_000))
        if kind == 2:
            return '{"a":' * 2000 + "1" + "}" * 2000
        if kind == 3:
            return self._random.choice(
                ("", " ", "null", "NaN", "-Infinity", "1e999", "9" * 5000, '"', "\x00", "[]", "{}")
            )
        if kind == 4:
            return json.dumps({"jsonrpc": "2.0", "id": "x", "method": "x" * self._random.choice((10, 100_000))})
        return "(binary message, 3 bytes) \ufffd"

    def _written(self, value: Any) -> str:
        return json.dumps(value)  # NaN and lone surrogates go through, as from a careless peer

    def _broken(self, text: str) -> str:
        at = self._random.randrange(len(text) + 1)
        return self._random.choice(
            (text[:at], text[at:], text[:at] + self._random.choice('{}[],:"\\\x00') + text[at:], text * 2)
        )

    def _value(self, depth: int) -> Any:
        kind = self._random.randrange(11 if depth else 8)
        if kind == 0:
            return None
        if kind == 1:
            return self._random.random() < 0.5
        if kind == 2:
            return self._random.choice((0, -1, 1, 10**30, 2**63, 200, 404))
        if kind == 3:
            return self._random.choice((0.5, -1e308, float("nan"), float("inf")))
        if kind < 7:
            return self._random.choice([*WORDS, *self.meant])
        if kind == 7:
            return "x" * self._random.choice((1, 300, 5000))
        if kind == 8:
            return [self._value(depth - 1) for _ in range(self._random.randrange(4))]
        return {self._random.choice(_KEYS): self._value(depth - 1) for _ in range(self._random.randrange(5))}

    def _event(self) -> Any:
        pick = self._random.choice
        params: dict[str, Any] = {
            "call_id": self.meant[0] if self._random.random() < 0.7 else pick(self.meant),
            "node_id": "node-1",
            "control_id": pick(self.meant),
            "state": pick(("playing", "paused", "finished", "error", "recording", "tapping", "success", "odd")),
            "call_state": "ended" if self._random.random() < 0.02 else pick(("created", "ringing", "answered", "odd")),
            "tag": pick(self.meant),
        }
        if self._random.random() < 0.5:
            params |= {
                "result": {"type": pick(("digit", "speech", "no_input", "odd")), "params": {"digits": "1"}},
                "detect": {"type": "machine", "params": {"event": pick(("MACHINE", "READY", "finished", "odd"))}},
                "fax": {"type": pick(("page", "finished", "error")), "params": {}},
                "peer": {"call_id": pick(self.meant), "node_id": "n", "device": {}},
                "connect_state": pick(("connecting", "connected", "failed", "disconnected", "odd")),
                "dial_state": "failed" if self._random.random() < 0.02 else pick(("dialing", "answered", "odd")),
                "call": {"call_id": pick(self.meant), "node_id": "n", "dial_winner": True},
                "device": {"type": pick(("phone", "sip", "odd")), "params": {"from_number": "x", "timeout": "y"}},
                "direction": pick(("inbound", "outbound", "odd")),
                "end_reason": pick(("busy", "odd")),
            }
        inner = {
            "event_type": pick(EVENT_TYPES),
            "timestamp": 1.5,
            "context": pick(("office", "odd")),
            "message": {"n": 1},
            "params": params,
        }
        frame = self._words.event(
            self._protocol if self._random.random() < 0.9 else "other",
            pick((*["queuing.relay.events"] * 8, "queuing.relay.tasks", "odd")),
            inner,
        )
        if self._random.random() < 0.1:
            frame["method"] = pick(METHODS)
        return frame | {"id": "evt"}

    def _reply(self) -> Any:
        code = self._random.choice(("200", "404", 200, None))
        body = self._words.result({"code": code, "message": "m"})
        key = self._random.choice(("result", "error"))
        return {"jsonrpc": "2.0", "id": self._random.choice([*self.meant, "nobody", 5]), key: body}

    def _request(self) -> Any:
        return {
            "jsonrpc": "2.0",
            "id": self._random.choice(("a", 5)),
            "method": self._random.choice(METHODS),
            "params": self._value(3),
        }

    def _spoiled(self, frame: Any) -> Any:
        """The frame with one thing in it taken away, changed, or added."""
        places = list(_places(frame))
        if not places:
            return frame
        holder, key = self._random.choice(places)
        act = self._random.randrange(4)
        if act == 0:
            del holder[key]
        elif act == 1 and isinstance(holder, dict):
            holder[self._random.choice(_KEYS)] = self._value(2)
        else:
            holder[key] = self._value(2)
        return frame


_KEYS = [
    "",
    "id",
    "method",
    "params",
    "result",
    "error",
    "code",
    "message",
    "state",
    "call_id",
    "jsonrpc",
    "type",
    "event",
    "x",
]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _places(inner)


@dataclass
class Outcome:
    """What became of it."""

    frames: int
    seconds: float
    dropped: dict[str, int]
    handled: int


def run(count: int, seed: int, told: Callable[[int], object] = lambda done: None) -> Outcome:
    """Send ``count`` frames to a client with calls, one of which none means; see that all still works."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    began = time.monotonic()
    try:
        with Stage(ping_interval=3600, request_timeout=60) as stage:
            action = stage.play(stage.call("spared"))
            handled = [0]

            def handler(_: object) -> None:
                handled[0] += 1

            generator = Generator(seed, make_words(), stage.relay.PROTOCOL, ["of-nobody", "office"])
            line, relay = stage.relay.line, AutomaticRelay(stage)
            try:
                for done in range(0, count, BATCH):
                    generator.meant = [*meant(stage, handler), "of-nobody", "office"]
                    for _ in range(min(BATCH, count - done)):
                        line.say(generator.text())
                    look(stage, action, f"seed {seed}, within frames {done} to {done + BATCH}")
                    assert stage.relay.line is line
                    told(done + BATCH)
                connection = stage.client._life().connection
                # Of what was dropped it counts the kinds, whatever the peer writes: they must stay few.
                assert len(connection.dropped) < 50, connection.dropped
                assert connection.session._asked == {}
                dropped = dict(connection.dropped)
            finally:
                relay.stop()
        return Outcome(count, time.monotonic() - began, dropped, handled[0])
    finally:
        logging.disable(before)


def meant(stage: Stage, handler: Callable[[object], None]) -> list[str]:
    """A new call with all that can run on one, and handlers; the ids by which it can be meant."""
    call = stage.client.calling.dial(from_number="+15550100", to_number="+15550101").call
    for name in ("stateChange", "play.stateChange", "record.stateChange", "connect.stateChange", "detect.update"):
        call.on(name, handler)
    actions = [
        call.play_audio_async(URL),
        call.prompt_audio_async("digits", URL, digits_max=4),
        call.record_async(),
        call.detect_async("machine"),
        call.fax_receive_async(),
        call.tap_async("both", "rtp", "192.0.2.10", 4000),
        call.send_digits_async("12"),
        call.refer_async("sip:desk@b.example"),
        call.connect_async({"to_number": "+15550102"}),
    ]
    assert call.id is not None
    return [call.id, call.tag, *(action.control_id for action in actions)]


def look(stage: Stage, action: PlayAction, where: str) -> None:
    """The connection lives, and what the frames did not mean is as it was."""
    client = stage.client
    assert client.connected, f"{where}: {client.state}"
    answer = client.execute("test.settle", {})
    assert (answer.successful, answer.code) == (True, "200"), where
    assert (action.state, action.completed) == ("playing", False), where
    assert action.pause(), where
    assert action.state == "paused", where
    assert action.resume(), where
    assert not [thread for thread in (client._life().connection._thread,) if thread is None or not thread.is_alive()], (
        where
    )


def main(count: int = 1_000_000, seed: int = 1, dialect: str = DEFAULT) -> None:
    """Run it and print what became of it."""
    os.environ[VARIABLE] = dialect

    def told(done: int) -> None:
        if done % 50_000 == 0:
            print(f"{done} frames", file=sys.stderr, flush=True)

    print(
        f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC, CPython {sys.version.split()[0]} on {sys.platform}",
        flush=True,
    )
    outcome = run(count, seed, told)
    rate = outcome.frames / outcome.seconds
    print(
        f"{outcome.frames} frames of seed {seed} in {outcome.seconds:.0f} s ({rate:.0f} a second): the connection works"
    )
    for kind, times in sorted(outcome.dropped.items(), key=lambda item: -item[1]):
        print(f"{times:>9} dropped: {kind}")
    print(f"{outcome.handled:>9} handlers run")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *sys.argv[3:])
