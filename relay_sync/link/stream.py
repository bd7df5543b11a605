"""A byte stream over TCP or TLS whose every wait has a limit and ends when another thread says so.

Who may call what:

- ``connect``, ``secure``, ``fill`` and ``close`` belong to one thread, the reader.
- ``write``, ``write_many`` and ``shut`` may be called by any thread, at any time.

The socket is non-blocking from its first moment to its last, and all waiting happens in selectors:

- The timeout of a blocking socket is shared by reading and writing, so no thread could choose its own.
- A readable TLS socket may hold half a record: a blocking read would then wait for the peer's mercy.
- OpenSSL wants one thread at a time in one TLS session. A lock round calls that never block costs nothing; round a
  blocking read it would keep every writer out.
- Only our own loop knows how much of a frame has left, which is what a caller must be told (`TransportTimeout` and
  `TransportClosed` mean nothing, `TransportLost` means perhaps).
"""

from __future__ import annotations

import _socket
import errno
import os
import queue
import selectors
import socket
import ssl
import threading
from collections.abc import Sequence
from time import monotonic
from typing import Any

from relay_sync.link.failures import OpenFailed, TransportClosed, TransportLost, TransportTimeout
from relay_sync.link.readiness import Readiness
from relay_sync.link.waiting import held_here

# One read takes at most this much from the socket.
_CHUNK = 65536
# One TLS record; a longer SSL_write could put several on the wire and still say that it would block.
_RECORD = 16384
# A frame that has begun gets at least this long to end, whatever the caller's limit: half a frame ruins the stream.
_FINISH = 0.5
# How long close() waits for a writer to let go; shut() has woken it, so this is for a machine that has stopped.
_LET_GO = 5.0
# How long another thread may hold the lock round opening and ending, which never waits in it, by half.
_MIDST = 0.25
# The longest wait that is asked of the system, 20 days: it counts milliseconds in 32 bits, and a caller may say 1e9.
_LONGEST = 20 * 86400.0
# Not every system wakes a socket that is still connecting when it is shut down (Linux does).
_CONNECT_SLICE = 0.5
# websocket-client sets these on sockets that it opens itself; we hand it an open one.
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}

_Addresses = list[tuple[Any, ...]]


