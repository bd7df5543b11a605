"""Sending and receiving faxes (api.md 7.8, protocol.md 11.6)."""

from __future__ import annotations

from typing import Any

from relay_sync.calling import checks, fields
from relay_sync.calling.action import Stoppable
from relay_sync.calling.leg import Leg
from relay_sync.calling.result import Result
from relay_sync.showing import shown
from relay_sync.wire.states import OPERATIONS


class FaxResult(Result):
    """How a fax ended: successful when Relay said that it was.

    Attributes:
        direction: ``send`` or ``receive``.
        identity: of this side.
        remote_identity: of the other side.
        document: address of the document sent or received.
        pages: how many.
        result: the code of the fax protocol; 0 is well.
        result_text: the same in words.
        event: its payload is the ``fax`` object (api.md 10).
    """

    direction: str | None = None
    identity: str | None = None
    remote_identity: str | None = None
    document: str | None = None
    pages: float | None = None
    result: float | None = None
    result_text: str | None = None


class FaxAction(Stoppable[FaxResult]):
    """A fax that is being sent or received on a call; made by :meth:`Call.fax_send_async` and its kin.

    ``state`` goes ``''``, ``'page'`` with each page, ``'finished'`` or ``'error'``; ``'failed'`` as for
    every action. A fax may be ``'finished'`` and not successful: the result says why.
    """

    __slots__ = ()

    _operation = OPERATIONS["fax"]
    _success = frozenset({"finished"})
    _result_type = FaxResult

    # -- what happens to it; the lock is held ---------------------------------------------------------

    def _judge(self, state: str, params: dict[str, Any]) -> FaxResult | None:
        if state not in self._operation.final:
            return None
        told = fields.mapping(fields.mapping(params.get("fax")).get("params"))
        successful = state in self._success and fields.true(told.get("success"))
        why = fields.text(told.get("description")) or fields.text(told.get("result_text"))
        return self._ended(
            state,
            params,
            successful,
            **({} if successful else {"message": f"the fax failed: {why or 'Relay did not say why'}"}),
            **{name: fields.text(told.get(name)) for name in ("direction", "identity", "remote_identity", "document")},
            pages=fields.number(told.get("pages")),
            result=fields.number(told.get("result")),
            result_text=fields.text(told.get("result_text")),
        )


class FaxSendAction(FaxAction):
    """A fax that is being sent."""

    __slots__ = ()

    _command = "calling.send_fax"


class FaxReceiveAction(FaxAction):
    """A fax that is being received."""

    __slots__ = ()

    _command = "calling.receive_fax"


class Faxing(Leg):
    """The verbs that fax."""

    __slots__ = ()

    def fax_send(
        self,
        url: str | None = None,
        identity: str | None = None,
        header: str | None = None,
        *,
        document: str | None = None,
        wait_timeout: float | None = None,
    ) -> FaxResult:
        """Send a document by fax, and block until it was sent or could not be.

        Args:
            url: http or https address of a PDF. v2's pages call it ``document``, v2's code ``url``:
                give it first, or by one of the two names.
            identity: what the receiver is shown; Relay's default is the SignalWire number.
            header: text on top of each page; '' for none; Relay's default is ``SignalWire``.
            document: the same as ``url``.
            wait_timeout: seconds for the whole of it; without it the call's end bounds the wait. A
                fax whose wait timed out goes on.

        Returns:
            Successful when Relay said that it was; not where it failed, Relay refused it, or the
            call ended first.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was started.
            RelayTimeout: no answer, or no end, in time.
        """
        params = _document(url, document, identity, header)
        action, deadline = self._start(FaxSendAction(self, params), wait_timeout)
        return action._wait(deadline)

    def fax_send_async(
        self,
        url: str | None = None,
        identity: str | None = None,
        header: str | None = None,
        *,
        document: str | None = None,
        wait_timeout: float | None = None,
    ) -> FaxAction:
        """Start :meth:`fax_send` and return its action once Relay has accepted or refused it. Not asyncio.

        A refused one is ``completed`` with state ``'failed'``, and its result says why.
        ``wait_timeout`` bounds Relay's answer, as ``request_timeout`` does in any case.
        """
        return self._start(FaxSendAction(self, _document(url, document, identity, header)), wait_timeout)[0]

    def fax_receive(self, *, wait_timeout: float | None = None) -> FaxResult:
        """Receive a fax, and block until it was received or could not be.

        Args, returns and raises as :meth:`fax_send`; the document is at ``result.document``.
        """
        action, deadline = self._start(FaxReceiveAction(self, {}), wait_timeout)
        return action._wait(deadline)

    def fax_receive_async(self, *, wait_timeout: float | None = None) -> FaxAction:
        """Start :meth:`fax_receive` and return its action once Relay has answered.

        See :meth:`fax_send_async`.
        """
        return self._start(FaxReceiveAction(self, {}), wait_timeout)[0]


def _document(url: object, document: object, identity: object, header: object) -> dict[str, Any]:
    """The params of ``calling.send_fax``, checked."""
    if (url is None) == (document is None):
        raise TypeError(
            f"url={shown(url)}, document={shown(document)}: give the address of the document, by one of the names"
        )
    name, address = ("url", url) if document is None else ("document", document)
    what = "the http or https address of a PDF"
    # The emulator also takes a path, which has no scheme, and a file's address.
    schemes = ("http://", "https://", "file://") if isinstance(address, str) and "://" in address else ()
    params: dict[str, Any] = {"document": checks.address(address, name, what, schemes)}
    if identity is not None:
        params["identity"] = checks.text(identity, "identity", "what the receiver is shown")
    if header is not None:
        if not isinstance(header, str):
            raise TypeError(f"header={shown(header)}: give a string, '' for no header")
        params["header_info"] = header
    return params
