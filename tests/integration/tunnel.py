"""TLS in front of the emulator, for as long as a block lasts."""

from __future__ import annotations

import selectors
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import trustme

from relay_sync.emulator import Emulator
from tests.integration.servers import LIMIT
from tests.support import Running


@contextmanager
def tls_front(relay: Emulator, folder: Path) -> Iterator[dict[str, str]]:
    """Serve one TLS connection after the other; yield the variables that lead a client there."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    trusted = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    with socket.create_server(("127.0.0.1", 0)) as server:
        serving = Running(lambda: _serve(server, context, relay.port))
        port = server.getsockname()[1]
        yield {"SIGNALWIRE_RELAY_HOST": f"wss://localhost:{port}", "SIGNALWIRE_RELAY_CA_FILE": str(trusted)}
        server.shutdown(socket.SHUT_RDWR)
        serving.result(LIMIT)


def _serve(server: socket.socket, context: ssl.SSLContext, port: int) -> None:
    while True:
        try:
            accepted, _ = server.accept()
        except OSError:
            return  # it was shut down
        _carry(accepted, context, port)


def _carry(accepted: socket.socket, context: ssl.SSLContext, port: int) -> None:
    accepted.settimeout(LIMIT)
    with (
        context.wrap_socket(accepted, server_side=True) as front,
        socket.create_connection(("127.0.0.1", port), LIMIT) as back,
        selectors.DefaultSelector() as selector,
        suppress(OSError),  # either end may go as it likes
    ):
        selector.register(front, selectors.EVENT_READ, back)
        selector.register(back, selectors.EVENT_READ, front)
        while True:
            for key, _ in [(None, None)] if front.pending() else selector.select(LIMIT):
                source, target = (front, back) if key is None else (key.fileobj, key.data)
                data = source.recv(65536)
                if not data:
                    return
                target.sendall(data)
