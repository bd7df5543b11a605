"""The transport over real sockets on loopback: its promises, and the traps of websocket-client that they avoid.

Most tests drive both ends from one thread: `connected` gives an open transport and the peer's end of its connection.
"""

from __future__ import annotations

import base64
import hashlib
import inspect
import itertools
import os
import selectors
import signal
import socket
import ssl
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme
import websocket

from relay_sync.link import framing
from relay_sync.link import stream as stream_module
from relay_sync.link import transport as transport_module
from relay_sync.link.failures import FrameTooLarge, OpenFailed, TransportClosed, TransportLost, TransportTimeout
from relay_sync.link.tls import tls_context
from relay_sync.link.transport import WebSocketTransport
from tests.support import Running

LIMIT = 20.0  # seconds after which a test has failed; nothing here takes as long
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Peer:
    """Relay's end of one connection, driven by hand."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.sock.recv(min(count - len(data), 1 << 20))
            if not piece:
                raise EOFError(f"{len(data)} of {count} bytes")
            data += piece
        return data

    def read_head(self) -> str:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.read(1)
        return head.decode()

    def agree(self, *more: bytes) -> str:
        """Answer the upgrade; `more` leaves with the answer in one piece."""
        head = self.read_head()
        self.write(agreement(head) + b"".join(more))
        return head

    def write(self, data: bytes) -> None:
        self.sock.sendall(data)

    def say(self, text: str) -> None:
        self.write(frame(text.encode()))

    def hear(self) -> tuple[int, bytes]:
        """The next frame: opcode and payload, unmasked."""
        first, second = self.read(2)
        assert first & 0x80, "whole frames only"
        assert second & 0x80, "a client masks"
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self.read(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self.read(8))
        key, data = self.read(4), self.read(size)
        stretched = key * (size // 4 + 1)
        return first & 0xF, bytes(a ^ b for a, b in zip(data, stretched, strict=False))

    def heard(self) -> str:
        opcode, data = self.hear()
        assert opcode == TEXT
        return data.decode()

    def at_end(self) -> bool:
        """Whether the stream ends here."""
        try:
            return self.sock.recv(1) == b""
        except OSError:
            return True

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        self.sock.close()


def frame(payload: bytes, opcode: int = TEXT, fin: bool = True) -> bytes:
    head = bytes([(0x80 if fin else 0) | opcode])
    if len(payload) < 126:
        head += bytes([len(payload)])
    elif len(payload) < 65536:
        head += bytes([126]) + struct.pack("!H", len(payload))
    else:
        head += bytes([127]) + struct.pack("!Q", len(payload))
    return head + payload


def agreement(head: str) -> bytes:
    key = next(line.split(": ")[1] for line in head.split("\r\n") if line.startswith("Sec-WebSocket-Key"))
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    accept = base64.b64encode(digest).decode()
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ).encode()


class Road(NamedTuple):
    """One way to reach the peer: plain TCP or TLS."""

    scheme: str
    server: ssl.SSLContext | None
    options: dict[str, Any]


class Authority(NamedTuple):
    ca: trustme.CA
    file: str


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    ca = trustme.CA()
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(file))
    return Authority(ca, str(file))


def server_context(authority: Authority, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.ca.issue_cert(*names).configure_cert(context)
    return context


@pytest.fixture(scope="session")
def tls(authority: Authority) -> Road:
    return Road("wss", server_context(authority, "127.0.0.1", "localhost"), {"ca_file": authority.file})


@pytest.fixture(scope="session")
def tcp() -> Road:
    return Road("ws", None, {})


@pytest.fixture(params=["tcp", "tls"])
def road(request: pytest.FixtureRequest) -> Road:
    chosen: Road = request.getfixturevalue(request.param)
    return chosen


@contextmanager
def listening(script: Callable[[Peer], Any]) -> Iterator[int]:
    """Accept one connection and run `script` on it in a thread; its errors are the test's. Yields the port."""

    def serve() -> None:
        sock, _ = listener.accept()
        sock.settimeout(LIMIT)
        with sock:
            script(Peer(sock))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(LIMIT)
        serving = Running(serve)
        yield listener.getsockname()[1]
        serving.result(LIMIT)


@contextmanager
def connected(
    road: Road, *more: bytes, small: bool = False, **options: Any
) -> Iterator[tuple[WebSocketTransport, Peer]]:
    """An open transport and the peer's end. `more` comes with the upgrade's answer; `small`: little room on the way."""
    ready = threading.Event()
    peers: list[Peer] = []

    def accept() -> None:
        sock, _ = listener.accept()
        sock.settimeout(LIMIT)
        if road.server is not None:
            sock = road.server.wrap_socket(sock, server_side=True)
        peers.append(Peer(sock))
        peers[0].agree(*more)
        ready.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(LIMIT)
        if small:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        accepting = Running(accept)
        transport = WebSocketTransport(
            f"{road.scheme}://127.0.0.1:{listener.getsockname()[1]}", **{**road.options, **options}
        )
        try:
            transport.open(LIMIT)
            if small:
                transport._stream._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            accepting.result(LIMIT)
            yield transport, peers[0]
        finally:
            transport.close()
            for peer in peers:
                peer.close()


def in_receive(transport: WebSocketTransport) -> Running[str | None]:
    """A thread in `receive` without limit, at the moment in which it lies down to wait."""
    waiting = threading.Event()
    stream = transport._stream
    fill = stream.fill

    def told(timeout: float | None) -> bool:
        waiting.set()
        return fill(timeout)

    stream.fill = told  # type: ignore[method-assign]
    reader = Running(lambda: transport.receive(None))
    assert waiting.wait(LIMIT)
    return reader


def stuff(transport: WebSocketTransport) -> int:
    """Fill every buffer on the way to the peer, at a frame's border; returns the number of bytes."""
    sock, count, refusals = transport._stream._sock, 0, 0
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_WRITE)
        while refusals < 3:
            try:
                count += socket.socket.send(sock, b"\0" * 65536)
                refusals = 0
            except BlockingIOError:
                # The system may still move some of it to the peer's side, whose acknowledgement takes up to 40 ms.
                refusals += 1
                selector.select(0.05)
    return count


# Frames


