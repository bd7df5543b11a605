"""Handing a SIP call over to another SIP address (api.md 7.2, protocol.md 12)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from relay_sync.calling import checks, fields
from relay_sync.calling.action import Action
from relay_sync.calling.devices import sip_headers
from relay_sync.calling.leg import Leg
from relay_sync.calling.result import Result
from relay_sync.wire.states import OPERATIONS


class ReferResult(Result):
    """How a SIP REFER ended: successful when the other side took it.

    Attributes:
        refer_to: the address it was referred to.
        refer_response_code: the SIP answer to the REFER, such as ``"202"``.
        refer_notify_code: the SIP code of the notification that followed, such as ``"200"``.
    """

    refer_to: str | None = None
    refer_response_code: str | None = None
    refer_notify_code: str | None = None


class ReferAction(Action[ReferResult]):
    """A SIP REFER that is going on; made by :meth:`Call.refer_async`.

    ``state`` goes ``''``, ``'inProgress'``, then ``'success'``, ``'cancel'``, ``'busy'``, ``'noAnswer'`` or
    ``'error'``; ``'failed'`` as for every action. The wire knows no command for it, and one at a time.
    """

    __slots__ = ()

    _operation = OPERATIONS["refer"]
    _command = "calling.refer"
    _success = frozenset({"success"})
    _result_type = ReferResult
    _controlled = False

    # -- what happens to it; the lock is held ---------------------------------------------------------

    def _judge(self, state: str, params: dict[str, Any]) -> ReferResult | None:
        if state not in self._operation.final:
            return None
        return self._ended(
            state,
            params,
            state in self._success,
            refer_to=fields.text(params.get("sip_refer_to")),
            refer_response_code=fields.text(params.get("sip_refer_response_code")),
            refer_notify_code=fields.text(params.get("sip_notify_response_code")),
        )


class Referring(Leg):
    """The verbs of SIP REFER."""

    __slots__ = ()

    def refer(
        self,
        to: str,
        headers: Iterable[Mapping[str, str]] | None = None,
        username: str | None = None,
        password: str | None = None,
        *,
        status_url: str | None = None,
        wait_timeout: float | None = None,
    ) -> ReferResult:
        """Ask the other side of a SIP call to call ``to`` instead, and block until it did or would not.

        Only for calls with a SIP device; of others Relay refuses it. One at a time for a call: while
        one goes on, another is not sent.

        Args:
            to: a SIP address such as ``sip:desk@example.com``.
            headers: more SIP headers, each ``{"name": "X-…", "value": …}``; only names that begin with ``X-``.
            username: for ``to``, where it asks for one.
            password: likewise.
            status_url: http or https address that is told how it goes.
            wait_timeout: seconds for the whole of it; without it the call's end bounds the wait.

        Returns:
            Successful when it was taken; not where it was cancelled, busy, not answered or failed,
            Relay refused it, or the call ended first.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was started.
            RelayTimeout: no answer, or no end, in time.
        """
        action, deadline = self._start(self._new_refer(to, headers, username, password, status_url), wait_timeout)
        return action._wait(deadline)

    def refer_async(
        self,
        to: str,
        headers: Iterable[Mapping[str, str]] | None = None,
        username: str | None = None,
        password: str | None = None,
        *,
        status_url: str | None = None,
        wait_timeout: float | None = None,
    ) -> ReferAction:
        """Start :meth:`refer` and return its action once Relay has accepted or refused it. Not asyncio.

        ``wait_timeout`` bounds Relay's answer, as ``request_timeout`` does in any case.
        """
        return self._start(self._new_refer(to, headers, username, password, status_url), wait_timeout)[0]

    def _new_refer(
        self, to: object, headers: object, username: object, password: object, status_url: object
    ) -> ReferAction:
        params: dict[str, Any] = {
            "to": checks.address(to, "to", "a SIP address such as 'sip:desk@example.com'", ("sip:", "sips:"))
        }
        if headers is not None:
            params["headers"] = sip_headers(headers)
        if username is not None:
            params["username"] = checks.text(username, "username", "a user name")
        if password is not None:
            params["password"] = checks.secret(password, "password", "a password")
        device = {"device": {"type": "sip", "params": params}}
        if status_url is None:
            return ReferAction(self, device)
        return ReferAction(self, {**device, "status_url": checks.web_address(status_url, "status_url")})
