"""How a connection fails, told apart by what its users must know: did anything leave, and can it heal?"""

from __future__ import annotations


class TransportClosed(Exception):
    """Closed on our side, or unusable before this frame began: nothing of the frame was written."""


class TransportLost(Exception):
    """The stream is broken; a frame being sent may have left in part or whole. The text says why.

    Attributes:
        begun: where several frames were being sent, how many of them may have left; the others surely did not.
    """

    begun: int = 1


class FrameTooLarge(TransportLost):
    """The peer announced a message above the limit; the connection is given up before the memory is taken."""


class TransportTimeout(Exception):
    """The time was up before anything of the frame was written; the stream is as good as before."""


class OpenFailed(Exception):
    """No connection came about.

    Attributes:
        reason: what was tried, where, what came back and what may help; one line, for people.
        tls: True if trust is the matter (a certificate, or the CA file): trying again cannot help.
        refused: True if a proxy wants other credentials: neither can it then.
    """

    def __init__(self, reason: str, tls: bool = False, refused: bool = False) -> None:
        super().__init__(reason, tls, refused)
        self.reason = reason
        self.tls = tls
        self.refused = refused

    def __str__(self) -> str:
        return self.reason
