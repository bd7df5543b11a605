"""What is dialled: device objects and lists of them, checked and as they go on the wire (protocol.md 16.2)."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from relay_sync.calling import checks

CALL_TYPES = ("phone", "sip")

_SIP_EXTRAS = ("from_name", "headers", "codecs", "webrtc_media")
_CODECS = ("PCMU", "PCMA", "OPUS", "G729", "G722", "VP8", "H264")


def make_device(
    call_type: object, from_number: object, to_number: object, timeout: object = None, **extras: object
) -> dict[str, Any]:
    """A device object.

    Args:
        call_type: ``phone`` or ``sip``.
        from_number: who calls: a number in E.164 form, or a SIP address.
        to_number: who is called, likewise.
        timeout: seconds of ringing; None leaves it to Relay.
        extras: for ``sip``: ``from_name``, ``headers`` (a list of ``{"name": "X-…", "value": …}``),
            ``codecs`` (of PCMU PCMA OPUS G729 G722 VP8 H264), ``webrtc_media`` (bool).

    Raises:
        TypeError, ValueError: names the parameter, its value and the remedy.
    """
    kind = checks.one_of(call_type, "call_type", CALL_TYPES)
    number = "a phone number such as '+15550100'" if kind == "phone" else "a SIP address such as 'sip:you@host'"
    names = ("from_number", "to_number") if kind == "phone" else ("from", "to")
    params: dict[str, Any] = {
        names[0]: checks.text(from_number, "from_number", number),
        names[1]: checks.text(to_number, "to_number", number),
    }
    if timeout is not None:
        params["timeout"] = checks.duration(timeout, "timeout")
    for name, value in extras.items():
        if value is not None:
            params[name] = _extra(kind, name, value)
    return {"type": kind, "params": params}


def _extra(kind: str, name: str, value: object) -> object:
    if kind != "sip" or name not in _SIP_EXTRAS:
        allowed = ", ".join(_SIP_EXTRAS) if kind == "sip" else "nothing more"
        raise ValueError(f"{name}={value!r}: a {kind} device takes from_number, to_number, timeout and {allowed}")
    if name == "from_name":
        return checks.text(value, name, "a name to show")
    if name == "webrtc_media":
        return checks.flag(value, name)
    if name == "codecs":
        return [checks.one_of(codec, "codecs", _CODECS) for codec in checks.words(value, name, "codecs")]
    return sip_headers(value)


def sip_headers(value: object, name: str = "headers") -> list[dict[str, str]]:
    """A list of ``{"name": "X-…", "value": …}``: only headers that begin with ``X-`` pass (api.md 6).

    Raises:
        TypeError, ValueError: names the header that is wrong.
    """
    if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable):
        raise TypeError(f"{name}={value!r}: give a list of {{'name': 'X-…', 'value': …}}")
    headers = []
    for header in value:
        if not isinstance(header, Mapping) or set(header) != {"name", "value"}:
            raise ValueError(f"{name}: {header!r}: give a dict with 'name' and 'value'")
        title = checks.text(header["name"], f"{name}['name']", "a header's name")
        if not title.upper().startswith("X-"):
            raise ValueError(f"{name}: {title!r}: only headers that begin with 'X-' are allowed")
        if not isinstance(header["value"], str):
            raise TypeError(f"{name}: {title}={header['value']!r}: give a string")
        headers.append({"name": title, "value": header["value"]})
    return headers


def prepare_devices(
    devices: object, name: str, from_number: str | None = None, timeout: float | None = None
) -> list[list[dict[str, Any]]]:
    """Devices as they go on the wire: the outer list is tried in series, an inner list in parallel.

    Args:
        devices: a dict, or a list of dicts and lists of dicts; each dict has ``to_number`` and may
            have ``call_type``, ``from_number``, ``timeout`` and what :func:`make_device` takes, or
            is ``{type, params}`` as on the wire. They are not changed.
        name: the parameter, for messages.
        from_number: for devices that name none.
        timeout: seconds of ringing, for devices that name none.

    Raises:
        TypeError, ValueError: names the device that is wrong.
    """
    if isinstance(devices, Mapping):
        devices = [devices]
    if isinstance(devices, (str, bytes)) or not isinstance(devices, Iterable):
        raise TypeError(f"{name}={devices!r}: give a list of devices, such as [{{'to_number': '+15550101'}}]")
    steps = []
    for place, step in enumerate(devices):
        parallel = [step] if isinstance(step, Mapping) else step
        if isinstance(parallel, (str, bytes)) or not isinstance(parallel, Iterable):
            raise TypeError(f"{name}[{place}]={step!r}: give a device, or a list of devices to try at the same time")
        steps.append([_one(device, f"{name}[{place}]", from_number, timeout) for device in parallel])
        if not steps[-1]:
            raise ValueError(f"{name}[{place}] is empty: give at least one device")
    if not steps:
        raise ValueError(f"{name} is empty: give at least one device")
    return steps


def _one(device: object, where: str, from_number: str | None, timeout: float | None) -> dict[str, Any]:
    if not isinstance(device, Mapping):
        raise TypeError(f"{where}: {device!r}: give a dict with 'to_number'")
    given: dict[str, Any] = copy.deepcopy(dict(device))
    if isinstance(given.get("params"), dict):  # as on the wire
        if beside := sorted(str(name) for name in given if name not in ("type", "params")):
            raise ValueError(f"{where}: {beside} beside 'params': give them within 'params'")
        kind, params = given.get("type", "phone"), given["params"]
        given = {"call_type": kind, **params}
        if kind == "sip":
            given |= {f"{end}_number": given.pop(end) for end in ("from", "to") if end in given}
    given.setdefault("call_type", given.pop("type", "phone"))
    given.setdefault("from_number", from_number)
    given.setdefault("to_number", None)
    given.setdefault("timeout", timeout)
    try:
        return make_device(**given)
    except (TypeError, ValueError) as wrong:
        raise type(wrong)(f"{where}: {wrong}") from None
