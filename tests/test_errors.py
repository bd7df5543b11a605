"""The errors: one tree, with fields, that travels between processes."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import pytest

from relay_sync import errors
from relay_sync.errors import RelayError, RelayTimeout

TREE = {
    "RelayError": (Exception,),
    "ConfigurationError": (RelayError, ValueError),
    "ConnectFailed": (RelayError,),
    "AuthenticationFailed": (errors.ConnectFailed,),
    "NotConnected": (RelayError,),
    "ConnectionLost": (RelayError,),
    "RelayTimeout": (RelayError, TimeoutError),
    "OperationFailed": (RelayError,),
    "CommandRefused": (errors.OperationFailed,),
    "ProtocolViolation": (RelayError,),
    "WouldDeadlock": (RelayError, RuntimeError),
}
FIELDS = {"method": "calling.play", "code": "404", "call_id": "call-1", "control_id": "ctl-1"}
KINDS = [getattr(errors, name) for name in TREE]


def test_the_tree_is_the_one_of_the_design() -> None:
    found = {
        name: kind.__bases__
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and kind.__module__ == errors.__name__
    }
    assert found == TREE


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_carries_its_fields_and_its_text_is_its_message(kind: type[RelayError]) -> None:
    """Defect 64: code, message and method."""
    error = kind("what happened", **FIELDS)  # type: ignore[arg-type]
    assert {name: getattr(error, name) for name in FIELDS} == FIELDS
    assert (error.message, str(error), error.args) == ("what happened", "what happened", ("what happened",))
    assert repr(error) == f"{kind.__name__}('what happened')"


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_says_nothing_that_it_does_not_know(kind: type[RelayError]) -> None:
    error = kind()
    assert {name: getattr(error, name) for name in FIELDS} == dict.fromkeys(FIELDS)
    assert error.message == ""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("copied", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_an_error_survives_pickling_with_all_its_fields(kind: type[RelayError], copied: Any) -> None:
    error = kind("what happened", **FIELDS)  # type: ignore[arg-type]
    error.add_note("a note") if hasattr(error, "add_note") else None
    twin = copied(error)
    assert type(twin) is kind
    assert twin.__dict__ == error.__dict__
    assert twin.args == error.args


@pytest.mark.parametrize("sent", [True, False])
def test_a_timeout_tells_whether_its_command_left(sent: bool) -> None:
    error = RelayTimeout("no answer", sent=sent, **FIELDS)  # type: ignore[arg-type]
    assert pickle.loads(pickle.dumps(error)).sent is sent
    assert RelayTimeout().sent is True


def test_ids_can_be_put_on_an_error_that_passes_by_and_travel_too() -> None:
    error = errors.ConnectionLost("lost")
    error.control_id = "ctl-2"
    assert pickle.loads(pickle.dumps(error)).control_id == "ctl-2"


def test_every_error_has_a_docstring_and_stands_in_the_drawing() -> None:
    for name, kind in zip(TREE, KINDS, strict=True):
        assert kind.__doc__
        assert name in (errors.__doc__ or "")
