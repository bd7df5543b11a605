"""What calls and operations keep of what was sent and told."""

from __future__ import annotations

import gc
import json
from typing import Any

import pytest

from relay_sync.calling.kept import keep, once, whole

CALL_ID = "".join(("c", "all", "-1"))  # made at run time: no constant that is in memory once anyhow


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"a": None, "b": True, "c": 1, "d": 1.5, "e": "text", "f": {}, "g": []},
        {"play": [{"type": "audio", "params": {"url": "u"}}, [[], {}], "x"]},
        {1: "an int", "1": "a text"},
        {"nested": {1: "int"}, "other": {True: "bool"}, "third": {1.0: "float"}},
    ],
)
def test_what_was_kept_comes_back_equal_and_new(fields: dict[Any, Any]) -> None:
    kept = keep(fields)
    first, second = whole(kept), whole(kept)
    assert json.dumps(first) == json.dumps(fields)
    assert first is not second
    for name, value in first.items():
        if isinstance(value, (dict, list)):
            assert value is not second[name]
            assert value is not fields[name]


def test_an_array_that_was_given_as_a_tuple_is_one_as_it_was_sent() -> None:
    assert whole(keep({"states": ("ringing", "ended")})) == {"states": ["ringing", "ended"]}


def test_names_and_what_is_in_memory_anyhow_are_kept_once() -> None:
    device = keep({"type": "phone", "params": {"to_number": "+1"}})
    told = json.loads(json.dumps({"call_id": CALL_ID, "device": whole(device), "tag": "".join(("t", "1"))}))
    kept = keep(told, call_id=CALL_ID, device=device)
    assert kept[1] is CALL_ID
    assert kept[2] is device
    assert keep(dict(told))[0] is kept[0]


def test_what_differs_from_what_is_in_memory_is_kept_as_it_came() -> None:
    kept = keep({"call_id": "another", "tag": None}, call_id=CALL_ID, tag=None, control_id="absent")
    assert whole(kept) == {"call_id": "another", "tag": None}


def test_equal_values_of_other_types_are_not_taken_for_each_other() -> None:
    assert once("a", "b") is once("a", "b")
    assert [type(value) for values in (once(1), once(True), once(1.0)) for value in values] == [int, bool, float]


def test_the_garbage_collector_has_no_work_with_it() -> None:
    kept = keep({"play": [{"type": "audio", "params": {"url": "u"}}], "volume": 1.5})
    for _ in range(8):  # innermost first: a pass for each level
        gc.collect()
    assert not gc.is_tracked(kept)
