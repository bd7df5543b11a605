"""Streaming a call's sound to a WebSocket (api.md 15, protocol.md 13)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

from relay_sync.calling import checks, options
from relay_sync.calling.action import Stoppable
from relay_sync.calling.leg import Leg
from relay_sync.calling.result import Result
from relay_sync.wire.states import OPERATIONS

if TYPE_CHECKING:
    from typing_extensions import Unpack

# The second three are how one page of the service's names the first (protocol.md 19).
TRACKS = ("inbound_track", "outbound_track", "both_tracks", "inbound", "outbound", "both")


class StreamOptions(TypedDict, total=False):
    """What a stream takes by keyword; what is None or left out is not sent: Relay's default applies.

    Attributes:
        name: what the stream is called, to tell several of a call.
        codec: such as ``PCMU`` or ``PCMA``; by default as in the call.
        track: ``inbound_track`` for what the phone says (default), ``outbound_track`` for what it
            hears, ``both_tracks``. Some of the service's pages name them without ``_track``: those
            are taken too, and sent as they are.
        status_url: http or https address that is told how the stream goes.
        status_url_method: ``GET`` or ``POST``.
        authorization_bearer_token: sent to the WebSocket's server, which may ask for it.
        custom_parameters: a dict of your own that the WebSocket's server is given.
    """

    name: str | None
    codec: str | None
    track: str | None
    status_url: str | None
    status_url_method: str | None
    authorization_bearer_token: str | None
    custom_parameters: Mapping[str, Any] | None


OPTIONS: options.Table = {
    "name": ("name", partial(checks.text, what="a name for the stream")),
    "codec": ("codec", partial(checks.text, what="the name of a codec such as 'PCMU'")),
    "track": ("track", partial(checks.one_of, allowed=TRACKS)),
    "status_url": ("status_url", checks.web_address),
    "status_url_method": ("status_url_method", checks.method),
    "authorization_bearer_token": ("authorization_bearer_token", partial(checks.secret, what="a token")),
    "custom_parameters": ("custom_parameters", checks.data),
}


class StreamResult(Result):
    """How a stream ended: successful when it finished, by itself or by ``stop()``.

    Attributes:
        url: the WebSocket it went to.
        name: what it was called; None where it has no name.
    """

    url: str | None = None
    name: str | None = None


class StreamAction(Stoppable[StreamResult]):
    """A stream of a call's sound; made by :meth:`Call.stream_async`.

    ``state`` goes ``''``, ``'streaming'``, ``'finished'``; ``'failed'`` as for every action.
    """

    __slots__ = ()

    _operation = OPERATIONS["stream"]
    _command = "calling.stream"
    _success = frozenset({"finished"})
    _result_type = StreamResult

    # -- what happens to it; the lock is held ---------------------------------------------------------

    def _make(self, **values: Any) -> StreamResult:
        return super()._make(url=self.payload["url"], name=self.payload.get("name"), **values)


class Streaming(Leg):
    """The verbs that stream."""

    __slots__ = ()

    @options.spelled_out(StreamOptions)
    def stream(
        self, url: str, *, wait_timeout: float | None = None, **stream_options: Unpack[StreamOptions]
    ) -> StreamResult:
        """Send the call's sound to a WebSocket while it goes on, and block until that has ended.

        Args:
            url: an address that begins with ``wss://`` or ``ws://``.
            wait_timeout: seconds for the whole of it; without it the call's end bounds the wait. A
                stream whose wait timed out goes on.
            stream_options: see :class:`StreamOptions`.

        Returns:
            Successful when it finished; not where Relay refused it, or the call ended first.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was started.
            RelayTimeout: no answer, or no end, in time.
        """
        action, deadline = self._start(StreamAction(self, _stream(url, stream_options)), wait_timeout)
        return action._wait(deadline)

    @options.spelled_out(StreamOptions)
    def stream_async(
        self, url: str, *, wait_timeout: float | None = None, **stream_options: Unpack[StreamOptions]
    ) -> StreamAction:
        """Start :meth:`stream` and return its action once Relay has accepted or refused it. Not asyncio.

        A refused one is ``completed`` with state ``'failed'``, and its result says why.
        ``wait_timeout`` bounds Relay's answer, as ``request_timeout`` does in any case.
        """
        return self._start(StreamAction(self, _stream(url, stream_options)), wait_timeout)[0]


def _stream(url: object, given: StreamOptions) -> dict[str, Any]:
    return {"url": checks.socket_address(url, "url"), **options.wire(given, OPTIONS, "a stream")}
