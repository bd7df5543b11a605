"""Task: delivery over HTTP and HTTPS, and every way in which it can fail (api.md 5, protocol.md 15)."""

from __future__ import annotations

import base64
import json
import logging
import pickle
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from urllib3.exceptions import InsecureRequestWarning

from relay_sync import ConfigurationError, ConnectFailed, ConnectionLost, RelayTimeout, Task
from relay_sync.emulator import Emulator
from relay_sync.emulator.rest import METHOD
from tests.stage import standing_time
from tests.support import LIMIT, Running, in_thread, until

PATH = "/api/relay/rest/tasks"
TOKEN = "PTcanary-token-51b9e2"


class Service(HTTPServer):
    """A REST service that answers every POST with ``status`` and keeps what it was sent."""

    def __init__(self, status: int = 204, headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.headers = headers or {}
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), Answering)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust us breaks off: nothing to tell."""


class Answering(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (so it is named there)
        pass


@contextmanager
def serving(service: Service) -> Iterator[Service]:
    thread = threading.Thread(target=service.serve_forever, args=(0.01,), name="test-service")
    thread.start()
    try:
        yield service
    finally:
        service.shutdown()
        service.server_close()
        thread.join(LIMIT)


def task_for(port: int, scheme: str = "http", **more: Any) -> Task:
    return Task("project-1", TOKEN, f"{scheme}://127.0.0.1:{port}", **more)


class TestDelivery:
    def test_it_is_accepted_by_the_emulator(self, relay: Emulator) -> None:
        assert Task(**relay.credentials).deliver("office", {"n": 1}) is True
        (command,) = relay.journal.commands(METHOD)
        assert (command.params, command.code) == ({"context": "office", "message": {"n": 1}}, "204")

    def test_what_goes_out_is_what_the_reference_says(self) -> None:
        with serving(Service()) as service:
            assert task_for(service.server_port).deliver("office", {"text": "Grüße 🙂"}) is True
        ((path, headers, body),) = service.requests
        assert path == PATH
        assert headers["Content-Type"] == "application/json"
        assert int(headers["Content-Length"]) == len(body)
        assert headers["Authorization"] == requests.auth._basic_auth_str("project-1", TOKEN)
        assert json.loads(body) == {"context": "office", "message": {"text": "Grüße 🙂"}}

    @pytest.mark.parametrize(
        ("host", "url"),
        [
            (None, f"https://relay.signalwire.com{PATH}"),
            ("example", f"https://example.signalwire.com{PATH}"),
            ("relay.example.com:8443", f"https://relay.example.com:8443{PATH}"),
            ("wss://relay.example.com/socket?x=1", f"https://relay.example.com{PATH}"),
            ("ws://127.0.0.1:9", f"http://127.0.0.1:9{PATH}"),
            ("http://[::1]:9", f"http://[::1]:9{PATH}"),
        ],
    )
    def test_the_address_is_that_of_the_same_host(
        self, monkeypatch: pytest.MonkeyPatch, host: str | None, url: str
    ) -> None:
        for name in ("SIGNALWIRE_RELAY_HOST", "SIGNALWIRE_SPACE"):
            monkeypatch.delenv(name, raising=False)
        task = Task("project-1", TOKEN, host)
        assert task.url == url
        assert TOKEN not in repr(task)

    def test_credentials_may_come_from_the_environment(self, relay: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SIGNALWIRE_PROJECT_ID", relay.project)
        monkeypatch.setenv("SIGNALWIRE_API_TOKEN", relay.token)
        monkeypatch.setenv("SIGNALWIRE_RELAY_HOST", relay.url)
        assert Task().deliver("office", {})

    def test_without_credentials_it_says_what_was_looked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("SIGNALWIRE_API_TOKEN", "SIGNALWIRE_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        with pytest.raises(ConfigurationError, match="SIGNALWIRE_API_TOKEN"):
            Task("project-1")

    def test_many_threads_may_share_one(self, relay: Emulator) -> None:
        task = Task(**relay.credentials)
        running = [Running(lambda number=number: task.deliver("office", {"n": number})) for number in range(8)]  # type: ignore[misc]
        assert all(one.result() for one in running)
        assert sorted(command.params["message"]["n"] for command in relay.journal.commands(METHOD)) == list(range(8))


class TestRefusals:
    def test_wrong_credentials_are_refused_with_a_line_in_the_log(
        self, relay: Emulator, caplog: pytest.LogCaptureFixture
    ) -> None:
        task = Task(relay.project, TOKEN, relay.url)
        with caplog.at_level(logging.WARNING, "relay_sync.task"):
            assert task.deliver("office", {}) is False
        assert "'office' was refused with HTTP status 401" in caplog.text
        assert TOKEN not in caplog.text

    @pytest.mark.parametrize("status", [200, 201, 400, 404, 429, 500, 503])
    def test_anything_but_204_is_no_success(self, status: int) -> None:
        with serving(Service(status, {"Content-Length": "0"})) as service:
            assert task_for(service.server_port).deliver("office", {}) is False

    def test_credentials_do_not_follow_a_redirection(self) -> None:
        with serving(Service()) as elsewhere:
            headers = {"Location": f"http://127.0.0.1:{elsewhere.server_port}{PATH}", "Content-Length": "0"}
            with serving(Service(307, headers)) as service:
                assert task_for(service.server_port).deliver("office", {}) is False
            assert elsewhere.requests == []


class TestTrouble:
    def test_a_refused_connection_was_surely_not_sent(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # and doesn't listen
            with pytest.raises(ConnectFailed, match="could not be reached") as caught:
                task_for(taken.getsockname()[1]).deliver("office", {})
        assert TOKEN not in str(caught.value)

    def test_a_slow_service_is_given_up_and_may_have_taken_it(self, relay: Emulator) -> None:
        """Defect 106: what goes wrong on the way is an error of one tree, and in time."""
        relay.hold_reply("tasks")
        task = Task(**relay.credentials, timeout=5)
        with standing_time() as clock, in_thread(lambda: task.deliver("office", {"n": 1})) as delivering:
            relay.expect(METHOD)
            clock.now += 6
            with pytest.raises(RelayTimeout, match=r"no answer from .* within 5.* s") as caught:
                delivering.result()
        assert caught.value.sent
        assert relay.journal.commands(METHOD)[0].params["message"] == {"n": 1}

    @pytest.mark.parametrize("timeout", [0.2])
    def test_a_connection_that_does_not_come_about_was_not_sent(
        self, monkeypatch: pytest.MonkeyPatch, timeout: float
    ) -> None:
        def post(*args: object, **more: Any) -> None:
            assert more["timeout"] <= timeout
            raise requests.exceptions.ConnectTimeout("canary")

        monkeypatch.setattr(requests.Session, "post", post)
        with pytest.raises(RelayTimeout, match="no connection to") as caught:
            task_for(9, timeout=timeout).deliver("office", {})
        assert not caught.value.sent

    @pytest.mark.parametrize(
        "behave",
        [
            lambda peer: None,
            lambda peer: peer.sendall(b"HTTP/1.1 2"),
            lambda peer: peer.sendall(b"this is no HTTP\r\n\r\n"),
        ],
    )
    def test_a_connection_that_breaks_before_the_answer_leaves_it_unknown(
        self, behave: Callable[[socket.socket], None]
    ) -> None:
        def serve() -> None:
            peer, _ = listening.accept()
            with peer:
                peer.settimeout(LIMIT)
                received = b""
                while not received.endswith(b"}"):
                    received += peer.recv(4096)
                behave(peer)

        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.settimeout(LIMIT)
            running = Running(serve)
            with pytest.raises(ConnectionLost, match="did not answer"):
                task_for(listening.getsockname()[1]).deliver("office", {})
            running.result()

    def test_a_server_that_stops_meanwhile_leaves_it_unknown(self, relay: Emulator) -> None:
        relay.lose_reply("tasks")
        running = Running(lambda: Task(**relay.credentials).deliver("office", {}))
        relay.expect(METHOD)
        relay.stop()
        with pytest.raises(ConnectionLost):
            running.result()


class TestTls:
    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def service(self, authority: trustme.CA) -> Iterator[Service]:
        service = Service()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        service.socket = context.wrap_socket(service.socket, server_side=True)
        with serving(service):
            yield service

    def trusted(self, authority: trustme.CA, folder: Path) -> Path:
        path = folder / "authorities.pem"
        authority.cert_pem.write_to_path(path)
        return path

    def test_a_certificate_of_a_trusted_authority_is_accepted(
        self, service: Service, authority: trustme.CA, tmp_path: Path
    ) -> None:
        ca_file = self.trusted(authority, tmp_path)
        assert task_for(service.server_port, "https", ca_file=ca_file).deliver("office", {}) is True
        assert len(service.requests) == 1

    def test_the_authorities_may_come_from_the_environment(
        self, service: Service, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SIGNALWIRE_RELAY_CA_FILE", str(self.trusted(authority, tmp_path)))
        assert task_for(service.server_port, "https").deliver("office", {}) is True

    def test_any_other_certificate_is_refused_and_the_message_says_what_to_do(
        self, service: Service, tmp_path: Path
    ) -> None:
        for more in ({}, {"ca_file": self.trusted(trustme.CA(), tmp_path)}):
            with pytest.raises(ConnectFailed, match=r"certificate.*ca_file=.*SIGNALWIRE_RELAY_CA_FILE"):
                task_for(service.server_port, "https", **more).deliver("office", {})
        assert service.requests == []

    @pytest.mark.parametrize("content", [None, b"", b"no certificate"])
    def test_a_file_of_authorities_that_cannot_be_used_is_named(
        self, service: Service, tmp_path: Path, content: bytes | None
    ) -> None:
        file = tmp_path / "authorities.pem"
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(ConnectFailed, match="ca_file="):
            task_for(service.server_port, "https", ca_file=file).deliver("office", {})

    def test_a_server_without_tls_is_not_reached_by_https(self, relay: Emulator) -> None:
        with pytest.raises(ConnectFailed):
            task_for(relay.port, "https").deliver("office", {})


class TestBadInput:
    def deep() -> dict[str, Any]:  # type: ignore[misc]  # no method: a value for the table
        nested: dict[str, Any] = {}
        for _ in range(100_000):
            nested = {"a": nested}
        return nested

    CIRCULAR: dict[str, Any] = {}  # noqa: RUF012  (it is no default)
    CIRCULAR["self"] = CIRCULAR

    @pytest.mark.parametrize(
        ("context", "message", "words"),
        [
            ("", {}, "context=''"),
            (None, {}, "context=None"),
            ("office", None, "message=None"),
            ("office", "text", "message='text'"),
            ("office", [1], r"message=\[1\]"),
            ("office", {"a": {1, 2}}, "message can't be JSON"),
            ("office", {"a": float("nan")}, "message can't be JSON"),
            ("office", {("a",): 1}, "message can't be JSON"),
            ("office", CIRCULAR, "message can't be JSON"),
            ("office", deep(), "message can't be JSON"),
        ],
    )
    def test_what_cannot_be_delivered_is_named_and_nothing_is_sent(
        self, relay: Emulator, context: Any, message: Any, words: str
    ) -> None:
        with pytest.raises((TypeError, ValueError), match=words):
            Task(**relay.credentials).deliver(context, message)
        assert relay.journal.frames == []

    @pytest.mark.parametrize("timeout", [0, -1, "10", None, float("inf"), float("nan"), True])
    def test_a_time_limit_is_a_number_of_seconds(self, timeout: Any) -> None:
        with pytest.raises((TypeError, ValueError), match="timeout="):
            Task("project-1", TOKEN, timeout=timeout)


class TestTheWholeOfIt:
    """The limit is for all of a delivery, not for each wait in it."""

    @pytest.fixture(autouse=True)
    def drop_by_drop(self) -> None:
        self.dripped = threading.Event()

    def dripping(self, first: bytes, drop: bytes, asked: bytes = b"}") -> tuple[socket.socket, Running[None]]:
        """A server that, when `asked` has come, says `first` and then `drop` for as long as anybody listens."""
        listening = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            with listening, suppress(OSError):
                listening.settimeout(LIMIT)
                peer, _ = listening.accept()
                with peer:
                    came = b""
                    while asked not in came:
                        came += peer.recv(4096)
                    peer.sendall(first)
                    peer.settimeout(0.02)
                    while True:
                        peer.sendall(drop)
                        self.dripped.set()
                        try:
                            if not peer.recv(4096):
                                return
                        except TimeoutError:
                            continue

        return listening, Running(serve)

    @pytest.mark.parametrize(
        ("first", "drop"),
        [(b"HTTP/1.1 2", b"0"), (b"HTTP/1.1 204 ", b"o"), (b"HTTP/1.1 200 OK\r\nx: ", b"y"), (b"", b"x: y\r\n")],
        ids=["status", "reason", "header", "headers"],
    )
    def test_an_answer_that_drips_is_given_up_at_the_limit_and_the_server_is_let_go(
        self, first: bytes, drop: bytes
    ) -> None:
        listening, serving = self.dripping(first, drop)
        task = task_for(listening.getsockname()[1], timeout=5)
        with standing_time() as clock, in_thread(lambda: task.deliver("office", {})) as delivering:
            assert self.dripped.wait(LIMIT)
            clock.now += 6
            with pytest.raises((RelayTimeout, ConnectionLost)) as caught:
                delivering.result()
        if first:
            assert isinstance(caught.value, RelayTimeout)
            assert caught.value.sent
        serving.result()

    def test_a_tls_handshake_that_drips_is_given_up_and_nothing_was_sent(self) -> None:
        # The head of a record of 16 KiB, and then its bytes, one by one.
        listening, serving = self.dripping(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", b"\x00", asked=b"\x16")
        with pytest.raises(RelayTimeout, match="no connection") as caught:
            task_for(listening.getsockname()[1], "https", timeout=0.3).deliver("office", {})
        assert not caught.value.sent
        serving.result()

    def test_the_body_of_the_answer_is_not_waited_for(self) -> None:
        head = b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"
        listening, serving = self.dripping(head, b"1\r\nx\r\n")
        assert task_for(listening.getsockname()[1], timeout=LIMIT).deliver("office", {}) is True
        serving.result()

    def test_the_look_up_of_the_name_counts_and_nothing_is_sent_when_it_comes_too_late(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = threading.Event()
        real = socket.getaddrinfo

        def slow(host: str, port: int, *more: Any, **options: Any) -> Any:
            found.wait(LIMIT)
            return real("127.0.0.1", port, *more, **options)

        with serving(Service()) as service:
            monkeypatch.setattr(socket, "getaddrinfo", slow)
            with pytest.raises(RelayTimeout, match=r"no connection to .* within 0\.0\d+ s") as caught:
                Task("project-1", TOKEN, f"http://slow.example:{service.server_port}", timeout=0.05).deliver("c", {})
            assert not caught.value.sent
            found.set()
            until(lambda: not [t for t in threading.enumerate() if t.name.startswith("relay-posting")])
            assert service.requests == []

    def test_without_a_thread_it_is_told_and_nothing_was_sent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def start(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", start)
            with pytest.raises(ConnectFailed, match="no thread could be started"):
                task_for(9).deliver("office", {})


def test_a_context_of_the_callers_is_used_as_it_is_and_no_other_authority_is_added(tmp_path: Path) -> None:
    authority = trustme.CA()
    service = Service()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    service.socket = server.wrap_socket(service.socket, server_side=True)
    mine = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(mine)
    trusted = len(mine.get_ca_certs())
    with serving(service):
        assert task_for(service.server_port, "https", ssl_context=mine).deliver("office", {}) is True
        assert (len(mine.get_ca_certs()), mine.verify_mode) == (trusted, ssl.CERT_REQUIRED)
        none = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with pytest.raises(ConnectFailed, match="certificate"):
            task_for(service.server_port, "https", ssl_context=none).deliver("office", {})
        careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
        with pytest.warns(InsecureRequestWarning):
            assert task_for(service.server_port, "https", ssl_context=careless).deliver("office", {}) is True


def test_credentials_of_any_letters_are_sent_as_utf8() -> None:
    with serving(Service()) as service:
        assert Task("prüfung-🙂", "тайна", f"http://127.0.0.1:{service.server_port}").deliver("office", {})
    ((_, headers, _),) = service.requests
    assert base64.b64decode(headers["Authorization"].split()[1]).decode() == "prüfung-🙂:тайна"


def test_what_the_environment_says_to_requests_is_not_listened_to(
    relay: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login mallory password x\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    assert Task(**relay.credentials).deliver("office", {}) is True


def test_a_task_is_not_pickled_for_it_holds_credentials() -> None:
    with pytest.raises(TypeError, match="holds credentials"):
        pickle.dumps(task_for(9))


def test_a_message_that_is_no_dict_is_refused_however_deep_it_is() -> None:
    nested: list[Any] = []
    for _ in range(20_000):
        nested = [nested]
    with pytest.raises(TypeError, match=r"message=.*: give a dict"):
        Task("project", "token").deliver("office", nested)  # type: ignore[arg-type]
