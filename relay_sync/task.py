"""Task: deliver work to consumers over HTTPS; needs no connection (api.md 5, protocol.md 15)."""

from __future__ import annotations

import json
import logging
import os
import ssl
import traceback
from typing import Any, Literal

from relay_sync.calling import checks
from relay_sync.config import resolve
from relay_sync.errors import ConnectFailed, ConnectionLost, RelayTimeout
from relay_sync.link.failures import OpenFailed
from relay_sync.link.tls import tls_context
from relay_sync.link.waiting import Deadline
from relay_sync.masking import Masker
from relay_sync.showing import shown

logger: logging.Logger = logging.getLogger(__name__)

PATH = "/api/relay/rest/tasks"


class Task:
    """Delivers tasks to the consumers of a context; safe to use from any thread.

    Args:
        project, token, host, space, ca_file, ssl_context, proxy: as for :class:`relay_sync.Client`, framework and
            environment included.
        timeout: seconds for the whole of one delivery, from the look-up of the name to the end of the answer.

    Raises:
        ConfigurationError: something needed is missing or can't be; names what was looked for.
    """

    def __init__(
        self,
        project: str | None = None,
        token: str | None = None,
        host: str | None = None,
        *,
        space: str | None = None,
        timeout: float = 10.0,
        ca_file: str | os.PathLike[str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | Literal[False] | None = None,
    ) -> None:
        self._config = resolve(project=project, token=token, host=host, space=space, ca_file=ca_file, proxy=proxy)
        self._ssl_context = ssl_context
        self._timeout = checks.duration(timeout, "timeout")

    @property
    def project(self) -> str:
        """The project id."""
        return self._config.project

    @property
    def host(self) -> str:
        """The address of the service, as ``https://…``."""
        # ws -> http, wss -> https; a path of the socket's address is not the REST service's.
        scheme, _, rest = self._config.url.partition("://")
        return f"http{scheme[2:]}://{rest.partition('/')[0]}"

    @property
    def url(self) -> str:
        """The address that tasks are posted to."""
        return self.host + PATH

    def __repr__(self) -> str:
        return f"<Task {self.url}>" if hasattr(self, "_config") else "<Task that was refused>"

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a Task holds credentials and can't be pickled: make one in each process")

    def deliver(self, context: str, message: dict[str, Any]) -> bool:
        """Deliver ``message`` to one of the consumers of ``context``; block until the service has answered.

        Args:
            context: the name of a context.
            message: a dict that can be JSON.

        Returns:
            True when the service accepted it (204 No Content); False when it refused, and the log says how.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            ConnectFailed: the service could not be reached, or a proxy is in the way; nothing was sent.
            ConnectionLost: the connection broke before the answer: it is unknown whether the task arrived.
            RelayTimeout: no answer in time (``sent`` tells whether it may have arrived).
        """
        checks.text(context, "context", "the name of a context")
        if not isinstance(message, dict):
            raise TypeError(f"message={shown(message)}: give a dict")
        try:
            body = json.dumps({"context": context, "message": message}, allow_nan=False).encode()
        except (TypeError, ValueError) as wrong:
            raise type(wrong)(f"message can't be JSON: {wrong}") from None
        except RecursionError:
            raise ValueError("message can't be JSON: it is nested too deeply") from None
        status = self._post(body)
        if status == 204:
            return True
        logger.warning("the task for %r was refused with HTTP status %d", context, status)
        return False

    def _post(self, body: bytes) -> int:
        import requests  # here, so that importing the package does not cost it

        from relay_sync.posting import Posting

        deadline, proxy = Deadline(self._timeout), self._config.proxy
        context = self._context()
        posting = Posting(self.url, body, (self._config.project, self._config.token), context, proxy)
        try:
            status = posting.run(deadline)
        except (RelayTimeout, requests.exceptions.Timeout) as late:
            what = f"no answer from {self.url}" if posting.sent else f"no connection to {self.url}"
            raise RelayTimeout(f"{what} within {self._timeout} s", sent=posting.sent) from late
        except requests.exceptions.SSLError as wrong:
            raise ConnectFailed(
                f"the certificate of {self.url} was not accepted ({self._masked(wrong)}): "
                "give ca_file= or SIGNALWIRE_RELAY_CA_FILE"
            ) from self._cause(wrong)
        except requests.exceptions.ProxyError as wrong:
            raise self._no_proxy(self._masked(wrong)) from self._cause(wrong)
        except requests.exceptions.RequestException as wrong:
            if not posting.sent:
                raise ConnectFailed(f"{self.url} could not be reached: {self._masked(wrong)}") from self._cause(wrong)
            raise ConnectionLost(f"{self.url} did not answer: {self._masked(wrong)}") from self._cause(wrong)
        except RuntimeError as wrong:  # the system has no more threads, or the interpreter is ending
            raise ConnectFailed(f"no thread could be started for {self.url}: {wrong}") from wrong
        if status == 407 and proxy is not None:
            raise self._no_proxy("407 Proxy Authentication Required")
        return status

    def _context(self) -> ssl.SSLContext:
        if self._ssl_context is not None:
            return self._ssl_context
        try:
            return tls_context(self._config.ca_file)
        except OpenFailed as wrong:
            raise ConnectFailed(wrong.reason) from wrong

    def _no_proxy(self, why: str) -> ConnectFailed:
        proxy = self._config.proxy
        assert proxy is not None  # nothing else would be a proxy's error
        return ConnectFailed(
            f"the proxy {proxy} ({proxy.source}) does not let us through to {self.url}: {why}; check its address, user "
            "and password, or go round it with NO_PROXY or proxy=False"
        )

    def _masked(self, error: Exception) -> str:
        return self._masker().mask(str(error))

    def _cause(self, error: Exception) -> Exception | None:
        """The error to show as the cause; None where it, or one before it, repeats what should not be shown."""
        shown = "".join(traceback.format_exception(error))
        return error if self._masker().mask(shown) == shown else None

    def _masker(self) -> Masker:
        secrets = self._config.proxy.secrets if self._config.proxy is not None else ()
        return Masker((self._config.project, self._config.token, *secrets))
