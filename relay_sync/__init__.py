"""SignalWire's Relay calling service for Python code that blocks.

The public names are those listed here. Importing starts no thread and opens no socket.
"""

from __future__ import annotations

import logging

from relay_sync.calling.call import Call
from relay_sync.calling.calling import Calling
from relay_sync.calling.dial import AnswerResult, DialResult, HangupResult, PassResult
from relay_sync.calling.play import PlayAction, PlayPauseResult, PlayResult, PlayResumeResult, PlayVolumeResult
from relay_sync.calling.result import CallIds, Event, ExecuteResult, ReceiveResult, Result, StopResult
from relay_sync.client import Client
from relay_sync.errors import (
    AuthenticationFailed,
    CommandRefused,
    ConfigurationError,
    ConnectFailed,
    ConnectionLost,
    NotConnected,
    OperationFailed,
    ProtocolViolation,
    RelayError,
    RelayTimeout,
    WouldDeadlock,
)
from relay_sync.version import __version__

__all__ = [
    "AnswerResult",
    "AuthenticationFailed",
    "Call",
    "CallIds",
    "Calling",
    "Client",
    "CommandRefused",
    "ConfigurationError",
    "ConnectFailed",
    "ConnectionLost",
    "DialResult",
    "Event",
    "ExecuteResult",
    "HangupResult",
    "NotConnected",
    "OperationFailed",
    "PassResult",
    "PlayAction",
    "PlayPauseResult",
    "PlayResult",
    "PlayResumeResult",
    "PlayVolumeResult",
    "ProtocolViolation",
    "ReceiveResult",
    "RelayError",
    "RelayTimeout",
    "Result",
    "StopResult",
    "WouldDeadlock",
    "__version__",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())
