"""Credentials: who may log in, with project and token or with a JWT, and for how long (protocol.md 5.1, 5.7, 6.1, 6.7).

A JWT is opaque here: those that the emulator was told of are taken. What happens when one has expired no source says.
"""

from __future__ import annotations

import asyncio
import hmac
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from relay_sync.emulator.assumptions import Assumptions
from relay_sync.emulator.engine import Engine
from relay_sync.emulator.envelope import AUTHENTICATION_FAILED, INVALID_REQUEST, RpcError

if TYPE_CHECKING:
    from relay_sync.emulator.service import Link

SCOPES = ("calling", "messaging", "tasking")


@dataclass(frozen=True, slots=True)
class Login:
    """How a client has logged in. ``expires_at``: Unix seconds; None for never."""

    project: str = field(repr=False)
    by_jwt: bool = False
    expires_at: float | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def expired(self) -> bool:
        """Is it too old?"""
        return self.expires_at is not None and time.time() >= self.expires_at


class Logins:
    """Checks credentials. ``jwt_lifetime``: for how many real seconds one login by JWT lasts; None for ever."""

    def __init__(
        self,
        project: str,
        token: str,
        jwts: Sequence[str],
        jwt_lifetime: float | None,
        assumptions: Assumptions,
        faults: Engine,
    ) -> None:
        self._project = project
        self._token = token
        self._jwts = tuple(jwts)
        self._lifetime = jwt_lifetime
        self._assumptions = assumptions
        self._faults = faults

    def knows(self, project: object, token: object) -> bool:
        """Are these the project and its token?"""
        return not self._faults.refuses_credentials and _same(project, self._project) and _same(token, self._token)

    def log_in(self, link: Link, who: Mapping[str, Any]) -> Login:
        """Return the login for the ``authentication`` of a handshake; RpcError when it is refused."""
        login = self._checked(who)
        if login is None:
            if self._assumptions.close_refused_login:
                link.close_soon()
            raise self._refusal("Authentication failed: unknown project or wrong token")
        self._see_to_its_end(link, login)
        return login

    def log_in_again(self, link: Link, before: Login, who: Mapping[str, Any]) -> Login:
        """Return the login after a reauthentication, which is for logins by JWT; RpcError when it is refused."""
        if not before.by_jwt:
            raise RpcError(INVALID_REQUEST, "Only a login by JWT can be renewed")
        login = self._checked(who)
        if login is None or not login.by_jwt:
            raise self._refusal("Authentication failed: the JWT is not accepted")
        self._see_to_its_end(link, login)
        return login

    def check(self, login: Login) -> None:
        """Refuse what is asked after the end of a login, if that is what happens then."""
        if login.expired and self._assumptions.expired_login == "refused":
            raise self._refusal("Authentication required: the JWT has expired")

    def _checked(self, who: Mapping[str, Any]) -> Login | None:
        if "token" in who:
            return Login(self._project) if self.knows(who.get("project"), who["token"]) else None
        if self._faults.refuses_credentials:
            return None
        taken = [jwt for jwt in self._jwts if _same(who.get("jwt_token"), jwt)]
        if not taken or not _same(who.get("project", self._project), self._project):
            return None
        return Login(self._project, True, None if self._lifetime is None else time.time() + self._lifetime)

    def _see_to_its_end(self, link: Link, login: Login) -> None:
        if login.expires_at is None or self._assumptions.expired_login != "closed":
            return

        def end() -> None:
            if link.session is not None and link.session.login is login:  # else it has been renewed
                link.close_soon()

        link.wait_then(asyncio.sleep(login.expires_at - time.time()), end)

    def _refusal(self, message: str) -> RpcError:
        if self._assumptions.refusal_word is None:
            return RpcError(AUTHENTICATION_FAILED, message)
        word = {"signalwire_error_code": self._assumptions.refusal_word}
        return RpcError(AUTHENTICATION_FAILED, message, data=word)


def _same(given: object, known: str) -> bool:
    """Compare in a time that tells nothing."""
    return isinstance(given, str) and hmac.compare_digest(given.encode(errors="replace"), known.encode())
