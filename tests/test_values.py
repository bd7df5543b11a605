"""Frozen values with slots."""

from __future__ import annotations

import copy
import inspect
import pickle
import sys

import pytest

from relay_sync.values import Value, field


class Point(Value):
    """A point."""

    x: int
    y: int = 0
    _source: str = field(default="", compare=False)


class Marked(Point):
    """One that inherits, and whose marks are its own."""

    marks: list[str] = field(default_factory=list)
    y: int = 7


class Origin(Point):
    """One that adds no field."""


class Named(Value):
    """One that is made in its own way."""

    name: str

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "name", name.title())


def test_fields_are_given_by_name_and_have_defaults() -> None:
    assert (Point(x=1).x, Point(x=1).y, Point(y=2, x=1).y) == (1, 0, 2)
    assert (Marked(x=1).y, Marked(x=1).marks) == (7, [])
    assert Marked(x=1).marks is not Marked(x=1).marks


@pytest.mark.parametrize(
    ("given", "wrong"),
    [({}, "Point needs x="), ({"x": 1, "z": 2}, "Point has no z; it has x, y, _source")],
    ids=["missing", "unknown"],
)
def test_what_is_missing_or_unknown_is_named(given: dict[str, int], wrong: str) -> None:
    with pytest.raises(TypeError) as caught:
        Point(**given)  # type: ignore[arg-type]
    assert str(caught.value) == wrong


@pytest.mark.parametrize("name", ["x", "z"])
def test_nothing_can_be_set_or_deleted_or_added(name: str) -> None:
    point = Point(x=1)
    with pytest.raises(AttributeError, match=f"Point.{name} can't be set: it is frozen"):
        setattr(point, name, 2)
    with pytest.raises(AttributeError, match=f"Point.{name} can't be deleted: it is frozen"):
        delattr(point, name)
    assert point.x == 1
    assert not hasattr(point, "__dict__")
    assert not hasattr(Origin(x=1), "__dict__")


def test_values_of_one_class_are_equal_where_their_fields_are() -> None:
    assert Point(x=1, _source="here") == Point(x=1, _source="there")
    assert hash(Point(x=1, _source="here")) == hash(Point(x=1))
    assert Point(x=1) != Point(x=2)
    assert Origin(x=1) != Point(x=1)
    assert Point(x=1) != (1, 0)


def test_they_show_their_fields_but_for_those_with_an_underscore() -> None:
    assert repr(Marked(x=1)) == "Marked(x=1, y=7, marks=[])"


@pytest.mark.parametrize("value", [Point(x=1, _source="here"), Marked(x=1, marks=["a"]), Origin(x=3), Named("ann")])
def test_they_pickle_and_can_be_copied(value: Value) -> None:
    for copied in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value), copy.copy(value)):
        assert copied == value
        assert type(copied) is type(value)
    assert pickle.loads(pickle.dumps(Point(x=1, _source="here")))._source == "here"


def test_another_one_may_be_made_with_fields_changed() -> None:
    assert Point(x=1, y=2).__replace__(y=3) == Point(x=1, y=3)
    with pytest.raises(TypeError, match="has no z"):
        Point(x=1).__replace__(z=3)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="copy.replace came with 3.13")
def test_copy_replace_takes_them() -> None:
    assert copy.replace(Point(x=1, y=2), y=3) == Point(x=1, y=3)  # type: ignore[attr-defined, unused-ignore]


def test_patterns_match_them_by_name() -> None:
    match Marked(x=1, marks=["a"]):
        case Marked(x=1, marks=[mark]):
            assert mark == "a"
        case _:
            raise AssertionError


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        (Point, "(*, x, y=0, _source='')"),
        (Marked, "(*, x, y=7, _source='', marks)"),
        (Named, "(name: 'str') -> 'None'"),
    ],
)
def test_help_and_completion_know_their_fields(kind: type, shown: str) -> None:
    assert str(inspect.signature(kind)) == shown
