"""SignalWire's Relay calling service for Python code that blocks.

The public names are those listed here. Importing starts no thread and opens no socket.
"""

from __future__ import annotations

import logging

from relay_sync.calling.call import Call
from relay_sync.calling.calling import Calling
from relay_sync.calling.collect import PromptOptions
from relay_sync.calling.connect import ConnectAction, ConnectResult, DisconnectResult
from relay_sync.calling.detect import DetectAction, DetectResult
from relay_sync.calling.dial import AnswerResult, DialResult, HangupResult, PassResult
from relay_sync.calling.digits import SendDigitsAction, SendDigitsResult
from relay_sync.calling.fax import FaxAction, FaxResult
from relay_sync.calling.play import PlayAction, PlayPauseResult, PlayResult, PlayResumeResult, PlayVolumeResult
from relay_sync.calling.prompt import PromptAction, PromptResult, PromptVolumeResult
from relay_sync.calling.record import RecordAction, RecordPauseResult, RecordResult, RecordResumeResult
from relay_sync.calling.refer import ReferAction, ReferResult
from relay_sync.calling.result import CallIds, Event, ExecuteResult, ReceiveResult, Result, StopResult
from relay_sync.calling.stream import EventStream
from relay_sync.calling.tap import TapAction, TapResult
from relay_sync.client import Client
from relay_sync.consumer import Consumer
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
from relay_sync.messaging import Message, Messaging, SendResult
from relay_sync.task import Task
from relay_sync.tasking import Tasking
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
    "ConnectAction",
    "ConnectFailed",
    "ConnectResult",
    "ConnectionLost",
    "Consumer",
    "DetectAction",
    "DetectResult",
    "DialResult",
    "DisconnectResult",
    "Event",
    "EventStream",
    "ExecuteResult",
    "FaxAction",
    "FaxResult",
    "HangupResult",
    "Message",
    "Messaging",
    "NotConnected",
    "OperationFailed",
    "PassResult",
    "PlayAction",
    "PlayPauseResult",
    "PlayResult",
    "PlayResumeResult",
    "PlayVolumeResult",
    "PromptAction",
    "PromptOptions",
    "PromptResult",
    "PromptVolumeResult",
    "ProtocolViolation",
    "ReceiveResult",
    "RecordAction",
    "RecordPauseResult",
    "RecordResult",
    "RecordResumeResult",
    "ReferAction",
    "ReferResult",
    "RelayError",
    "RelayTimeout",
    "Result",
    "SendDigitsAction",
    "SendDigitsResult",
    "SendResult",
    "StopResult",
    "TapAction",
    "TapResult",
    "Task",
    "Tasking",
    "WouldDeadlock",
    "__version__",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())
