"""The public names: what users may import, and nothing by accident."""

from __future__ import annotations

import inspect
import re

import pytest

import relay_sync

PUBLIC = [
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


def test_the_public_names_are_exactly_these() -> None:
    assert relay_sync.__all__ == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_exists_and_every_public_class_is_documented(name: str) -> None:
    found = getattr(relay_sync, name)
    if inspect.isclass(found):
        assert inspect.getdoc(found)
        for member, value in vars(found).items():
            if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
                assert inspect.getdoc(value), f"{name}.{member} has no docstring"


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        (
            "Client",
            "connect connected contexts dialect disconnect drain execute host off on pipeline project protocol "
            "reauthenticate run session_id signature state unreceive",
        ),
        ("Calling", "dial find new_call receive"),
        ("Messaging", "receive send state_change"),
        ("Tasking", "receive"),
        ("Task", "deliver host project url"),
    ],
)
def test_what_the_services_offer_is_exactly_this(kind: str, members: str) -> None:
    """What they are to each other is not for users, who would take `Client.receive` for the current SDK's."""
    assert [name for name in dir(getattr(relay_sync, kind)) if not name.startswith("_")] == members.split()


def test_nothing_else_is_public_but_modules() -> None:
    others = {name for name, value in vars(relay_sync).items() if not inspect.ismodule(value)}
    assert {name for name in others if not name.startswith("_")} <= {*PUBLIC, "annotations"}


def test_the_version_is_one() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.?(a|b|rc|dev|post)\d+)?", relay_sync.__version__)


def test_a_star_import_brings_the_public_names() -> None:
    space: dict[str, object] = {}
    exec("from relay_sync import *", space)
    assert set(PUBLIC) <= set(space)
