"""Clients of bare frames for the tests of the emulator: a socket, JSON, and nothing of relay_sync's client.

One class per dialect, with the same methods, so that one test does for both: ``frames_of["flat"](relay).ready()``.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import select
import time
import uuid
from typing import Any

import websocket

from relay_sync.emulator import Emulator

Frame = dict[str, Any]
LIMIT = 10.0
ABSENT: Any = object()


class RawClient:
    """Speaks Blade by hand. Reads happen on the calling thread; events that come meanwhile are kept in order."""

    space = "blade"  # of the session's own methods: blade.ping, signalwire.ping
    opening = "blade.connect"
    event = "blade.broadcast"

    def __init__(self, relay: Emulator, path: str = "") -> None:
        self.relay = relay
        self.ws = websocket.create_connection(relay.url + path, timeout=LIMIT, skip_utf8_validation=True)
        assert self.ws.sock
        self.socket = self.ws.sock
        self.events: list[Frame] = []  # outer params of blade.broadcast
        self.requests: list[Frame] = []  # other requests of the server
        self.order: list[str] = []  # what came, in order: "reply:<method>" and "<event type>[:state]"
        self.protocol = ""
        self.session_id = ""
        self._ids = itertools.count(1)
        self._methods: dict[str, str] = {}
        self._replies: dict[str, Frame] = {}

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError, websocket.WebSocketException):
            self.ws.send_close()
        self.socket.close()  # not left to the library, which waits for an answer and keeps a socket that was reset

    def send_text(self, text: str) -> None:
        self.ws.send(text)

    def send(self, method: str, params: Any = ABSENT, **more: Any) -> str:
        """Send a request; return its id."""
        request_id = str(uuid.uuid4())
        self._methods[request_id] = params["method"] if method == "blade.execute" else method
        frame = {"jsonrpc": "2.0", "id": request_id, "method": method} | (
            {} if params is ABSENT else {"params": params}
        )
        self.send_text(json.dumps(frame | more))
        return request_id

    def read(self) -> Frame:
        """Read one frame and file it."""
        text = self.ws.recv()
        assert isinstance(text, str)
        assert text, "the emulator has closed the connection"
        frame: Frame = json.loads(text)
        if self.takes_event(frame):
            return frame
        if "method" in frame:
            self.order.append(frame["method"])
            self.requests.append(frame)
        else:
            self.order.append(f"reply:{self._methods.get(str(frame['id']))}")
            self._replies[str(frame["id"])] = frame
        return frame

    def takes_event(self, frame: Frame) -> bool:
        """File a frame if it is an event; tell whether it was."""
        if frame.get("method") != self.event:
            return False
        self.file(frame["params"])
        return True

    def file(self, outer: Frame) -> None:
        """File an event in the form of Blade."""
        kind, params = told(outer)
        self.order.append(f"{kind.removeprefix('calling.call.')}:{state_in(params)}")
        self.events.append(outer)

    def reply(self, request_id: str) -> Frame:
        """Read until this request is answered."""
        end = time.monotonic() + LIMIT
        while request_id not in self._replies:
            assert time.monotonic() < end
            self.read()
        return self._replies.pop(request_id)

    def ask(self, method: str, params: Any = ABSENT) -> Frame:
        """Send a request and return the whole reply."""
        return self.reply(self.send(method, params))

    def post(self, method: str, params: Any) -> str:
        """Send a command, wrapped; return its id."""
        return self.send(**self.wrapped(method, params))

    def command(self, method: str, params: Any) -> Frame:
        """Send a command and return the inner result, or the JSON-RPC error object."""
        return inner(self.reply(self.post(method, params)))

    def wrapped(self, method: str, params: Any) -> Frame:
        """Return method and params of the frame that carries a command."""
        return {"method": "blade.execute", "params": {"protocol": self.protocol, "method": method, "params": params}}

    def ping(self, params: Any = None) -> Frame:
        """Send a ping of the dialect; return the result."""
        result: Frame = self.ask(f"{self.space}.ping", {} if params is None else params)["result"]
        return result

    def come_back(self, before: RawClient) -> bool:
        """Log in as the client that ``before`` was; tell whether its session was resumed."""
        result = self.connect(sessionid=before.session_id)
        self.setup(before.protocol)
        return bool(result["session_restored"])

    def connect(self, **more: Any) -> Frame:
        """Log in; return the result."""
        who = {"project": self.relay.project, "token": self.relay.token}
        version = {"major": 2, "minor": 3, "revision": 0}
        result: Frame = self.ask("blade.connect", {"version": version, "authentication": who, **more})["result"]
        self.session_id = result["sessionid"]
        return result

    def setup(self, protocol: str | None = None) -> str:
        """Get a protocol string and subscribe to it."""
        params = {} if protocol is None else {"protocol": protocol}
        reply = self.ask("blade.execute", {"protocol": "signalwire", "method": "setup", "params": params})
        self.protocol = reply["result"]["result"]["protocol"]
        self.ask("blade.subscription", {"command": "add", "protocol": self.protocol, "channels": ["notifications"]})
        return self.protocol

    def ready(self, *contexts: str) -> RawClient:
        """Do the whole handshake."""
        self.connect()
        self.setup()
        if contexts:
            assert self.command("signalwire.receive", {"contexts": list(contexts)})["code"] == "200"
        self.order.clear()
        return self

    def wait_event(self, event_type: str, state: str | None = None, **wanted: Any) -> Frame:
        """Take the oldest matching event out of those kept, reading more as needed; return its inner params."""
        end = time.monotonic() + LIMIT
        while True:
            for outer in self.events:
                kind, params = told(outer)
                fits = kind in (event_type, f"calling.call.{event_type}") and state in (None, state_in(params))
                if fits and all(params.get(key) == value for key, value in wanted.items()):
                    self.events.remove(outer)
                    return dict(params)
            assert time.monotonic() < end, f"no {event_type} {state} among {self.order}"
            self.read()

    def drain(self) -> list[str]:
        """Read all that the emulator has sent before now; return what came since the last drain, in order."""
        self.ping()
        came = [entry for entry in self.order if entry != f"reply:{self.space}.ping"]
        self.order.clear()
        return came

    def hears_nothing(self) -> bool:
        """Tell whether nothing has come, though the emulator has had its turns to read and write."""
        for _ in range(5):
            self.relay.on_thread(lambda: None)
        return not select.select([self.socket], [], [], 0)[0]

    # Calls

    def begin(self, to: str, timeout: float | None = None, tag: str | None = None) -> Frame:
        """Start a call; return the inner result of ``calling.begin``."""
        return self.command("calling.begin", {"tag": tag or str(uuid.uuid4()), "device": phone(to, timeout)})

    def answered(self, to: str = "+15550101") -> Frame:
        """Start a call to a phone that answers at once; return the ids that its commands need."""
        result = self.begin(to)
        assert result["code"] == "200", result
        self.wait_event("state", "answered", call_id=result["call_id"])
        return {"node_id": result["node_id"], "call_id": result["call_id"]}

    def play(self, call: Frame, control: str, *items: Frame, **more: Any) -> Frame:
        """Start a playback and wait until it plays."""
        result = self.command("calling.play", {**call, "control_id": control, "play": list(items), **more})
        if result["code"] == "200":
            self.wait_event("play", "playing", control_id=control)
        return result

    def control(self, call: Frame, control: str, verb: str, **more: Any) -> Frame:
        """Send a sub-command of play."""
        return self.command(f"calling.play.{verb}", {**call, "control_id": control, **more})


class FlatClient(RawClient):
    """Speaks Flat by hand. It acknowledges every event; the events that it files have the form of Blade."""

    space = "signalwire"
    opening = "signalwire.connect"
    event = "signalwire.event"

    def __init__(self, relay: Emulator, path: str = "") -> None:
        super().__init__(relay, path)
        self.state: str | None = None  # the newest authorization state
        self.acknowledges = True

    def takes_event(self, frame: Frame) -> bool:
        if frame.get("method") != self.event:
            return False
        if self.acknowledges:
            self.send_text(json.dumps({"jsonrpc": "2.0", "id": frame["id"], "result": {}}))
        event = frame["params"]
        if event["event_type"] == "signalwire.authorization.state":
            self.state = event["params"]["authorization_state"]
            return True
        kind = event["event_type"]
        queue = QUEUES.get(kind.split(".")[0], kind)
        if queue == kind:  # a task, whose type is told by the queue in Blade
            del event["event_type"]
        self.file({"event": queue, "protocol": self.protocol, "params": event})
        return True

    def wrapped(self, method: str, params: Any) -> Frame:
        return {"method": method, "params": params}

    def come_back(self, before: RawClient) -> bool:
        assert isinstance(before, FlatClient)
        state = {} if before.state is None else {"authorization_state": before.state}
        self.connect(protocol=before.protocol, **state)
        self.ping()  # what follows at once has come
        return self.protocol == before.protocol

    def connect(self, **more: Any) -> Frame:
        who = {"project": self.relay.project, "token": self.relay.token}
        params = {"version": VERSION, "authentication": who, "event_acks": True, **more}
        result: Frame = self.ask("signalwire.connect", params)["result"]
        self.protocol = self.session_id = result["protocol"]
        return result

    def setup(self, protocol: str | None = None) -> str:
        """There is no such step."""
        return self.protocol

    def ready(self, *contexts: str) -> RawClient:
        self.connect(**({"contexts": list(contexts)} if contexts else {}))
        self.drain()
        return self


VERSION = {"major": 3, "minor": 0, "revision": 0}
QUEUES = {"calling": "queuing.relay.events", "messaging": "queuing.relay.messaging"}
frames_of: dict[str, type[RawClient]] = {"blade": RawClient, "flat": FlatClient}


class Stages(contextlib.ExitStack):
    """What keeps the emulators and clients of a test until it is over, and says what the clients speak."""

    def __init__(self, dialect: str) -> None:
        super().__init__()
        self.dialect = dialect


def told(outer: Frame) -> tuple[str, Frame]:
    """Return type and params of an event; a task has neither, so its queue and the whole of it."""
    event = outer["params"]
    return event.get("event_type", outer["event"]), event.get("params", event)


def state_in(params: Frame) -> Any:
    """Return the state that an event tells."""
    names = ("call_state", "state", "dial_state", "connect_state", "message_state", "status")
    return next((params[name] for name in names if params.get(name)), None)


def inner(reply: Frame) -> Frame:
    """Return what the reply to a command holds."""
    result: Frame = reply["error"] if "error" in reply else reply["result"]
    return dict(result.get("result", result))


def phone(to: str, timeout: float | None = None) -> Frame:
    """Return a phone device."""
    params: Frame = {"from_number": "+15550100", "to_number": to}
    return {"type": "phone", "params": params if timeout is None else params | {"timeout": timeout}}


def audio(path: object) -> Frame:
    """Return an audio item."""
    return {"type": "audio", "params": {"url": str(path)}}


def silence(seconds: float) -> Frame:
    """Return a silence item."""
    return {"type": "silence", "params": {"duration": seconds}}
