"""What is dialled: device objects and lists of them, checked and as they go on the wire (protocol.md 16.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from relay_sync.calling import checks, media_stream, options
from relay_sync.showing import shown

CALL_TYPES = ("phone", "sip", "webrtc", "agora")

_CODECS = ("PCMU", "PCMA", "OPUS", "G729", "G722", "VP8", "H264")


def device_codecs(value: object, name: str) -> list[str]:
    """A list of codecs, each one that Relay knows."""
    return [checks.one_of(codec, name, _CODECS) for codec in checks.words(value, name, "codecs")]


def sip_headers(value: object, name: str = "headers") -> list[dict[str, str]]:
    """A list of ``{"name": "X-…", "value": …}``: only headers that begin with ``X-`` pass (api.md 6).

    Raises:
        TypeError, ValueError: names the header that is wrong.
    """
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise TypeError(f"{name}={shown(value)}: give a list of {{'name': 'X-…', 'value': …}}")
    headers = []
    for header in value:
        if not isinstance(header, Mapping) or set(header) != {"name", "value"}:
            raise ValueError(f"{name}={shown(value)}: give a dict with 'name' and 'value'")
        title = checks.text(header["name"], f"{name}['name']", "a header's name")
        if not title.upper().startswith("X-"):
            raise ValueError(f"{name}: {title!r}: only headers that begin with 'X-' are allowed")
        if not isinstance(header["value"], str):
            raise TypeError(f"{name}: {title}={shown(header['value'])}: give a string")
        headers.append({"name": title, "value": header["value"]})
    return headers


# What a device may have beside whom it calls and for how long: name on the wire, and check (protocol.md 16.2).
_CALLED: options.Table = {
    "max_duration": ("max_duration", checks.duration_limit),
    "call_state_url": ("call_state_url", checks.web_address),
    "call_state_events": ("call_state_events", partial(checks.words, what="call states")),
    "confirm": ("confirm", partial(checks.anything, what="what is to be confirmed, as Relay takes it")),
}
_WEB: options.Table = {**_CALLED, "codecs": ("codecs", device_codecs)}
_EXTRAS: dict[str, options.Table] = {
    "phone": _CALLED,
    "sip": {
        "from_name": ("from_name", partial(checks.text, what="a name to show")),
        "headers": ("headers", sip_headers),
        "webrtc_media": ("webrtc_media", checks.flag),
        **_WEB,
    },
    "webrtc": _WEB,
    "agora": {
        "appid": ("appid", partial(checks.text, what="the id of an app")),
        "channel": ("channel", partial(checks.text, what="the name of a channel")),
    },
}
_ENDS: dict[str, checks.Check] = {
    "phone": checks.phone_number,
    "sip": partial(checks.address, what="a SIP address such as 'sip:you@host'"),
    "webrtc": partial(checks.text, what="the name of a resource"),
    "agora": partial(checks.text, what="a name"),
}


def make_device(
    call_type: object, from_number: object, to_number: object, timeout: object = None, **extras: object
) -> dict[str, Any]:
    """A device object.

    Args:
        call_type: ``phone``, ``sip``, ``webrtc`` or ``agora``.
        from_number: who calls: for ``phone`` a number in E.164 form (``+`` and 1 to 15 digits) or a short one
            of 3 to 8 digits, for ``sip`` a SIP address.
        to_number: who is called, likewise; for ``webrtc`` a resource.
        timeout: seconds of ringing; None leaves it to Relay.
        extras: for all but ``agora``: ``max_duration``, ``call_state_url``, ``call_state_events`` (a
            list of states), ``confirm``; for ``sip`` and ``webrtc``: ``codecs`` (of PCMU PCMA OPUS G729
            G722 VP8 H264); for ``sip``: ``from_name``, ``headers`` (a list of
            ``{"name": "X-…", "value": …}``), ``webrtc_media`` (bool); for ``agora``: ``appid``, ``channel``.

    Raises:
        TypeError, ValueError: names the parameter, its value and the remedy.
    """
    return _device(call_type, from_number, to_number, timeout, extras)


def _device(
    call_type: object,
    from_number: object,
    to_number: object,
    timeout: object,
    extras: Mapping[str, object],
    *,
    inherits: bool = False,
) -> dict[str, Any]:
    """As :func:`make_device`; ``inherits``: who calls was not given, but is that of a call.

    It is not judged then: Relay itself may have told it, as it does of a caller without a number.
    """
    kind = checks.one_of(call_type, "call_type", CALL_TYPES)
    names = ("from_number", "to_number") if kind == "phone" else ("from", "to")
    caller = partial(checks.text, what="who calls") if inherits else _ENDS[kind]
    params: dict[str, Any] = {
        names[0]: caller(from_number, "from_number"),
        names[1]: _ENDS[kind](to_number, "to_number"),
    }
    if timeout is not None:
        params["timeout"] = checks.duration(timeout, "timeout")
    known = _EXTRAS[kind]
    for name, value in extras.items():
        if value is not None and name not in known:
            allowed = ", ".join(known)
            raise ValueError(
                f"{name}={shown(value)}: a {kind} device takes from_number, to_number, timeout and {allowed}"
            )
    given = {name: value for name, value in extras.items() if value is not None}
    return {"type": kind, "params": {**params, **options.wire(given, known, f"a {kind} device")}}


# What a call can be connected to that is not called: its params, and those that it can't do without.
_PLACES: dict[str, tuple[options.Table, str]] = {
    "call": (
        {
            "call_id": ("call_id", partial(checks.text, what="the id of a call")),
            "node_id": ("node_id", partial(checks.text, what="the id of its node")),
        },
        "call_id",
    ),
    "queue": (
        {
            "queue_name": ("queue_name", partial(checks.text, what="the name of a queue")),
            "queue_id": ("queue_id", partial(checks.text, what="the id of a queue")),
            "node_id": ("node_id", partial(checks.text, what="the id of its node")),
        },
        "queue_name",
    ),
    "stream": (
        {"url": ("url", checks.socket_address), **media_stream.OPTIONS, "realtime": ("realtime", checks.flag)},
        "url",
    ),
}


def _place(kind: str, params: Mapping[str, object]) -> dict[str, Any]:
    table, needed = _PLACES[kind]
    return {"type": kind, "params": options.keys_of(params, "params", table, f"a {kind} device", needs=needed)}


def prepare_devices(
    devices: object, name: str, from_number: str | None = None, timeout: float | None = None, *, of_a_call: bool = False
) -> list[list[dict[str, Any]]]:
    """Devices as they go on the wire: the outer list is tried in series, an inner list in parallel.

    Args:
        devices: a dict, or a list of dicts and lists of dicts; each dict has ``to_number`` and may
            have ``call_type``, ``from_number``, ``timeout`` and what :func:`make_device` takes, or
            is ``{type, params}`` as on the wire. They are not changed.
        name: the parameter, for messages.
        from_number: for devices that name none.
        timeout: seconds of ringing, for devices that name none.
        of_a_call: whether a call is connected to them, which may also be to a ``call``, a ``queue`` or a
            ``stream``.

    Raises:
        TypeError, ValueError: names the device that is wrong.
    """
    if isinstance(devices, Mapping):
        devices = [devices]
    if isinstance(devices, (str, bytes)) or not isinstance(devices, Iterable):
        raise TypeError(f"{name}={shown(devices)}: give a list of devices, such as [{{'to_number': '+15550101'}}]")
    steps = []
    for place, step in enumerate(devices):
        parallel = [step] if isinstance(step, Mapping) else step
        if isinstance(parallel, (str, bytes)) or not isinstance(parallel, Iterable):
            raise TypeError(
                f"{name}[{place}]={shown(step)}: give a device, or a list of devices to try at the same time"
            )
        steps.append([_one(device, f"{name}[{place}]", from_number, timeout, of_a_call) for device in parallel])
        if not steps[-1]:
            raise ValueError(f"{name}[{place}] is empty: give at least one device")
    if not steps:
        raise ValueError(f"{name} is empty: give at least one device")
    return steps


def _one(device: object, where: str, from_number: str | None, timeout: float | None, of_a_call: bool) -> dict[str, Any]:
    if not isinstance(device, Mapping):
        raise TypeError(f"{where}: {shown(device)}: give a dict with 'to_number'")
    given = checks.fields(device, where)
    if isinstance(given.get("params"), dict):  # as on the wire
        if beside := sorted(str(name) for name in given if name not in ("type", "params")):
            raise ValueError(f"{where}: {beside} beside 'params': give them within 'params'")
        kind, params = given.get("type", "phone"), given["params"]
        if of_a_call and kind in _PLACES:
            return _named(where, lambda: _place(kind, params))
        given = {"call_type": kind, **params}
        if kind != "phone":
            given |= {f"{end}_number": given.pop(end) for end in ("from", "to") if end in given}
    inherits = of_a_call and "from_number" not in given
    known = {
        "call_type": given.pop("type", "phone"),
        "from_number": from_number,
        "to_number": None,
        "timeout": timeout,
    }
    known = {name: given.pop(name, otherwise) for name, otherwise in known.items()}
    return _named(where, lambda: _device(**known, extras=given, inherits=inherits))


def _named(where: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return make()
    except (TypeError, ValueError) as wrong:
        raise type(wrong)(f"{where}: {wrong}") from None
