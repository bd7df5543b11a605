"""Canaries: project, token, the proxy's password and a SIP password are sent where they must, and shown nowhere."""

from __future__ import annotations

import base64
import gc
import io
import logging
import pickle
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from relay_sync import (
    AuthenticationFailed,
    Client,
    ConfigurationError,
    ConnectFailed,
    Consumer,
    RelayError,
    RelayTimeout,
    Task,
)
from relay_sync.emulator import Emulator
from tests.proxying import HttpProxy, proxying
from tests.stage import at_once
from tests.support import until

PROJECT, TOKEN = "canary-project-1f", "PTcanary-token-2e"
PROXY_PASSWORD, SIP_PASSWORD, JWT = "canary-proxy-3d", "canary-sip-4c", "canary-jwt-5b"
HANDSHAKES = {"blade": "blade.connect", "flat": "signalwire.connect"}
LOGIN = f"ann:{PROXY_PASSWORD}"
CANARIES = [
    PROJECT,
    TOKEN,
    PROXY_PASSWORD,
    SIP_PASSWORD,
    JWT,
    base64.b64encode(LOGIN.encode()).decode(),
    base64.b64encode(f"{PROJECT}:{TOKEN}".encode()).decode(),
]
NUMBERS = {"from_number": "+15550100", "to_number": "+15550101"}


class Shown:
    """Every text that leaves the library."""

    def __init__(self) -> None:
        self.log = io.StringIO()
        self.texts: dict[str, str] = {}

    def take(self, name: str, thing: object) -> None:
        self.texts[name] = f"{thing}\n{thing!r}"
        try:
            self.texts[f"pickled {name}"] = pickle.dumps(thing).decode("latin-1")
        except (TypeError, AttributeError) as refused:  # a live object says so, and that must be harmless too
            self.texts[f"refusal to pickle {name}"] = str(refused)

    def take_error(self, name: str, error: BaseException) -> None:
        self.take(name, error)
        # A refused argument is a variable of the constructor's; elsewhere the variables are the library's own.
        chain = traceback.TracebackException.from_exception(
            error, capture_locals=not isinstance(error, ConfigurationError)
        )
        # The frames of this file know the canaries, and so do its calls into the library.
        self.texts[f"traceback of {name}"] = "\n".join(
            text for text in chain.format() if "tests/" not in text and "site-packages" not in text
        )
        self.texts[f"plain traceback of {name}"] = "".join(traceback.format_exception(error)).replace(__file__, "")

    def take_everything_alive(self) -> None:
        """The repr of every object of the library's that exists."""
        for thing in gc.get_objects():
            kind = type(thing)
            # Those of wire/ are the peer's own words, before they are masked on their way to anybody.
            if str(kind.__module__).startswith("relay_sync") and "relay_sync.wire" not in str(kind.__module__):
                self.texts[f"repr of {kind.__module__}.{kind.__qualname__}"] = repr(thing)

    def check(self) -> None:
        self.texts["log"] = self.log.getvalue()
        for name, text in self.texts.items():
            for canary in CANARIES:
                if canary == PROJECT and "journal" in name:
                    continue  # whose consumer it is, is what a journal is looked at for
                assert canary not in text, f"{canary} in {name}: …{_around(text, canary)}…"


def _around(text: str, canary: str) -> str:
    at = text.index(canary)
    return text[max(0, at - 200) : at + 100]


@pytest.fixture
def shown() -> Iterator[Shown]:
    """With all that logs at DEBUG, tracebacks and stacks included."""
    shown = Shown()
    handler = logging.StreamHandler(shown.log)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield shown
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.fixture
def relay() -> Iterator[Emulator]:
    with Emulator(project=PROJECT, token=TOKEN) as relay:
        yield relay


@pytest.fixture
def proxy(relay: Emulator) -> Iterator[HttpProxy]:
    with proxying(relay.port, login=LOGIN) as proxy:
        yield proxy


def through(proxy: HttpProxy) -> str:
    return f"http://{LOGIN}@127.0.0.1:{proxy.port}"


