"""Which proxy stands between us and an address: the argument, else what the environment says.

The environment is read as curl and requests read it: ``HTTPS_PROXY`` for wss and https, ``HTTP_PROXY`` for ws and http,
else ``ALL_PROXY``, and not at all for the hosts of ``NO_PROXY``; lower case goes first. Loopback is never reached
through a proxy of the environment: an emulator on this machine is on this machine.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

from relay_sync.errors import ConfigurationError
from relay_sync.link.proxy import Proxy, parse

__all__ = ["proxy_for"]

_VARIABLES = {"wss": ("https_proxy", "HTTPS_PROXY"), "ws": ("http_proxy", "HTTP_PROXY")}
_ANY = ("all_proxy", "ALL_PROXY")
_NONE = ("no_proxy", "NO_PROXY")
_PORTS = {"wss": 443, "ws": 80}


def proxy_for(
    url: str, given: object, environ: Mapping[str, str], *, setting: tuple[str | None, str] = (None, "")
) -> Proxy | None:
    """Return the proxy on the way to ``url`` (``ws://`` or ``wss://``), or None for the direct way.

    Args:
        given: the argument: an address, False for the direct way whatever else is said, None where nothing was given.
        environ: the variables.
        setting: a framework's setting and its name, which goes before the environment.

    Raises:
        ConfigurationError: it is not the address of an HTTP proxy; names where it was found and not its password.
    """
    if given is False:
        return None
    if given is not None:
        if not isinstance(given, str):
            raise ConfigurationError(
                f"proxy= is of type {type(given).__name__}: give http://host:port, or False for the direct way"
            )
        return _parsed(given, "proxy=")
    if setting[0] is not None:
        return _parsed(setting[0], setting[1])
    parts = urlsplit(url)
    if _is_loopback(parts.hostname or "") or _is_excepted(parts, environ):
        return None
    for name in (*_VARIABLES[parts.scheme], *_ANY):
        # Of a web server's CGI scripts the whole world can set HTTP_PROXY: it is there the request's header "Proxy".
        if environ.get(name) and not (name == "HTTP_PROXY" and "REQUEST_METHOD" in environ):
            return _parsed(environ[name].strip(), name)
    return None


def _parsed(address: str, source: str) -> Proxy:
    try:
        return parse(address, source)
    except ValueError as wrong:
        remedy = "" if source == "proxy=" else "; proxy=False goes the direct way"
        raise ConfigurationError(f"{wrong}{remedy}") from None


def _is_loopback(host: str) -> bool:
    if host.rstrip(".").lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _is_excepted(parts: SplitResult, environ: Mapping[str, str]) -> bool:
    """Whether NO_PROXY names the host: itself, a domain or a network it is in, perhaps with a port, or ``*``."""
    listed = next((environ[name] for name in _NONE if environ.get(name)), "")
    host = (parts.hostname or "").rstrip(".").lower()
    port = parts.port or _PORTS[parts.scheme]
    return any(_matches(entry, host, port) for entry in listed.lower().replace(",", " ").split())


def _matches(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    with suppress(ValueError):  # of either: not an address, so it is a name
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    name, colon, number = entry.rpartition(":")
    if colon and number.isdigit():
        if int(number) != port:
            return False
        entry = name
    entry = entry.strip("[]").removeprefix("*").strip(".")
    return bool(entry) and (host == entry or host.endswith(f".{entry}"))
