"""What nobody can be much faster than: three bare clients that do nothing but send a pause and take its answer.

``python floors.py PORT CA_FILE KIND``, where KIND is ``raw`` (a socket, and a frame made beforehand), ``same``
(websocket-client, sending and receiving in one thread) or ``reader`` (websocket-client, a thread that reads, a
``Future`` for each command, JSON both ways). The frames have the bytes of relay_sync's.
"""

from __future__ import annotations

import itertools
import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import websocket
from driver import Busy, Clock, Facts, Place, place, run, shares, spread

PREFIX = "0a1b2c3d4e5f-"
CALL = "call-1-7f1d5a52-93a2-4f43-8b6f-0d0b1a2c3d4e"
PARAMS = {"node_id": "node-1", "call_id": CALL, "control_id": "7f1d5a52-93a2-4f43-8b6f-0d0b1a2c3d4e"}
COMMAND = {"protocol": "signalwire_bench_1", "method": "calling.play.pause", "params": PARAMS}
encode = json.JSONEncoder(separators=(",", ":")).encode


def request(ident: str) -> str:
    """A pause."""
    return encode({"jsonrpc": "2.0", "id": ident, "method": "blade.execute", "params": COMMAND})


def opened(where: Place) -> Any:
    """A connection of websocket-client's."""
    options = {"ca_certs": where.ca_file} if where.ca_file else {}
    client = websocket.WebSocket(sslopt=options, skip_utf8_validation=True)
    client.connect(where.url)
    # Without a limit of any kind the reader would sit in the TLS session while others write to it.
    client.settimeout(60)
    return client


class Raw:
    """A socket, and one frame made beforehand."""

    def __init__(self, where: Place) -> None:
        self._keep = opened(where)  # for the upgrade only
        self._sock: socket.socket | ssl.SSLSocket = self._keep.sock
        self._frame = websocket.ABNF.create_frame(request(PREFIX + "1"), websocket.ABNF.OPCODE_TEXT).format()

    def pause(self) -> None:
        """Send it, and read one frame."""
        self._sock.sendall(self._frame)
        data = self._sock.recv(65536)
        size = 4 + int.from_bytes(data[2:4], "big") if data[1] == 126 else 2 + data[1]
        while len(data) < size:
            data += self._sock.recv(65536)


class Same:
    """websocket-client in one thread."""

    def __init__(self, where: Place) -> None:
        self._ws = opened(where)
        self._text = request(PREFIX + "1")

    def pause(self) -> None:
        """Send it, and take the answer."""
        self._ws.send(self._text)
        self._ws.recv()


class Reader:
    """websocket-client with a thread that reads."""

    def __init__(self, where: Place) -> None:
        self._ws = opened(where)
        self._numbers = itertools.count()
        self._futures: dict[str, Future[Any]] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                answer = json.loads(self._ws.recv())
            except (websocket.WebSocketTimeoutException, ssl.SSLError):
                continue
            with self._lock:
                future = self._futures.pop(answer["id"])
            future.set_result(answer["result"])

    def pause(self) -> None:
        """Send it, and wait for the answer."""
        ident = f"{PREFIX}{next(self._numbers)}"
        future: Future[Any] = Future()
        with self._lock:
            self._futures[ident] = future
        self._ws.send(request(ident))
        future.result(10)


def round_trip_of(pause: Callable[[], None]) -> Callable[..., Facts]:
    """The measurement, as for the clients."""

    def round_trip(count: int, busy: bool = False) -> Facts:
        seconds, clock = [], time.perf_counter
        with Busy(busy), Clock() as whole:
            for _ in range(count):
                begin = clock()
                pause()
                seconds.append(clock() - begin)
        return {**spread(seconds), **whole.per(count)}

    return round_trip


def together_of(pause: Callable[[], None]) -> Callable[..., Facts]:
    """The measurement, as for the clients."""

    def together(count: int, workers: int) -> Facts:
        begin = threading.Barrier(workers + 1)

        def work(turns: int) -> None:
            begin.wait()
            for _ in range(turns):
                pause()

        working = [threading.Thread(target=work, args=(turns,)) for turns in shares(count, workers)]
        for thread in working:
            thread.start()
        begin.wait()
        with Clock() as whole:
            for thread in working:
                thread.join()
        return whole.per(count)

    return together


if __name__ == "__main__":
    kinds = {"raw": Raw, "same": Same, "reader": Reader}
    floor = kinds[sys.argv[3]](place())
    run({"round_trip": round_trip_of(floor.pause), "together": together_of(floor.pause), "start": dict})
