from __future__ import annotations

import json
import math
from typing import Any

import pytest

from relay_sync.errors import ProtocolViolation
from relay_sync.wire.jsonrpc import (
    Failure,
    Request,
    Success,
    brief,
    parse,
    write_error,
    write_request,
    write_result,
)

NESTED: list[Any] = json.loads("[" * 98 + "]" * 98)


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('{"jsonrpc":"2.0","id":"a","method":"m","params":{"x":1}}', Request("a", "m", {"x": 1})),
        ('{"id":"a","method":"m"}', Request("a", "m", {})),
        ('{"id":"a","method":"m","params":null}', Request("a", "m", {})),
        ('{"id":"a","method":"m","params":[]}', Request("a", "m", {})),
        ('{"id":7,"method":"m"}', Request(7, "m", {})),
        ('{"id":null,"method":"m"}', Request(None, "m", {})),
        ('{"method":"m"}', Request(None, "m", {})),
        ('{"id":"a","method":"m","result":{}}', Request("a", "m", {})),
        ('{"id":"a","result":{"y":2}}', Success("a", {"y": 2})),
        ('\r\n { "id" : "a" , "result" : {} }\t\n', Success("a", {})),
        ('{"id":"a","result":[1]}', Success("a", [1])),
        ('{"id":"a","result":null}', Success("a", None)),
        ('{"id":"a","result":{},"error":null}', Success("a", {})),
        ('{"id":12,"result":{}}', Success("12", {})),
        ('{"id":"a","error":{"code":-32002,"message":"no"}}', Failure("a", -32002, "no")),
        ('{"id":"a","error":{"code":"-32002","message":"no"}}', Failure("a", "-32002", "no")),
        ('{"id":"a","error":{"code":-32002.0}}', Failure("a", -32002, "")),
        ('{"id":"a","error":{"code":1.5}}', Failure("a", None, "")),
        ('{"id":"a","error":{"code":1e999}}', Failure("a", None, "")),
        ('{"id":"a","error":{"code":true,"message":4}}', Failure("a", None, "4")),
        ('{"id":"a","error":{"code":[],"message":{"text":"no"}}}', Failure("a", None, "")),
        ('{"id":"a","error":{},"result":{"code":"200"}}', Failure("a", None, "")),
        ('{"id":"a","result":"' + "[{" * 100 + '"}', Success("a", "[{" * 100)),
        ('{"id":"a","result":[' + "[{}]," * 99 + "1]}", Success("a", [[{}]] * 99 + [1])),
        ('{"id":"a","method":"m","params":{"x":' + "[" * 98 + "]" * 98 + "}}", Request("a", "m", {"x": NESTED})),
    ],
)
def test_a_frame_is_read_leniently_where_its_meaning_is_clear(text: str, frame: object) -> None:
    assert parse(text) == frame


