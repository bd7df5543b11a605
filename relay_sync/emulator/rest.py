"""The HTTP side of the port: tasks are left at ``POST /api/relay/rest/tasks`` (protocol.md 15).

Answers: 204 with an empty body for a task that was taken (also when nobody receives the context); 401 without, or
with wrong, Basic credentials; 400 for a body that is no such task; 404 for any other path; 503 while connections are
refused on request. Only 204 and 401 stand in the sources. An error's body is ``{"code": "400", "message": "..."}``,
which is ours.

For faults and the journal a delivery is called ``POST /api/relay/rest/tasks``, or ``tasks`` for short in faults.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import Any

from aiohttp import web

from relay_sync.emulator import envelope
from relay_sync.emulator.checks import Field, anything, check_fields, text
from relay_sync.emulator.envelope import RpcError
from relay_sync.emulator.journal import Described
from relay_sync.emulator.service import Service
from relay_sync.emulator.tasks import Tasks

PATH = "/api/relay/rest/tasks"
METHOD = f"POST {PATH}"
FAULT = "tasks"
"""What a delivery is called by ``refuse_next``, ``hold_reply`` and ``lose_reply``."""


def _object(value: Any, strict: bool) -> str | None:
    return None if isinstance(value, dict) else f"must be an object, not {value!r}"


_FIELDS = (Field("context", text), Field("message", _object, "if strict"))
_LOOSE = (Field("context", text), Field("message", anything, False))


class _Answer(Exception):
    """Any status but 204."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Rest:
    """Answers HTTP requests that are no upgrades. Everything happens on the emulator's thread."""

    def __init__(self, service: Service, tasks: Tasks) -> None:
        self._service = service
        self._tasks = tasks
        self._unanswered: set[asyncio.Future[None]] = set()

    async def post(self, request: web.Request, number: int) -> web.Response:
        """Answer a POST; ``number`` is that of the connection in the journal."""
        content = (await request.read()).decode(errors="replace")
        body = _parsed(content)
        params = body if isinstance(body, dict) else {}
        method = f"POST {request.path}"
        described = Described("command", method, method, params)
        self._service.journal.write(number, "received", content, {"http": method, "body": body}, described)
        status, message = 204, ""
        fate = self._service.faults.fate_of_reply(FAULT)
        kind = "" if fate is None else fate.kind
        try:
            self._take(request, body)
        except _Answer as answer:
            status, message = answer.status, answer.message
        if kind == "hold":
            await self._held()
        elif kind == "lose":
            await self._hang()
        elif fate is not None and kind == "delay":
            await asyncio.sleep(fate.seconds or 0.0)
        return self._answer(number, status, message)

    def stop(self) -> None:
        """The server ends: so do the requests that wait for their reply."""
        for waiting in self._unanswered:
            waiting.cancel()

    def _take(self, request: web.Request, body: object) -> None:
        service = self._service
        if service.faults.refuses_connections:
            raise _Answer(503, "Service Unavailable")
        if request.path != PATH:
            raise _Answer(404, f"There is nothing at {request.path}")
        if not service.logins.knows(*_credentials(request.headers.get("Authorization", ""))):
            raise _Answer(401, "Unauthorized: project and token are wanted as Basic credentials")
        if refusal := service.faults.refusal_of(FAULT):
            code = 500 if isinstance(refusal, RpcError) else int(refusal.code)
            raise _Answer(code, refusal.message)
        if service.strict and request.content_type != "application/json":
            raise _Answer(400, f"Content-Type must be application/json, not {request.content_type}")
        if not isinstance(body, dict):
            raise _Answer(400, "the body must be a JSON object")
        if complaint := check_fields("a task", body, _FIELDS if service.strict else _LOOSE, service.strict):
            raise _Answer(400, complaint)
        self._tasks.deliver(str(body["context"]), body.get("message", {}))

    async def _held(self) -> None:
        """Return once the reply is released."""
        waiting = self._waiting()

        def release() -> None:
            if not waiting.done():
                waiting.set_result(None)

        self._service.faults.hold(FAULT, release)
        await waiting

    async def _hang(self) -> None:
        """Wait until the server ends: whoever asked gets no reply."""
        await self._waiting()

    def _waiting(self) -> asyncio.Future[None]:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unanswered.add(waiting)
        waiting.add_done_callback(self._unanswered.discard)
        return waiting

    def _answer(self, number: int, status: int, message: str) -> web.Response:
        body = {} if status == 204 else {"code": str(status), "message": message}
        described = Described("answer", METHOD, code=str(status), message=message, params=dict(body))
        self._service.journal.write(number, "sent", f"HTTP {status} {message}".strip(), {"status": status}, described)
        if status == 204:
            return web.Response(status=204)
        headers = {"WWW-Authenticate": 'Basic realm="Relay"'} if status == 401 else {}
        return web.json_response(body, status=status, headers=headers)


def _parsed(content: str) -> object:
    """Return what JSON holds, None for what is none."""
    try:
        return envelope.parse(content)
    except RpcError:
        return None


def _credentials(header: str) -> tuple[str | None, str | None]:
    """Return user and password of Basic credentials."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None, None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None, None
    return (user, password) if colon else (None, None)
