"""Every public thing says what it does: in a sentence, and where it blocks, for how long and what may be raised."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

import relay_sync
from relay_sync.values import Value

LIMIT = 100
CLASSES = [getattr(relay_sync, name) for name in relay_sync.__all__ if inspect.isclass(getattr(relay_sync, name))]
LIMITS = ("wait_timeout", "timeout", "drain")
RESULTS = [kind for kind in CLASSES if issubclass(kind, Value)]
# Here `timeout` is a parameter of Relay's, of a constructor, or a field; nothing waits by it.
NOT_A_WAIT = {"Calling.new_call"}


def members(kind: type) -> Iterator[tuple[str, Any]]:
    """The public members of a class that are ours, inherited ones included."""
    for name in dir(kind):
        if name.startswith("_"):
            continue
        value = inspect.getattr_static(kind, name)
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if inspect.isfunction(function) and function.__module__.startswith("relay_sync"):
            yield f"{kind.__name__}.{name}", value if isinstance(value, property) else function


MEMBERS: dict[Any, str] = {}  # what several classes have in common goes by the name of the first
for _kind in CLASSES:
    for _name, _value in members(_kind):
        MEMBERS.setdefault(_value, _name)
NAMED = {name: value for value, name in MEMBERS.items()}


def test_there_is_something_to_look_at() -> None:
    assert len(CLASSES) > 50
    assert len(MEMBERS) > 120


def check_first_line(about: str, doc: str | None) -> None:
    assert doc, f"{about} has no docstring"
    first = inspect.cleandoc(doc).splitlines()[0]
    assert len(first) < LIMIT, f"{about}: {len(first)} characters: {first}"
    assert re.match(r"[A-Z``]", first), f"{about}: {first}"
    assert first.endswith((".", "::")), f"{about}: {first}"


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_a_class_says_in_one_sentence_what_it_is(kind: type) -> None:
    check_first_line(kind.__name__, vars(kind).get("__doc__"))


@pytest.mark.parametrize("name", NAMED)
def test_a_member_says_in_one_sentence_what_it_does(name: str) -> None:
    check_first_line(name, NAMED[name].__doc__)


@pytest.mark.parametrize("kind", RESULTS, ids=lambda kind: kind.__name__)
def test_a_value_explains_each_of_its_fields(kind: type) -> None:
    explained = " ".join(base.__doc__ or "" for base in kind.__mro__)
    for field in kind._defaults:
        if not field.startswith("_"):
            assert re.search(rf"^\s+(\w+, )*{field}(, \w+)*: ", explained, re.MULTILINE), field


def whole_doc(name: str, seen: tuple[str, ...] = ()) -> str:
    """What a reader finds: the docstring of a method, and of those that it refers to."""
    doc = inspect.getdoc(NAMED[name]) or ""
    kind = name.split(".")[0]
    for reference in re.findall(r":meth:`([\w.]+)`", doc):
        owner, _, member = reference.rpartition(".")
        owner = owner.rpartition(".")[2] or kind
        for other in (f"{owner}.{member}", f"{kind}.{member}"):
            found = NAMED.get(other) or inherited(other)
            if found is not None and other not in seen:
                NAMED.setdefault(other, found)
                doc += "\n" + whole_doc(other, (*seen, name))
    return doc


def inherited(name: str) -> Any:
    """A member that is listed under another class that has it too, or None."""
    kind, _, member = name.partition(".")
    return inspect.getattr_static(getattr(relay_sync, kind, None), member, None)


def limits_of(value: Any) -> list[str]:
    if isinstance(value, property):
        return []
    return [name for name in LIMITS if name in inspect.signature(value).parameters]


BLOCKING = [name for name, value in NAMED.items() if limits_of(value) and name not in NOT_A_WAIT]


def test_the_blocking_methods_are_found() -> None:
    assert len(BLOCKING) > 60


@pytest.mark.parametrize("name", BLOCKING)
def test_a_blocking_method_says_how_long_it_waits_and_what_it_raises(name: str) -> None:
    doc = whole_doc(name)
    for limit in limits_of(NAMED[name]):
        assert re.search(rf"\b{limit}\b", doc), f"{name} does not explain {limit}"
    assert "Raises:" in doc, f"{name} does not say what it raises"
