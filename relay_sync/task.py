"""Task: deliver work to consumers over HTTPS; needs no connection (api.md 5, protocol.md 15)."""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING, Any

from relay_sync.calling import checks
from relay_sync.config import resolve
from relay_sync.errors import ConnectFailed, ConnectionLost, RelayTimeout

if TYPE_CHECKING:
    import requests

logger: logging.Logger = logging.getLogger(__name__)

PATH = "/api/relay/rest/tasks"


class Task:
    """Delivers tasks to the consumers of a context; safe to use from any thread.

    Args:
        project, token, host, space, ca_file: as for :class:`relay_sync.Client`, the environment included.
        timeout: seconds to wait for the connection, and again for each part of the answer.

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
    ) -> None:
        self._config = resolve(project=project, token=token, host=host, space=space, ca_file=ca_file)
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
        return f"<Task {self.url}>"

    def deliver(self, context: str, message: dict[str, Any]) -> bool:
        """Deliver ``message`` to one of the consumers of ``context``; block until the service has answered.

        Args:
            context: the name of a context.
            message: a dict that can be JSON.

        Returns:
            True when the service accepted it (204 No Content); False when it refused, and the log says how.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            ConnectFailed: the service could not be reached; nothing was sent.
            ConnectionLost: the connection broke before the answer: it is unknown whether the task arrived.
            RelayTimeout: no answer in time (``sent`` tells whether it may have arrived).
        """
        checks.text(context, "context", "the name of a context")
        if not isinstance(message, dict):
            raise TypeError(f"message={message!r}: give a dict")
        try:
            body = json.dumps({"context": context, "message": message}, allow_nan=False).encode()
        except (TypeError, ValueError) as wrong:
            raise type(wrong)(f"message can't be JSON: {wrong}") from None
        except RecursionError:
            raise ValueError("message can't be JSON: it is nested too deeply") from None
        response = self._post(body)
        if response.status_code == 204:
            return True
        logger.warning("the task for %r was refused with HTTP status %d", context, response.status_code)
        return False

    def _post(self, body: bytes) -> requests.Response:
        import requests  # here, so that importing the package does not cost it

        try:
            return requests.post(
                self.url,
                data=body,
                headers={"Content-Type": "application/json"},
                auth=(self._config.project, self._config.token),
                timeout=self._timeout,
                verify=self._config.ca_file or True,
                allow_redirects=False,
            )
        except requests.exceptions.ConnectTimeout as late:
            raise RelayTimeout(f"no connection to {self.url} within {self._timeout} s", sent=False) from late
        except requests.exceptions.Timeout as late:
            raise RelayTimeout(f"no answer from {self.url} within {self._timeout} s", sent=True) from late
        except requests.exceptions.SSLError as wrong:
            raise ConnectFailed(
                f"the certificate of {self.url} was not accepted ({wrong}): give ca_file= or SIGNALWIRE_RELAY_CA_FILE"
            ) from wrong
        except requests.exceptions.RequestException as wrong:
            if _never_connected(wrong):
                raise ConnectFailed(f"{self.url} could not be reached: {wrong}") from wrong
            raise ConnectionLost(f"{self.url} did not answer: {wrong}") from wrong
        except OSError as wrong:
            raise ConnectFailed(
                f"the CA file {self._config.ca_file!r} (ca_file= or SIGNALWIRE_RELAY_CA_FILE) cannot be used: {wrong}"
            ) from wrong


def _never_connected(error: requests.exceptions.RequestException) -> bool:
    """Whether it failed before anything was sent: requests has one error for that and for a broken connection."""
    import urllib3  # requests stands on it
    from requests.exceptions import InvalidURL, ProxyError

    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(error, (InvalidURL, ProxyError)) or isinstance(reason, urllib3.exceptions.NewConnectionError)