def test_texts_go_both_ways(road: Road) -> None:
    with connected(road) as (transport, peer):
        transport.send("grüße", LIMIT)
        assert peer.heard() == "grüße"
        peer.say("zurück")
        assert transport.receive(LIMIT) == "zurück"


def test_a_large_text_arrives_whole_both_ways(road: Road) -> None:
    text = "0123456789" * 200_000
    with connected(road) as (transport, peer):
        sending = Running(lambda: transport.send(text, LIMIT))
        assert peer.heard() == text
        sending.result(LIMIT)
        saying = Running(lambda: peer.say(text))
        assert transport.receive(LIMIT) == text
        saying.result(LIMIT)


def test_frames_that_came_with_the_answer_to_the_upgrade_are_not_lost(road: Road) -> None:
    with connected(road, frame(b"one"), frame(b"two")) as (transport, _):
        assert [transport.receive(LIMIT), transport.receive(LIMIT)] == ["one", "two"]


def test_fragments_make_one_text_and_a_ping_between_them_is_answered(road: Road) -> None:
    with connected(road) as (transport, peer):
        peer.write(frame(b"a\xc3", TEXT, fin=False) + frame(b"?", PING) + frame(b"", 0, fin=False) + frame(b"\xa4b", 0))
        assert transport.receive(LIMIT) == "aäb"
        assert peer.hear() == (PONG, b"?")


def test_only_the_last_of_several_pings_is_answered(tcp: Road) -> None:
    with connected(tcp) as (transport, peer):
        peer.write(frame(b"1", PING) + frame(b"2", PING) + frame(b"", PONG) + frame(b"text"))
        assert transport.receive(LIMIT) == "text"
        assert peer.hear() == (PONG, b"2")


def test_an_empty_text_is_a_text(road: Road) -> None:
    with connected(road) as (transport, peer):
        peer.say("")
        assert transport.receive(LIMIT) == ""


@pytest.mark.parametrize(
    "garbage",
    [
        frame(b'{"a":1}', BINARY),
        frame(b'{"a":', BINARY, fin=False) + frame(b"1}", 0),
        frame(b'{"a":"\xff"}'),
        frame(b'{"a":"\\\xff"}', TEXT, fin=False) + frame(b"", 0),
    ],
)
def test_what_is_no_text_is_delivered_as_something_that_is_no_json(tcp: Road, garbage: bytes) -> None:
    with connected(tcp) as (transport, peer):
        peer.write(garbage + frame(b"next"))
        text = transport.receive(LIMIT)
        assert text is not None
        assert text.startswith(("(binary message, 7 bytes)", "(text that is not UTF-8, "))
        assert transport.receive(LIMIT) == "next"


def test_a_close_frame_is_answered_and_tells_why(road: Road) -> None:
    with connected(road) as (transport, peer):
        peer.write(frame(struct.pack("!H", 1008) + b"go away", CLOSE))
        with pytest.raises(TransportLost, match="closed by Relay: 1008 go away"):
            transport.receive(LIMIT)
        assert peer.hear() == (CLOSE, struct.pack("!H", 1008))
        with pytest.raises(TransportClosed):
            transport.send("late", LIMIT)


def test_a_close_frame_may_be_empty(tcp: Road) -> None:
    with connected(tcp) as (transport, peer):
        peer.write(frame(b"", CLOSE))
        with pytest.raises(TransportLost, match="closed by Relay: no code given"):
            transport.receive(LIMIT)
        assert peer.hear() == (CLOSE, struct.pack("!H", 1000))


def test_a_close_frames_reason_need_not_be_readable(tcp: Road) -> None:
    with connected(tcp) as (transport, peer):
        peer.write(frame(struct.pack("!H", 1011) + b"\xff", CLOSE))
        with pytest.raises(TransportLost, match="closed by Relay: 1011"):
            transport.receive(LIMIT)


@pytest.mark.parametrize("rough", [False, True])
def test_an_end_without_a_close_frame_is_a_loss(road: Road, rough: bool) -> None:
    with connected(road) as (transport, peer):
        peer.reset() if rough else peer.close()
        with pytest.raises(TransportLost):
            transport.receive(LIMIT)


@pytest.mark.parametrize(
    "wrong",
    [
        b"\xc1\x01x",  # a compressed frame, which nobody agreed on
        frame(b"x", 0),  # goes on with nothing
        frame(b"x", TEXT, fin=False) + frame(b"y", TEXT),  # a text within a text
        frame(b"x", 5),  # no such opcode
        frame(b"x" * 126, PING),  # longer than a control frame can be
        frame(b"x", CLOSE),  # half a code
    ],
)
def test_a_break_of_the_protocol_ends_the_connection_with_code_1002(tcp: Road, wrong: bytes) -> None:
    with connected(tcp) as (transport, peer):
        peer.write(wrong)
        with pytest.raises(TransportLost, match="broke the WebSocket protocol"):
            transport.receive(LIMIT)
        assert peer.hear() == (CLOSE, struct.pack("!H", 1002))
        with pytest.raises(TransportLost):
            transport.receive(LIMIT)
        with pytest.raises(TransportClosed):
            transport.send("late", LIMIT)


# The size limit


def test_a_frame_that_announces_a_tebibyte_is_refused_at_once(road: Road) -> None:
    with connected(road) as (transport, peer):
        peer.write(b"\x81\x7f" + struct.pack("!Q", 1 << 40) + b"x")
        with pytest.raises(FrameTooLarge, match=f"{1 << 40} bytes; the limit is {10 << 20}"):
            transport.receive(LIMIT)
        assert peer.hear() == (CLOSE, struct.pack("!H", 1009))
        with pytest.raises(TransportLost):
            transport.receive(LIMIT)


def test_the_limit_itself_is_allowed_and_one_byte_more_is_not(tcp: Road) -> None:
    with connected(tcp, max_frame=1000) as (transport, peer):
        peer.say("x" * 1000)
        assert transport.receive(LIMIT) == "x" * 1000
        peer.say("x" * 1001)
        with pytest.raises(FrameTooLarge):
            transport.receive(LIMIT)