class Stream:
    """One connection's bytes: opened once, never reused.

    Attributes:
        buffer: bytes received and not yet taken. Only the reader touches it.
    """

    def __init__(self, send_limit: float) -> None:
        """Open nothing yet. `send_limit`: seconds that a begun write may take at most."""
        self.buffer: bytearray = bytearray()
        self._send_limit = send_limit
        self._chunk = memoryview(bytearray(_CHUNK))
        self._sock: Any = None  # socket.socket, later ssl.SSLSocket; None before and after
        self._readable: Readiness | None = None  # the reader's
        self._writable: Readiness | None = None  # of whoever holds _writing
        self._tls_session = False
        self._shut = False
        self._broken = ""  # why nothing more may be read or written
        self._unsendable = ""  # why nothing more may be written
        self._opening_limit = self._opening_end = 0.0
        self._resolved: queue.SimpleQueue[_Addresses | Exception | None] = queue.SimpleQueue()
        # Guards _sock against being closed while another thread shuts it down: the system gives the descriptor's
        # number to the next socket at once, and that one may be somebody else's.
        self._life = threading.Lock()
        # Held while a frame is written, and while the descriptor is closed (same reason).
        self._writing = threading.Lock()
        # Held during each call into the TLS session; those calls never wait.
        self._tls = threading.Lock()

    # Opening; the reader's thread.

    def connect(self, host: str, port: int, timeout: float) -> None:
        """Connect by TCP, trying each address of `host` in turn; `timeout` seconds are for all of the opening.

        Raises OpenFailed, or TransportClosed after shut().
        """
        self._opening_limit, self._opening_end = timeout, monotonic() + timeout
        addresses = self._resolve(host, port)
        failure: OSError | None = None
        for number, address in enumerate(addresses):
            # One silent address must not use up the time of the next.
            share = self.left() / (len(addresses) - number)
            try:
                return self._connect_to(address, monotonic() + share)
            except OSError as exc:
                failure = exc
        if isinstance(failure, TimeoutError):
            raise OpenFailed(f"{_place(host, port)} did not accept the connection {self.in_time}") from failure
        why = _said(failure)
        raise OpenFailed(f"could not connect to {_place(host, port)}: {why}; check host and port") from failure

    def left(self) -> float:
        """Seconds left for opening, perhaps negative."""
        return self._opening_end - monotonic()

    @property
    def in_time(self) -> str:
        """The limit of the opening, for messages."""
        return f"within {self._opening_limit:g} s"

    def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Begin TLS with the peer, whose certificate must be valid for `host`.

        Raises OpenFailed (with ``tls`` True for a certificate that is not trusted), or TransportClosed after shut().
        """
        try:
            with self._life:
                self.refuse_if_shut()
                self._sock = context.wrap_socket(self._sock, server_hostname=host, do_handshake_on_connect=False)
                self._tls_session = True
            while (wanted := self._handshake_step()) is not None:
                if not self._wait(wanted, self.left()):
                    raise OpenFailed(f"{host} did not finish the TLS handshake {self.in_time}")
        except ssl.SSLCertVerificationError as exc:
            self.refuse_if_shut()
            raise OpenFailed(
                f"the certificate of {host} is not trusted: {exc.verify_message}. If a private authority signed it, "
                "give its certificate as ca_file= or SIGNALWIRE_RELAY_CA_FILE",
                tls=True,
            ) from exc
        except (OSError, ValueError) as exc:
            self.refuse_if_shut()
            raise OpenFailed(f"no TLS with {host}: {exc}") from exc

    def opened(self) -> None:
        """Get ready for `fill` and `write` without a selector of its own for each wait."""
        self._readable = Readiness(self._sock, selectors.EVENT_READ)
        self._writable = Readiness(self._sock, selectors.EVENT_WRITE)

    def _resolve(self, host: str, port: int) -> _Addresses:
        try:
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except (OSError, UnicodeError):
            pass  # not an address but a name
        # The system's resolver knows neither our limit nor shut(), and may take half a minute: it gets a thread of its
        # own, which ends with its answer and is not waited for.
        look_up = threading.Thread(
            target=_look_up, args=(host, port, self._resolved), name="relay-resolver", daemon=True
        )
        try:
            look_up.start()
            found = self._resolved.get(timeout=_bounded(self.left()))
        except RuntimeError as exc:  # no new thread: the interpreter is ending
            raise OpenFailed(f"could not look up {host}: {exc}") from exc
        except queue.Empty:
            raise OpenFailed(f"{host} was not resolved {self.in_time}; check the network") from None
        self.refuse_if_shut()
        if found is None or isinstance(found, Exception):
            raise OpenFailed(f"{host} does not resolve: {_said(found)}; check the space or host") from found
        look_up.join(_LET_GO)  # it has answered: gone in no time
        return found

    def _connect_to(self, address: tuple[Any, ...], end: float) -> None:
        family, kind, protocol, _, target = address
        sock = socket.socket(family, kind, protocol)
        with self._life:
            old, self._sock = self._sock, sock
            if old is not None:
                old.close()
            self.refuse_if_shut()
            sock.setblocking(False)
            _set_options(sock)
            # Under the lock: a shut() before this line is seen by the check above, one after it finds a socket that
            # is connecting and ends that.
            error = sock.connect_ex(target)
        if error in _UNDER_WAY:
            while not self._wait(selectors.EVENT_WRITE, min(_CONNECT_SLICE, end - monotonic())):
                self.refuse_if_shut()
                if monotonic() >= end:
                    raise TimeoutError
            self.refuse_if_shut()
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))

    def _handshake_step(self) -> int | None:
        """Go on with the TLS handshake; the readiness to wait for, or None when it is done."""
        self.refuse_if_shut()
        try:
            self._sock.do_handshake()
        except ssl.SSLWantReadError:
            return selectors.EVENT_READ
        except ssl.SSLWantWriteError:
            return selectors.EVENT_WRITE
        return None

    # Reading; the reader's thread.

    def fill(self, timeout: float | None) -> bool:
        """Wait for bytes and append what came to `buffer`; False if nothing did within `timeout` seconds.

        None waits for ever (until the peer or another thread ends the stream). True means "look again": under TLS
        what came may have been half a record. Raises TransportClosed after shut(), else TransportLost.
        """
        if not self._readable_now(timeout):
            return False
        try:
            if self._tls_session:
                with self._tls:
                    count = self._sock.recv_into(self._chunk)
            else:
                count = self._sock.recv_into(self._chunk)
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError):
            return True
        except ssl.SSLWantWriteError:
            self._wait(selectors.EVENT_WRITE, timeout)
            return True
        except OSError as exc:
            raise self.ended(f"the connection broke: {_said(exc)}") from exc
        if not count:
            raise self.ended("the peer closed the connection without a closing frame")
        self.buffer += self._chunk[:count]
        return True

    def _readable_now(self, timeout: float | None) -> bool:
        if self._tls_session:
            # What TLS has decrypted already is not in the socket any more, so the selector can't see it.
            with self._tls:
                if self._sock.pending():
                    return True
        if self._readable is None:
            return self._wait(selectors.EVENT_READ, timeout)
        return self._readable.wait(None if timeout is None else _bounded(timeout))

    def refuse(self) -> None:
        """Raise what `ended` makes if the stream was shut, or broken by a writer; else do nothing. Cheap."""
        if self._shut or self._broken:
            raise self.ended("")

    def ended(self, reason: str) -> TransportClosed | TransportLost:
        """The exception for a stream that is over: after shut() whatever happens is our own closing."""
        if self._shut:
            return TransportClosed("closed on our side")
        return TransportLost(self._broken or reason)

    # Writing; any thread.

    def write(self, data: bytes, timeout: float, *, last: bool = False, finish: float = _FINISH) -> None:
        """Write one frame whole.

        Waits up to `timeout` seconds for its turn and for room. Once begun, the frame gets what is left of that, but
        at least `finish` seconds and at most the send limit; then the stream is broken for everybody, because the
        rest of the frame could never follow. After a `last` frame nothing else is written; a finaliser on the reader
        may want to write that one in the midst of a call into the TLS session, and does not.

        Raises TransportTimeout or TransportClosed (nothing was written) or TransportLost (perhaps some of it was).
        """
        end = monotonic() + timeout
        taken: list[bool] = []
        if last and held_here(self._tls, _MIDST):
            raise TransportTimeout("the TLS session is in use")
        try:
            self._await_turn(taken, timeout)
            if self._shut or self._broken or self._unsendable or self._sock is None:
                raise TransportClosed(self._broken or self._unsendable or "closed on our side")
            if last:
                self._unsendable = "the closing frame has been sent"
            self._write_frame(data, end, finish)
        finally:
            if True in taken:
                self._writing.release()

    def write_many(self, frames: Sequence[bytes], timeout: float) -> int:
        """Write frames one after the other, in as few pieces as there is room for; return how many were written.

        Fewer than all where the stream had no room for the next one by the time limit, or has broken before it; that
        one was not begun. Waits, and ends a frame that has begun, as `write` does.

        Raises TransportTimeout or TransportClosed (nothing was written) or TransportLost, which tells how many frames
        may have left.
        """
        end = monotonic() + timeout
        written = 0
        taken: list[bool] = []
        try:
            self._await_turn(taken, timeout)
            while written < len(frames):
                if self._shut or self._broken or self._unsendable or self._sock is None:
                    raise TransportClosed(self._broken or self._unsendable or "closed on our side")
                write = self._write_record if self._tls_session else self._write_room
                written += write(frames[written:], end)
                if monotonic() >= end:
                    break
        except (TransportTimeout, TransportClosed):
            if not written:
                raise
        except TransportLost as lost:
            lost.begun += written
            raise
        finally:
            if True in taken:
                self._writing.release()
        return written

    def _await_turn(self, taken: list[bool], timeout: float) -> None:
        """Take the lock for writing. One call, which notes whether it was: Ctrl-C may come right after it."""
        taken.extend(map(self._writing.acquire, (True,), (_bounded(timeout),)))
        if True not in taken:
            raise TransportTimeout("another frame was being written all the time")

    def _write_record(self, frames: Sequence[bytes], end: float) -> int:
        """Write as many frames as one TLS record takes: it goes as a whole, so they count as one."""
        count, size = 1, len(frames[0])
        while count < len(frames) and size + len(frames[count]) <= _RECORD:
            size += len(frames[count])
            count += 1
        try:
            self._write_frame(b"".join(frames[:count]), end, _FINISH)
        except TransportLost as lost:
            lost.begun = count
            raise
        return count

    def _write_room(self, frames: Sequence[bytes], end: float) -> int:
        """Write what there is room for at once, and the end of the frame that this cuts in two."""
        begun = True
        try:
            left = self._put(memoryview(b"".join(frames)))
            written = 0
            while written < len(frames) and left >= len(frames[written]):
                left -= len(frames[written])
                written += 1
            begun = left > 0
            if begun:
                try:
                    self._write_frame(frames[written], end, _FINISH, left)
                except TransportLost as lost:
                    lost.begun = written + 1
                    raise
                begun = False
                written += 1
            if not written:
                self._await_room(end)
        except OSError as exc:
            raise self._unwritable(exc, begun=False) from exc
        except BaseException:
            # Ctrl-C, for one: where the stream stands is not known.
            if begun:
                self.give_up("interrupted in the middle of a frame")
            raise
        return written

    def _unwritable(self, exc: OSError, *, begun: bool) -> TransportClosed | TransportLost:
        """Note that nothing more can be written, and why."""
        self._unsendable = f"the connection broke: {_said(exc)}"
        # Wakes the reader, but lets it take what the peer said last, which may be why.
        self._shut_down()
        return TransportLost(self._unsendable) if begun else TransportClosed(self._unsendable)

    def _write_frame(self, data: bytes, end: float, finish: float, done: int = 0) -> None:
        """Write a frame, of which ``done`` bytes have been written already."""
        rest = memoryview(data)[done:]
        begun = granted = False
        try:
            if self._tls_session:
                # A TLS write that would block has taken its record all the same: it counts as begun. So look first.
                self._await_room(end)
            while rest:
                begun = True
                count = self._put(rest)
                rest = rest[count:]
                if not count:
                    begun = self._tls_session or len(rest) < len(data)
                    if begun and not granted:
                        end = monotonic() + min(self._send_limit, max(finish, end - monotonic()))
                        granted = True
                    self._await_room(end)
        except OSError as exc:
            # Plain TCP is exact: a write that fails has written nothing.
            raise self._unwritable(exc, begun=self._tls_session or len(rest) < len(data)) from exc
        except TransportTimeout:
            if not begun:
                raise
            self.give_up("the peer stopped reading in the middle of a frame")
            raise TransportLost(self._broken) from None
        except BaseException:
            # Ctrl-C, for one: it may even have come between the write and our knowing of it.
            if begun and rest:
                self.give_up("interrupted in the middle of a frame")
            raise

    def _put(self, rest: memoryview) -> int:
        """Write what goes at once: the number of bytes, 0 if there is no room."""
        try:
            if not self._tls_session:
                return int(self._sock.send(rest))
            with self._tls:
                return int(self._sock.send(rest[:_RECORD]))
        except (BlockingIOError, InterruptedError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            # TLS wants to read only in a renegotiation (TLS 1.2), which the reader serves: the loop comes back here
            # until that is over or the time is up.
            return 0

    def _await_room(self, end: float) -> None:
        left = end - monotonic()
        writable = self._writable
        if not (self._wait(selectors.EVENT_WRITE, left) if writable is None else writable.wait(_bounded(left))):
            raise TransportTimeout("the peer is not reading: no room for the frame")

    def _wait(self, event: int, timeout: float | None) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(self._sock, event)
            return bool(selector.select(None if timeout is None else _bounded(timeout)))

    # Ending.

    def refuse_if_shut(self) -> None:
        """Raise TransportClosed if the stream was shut: what went wrong then is our own closing."""
        if self._shut:
            raise TransportClosed("closed on our side")

    def give_up(self, reason: str) -> None:
        """End the stream for everybody because of what happened here; any thread."""
        self._broken = self._broken or reason
        self._shut_down()

    def shut(self) -> None:
        """End the stream from any thread; wakes whoever waits in it. Never blocks, may be called twice."""
        self._shut = True
        self._resolved.put(None)
        self._shut_down()

    def _shut_down(self) -> None:
        if held_here(self._life, _MIDST):
            return  # a signal handler, or a finaliser, in the midst of opening or ending it, which looks at the flag
        with self._life:
            if self._sock is None:
                return
            try:
                _shut_descriptor(self._sock.fileno())
            except OSError:
                return  # never connected, or gone already

    def close(self) -> None:
        """Close the descriptor; the reader's thread only, when it will not call `fill` again."""
        self.shut()
        if self._readable is not None:
            self._readable.close()
        if not self._writing.acquire(timeout=_LET_GO):
            return  # a descriptor lost is better than a frame written into somebody else's
        try:
            with self._life:
                sock, self._sock = self._sock, None
            if self._writable is not None:
                self._writable.close()
            if sock is not None:
                sock.close()
        finally:
            self._writing.release()

    def abandon(self) -> None:
        """In a forked child: let go of the inherited descriptor; the parent's connection doesn't notice.

        Touches no lock, since a thread that exists only in the parent may hold any of them. Closing a copy of a
        descriptor sends nothing as long as the parent has its own, and neither does dropping a TLS session.
        """
        self._shut = True
        self._life, self._writing, self._tls = threading.Lock(), threading.Lock(), threading.Lock()
        self._resolved = queue.SimpleQueue()
        sock, self._sock = self._sock, None
        if self._readable is not None:
            self._readable.close()
        if sock is not None:
            sock.close()


_UNDER_WAY = {errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", errno.EWOULDBLOCK)}


def _bounded(timeout: float) -> float:
    """The time as every kind of wait can take it."""
    return min(max(0.0, timeout), _LONGEST)


def _look_up(host: str, port: int, answer: queue.SimpleQueue[_Addresses | Exception | None]) -> None:
    try:
        answer.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as exc:  # the latter for what cannot be a name
        answer.put(exc)


def _shut_descriptor(descriptor: int) -> None:
    """Shut a connection both ways by its descriptor, whatever kind of socket object it belongs to.

    Not by ``SSLSocket.shutdown``: it drops the TLS session first, and the reader, still busy with records, would take
    ciphertext for frames. Nor by ``socket.socket.shutdown``: under gevent and eventlet that is another class, which
    one made before the patch is no instance of, and eventlet's has no such method.
    """
    view = _socket.socket(fileno=descriptor)
    try:
        view.shutdown(socket.SHUT_RDWR)
    finally:
        view.detach()


def _set_options(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _said(exc: object) -> str:
    return getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
