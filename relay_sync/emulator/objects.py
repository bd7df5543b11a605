"""What may be in the objects of detect, tap, stream, connect and refer commands (protocol.md 11, 12, 13, 16)."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from relay_sync.emulator.checks import (
    DEVICES,
    Check,
    Field,
    an_object,
    anything,
    check_fields,
    list_of,
    number,
    one_of,
    string,
    text,
    typed,
)
from relay_sync.emulator.media import DIRECTIONS
from relay_sync.emulator.media.rtp import PTIMES, RATES

CODECS = ("PCMU", "PCMA", "OPUS")  # those of protocol.md 16.6; not all of them can be made here

ELSEWHERE = "the emulator sends sound to this machine's loopback only (127.0.0.0/8, ::1, localhost), not to "
"""Begins the refusal of a tap or stream to anywhere else, whatever ``strict`` says: no test is to send a call to a
stranger."""


def flag(value: Any, strict: bool) -> str | None:
    """Accept true and false."""
    return None if isinstance(value, bool) else f"must be true or false, not {value!r}"


def digits(value: Any, strict: bool) -> str | None:
    """Accept a string of one or more of the sixteen digits of DTMF."""
    if isinstance(value, str) and value and all(digit in "0123456789*#ABCDabcd" for digit in value):
        return None
    return f"must be a string of 0-9 * # A-D that is not empty, not {value!r}"


def whole(least: int, most: int | None = None) -> Check:
    """Accept a whole number in a range, also as a string of digits: old clients send some so (protocol.md 19)."""
    allowed = f"a whole number of {least} or more" if most is None else f"a whole number from {least} to {most}"

    def check(value: Any, strict: bool) -> str | None:
        read = value
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
            read = int(value)
        fits = isinstance(read, int) and not isinstance(read, bool)
        if not fits or read < least or (most is not None and read > most):
            return f"must be {allowed}, not {value!r}"
        return None

    return check


detect: Check = typed(
    {
        "machine": (
            Field("initial_timeout", number(0), False),
            Field("end_silence_timeout", number(0), False),
            Field("machine_voice_threshold", number(0), False),
            Field("machine_words_threshold", whole(1), False),
            Field("machine_ready_timeout", number(0), False),
            Field("detect_interruptions", flag, False),
            Field("detect_message_end", flag, False),
        ),
        "fax": (Field("tone", one_of("CED", "CNG"), False),),
        "digit": (Field("digits", digits, False),),
    }
)
"""What to detect, and how."""

_codec = Field("codec", one_of(*CODECS), False)
_rate = Field("rate", whole(RATES[0], RATES[1]), False)

tap: Check = typed({"audio": (Field("direction", one_of(*DIRECTIONS), False), _codec, _rate)})
"""What to tap. The Ruby client puts codec and rate here (protocol.md 19)."""


def _loopback_address(value: Any, strict: bool) -> str | None:
    try:
        address = ipaddress.IPv4Address(value if isinstance(value, str) else "")
    except ValueError:
        return f"must be an IPv4 address, not {value!r}"
    return None if address.is_loopback else ELSEWHERE + str(address)


def loopback_uri(value: Any, strict: bool) -> str | None:
    """Accept the address of a WebSocket on this machine."""
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
        host, _ = parts.hostname, parts.port  # a port that is none raises ValueError
    except ValueError:
        return f"must be a ws or wss address, not {value!r}"
    if parts.scheme not in ("ws", "wss") or not host:
        return f"must be a ws or wss address, not {value!r}"
    return None if loopback(host) else ELSEWHERE + host


def loopback(host: str) -> bool:
    """Is this the name or an address of this machine's loopback?"""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


tap_device: Check = typed(
    {
        "rtp": (
            Field("addr", _loopback_address),
            Field("port", whole(1, 65535)),
            _codec,
            Field("ptime", whole(*PTIMES), False),
            _rate,
        ),
        "ws": (Field("uri", loopback_uri), _codec, _rate),
    }
)
"""Where to send what is tapped."""

STREAM: tuple[Field, ...] = (
    Field("url", loopback_uri),
    Field("name", text, False),
    Field("codec", text, False),
    Field("status_url", text, False),
    Field("status_url_method", one_of("GET", "POST"), False),
    Field("authorization_bearer_token", text, False),
    Field("custom_parameters", an_object, False),
)
"""Where to send a stream, and how."""

_NODE = Field("node_id", text, False)

_PLACES: dict[str, tuple[Field, ...]] = {
    "call": (_NODE, Field("call_id", text)),
    "queue": (_NODE, Field("queue_name", text), Field("queue_id", text, False)),
    "stream": (*STREAM, Field("realtime", flag, False)),
}

connect_devices: Check = list_of(list_of(typed({**DEVICES, **_PLACES}), "devices"), "lists of devices")
"""Devices in series and in parallel, and what only a connect can reach: a call, a queue, a stream."""

_sip = typed(
    {
        "sip": (
            Field("to", text, False),
            Field("uri", text, False),  # the name of one web page (protocol.md 19)
            Field("headers", anything, False),
            Field("username", text, False),
            Field("password", text, False),
        )
    }
)

_HEADER = (Field("name", text), Field("value", string))


def refer_device(value: Any, strict: bool) -> str | None:
    """Accept a SIP address to refer to."""
    if complaint := _sip(value, strict):
        return complaint
    params = value["params"]
    to = params.get("to", params.get("uri"))
    if to is None:
        return "params of sip needs to"
    if strict and not str(to).lower().startswith(("sip:", "sips:")):
        return f"params of sip: to must be an address that begins with sip: or sips:, not {to!r}"
    return _headers(params.get("headers", []), strict)


def _headers(value: Any, strict: bool) -> str | None:
    if not isinstance(value, list):
        return f"params of sip: headers must be a list, not {value!r}"
    for header in value:
        if not isinstance(header, dict):
            return f"params of sip: headers must hold objects, not {header!r}"
        if complaint := check_fields("a header", header, _HEADER, strict):
            return complaint
        if strict and not str(header["name"]).upper().startswith("X-"):
            return f"a header: name must begin with X-, not {header['name']!r}"
    return None
