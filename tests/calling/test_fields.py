"""Fields of events, read with tolerance (protocol.md 19)."""

from __future__ import annotations

import math

import pytest

from relay_sync.calling import fields


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (4, 4),
        (4.5, 4.5),
        ("4", 4),
        ("-4.5", -4.5),
        ("1e3", 1000.0),
        (None, None),
        (True, None),
        ("", None),
        ("big", None),
        ("nan", None),
        (math.inf, None),
        ("inf", None),
        ([4], None),
        ("9" * 5000, None),
    ],
)
def test_numbers_may_be_written_as_strings(value: object, read: float | None) -> None:
    found = fields.number(value)
    assert found == read
    assert type(found) is type(read)


@pytest.mark.parametrize(
    ("value", "read"), [("x", "x"), ("", ""), (202, "202"), (True, None), (None, None), ({}, None)]
)
def test_texts_may_be_written_as_numbers(value: object, read: str | None) -> None:
    assert fields.text(value) == read


@pytest.mark.parametrize(
    ("value", "true", "false"),
    [(True, True, False), ("true", True, False), (False, False, True), ("false", False, True)]
    + [(other, False, False) for other in (0, 1, None, "", "yes", [])],
)
def test_true_and_false_are_themselves_or_their_words(value: object, true: bool, false: bool) -> None:
    assert (fields.true(value), fields.false(value)) == (true, false)


@pytest.mark.parametrize(("value", "read"), [({"a": 1}, {"a": 1}), (None, {}), ([1], {}), ("a", {})])
def test_what_is_no_object_has_no_fields(value: object, read: dict[str, object]) -> None:
    assert fields.mapping(value) == read