def test_fragments_count_together_and_each_message_anew(tcp: Road) -> None:
    with connected(tcp, max_frame=1000) as (transport, peer):
        for _ in range(3):
            peer.write(frame(b"x" * 500, TEXT, fin=False) + frame(b"x" * 500, 0))
            assert transport.receive(LIMIT) == "x" * 1000
        peer.write(frame(b"x" * 500, TEXT, fin=False) + frame(b"x" * 500, 0, fin=False) + frame(b"", PING))
        assert transport.receive(0.0) is None
        peer.write(frame(b"x", 0, fin=False)[:2])  # the length is enough
        with pytest.raises(FrameTooLarge, match="1001 bytes"):
            transport.receive(LIMIT)


# The limits of receive


def test_receive_looks_once_when_it_may_not_wait(road: Road) -> None:
    with connected(road) as (transport, peer):
        assert transport.receive(0.0) is None
        assert transport.receive(-1.0) is None
        peer.say("x")
        assert transport.receive(LIMIT) == "x"


def test_receive_takes_any_limit(tcp: Road) -> None:
    with connected(tcp) as (transport, peer):
        for limit in (float("inf"), 1e12, None):
            peer.say("x")
            assert transport.receive(limit) == "x"


class Ticking:
    """A clock that goes on by one second whenever it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_a_drip_of_single_bytes_does_not_hold_receive_and_the_frame_is_whole_in_the_end(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    drops = [bytes([byte]) for byte in frame(b"x" * 300)]
    with connected(road) as (transport, peer):
        fill = transport._stream.fill

        def one_more(timeout: float | None) -> bool:
            if drops:
                peer.write(drops.pop(0))
            return fill(LIMIT)

        monkeypatch.setattr(transport._stream, "fill", one_more)
        monkeypatch.setattr(transport_module, "monotonic", Ticking())
        while len(drops) > 10:
            before = len(drops)
            assert transport.receive(5.0) is None
            # One look at the clock per byte, one second each.
            assert before - len(drops) <= 7
        assert transport.receive(1000.0) == "x" * 300


def test_a_flood_of_pings_does_not_hold_receive(tcp: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    with connected(tcp) as (transport, peer):
        fill, calls = transport._stream.fill, []

        def one_more(timeout: float | None) -> bool:
            calls.append(timeout)
            peer.write(frame(b"", PING))
            return fill(LIMIT)

        monkeypatch.setattr(transport._stream, "fill", one_more)
        monkeypatch.setattr(transport_module, "monotonic", Ticking())
        assert transport.receive(5.0) is None
        assert len(calls) <= 7


class RecordPeer(Peer):
    """A TLS peer that holds its records in memory, so that a test can send them in pieces."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        super().__init__(sock)
        self.came, self.leaves = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = context.wrap_bio(self.came, self.leaves, server_side=True)
        self._until_done(self.session.do_handshake)

    def _until_done(self, step: Callable[[], Any]) -> Any:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self.sock.sendall(self.leaves.read())
                self.came.write(self.sock.recv(65536))
            finally:
                self.sock.sendall(self.leaves.read())

    def read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += self._until_done(partial(self.session.read, count - len(data)))
        return data

    def write(self, data: bytes) -> None:
        self.sock.sendall(self.record(data))

    def record(self, data: bytes) -> bytes:
        self.session.write(data)
        return self.leaves.read()


def test_half_a_tls_record_does_not_hold_receive(tls: Road) -> None:
    assert tls.server is not None
    peers: list[RecordPeer] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(LIMIT)

        def accept() -> None:
            sock, _ = listener.accept()
            sock.settimeout(LIMIT)
            assert tls.server is not None
            peers.append(RecordPeer(sock, tls.server))
            peers[0].agree()

        accepting = Running(accept)
        transport = WebSocketTransport(f"wss://127.0.0.1:{listener.getsockname()[1]}", **tls.options)
        transport.open(LIMIT)
        accepting.result(LIMIT)
        record = peers[0].record(frame(b"in pieces") + frame(b"and"))
        for byte in record[:-1]:
            peers[0].sock.sendall(bytes([byte]))
            assert transport.receive(0.0) is None
        peers[0].sock.sendall(record[-1:])
        assert [transport.receive(LIMIT), transport.receive(0.0)] == ["in pieces", "and"]
        transport.close()
        peers[0].close()


