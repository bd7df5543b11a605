"""SignalWire's Relay calling service for Python code that blocks.

The public names are those listed here. Importing starts no thread and opens no socket.
"""

from __future__ import annotations

import logging

from relay_sync.calling.ai import AIAction, AIOptions, AIResult, BedrockOptions
from relay_sync.calling.call import Call
from relay_sync.calling.calling import Calling
from relay_sync.calling.collect import PromptOptions
from relay_sync.calling.collecting import CollectAction, CollectResult
from relay_sync.calling.conference import ConferenceOptions, ConferenceResult
from relay_sync.calling.connect import ConnectAction, ConnectResult, DisconnectResult
from relay_sync.calling.detect import DetectAction, DetectResult
from relay_sync.calling.dial import AnswerResult, DialResult, HangupResult, PassResult
from relay_sync.calling.digits import SendDigitsAction, SendDigitsResult
from relay_sync.calling.door import GenericAction, GenericResult
from relay_sync.calling.fax import FaxAction, FaxResult
from relay_sync.calling.media_stream import StreamAction, StreamOptions, StreamResult
from relay_sync.calling.pay import PayAction, PayOptions, PayResult
from relay_sync.calling.pipeline import Pipeline
from relay_sync.calling.play import PlayAction, PlayPauseResult, PlayResult, PlayResumeResult, PlayVolumeResult
from relay_sync.calling.prompt import PromptAction, PromptResult, PromptVolumeResult
from relay_sync.calling.queueing import QueueAction, QueueResult
from relay_sync.calling.record import RecordAction, RecordPauseResult, RecordResult, RecordResumeResult
from relay_sync.calling.refer import ReferAction, ReferResult
from relay_sync.calling.result import CallIds, Event, ExecuteResult, ReceiveResult, ReplyResult, Result, StopResult
from relay_sync.calling.stream import EventStream
from relay_sync.calling.tap import TapAction, TapResult
from relay_sync.calling.transcribe import TranscribeAction, TranscribeResult
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
    "AIAction",
    "AIOptions",
    "AIResult",
    "AnswerResult",
    "AuthenticationFailed",
    "BedrockOptions",
    "Call",
    "CallIds",
    "Calling",
    "Client",
    "CollectAction",
    "CollectResult",
    "CommandRefused",
    "ConferenceOptions",
    "ConferenceResult",
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
    "GenericAction",
    "GenericResult",
    "HangupResult",
    "Message",
    "Messaging",
    "NotConnected",
    "OperationFailed",
    "PassResult",
    "PayAction",
    "PayOptions",
    "PayResult",
    "Pipeline",
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
    "QueueAction",
    "QueueResult",
    "ReceiveResult",
    "RecordAction",
    "RecordPauseResult",
    "RecordResult",
    "RecordResumeResult",
    "ReferAction",
    "ReferResult",
    "RelayError",
    "RelayTimeout",
    "ReplyResult",
    "Result",
    "SendDigitsAction",
    "SendDigitsResult",
    "SendResult",
    "StopResult",
    "StreamAction",
    "StreamOptions",
    "StreamResult",
    "TapAction",
    "TapResult",
    "Task",
    "Tasking",
    "TranscribeAction",
    "TranscribeResult",
    "WouldDeadlock",
    "__version__",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())
