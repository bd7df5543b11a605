"""One POST over requests whose time limit holds for the whole of it: names, proxies, TLS, and answers that drip.

requests and what it stands on limit each wait by itself, and the look-up of a name not at all; so the exchange has a
thread of its own, and whoever asked for it waits up to the limit, cuts the connection, and goes. The thread ends with
that, at the latest when the system's resolver does; nothing is sent by it afterwards.

Imported where a task is delivered, not before: requests takes long to import.
"""

from __future__ import annotations

import io
import itertools
import socket
import ssl
import threading
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from urllib3 import connection, connectionpool

from relay_sync.link.proxy import Proxy
from relay_sync.link.waiting import Deadline, Monitor, Waitable

_numbers = itertools.count(1)


class Posting(Waitable):
    """One request, its thread, and the connection that it may be cut from.

    Attributes:
        sent: whether its body began to leave.
    """

    def __init__(self, url: str, body: bytes, login: tuple[str, str], tls: ssl.SSLContext, proxy: Proxy | None) -> None:
        """Prepare; opens nothing. ``login``: user and password for Basic authentication."""
        super().__init__()
        self.sent = False
        self._url = url
        self._body = _Body(self, body)
        # As bytes: requests would make Latin-1 of a text.
        self._login = HTTPBasicAuth(login[0].encode(), login[1].encode())
        self._tls = tls
        self._proxies = {} if proxy is None else dict.fromkeys(("http", "https"), str(proxy))
        self._proxy_headers = _proxy_headers(proxy)
        self._monitor = Monitor()
        # The monitor's lock guards the rest.
        self._wanted = True
        self._over = False
        self._copies: list[socket.socket] = []
        self._status = 0
        self._error: Exception | None = None

    def run(self, deadline: Deadline) -> int:
        """Send it and block until it is answered; return the status.

        Raises:
            RelayTimeout: not answered by the deadline.
            RuntimeError: no thread could be started.
            Exception: whatever requests raises.
        """
        thread = threading.Thread(
            target=self._live, args=(deadline.left(),), name=f"relay-posting-{next(_numbers)}", daemon=True
        )
        thread.start()
        try:
            with self._monitor.lock:
                self._monitor.wait_until(self, lambda: self._over, deadline, lambda: f"no answer from {self._url}")
        finally:
            self._cut()
        if self._error is not None:
            raise self._error
        return self._status

    def _live(self, left: float | None) -> None:
        """The life of the thread."""
        if left is not None:
            left = max(left, 0.001)  # requests takes no 0; whoever waits has given up then
        try:
            with requests.Session() as session:
                # No proxy, no login and no authorities but those that were asked for.
                session.trust_env = False
                for scheme in ("http://", "https://"):
                    session.mount(scheme, _Adapter(self, self._tls, self._proxy_headers))
                # The status is all that the answer says; its body is left unread.
                self._status = session.post(
                    self._url,
                    data=self._body,
                    headers={"Content-Type": "application/json"},
                    auth=self._login,
                    timeout=left,
                    proxies=self._proxies,
                    allow_redirects=False,
                    stream=True,
                ).status_code
        except Exception as error:  # noqa: BLE001  (raised again where somebody waits for it)
            self._error = _without_frames(error)
        finally:
            with self._monitor.lock:
                self._over = True
                self._changed()

    def opened(self, sock: socket.socket) -> None:
        """Keep a copy of a descriptor, by which to cut the connection whatever is laid round the original."""
        with self._monitor.lock:
            if self._wanted:
                self._copies.append(sock.dup())
                return
        sock.close()
        raise OSError("given up meanwhile")

    def _cut(self) -> None:
        with self._monitor.lock:
            self._wanted = False
            copies, self._copies = self._copies, []
        for copy in copies:
            with copy:
                try:
                    copy.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # it has ended by itself


def _without_frames(error: Exception) -> Exception:
    """Take the stacks off an error and what caused it: their variables hold the request's head, credentials and all."""
    one: BaseException | None = error
    while one is not None:
        one.__traceback__ = None
        one = one.__cause__ or one.__context__
    return error


def _proxy_headers(proxy: Proxy | None) -> dict[str, str]:
    if proxy is None or proxy.authorization is None:
        return {}
    return {"Proxy-Authorization": proxy.authorization}


class _Body(io.BytesIO):
    """A body that tells when it begins to leave: the head has left then."""

    def __init__(self, posting: Posting, data: bytes) -> None:
        super().__init__(data)
        self._posting = posting

    def read(self, size: int | None = -1) -> bytes:
        self._posting.sent = True
        return super().read(size)


class _Adapter(HTTPAdapter):
    """Has every connection tell the posting of its socket, and use its TLS context as it is."""

    def __init__(self, posting: Posting, tls: ssl.SSLContext, proxy_headers: dict[str, str]) -> None:
        self._pools = _pools(posting, tls)
        self._proxy_headers = proxy_headers
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """The credentials, in UTF-8 as the socket sends them."""
        return self._proxy_headers

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _pools(posting: Posting, tls: ssl.SSLContext) -> dict[str, Any]:
    """The classes of urllib3 that open connections, with a word of ours in each."""

    class Http(connection.HTTPConnection):
        def _new_conn(self) -> socket.socket:
            sock = super()._new_conn()
            posting.opened(sock)
            return sock

    class Https(connection.HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            sock = super()._new_conn()
            posting.opened(sock)
            return sock

        def connect(self) -> None:
            # requests has put its own authorities here, which urllib3 would add to ours.
            self.ssl_context, self.cert_reqs = tls, tls.verify_mode
            self.ca_certs = self.ca_cert_dir = self.ca_cert_data = None
            self.assert_hostname = None if tls.check_hostname else False
            super().connect()

    class HttpPool(connectionpool.HTTPConnectionPool):
        ConnectionCls = Http

    class HttpsPool(connectionpool.HTTPSConnectionPool):
        ConnectionCls = Https

    return {"http": HttpPool, "https": HttpsPool}
