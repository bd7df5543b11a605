"""Everything that relay_sync raises.

::

    RelayError
    ├── ConfigurationError (ValueError)   bad or missing project, token, host or contexts; before any I/O
    ├── ConnectFailed                     could not reach Relay or agree with it
    │   └── AuthenticationFailed          Relay refused the credentials; never retried
    ├── NotConnected                      there was no connection: surely not sent
    ├── ConnectionLost                    it broke between send and answer: unknown whether it was done
    ├── RelayTimeout (TimeoutError)       no answer, or no end, in time
    ├── OperationFailed                   only from ``Result.raise_for_status()``
    │   └── CommandRefused                Relay said no; its code and message
    ├── ProtocolViolation                 Relay sent what it must not
    └── WouldDeadlock (RuntimeError)      it would wait for itself

A command that Relay refuses is not an exception but a result with ``successful=False``.
A mistake in the caller's arguments is an ordinary ``TypeError`` or ``ValueError``.
"""

from __future__ import annotations

from typing import Any


class RelayError(Exception):
    """The root of everything this library raises.

    Attributes:
        message: what was being done, to what, and what came back.
        method: Relay's name of the command it happened to, where there was one.
        code: Relay's own code, where Relay gave one.
        call_id: the call concerned, where known.
        control_id: the operation concerned, where known.
    """

    def __init__(
        self,
        message: str = "",
        *,
        method: str | None = None,
        code: str | None = None,
        call_id: str | None = None,
        control_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.method = method
        self.code = code
        self.call_id = call_id
        self.control_id = control_id

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions pickle as cls(*args): keyword-only fields have to travel as state.
        return type(self), (self.message,), self.__dict__


class ConfigurationError(RelayError, ValueError):
    """What the client was given cannot work; names what was looked for. Raised before any I/O."""


class ConnectFailed(RelayError):
    """Relay could not be reached, or there was no agreement with what answered."""


class AuthenticationFailed(ConnectFailed):
    """Relay refused the credentials. Never retried: only other credentials can help."""


class NotConnected(RelayError):
    """There was no connection to send on: the command was surely not sent."""


class ConnectionLost(RelayError):
    """The connection broke between sending and the answer: it is unknown whether it was done."""


class RelayTimeout(RelayError, TimeoutError):
    """No answer, or no end, within the time allowed.

    Attributes:
        sent: whether the command had left when the time was up.
    """

    def __init__(
        self,
        message: str = "",
        *,
        sent: bool = True,
        method: str | None = None,
        code: str | None = None,
        call_id: str | None = None,
        control_id: str | None = None,
    ) -> None:
        super().__init__(message, method=method, code=code, call_id=call_id, control_id=control_id)
        self.sent = sent


class OperationFailed(RelayError):
    """An operation ended without success; raised only by ``Result.raise_for_status()``."""


class CommandRefused(OperationFailed):
    """Relay refused the command; ``code`` and ``message`` are Relay's own."""


class ProtocolViolation(RelayError):
    """Relay sent what it must not (the text is shortened and its secrets are masked)."""


class WouldDeadlock(RelayError, RuntimeError):
    """A method that would wait for itself was called.

    On the connection's own thread, which alone could end the wait; in a handler that waits for all handlers; or by a
    signal handler or a finaliser in the midst of the library's own work.
    """