def test_what_tls_has_decrypted_already_is_delivered_although_the_socket_is_empty(
    tls: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connected(tls) as (transport, peer):
        # Reads of ten bytes: the rest of the record then waits within TLS, where no selector sees it.
        monkeypatch.setattr(transport._stream, "_chunk", memoryview(bytearray(10)))
        peer.say("0123456789" * 100)
        assert transport.receive(LIMIT) == "0123456789" * 100


def test_tls_may_have_to_write_before_it_can_read(tls: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    with connected(tls) as (transport, peer):
        sock = transport._stream._sock
        reads = [ssl.SSLWantWriteError(), ssl.SSLWantReadError(), BlockingIOError()]
        recv_into = sock.recv_into

        def first_not(chunk: memoryview) -> int:
            if reads:
                raise reads.pop(0)
            count: int = recv_into(chunk)
            return count

        monkeypatch.setattr(sock, "recv_into", first_not)
        peer.say("x")
        assert transport.receive(LIMIT) == "x"


# Closing


def test_shut_wakes_a_reader_at_once_when_the_peer_is_silent(road: Road) -> None:
    with connected(road) as (transport, _):
        reader = in_receive(transport)
        transport.shut()
        with pytest.raises(TransportClosed):
            reader.result(LIMIT)


def test_after_send_close_to_a_silent_peer_shut_still_wakes_the_reader(road: Road) -> None:
    with connected(road) as (transport, peer):
        reader = in_receive(transport)
        transport.send_close()
        assert peer.hear() == (CLOSE, struct.pack("!H", 1000))
        transport.shut()
        with pytest.raises(TransportClosed):
            reader.result(LIMIT)


def test_after_send_close_what_the_peer_still_says_is_received_up_to_its_close(road: Road) -> None:
    with connected(road) as (transport, peer):
        transport.send_close()
        transport.send_close()
        with pytest.raises(TransportClosed):
            transport.send("late", LIMIT)
        peer.hear()
        peer.write(frame(b"", PING) + frame(b"last words") + frame(struct.pack("!H", 1000), CLOSE))
        assert transport.receive(LIMIT) == "last words"
        with pytest.raises(TransportLost, match="closed by Relay: 1000"):
            transport.receive(LIMIT)
        transport.close()
        assert peer.at_end()  # one close frame, no pong after it


@pytest.mark.parametrize("_time", range(12))
def test_nothing_but_closed_comes_out_of_a_flooded_connection_after_shut(tls: Road, _time: int) -> None:
    """Shutting an SSLSocket the usual way makes the reader take ciphertext for frames."""
    some = threading.Event()

    def read() -> None:
        for count in itertools.count():
            assert transport.receive(None) == "x" * 1000
            if count == 100:
                some.set()

    def flood() -> None:
        try:
            while True:
                peer.write(frame(b"x" * 1000) * 20)
        except OSError:
            return

    with connected(tls) as (transport, peer):
        flooding, reading = Running(flood), Running(read)
        assert some.wait(LIMIT)
        transport.shut()
        with pytest.raises(TransportClosed):
            reading.result(LIMIT)
        for _ in range(3):
            with pytest.raises(TransportClosed):
                transport.receive(0.0)
        transport.close()
        # The system may leave the peer's writer waiting for room a while longer.
        with suppress(OSError):
            socket.socket.shutdown(peer.sock, socket.SHUT_RDWR)
        flooding.result(LIMIT)


def test_send_close_gives_up_soon_when_the_peer_takes_nothing(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "_CLOSE_LIMIT", 0.05)
    with connected(road, small=True) as (transport, _):
        stuff(transport)
        closing = Running(transport.send_close)
        closing.result(LIMIT)


def test_send_close_gives_up_soon_when_another_frame_is_stuck(tcp: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "_CLOSE_LIMIT", 0.05)
    with connected(tcp, small=True) as (transport, _):
        stuff(transport)
        stuck = Running(lambda: transport.send("x", LIMIT))
        closing = Running(transport.send_close)
        closing.result(LIMIT)
        transport.shut()
        with pytest.raises(TransportClosed):
            stuck.result(LIMIT)


def test_closing_may_be_done_twice_in_any_order_and_without_opening() -> None:
    transport = WebSocketTransport("ws://127.0.0.1:9")
    transport.send_close()
    transport.close()
    transport.shut()
    transport.close()
    transport.send_close()
    with pytest.raises(TransportClosed):
        transport.send("x", LIMIT)


def test_a_closed_transport_does_not_open(tcp: Road) -> None:
    transport = WebSocketTransport("ws://127.0.0.1:9")
    transport.shut()
    with pytest.raises(TransportClosed):
        transport.open(LIMIT)


def test_nothing_can_be_sent_before_the_connection_is_open() -> None:
    transport = WebSocketTransport("ws://127.0.0.1:9")
    with pytest.raises(TransportClosed, match="not open"):
        transport.send("x", LIMIT)


def test_close_waits_for_a_writer_to_let_go_of_the_descriptor(tcp: Road) -> None:
    with connected(tcp, small=True) as (transport, _):
        stuff(transport)
        stuck = Running(lambda: transport.send("x", LIMIT))
        transport.close()
        with pytest.raises(TransportClosed):
            stuck.result(LIMIT)


def test_close_leaves_the_descriptor_to_a_writer_that_does_not_let_go(
    tcp: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closed under it, its number would be given to the next socket, and the frame would go there."""
    monkeypatch.setattr(stream_module, "_LET_GO", 0.0)
    with connected(tcp) as (transport, _):
        with transport._stream._writing:
            transport.close()
            assert transport._stream._sock.fileno() > 0
        transport.close()
        assert transport._stream._sock is None


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors through /proc")
def test_no_descriptor_is_left(road: Road) -> None:
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = count()
    for _ in range(10):
        with connected(road) as (transport, _peer):
            transport.send("x", LIMIT)
    assert count() == before


def test_a_frame_that_comes_in_pieces_is_one_even_if_what_is_in_it_looks_like_another(road: Road) -> None:
    whole = frame(b"\x81\x02hi and more", BINARY)
    with connected(road) as (transport, peer):
        for piece in (whole[:2], whole[2:6], whole[6:]):
            assert transport.receive(0.0) is None
            peer.write(piece)
            transport._stream.fill(LIMIT)
            last = transport.receive(0.0)
        assert last is not None
        assert last.startswith("(binary message, 13 bytes)")


# Sending many at once


def numbered(count: int, size: int = 1000) -> list[str]:
    return [f"{number:04}" + "x" * (size - 4) for number in range(count)]


def test_many_texts_leave_in_one_write_and_arrive_one_by_one(tcp: Road) -> None:
    with connected(tcp) as (transport, peer):
        puts: list[int] = []
        put = transport._stream._put

        def told(rest: memoryview) -> int:
            puts.append(put(rest))
            return puts[-1]

        transport._stream._put = told  # type: ignore[method-assign]
        texts = numbered(40, 100)
        assert transport.send_many(texts, LIMIT) == 40
        assert [peer.heard() for _ in texts] == texts
        assert len(puts) == 1


def test_many_texts_that_need_many_writes_arrive_whole_and_in_order(road: Road) -> None:
    texts = [*numbered(300), "y" * 100_000, *numbered(300)]
    with connected(road, small=True) as (transport, peer):
        sending = Running(lambda: transport.send_many(texts, LIMIT))
        assert [peer.heard() for _ in texts] == texts
        assert sending.result(LIMIT) == len(texts)


def test_what_there_is_no_room_for_in_time_was_not_begun_and_the_connection_is_whole(tcp: Road) -> None:
    texts = numbered(2000)
    with connected(tcp, small=True) as (transport, peer):
        heard: list[str] = []
        pause = threading.Event()

        def drip() -> None:
            while not heard or heard[-1] != "and on":
                heard.append(peer.heard())
                pause.wait(0.002)  # the time is up long before the last one could be sent

        dripping = Running(drip)
        count = transport.send_many(texts, 0.2)
        assert 0 < count < 2000
        transport.send("and on", LIMIT)
        pause.set()
        dripping.result(LIMIT)
        assert heard == [*texts[:count], "and on"]


def test_of_many_none_begins_after_the_time_is_up_though_there_is_room(
    tcp: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connected(tcp) as (transport, _):
        now = 100.0

        def put(rest: memoryview) -> int:
            nonlocal now
            now += 1.0
            return 7  # one frame of one letter

        monkeypatch.setattr(stream_module, "monotonic", lambda: now)
        transport._stream._put = put  # type: ignore[method-assign]
        assert transport.send_many(["1", "2", "3", "4"], 2.0) == 2
        assert now == 102.0


def test_many_to_a_peer_that_takes_nothing_end_in_time_with_none_begun(road: Road) -> None:
    with connected(road, small=True) as (transport, _):
        stuff(transport)
        for limit in (0.05, 0.0, -1.0):
            with pytest.raises(TransportTimeout):
                transport.send_many(["never", "never"], limit)
        with transport._stream._writing, pytest.raises(TransportTimeout):
            transport.send_many(["never"], 0.01)


def test_many_of_which_one_is_stuck_in_the_middle_tell_how_many_may_have_left(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "_FINISH", 0.05)
    with connected(road, small=True, send_limit=0.05) as (transport, peer):
        texts = ["a", "b", "x" * 5_000_000, "never"]
        with pytest.raises(TransportLost, match="in the middle of a frame") as caught:
            transport.send_many(texts, 0.1)
        assert caught.value.begun == 3
        assert [peer.heard(), peer.heard()] == ["a", "b"]
        with pytest.raises(TransportClosed):
            transport.send_many(["more"], LIMIT)


@pytest.mark.parametrize("done", [0, 1, 6, 9])
def test_a_write_of_many_that_fails_tells_what_surely_did_not_leave(tcp: Road, done: int) -> None:
    """Frames of 7 bytes each, of which the system takes so many bytes and then breaks."""
    with connected(tcp) as (transport, _):
        answers = [done] if done else []

        def put(rest: memoryview) -> int:
            if answers:
                return answers.pop()
            raise ConnectionResetError(104, "reset")

        transport._stream._put = put  # type: ignore[method-assign]
        expected = TransportClosed if not done else TransportLost
        with pytest.raises(expected) as caught:
            transport.send_many(["1", "2", "3"], LIMIT)
        if isinstance(caught.value, TransportLost):
            assert caught.value.begun == done // 7 + 1


def test_a_stream_that_breaks_between_two_frames_has_sent_the_first(tcp: Road) -> None:
    with connected(tcp) as (transport, _):
        answers = [7]

        def put(rest: memoryview) -> int:
            if answers:
                return answers.pop()
            raise ConnectionResetError(104, "reset")

        transport._stream._put = put  # type: ignore[method-assign]
        assert transport.send_many(["1", "2", "3"], LIMIT) == 1
        with pytest.raises(TransportClosed):
            transport.send_many(["2", "3"], LIMIT)


@pytest.mark.parametrize("where", ["in a frame", "between two"])
def test_ctrl_c_in_a_write_of_many_breaks_the_stream_unless_it_is_at_a_frames_border(tcp: Road, where: str) -> None:
    with connected(tcp) as (transport, _):
        stream = transport._stream
        calls = 0

        def put(rest: memoryview) -> int:
            nonlocal calls
            calls += 1
            if where == "in a frame":
                raise KeyboardInterrupt
            return 0

        def wait(end: float) -> None:
            raise KeyboardInterrupt

        stream._put, stream._await_room = put, wait  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            transport.send_many(["1", "2"], LIMIT)
        assert bool(stream._broken) is (where == "in a frame")
        assert calls == 1


def test_many_cannot_be_sent_before_the_connection_is_open_nor_after_the_goodbye(tcp: Road) -> None:
    with pytest.raises(TransportClosed, match="not open"):
        WebSocketTransport("ws://127.0.0.1:9").send_many(["x"], LIMIT)
    with connected(tcp) as (transport, _):
        transport.send_close()
        with pytest.raises(TransportClosed):
            transport.send_many(["x"], LIMIT)


# Sending


def test_a_send_to_a_peer_that_takes_nothing_ends_in_time_and_leaves_the_connection_whole(road: Road) -> None:
    with connected(road, small=True) as (transport, peer):
        count = stuff(transport)
        for limit in (0.05, 0.0, -1.0):
            with pytest.raises(TransportTimeout):
                transport.send("never", limit)
        if road.server is None:
            assert peer.read(count) == b"\0" * count
            transport.send("now", LIMIT)
            assert peer.heard() == "now"


def test_a_frame_stuck_in_the_middle_breaks_the_connection_for_everybody(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "_FINISH", 0.05)
    with connected(road, small=True, send_limit=0.05) as (transport, _):
        reader = in_receive(transport)
        with pytest.raises(TransportLost, match="in the middle of a frame"):
            transport.send("x" * 500_000, 1.0)
        with pytest.raises(TransportLost, match="in the middle of a frame"):
            reader.result(LIMIT)
        with pytest.raises(TransportClosed, match="in the middle of a frame"):
            transport.send("y", LIMIT)


def test_a_broken_connection_delivers_nothing_more(road: Road) -> None:
    with connected(road, frame(b"one"), frame(b"two")) as (transport, _):
        assert transport.receive(LIMIT) == "one"
        transport._stream.give_up("some reason")
        with pytest.raises(TransportLost, match="some reason"):
            transport.receive(LIMIT)


def test_a_frame_that_has_begun_may_end_although_its_callers_time_is_up(tcp: Road) -> None:
    """The limit is for the begin: breaking a good connection would cost everybody else more than this caller."""
    with connected(tcp, small=True) as (transport, peer):
        began = threading.Event()
        put = transport._stream._put

        def told(rest: memoryview) -> int:
            count = put(rest)
            if not count:
                began.set()
            return count

        transport._stream._put = told  # type: ignore[method-assign]
        sending = Running(lambda: transport.send("x" * 500_000, 0.0))
        assert began.wait(LIMIT)
        assert peer.heard() == "x" * 500_000
        sending.result(LIMIT)


def test_a_send_waits_for_its_turn_no_longer_than_it_may(tcp: Road) -> None:
    with connected(tcp, small=True) as (transport, _):
        stuff(transport)
        with transport._stream._writing, pytest.raises(TransportTimeout):
            transport.send("x", 0.01)


def test_shut_wakes_a_sender(road: Road) -> None:
    with connected(road, small=True) as (transport, _):
        began = threading.Event()
        wait = transport._stream._await_room

        def told(end: float) -> None:
            began.set()
            wait(end)

        transport._stream._await_room = told  # type: ignore[method-assign]
        stuff(transport)
        sending = Running(lambda: transport.send("x", LIMIT))
        assert began.wait(LIMIT)
        transport.shut()
        with pytest.raises((TransportClosed, TransportLost)):
            sending.result(LIMIT)


def send_for_ever(transport: WebSocketTransport) -> None:
    while True:
        transport.send("anybody there?", LIMIT)


def test_after_the_peer_has_gone_a_send_fails_and_its_last_words_can_still_be_read(road: Road) -> None:
    with connected(road) as (transport, peer):
        peer.write(frame(b"last words") + frame(struct.pack("!H", 1001) + b"bye", CLOSE))
        peer.close()
        with pytest.raises((TransportClosed, TransportLost), match="the connection broke"):
            send_for_ever(transport)
        assert transport.receive(LIMIT) == "last words"
        with pytest.raises(TransportLost, match="1001 bye"):
            transport.receive(LIMIT)


def test_over_tcp_a_send_on_a_reset_connection_knows_that_nothing_left(tcp: Road) -> None:
    with connected(tcp) as (transport, peer):
        peer.reset()
        with selectors.DefaultSelector() as selector:
            selector.register(transport._stream._sock, selectors.EVENT_READ)
            assert selector.select(LIMIT)  # the reset has come
        with pytest.raises(TransportClosed):
            transport.send("x", LIMIT)
        with pytest.raises(TransportLost):
            transport.receive(LIMIT)


def test_ctrl_c_in_the_middle_of_a_frame_breaks_the_connection(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    with connected(road) as (transport, _):
        put = transport._stream._put

        def interrupted(rest: memoryview) -> int:
            put(rest[:5])
            raise KeyboardInterrupt

        reader = in_receive(transport)
        monkeypatch.setattr(transport._stream, "_put", interrupted)
        with pytest.raises(KeyboardInterrupt):
            transport.send("x" * 100, LIMIT)
        with pytest.raises(TransportLost, match="interrupted"):
            reader.result(LIMIT)


def test_ctrl_c_while_waiting_for_room_leaves_the_connection_whole(tcp: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    with connected(tcp, small=True) as (transport, peer):
        count = stuff(transport)

        def interrupted(end: float) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(transport._stream, "_await_room", interrupted)
            with pytest.raises(KeyboardInterrupt):
                transport.send("never", LIMIT)
        peer.read(count)
        transport.send("now", LIMIT)
        assert peer.heard() == "now"


def test_frames_of_many_threads_are_never_mixed_while_others_come_in(road: Road) -> None:
    def echo() -> None:
        for _ in range(8 * 50):
            peer.say(peer.heard())

    def sends(name: int) -> None:
        for number in range(50):
            transport.send(f"{name}:{number}:" + "x" * (number * 100), LIMIT)

    with connected(road) as (transport, peer):
        echoing = Running(echo)
        sending = [Running(partial(sends, name)) for name in range(8)]
        came = [transport.receive(LIMIT) for _ in range(8 * 50)]
        for thread in [echoing, *sending]:
            thread.result(LIMIT)
    assert sorted(map(str, came)) == sorted(f"{n}:{i}:" + "x" * (i * 100) for n in range(8) for i in range(50))
    for name in range(8):
        mine = [text for text in came if text is not None and text.startswith(f"{name}:")]
        assert [int(text.split(":")[1]) for text in mine] == list(range(50))


def test_a_peer_that_pings_and_reads_nothing_is_lost(tcp: Road) -> None:
    with connected(tcp, small=True, send_limit=0.05) as (transport, peer):
        stuff(transport)
        peer.write(frame(b"", PING))
        with pytest.raises(TransportLost, match="does not read"):
            transport.receive(LIMIT)


def test_a_text_that_has_no_utf8_form_is_refused_before_anything_is_sent(tcp: Road) -> None:
    with connected(tcp) as (transport, peer):
        with pytest.raises(ValueError, match="surrogates"):
            transport.send("\ud800", LIMIT)
        transport.send("fine", LIMIT)
        assert peer.heard() == "fine"


# Opening


def no_answer(peer: Peer) -> None:
    """Read whatever comes and say nothing, until the other side goes."""
    while not peer.at_end():
        pass


class Opening(Running[None]):
    """`open` in a thread."""

    def __init__(self, url: str, timeout: float = LIMIT, **options: Any) -> None:
        self.transport = WebSocketTransport(url, **options)
        self.timeout = timeout
        super().__init__(self.open)

    def open(self) -> None:
        try:
            self.transport.open(self.timeout)
        finally:
            self.transport.close()

    def failure(self) -> OpenFailed:
        with pytest.raises(OpenFailed) as failed:
            self.result(LIMIT)
        assert str(failed.value) == failed.value.reason
        return failed.value


def test_the_upgrade_asks_for_the_path_and_sends_no_origin(tcp: Road) -> None:
    heads: list[str] = []
    with listening(lambda peer: heads.append(peer.agree())) as port:
        transport = WebSocketTransport(f"ws://127.0.0.1:{port}/some/path?x=1")
        transport.open(LIMIT)
        transport.close()
    lines = heads[0].split("\r\n")
    assert lines[0] == "GET /some/path?x=1 HTTP/1.1"
    assert f"Host: 127.0.0.1:{port}" in lines
    assert not [line for line in lines if line.lower().startswith(("origin", "cookie", "sec-websocket-protocol"))]


def test_proxies_of_the_environment_do_not_stand_between_yet(tcp: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with connected(tcp) as (transport, peer):
        transport.send("direct", LIMIT)
        assert peer.heard() == "direct"


def test_where_nothing_listens_opening_fails_and_says_where() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        failed = Opening(f"ws://127.0.0.1:{port}").failure()
    assert f"127.0.0.1:{port}" in failed.reason
    assert "refused" in failed.reason
    assert not failed.tls


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")])
def test_a_name_that_does_not_resolve_is_named(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    failed = Opening("wss://nowhere.example").failure()
    assert "nowhere.example does not resolve" in failed.reason
    assert not failed.tls


def test_every_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody, listening(lambda peer: peer.agree()) as port:
        nobody.bind(("127.0.0.1", 0))
        addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", nobody.getsockname()[1]))]
        addresses += [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
        Opening("ws://two.example").result(LIMIT)


def test_an_address_that_does_not_answer_leaves_time_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[float] = []

    def silent(address: object, end: float) -> None:
        ends.append(end)
        raise TimeoutError

    transport = WebSocketTransport("ws://three.example")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: ["address"] * 3)
    monkeypatch.setattr(transport._stream, "_connect_to", silent)
    monkeypatch.setattr(stream_module, "monotonic", lambda: 100.0)
    with pytest.raises(OpenFailed, match=r"three\.example:80 did not accept the connection within 9 s"):
        transport.open(9.0)
    assert ends == [103.0, 104.5, 109.0]


def test_without_a_thread_to_look_a_name_up_opening_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the interpreter's end no thread can be started any more."""

    def no_thread(_: object) -> None:
        raise RuntimeError("can't start new thread")

    transport = WebSocketTransport("ws://some.example")
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with pytest.raises(OpenFailed, match="could not look up some"):
        transport.open(LIMIT)


def test_without_a_free_descriptor_opening_fails_but_may_heal(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> None:
        raise OSError(24, "Too many open files")

    with listening(Peer.agree) as port:
        transport = WebSocketTransport(f"ws://127.0.0.1:{port}")
        monkeypatch.setattr(transport._stream, "opened", none_left)
        with pytest.raises(OpenFailed, match="Too many open files") as failed:
            transport.open(LIMIT)
    assert not failed.value.tls


def test_a_redirect_that_websocket_client_takes_for_agreement_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """So it was before version 1.9 when redirects are not followed."""
    monkeypatch.setattr(websocket.WebSocket, "connect", lambda *_, **__: None)
    with listening(Peer.at_end) as port:
        assert "no switch of protocols" in Opening(f"ws://127.0.0.1:{port}").failure().reason


def test_a_name_is_resolved_by_the_system(tcp: Road) -> None:
    with listening(lambda peer: peer.agree()) as port:
        Opening(f"ws://localhost:{port}").result(LIMIT)


class Stage(NamedTuple):
    """A place where opening can be held up: how, and what must be said of it."""

    url: str
    reached: threading.Event
    said: str
    options: dict[str, Any] = {}  # noqa: RUF012


@contextmanager
def slow_resolver() -> Iterator[Stage]:
    reached, release = threading.Event(), threading.Event()
    patch = pytest.MonkeyPatch()
    threads = threading.active_count()

    def slow(*_: Any, flags: int = 0, **__: Any) -> Any:
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror
        reached.set()
        release.wait(LIMIT)
        return []

    patch.setattr(socket, "getaddrinfo", slow)
    try:
        yield Stage("ws://slow.example", reached, "slow.example was not resolved within 0.05 s")
    finally:
        release.set()
        patch.undo()
        for thread in threading.enumerate():
            if thread.name == "relay-resolver":
                thread.join(LIMIT)
        assert threading.active_count() <= threads + 1


@contextmanager
def full_backlog() -> Iterator[Stage]:
    """A listener whose queue is full: the system drops further requests, and a connect hangs."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting: list[socket.socket] = []
        try:
            for _ in range(8):
                sock = socket.socket()
                waiting.append(sock)
                sock.setblocking(False)
                sock.connect_ex(listener.getsockname())
            reached = threading.Event()
            reached.set()
            yield Stage(f"ws://127.0.0.1:{listener.getsockname()[1]}", reached, "did not accept the connection within")
        finally:
            for sock in waiting:
                sock.close()


@contextmanager
def mute(scheme: str, said: str, **options: Any) -> Iterator[Stage]:
    """A server that takes the connection, and what comes on it, and never says anything."""
    reached = threading.Event()

    def hold(peer: Peer) -> None:
        assert peer.read(1)
        reached.set()
        no_answer(peer)

    with listening(hold) as port:
        yield Stage(f"{scheme}://127.0.0.1:{port}", reached, said, options)


@contextmanager
def stage(name: str, tls: Road) -> Iterator[Stage]:
    if name == "resolve":
        with slow_resolver() as at:
            yield at
    elif name == "connect":
        with full_backlog() as at:
            yield at
    elif name == "handshake":
        with mute("wss", "did not finish the TLS handshake within 0.05 s", **tls.options) as at:
            yield at
    else:
        with mute("ws", "did not answer the WebSocket upgrade within 0.05 s") as at:
            yield at


STAGES = ["resolve", "connect", "handshake", "upgrade"]


@pytest.mark.parametrize("name", STAGES)
def test_opening_ends_within_its_limit_at_every_stage(name: str, tls: Road) -> None:
    with stage(name, tls) as at:
        failed = Opening(at.url, 0.05, **at.options).failure()
    assert at.said in failed.reason
    assert not failed.tls


@pytest.mark.parametrize("name", STAGES)
def test_shut_ends_opening_at_every_stage(name: str, tls: Road) -> None:
    with stage(name, tls) as at:
        running = Opening(at.url, LIMIT * 10, **at.options)
        assert at.reached.wait(LIMIT)
        running.transport.shut()
        with pytest.raises(TransportClosed):
            running.result(LIMIT)


def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(peer: Peer) -> None:
        peer.read_head()
        with suppress(OSError):
            while True:
                peer.write(b"x" * 10)

    monkeypatch.setattr("relay_sync.link.upgrade._UPGRADE_LIMIT", 500)
    with listening(drip) as port:
        assert "no end" in Opening(f"ws://127.0.0.1:{port}").failure().reason


def test_a_drip_does_not_hold_opening_beyond_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    def one_more(timeout: float | None) -> bool:
        transport._stream.buffer.append(ord("x"))
        return True

    monkeypatch.setattr(stream_module, "monotonic", Ticking())
    with listening(no_answer) as port:
        transport = WebSocketTransport(f"ws://127.0.0.1:{port}")
        monkeypatch.setattr(transport._stream, "fill", one_more)
        with pytest.raises(OpenFailed, match="within 1000 s"):
            transport.open(1000.0)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy", "'HTTP/1.1 503 Service Unavailable'"),
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 99999999\r\n\r\n", "'HTTP/1.1 401 Unauthorized'"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "'HTTP/1.1 200 OK'"),
        (b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:9/\r\n\r\n", "'HTTP/1.1 302 Found'"),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: bm8=\r\n\r\n",
            "answered the WebSocket upgrade with",
        ),
        (b"220 mail.example ESMTP\r\n\r\n", "is not a WebSocket server"),
        (b"\xff\xfe\r\n\r\n", "is not a WebSocket server"),
        (b"", "is not a WebSocket server"),
    ],
)
def test_a_server_that_does_not_agree_is_reported_with_what_it_said(answer: bytes, said: str) -> None:
    def refuse(peer: Peer) -> None:
        peer.read_head()
        peer.write(answer)

    with listening(refuse) as port:
        failed = Opening(f"ws://127.0.0.1:{port}").failure()
    assert said in failed.reason
    assert f"127.0.0.1:{port}" in failed.reason
    assert not failed.tls


@pytest.mark.parametrize("url", ["http://127.0.0.1", "127.0.0.1", "ws://", "wss://:80"])
def test_an_address_that_is_no_websocket_url_is_a_mistake_of_the_caller(url: str) -> None:
    with pytest.raises(ValueError, match="ws://host"):
        WebSocketTransport(url)


# TLS trust


@contextmanager
def distrusted(context: ssl.SSLContext) -> Iterator[int]:
    """A TLS server whose handshake may fail."""

    def serve(peer: Peer) -> None:
        try:
            with context.wrap_socket(peer.sock, server_side=True) as sock:
                Peer(sock).agree()
        except OSError:
            return

    with listening(serve) as port:
        yield port


def test_a_certificate_of_an_unknown_authority_is_not_trusted(tls: Road) -> None:
    assert tls.server is not None
    with distrusted(tls.server) as port:
        failed = Opening(f"wss://127.0.0.1:{port}").failure()
    assert failed.tls
    for part in ("127.0.0.1", "ca_file=", "SIGNALWIRE_RELAY_CA_FILE"):
        assert part in failed.reason


def test_a_certificate_for_another_host_is_not_trusted(authority: Authority) -> None:
    with distrusted(server_context(authority, "elsewhere.example")) as port:
        failed = Opening(f"wss://127.0.0.1:{port}", ca_file=authority.file).failure()
    assert failed.tls
    assert "127.0.0.1" in failed.reason


def test_a_context_of_the_callers_is_used_as_it_is(tls: Road, authority: Authority) -> None:
    with connected(tls, ca_file=None, ssl_context=tls_context(authority.file)) as (transport, peer):
        transport.send("trusted", LIMIT)
        assert peer.heard() == "trusted"


@pytest.mark.parametrize("content", [None, b"not a certificate"])
def test_a_ca_file_that_cannot_be_used_is_named_and_cannot_heal(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_bytes(content)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"wss://127.0.0.1:{listener.getsockname()[1]}"
        failed = Opening(url, ca_file=str(file)).failure()
    assert failed.tls
    assert "authorities.pem" in failed.reason


def test_tls_to_a_server_without_tls_fails_but_may_heal(tls: Road) -> None:
    def plain(peer: Peer) -> None:
        peer.read(1)
        peer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        no_answer(peer)

    with listening(plain) as port:
        failed = Opening(f"wss://127.0.0.1:{port}", **tls.options).failure()
    assert "no TLS with 127.0.0.1" in failed.reason
    assert not failed.tls


# Fork


def test_an_abandoned_transport_is_closed_for_everything(road: Road) -> None:
    with connected(road) as (transport, _):
        stream = transport._stream
        with stream._life, stream._writing, stream._tls:
            transport.abandon()
        transport.send_close()
        transport.shut()
        with pytest.raises(TransportClosed):
            transport.send("x", LIMIT)
        with pytest.raises(TransportClosed):
            transport.receive(LIMIT)
        transport.abandon()
    WebSocketTransport("ws://127.0.0.1:9").abandon()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_lets_go_of_the_connection_without_a_byte_or_a_lock(road: Road) -> None:
    with connected(road) as (transport, peer):
        stream = transport._stream
        descriptors = [stream._sock.fileno()]
        with stream._life, stream._writing, stream._tls, warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # other threads may be about; that is the point
            child = os.fork()
            if not child:
                os._exit(_abandoned(transport, descriptors))
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        transport.send("the parent's", LIMIT)
        assert peer.heard() == "the parent's"
        peer.say("still there")
        assert transport.receive(LIMIT) == "still there"


def _abandoned(transport: WebSocketTransport, descriptors: list[int]) -> int:
    """In the child: 0 if all is as promised."""
    signal.alarm(10)  # a lock that was touched would be waited for till then
    transport.abandon()
    transport.shut()
    transport.close()
    try:
        transport.send("never", 1.0)
        return 1
    except TransportClosed:
        pass
    for descriptor in descriptors:
        try:
            os.fstat(descriptor)
            return 2
        except OSError:
            continue
    return 0


# What is used of websocket-client


def test_the_parts_of_websocket_client_that_are_built_upon_are_where_they_were() -> None:
    """The tests above fail too, each in its own way; this one says what has moved."""
    parser = websocket.frame_buffer
    assert list(inspect.signature(parser.__init__).parameters) == ["self", "recv_fn", "skip_utf8_validation"]
    assert list(inspect.signature(parser.recv_strict).parameters) == ["self", "bufsize"]
    assert list(inspect.signature(parser.recv_length).parameters) == ["self"]
    source = inspect.getsource(parser.recv_frame)
    for used in ("self.recv_header()", "self.recv_length()", "self.recv_mask()", "self.recv_strict(length)"):
        assert used in source
    fed = framing.Frames(bytearray(frame(b"text", TEXT)), 10)
    fed.recv_header()
    assert fed.header is not None
    assert fed.header[4] == TEXT
    fed.recv_length()
    assert fed.length == 4


def test_a_parser_that_was_interrupted_goes_on_where_it_was() -> None:
    whole = frame(b"x" * 300)
    source = bytearray()
    parser = framing.Frames(source, 1000)
    for byte in whole[:-1]:
        source.append(byte)
        with pytest.raises(framing.Incomplete):
            parser.recv_frame()
    source.append(whole[-1])
    assert parser.recv_frame().data == b"x" * 300