@pytest.mark.parametrize("text", ['{"id":"a"}', '{"id":"a","error":null}', '{"id":"a","error":"no"}'])
def test_a_reply_with_neither_result_nor_error_is_a_failure_of_that_id(text: str) -> None:
    failure = parse(text)
    assert isinstance(failure, Failure)
    assert (failure.id, failure.code) == ("a", None)
    assert "neither" in failure.message


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "not a JSON frame"),
        ("#SP", "not a JSON frame"),
        ("{", "not a JSON frame"),
        ('{"id":NaN,"method":"m"}', "not a JSON frame"),
        ('{"id":"a","result":-Infinity}', "not a JSON frame"),
        ("[" * 200_000, "not a JSON frame"),
        ('{"id":"a","result":' + "9" * 5000 + "}", "not a JSON frame"),
        ('{"id":"a","result":' + "[" * 100 + "]" * 100 + "}", "nested too deeply"),
        ('{"id":"a","result":' + '{"b":' * 100 + "{}" + "}" * 101, "nested too deeply"),
        ("[]", "not a JSON object"),
        ('{"id":"a","result":{}} {}', "not a JSON object"),
        ('{"id":"a","result":{}}\u00a0', "not a JSON object"),
        ('\ufeff{"id":"a","result":{}}', "not a JSON frame"),
        ('"text"', "not a JSON object"),
        ("null", "not a JSON object"),
        ('{"id":"a","method":5}', "malformed request"),
        ('{"id":"a","method":null,"result":{}}', "malformed request"),
        ('{"id":"a","method":"m","params":[1]}', "malformed request"),
        ('{"id":"a","method":"m","params":"x"}', "malformed request"),
        ('{"id":true,"method":"m"}', "malformed request"),
        ('{"id":1.5,"method":"m"}', "malformed request"),
        ('{"id":{},"method":"m"}', "malformed request"),
        ("{}", "neither a request nor a reply"),
        ('{"result":{}}', "neither a request nor a reply"),
        ('{"id":null,"error":{"code":-32700,"message":"Parse error"}}', "neither a request nor a reply"),
        ('{"id":false,"result":{}}', "neither a request nor a reply"),
        ('{"id":2.0,"result":{}}', "neither a request nor a reply"),
    ],
)
def test_anything_else_is_a_violation_whose_message_quotes_little_of_it(text: str, what: str) -> None:
    with pytest.raises(ProtocolViolation, match=what) as caught:
        parse(text)
    assert len(caught.value.message) < 170


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x" * 120, "x" * 120),
        ("x" * 121, "x" * 119 + "…"),
        (None, "None"),
        (True, "True"),
        (5, "5"),
        (10**200, "1" + "0" * 118 + "…"),
        ([1, 2], "list"),
        ({"secret": "s"}, "dict"),
    ],
)
def test_brief_is_brief(value: object, text: str) -> None:
    assert brief(value) == text


def test_what_is_written_is_compact_ascii_and_reads_back() -> None:
    text = write_request("r-1", "calling.play", {"text": "grüß Gott", "volume": -4.5})
    assert text.isascii()
    assert ": " not in text
    assert ", " not in text
    assert json.loads(text) == {
        "jsonrpc": "2.0",
        "id": "r-1",
        "method": "calling.play",
        "params": {"text": "grüß Gott", "volume": -4.5},
    }
    assert parse(text) == Request("r-1", "calling.play", {"text": "grüß Gott", "volume": -4.5})


def test_replies_carry_the_id_of_the_peer_as_it_came() -> None:
    assert json.loads(write_result(7, {"a": 1})) == {"jsonrpc": "2.0", "id": 7, "result": {"a": 1}}
    assert json.loads(write_error("x", -32601, "Method not found")) == {
        "jsonrpc": "2.0",
        "id": "x",
        "error": {"code": -32601, "message": "Method not found"},
    }


def _circular() -> list[Any]:
    ring: list[Any] = []
    ring.append(ring)
    return ring


def _deep() -> list[Any]:
    nest: list[Any] = []
    for _ in range(200_000):
        nest = [nest]
    return nest


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (math.nan, ValueError),
        (math.inf, ValueError),
        (-math.inf, ValueError),
        (_circular(), ValueError),
        (object(), TypeError),
        ({1, 2}, TypeError),
        (b"bytes", TypeError),
        ({("a", "b"): 1}, TypeError),
    ],
)
def test_what_json_cannot_carry_is_refused_by_the_name_of_the_command(value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"calling\.play cannot be written"):
        write_request("r-1", "calling.play", {"volume": value})
    with pytest.raises(error, match=r"calling\.play cannot be written"):
        write_request("r-1", "blade.execute", {"params": {"volume": value}}, command="calling.play")


def test_too_deep_nesting_is_refused_by_the_name_of_the_command() -> None:
    with pytest.raises(ValueError, match=r"calling\.play cannot be written as JSON: it is nested too deeply"):
        write_request("r-1", "calling.play", {"play": _deep()})


def test_a_result_that_json_cannot_carry_is_refused() -> None:
    with pytest.raises(ValueError, match="a reply cannot be written"):
        write_result("x", math.nan)