def test_in_a_whole_life_no_canary_is_shown(shown: Shown, relay: Emulator, proxy: HttpProxy, dialect: str) -> None:
    relay.phone("sip:desk@emulator.example")
    client = Client(PROJECT, TOKEN, relay.url, proxy=through(proxy), dialect=dialect)
    shown.take("new client", client)
    with client:
        at_once(client)
        client.on("signalwire.socket.message", lambda frame: None)
        sip = {"type": "sip", "from_number": "sip:me@a.example", "to_number": "sip:desk@emulator.example"}
        call = client.calling.dial(devices=[sip]).call
        action = call.play_silence_async(600)
        for name, thing in {
            "call": call,
            "action": action,
            "pause": action.pause(),
            "execute": client.execute("calling.nonsense", {"token": TOKEN, "project": PROJECT}),
            "refused": client.execute("signalwire.receive", {"contexts": [TOKEN]}),
            "receive": client.calling.receive(["office"], lambda call: None),
            "client": client,
            "services": [client.calling, client.messaging, client.tasking],
            "life": client._life(),
            "state": vars(client),
        }.items():
            shown.take(name, thing)
        shown.take("refer", call.refer("sip:other@emulator.example", username="ann", password=SIP_PASSWORD))
        relay.drop_connections()
        until(lambda: client.connected and len(proxy.heads) > 1, "that it is back")
        with pytest.raises(RelayTimeout) as late:
            client.calling.dial(**NUMBERS, wait_timeout=0)
        shown.take_error("timeout", late.value)
        shown.take_everything_alive()
    shown.take("closed client", client)
    with pytest.raises(RelayError) as closed:
        client.execute("calling.play", {})
    shown.take_error("closed", closed.value)
    task = Task(PROJECT, TOKEN, relay.url, proxy=through(proxy))
    assert task.deliver("office", {"n": 1})
    shown.take("task", task)
    shown.take_everything_alive()
    shown.texts["journal"] = "\n".join(str(frame) for frame in relay.journal.frames)
    shown.texts["repr of the journal"] = repr(relay.journal)
    assert HANDSHAKES[dialect] in shown.log.getvalue()
    assert any(LOGIN not in head for head in proxy.heads)
    shown.check()


def test_in_whatever_goes_wrong_no_canary_is_shown(shown: Shown, relay: Emulator, dialect: str) -> None:
    class Serving(Consumer):
        project, token, host, contexts = PROJECT, f"{TOKEN}-wrong", relay.url, ["office"]
        client_options = {"dialect": dialect}  # noqa: RUF012

    def refused(code: str, message: str) -> Client:
        relay.refuse_next(HANDSHAKES[dialect], code, message)
        return Client(PROJECT, TOKEN, relay.url, dialect=dialect)

    other = HttpProxy(answer=f"HTTP/1.1 407 {LOGIN} is not {PROXY_PASSWORD}\r\n\r\n".encode())
    other.start()
    trouble: dict[str, tuple[type[Exception], Any]] = {
        "wrong token": (
            AuthenticationFailed,
            lambda: Client(PROJECT, f"{TOKEN}-wrong", relay.url, dialect=dialect).connect(),
        ),
        "wrong jwt": (AuthenticationFailed, lambda: Client(host=relay.url, jwt_token=JWT, dialect="flat").connect()),
        "token repeated": (AuthenticationFailed, lambda: refused("-32002", f"no {TOKEN} of {PROJECT}").connect()),
        "other refusal": (ConnectFailed, lambda: refused("-32603", f"down, {TOKEN}").connect()),
        "consumer": (AuthenticationFailed, lambda: Serving().run(handle_signals=False)),
        "proxy refuses": (
            ConnectFailed,
            lambda: Client(PROJECT, TOKEN, "relay.example.com", proxy=through(other)).connect(),
        ),
        "proxy refuses a task": (
            ConnectFailed,
            lambda: Task(PROJECT, TOKEN, "relay.example.com", proxy=through(other)).deliver("office", {}),
        ),
        "proxy of another kind": (ConfigurationError, lambda: Client(PROJECT, TOKEN, proxy=f"socks5://{LOGIN}@p:1")),
        "no proxy at all": (ConfigurationError, lambda: Client(PROJECT, TOKEN, proxy=f"http://{LOGIN}@p:port")),
        "host with a token": (ConfigurationError, lambda: Client(PROJECT, TOKEN, f"wss://x:{TOKEN}@host")),
        "task refused": (ConnectFailed, lambda: Task(PROJECT, TOKEN, "ws://127.0.0.1:1").deliver("office", {})),
    }
    for name, (kind, act) in trouble.items():
        with pytest.raises(kind) as caught:
            act()
        shown.take_error(name, caught.value)
    assert Task(PROJECT, f"{TOKEN}-wrong", relay.url).deliver("office", {}) is False
    other.stop()
    shown.take_everything_alive()
    shown.texts["journal"] = "\n".join(str(frame) for frame in relay.journal.frames)
    shown.check()
