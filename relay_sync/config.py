"""Where project, token or JWT, host and so on come from: the argument, else the framework, else the environment."""

from __future__ import annotations

import ipaddress
import os
import re
import sys
import warnings
from collections.abc import Mapping
from typing import Literal, NamedTuple
from urllib.parse import SplitResult, urlsplit

from relay_sync import frameworks
from relay_sync.errors import ConfigurationError
from relay_sync.link.proxy import Proxy
from relay_sync.proxies import proxy_for

__all__ = ["DEFAULT_HOST", "Config", "resolve"]

DEFAULT_HOST = "relay.signalwire.com"
SPACES = "signalwire.com"

# The variables of each setting: the current name, then the older one that still works.
PROJECT = ("SIGNALWIRE_PROJECT_ID", "SIGNALWIRE_PROJECT_KEY")
TOKEN = ("SIGNALWIRE_API_TOKEN", "SIGNALWIRE_TOKEN")
JWT_TOKEN = ("SIGNALWIRE_JWT_TOKEN",)
RELAY_HOST = ("SIGNALWIRE_RELAY_HOST", "SIGNALWIRE_HOST")
SPACE = ("SIGNALWIRE_SPACE", "SIGNALWIRE_SPACE_URL")
CA_FILE = ("SIGNALWIRE_RELAY_CA_FILE",)

# http and ws stay unencrypted, because somebody wrote so.
_SCHEMES = {"wss": "wss", "https": "wss", "ws": "ws", "http": "ws"}
_NAME = re.compile(r"[\w-]+(\.[\w-]+)*\.?")
_SHAPES = "give a space (example), a host (example.signalwire.com), host:port, or a URL (ws://127.0.0.1:8080)"

# Older names that have been warned of; only grows, so that two threads at worst warn twice.
_warned: set[str] = set()


class Config(NamedTuple):
    """What a client needs to know before it connects. Its repr shows no credential."""

    project: str
    token: str
    url: str
    """Relay's WebSocket address, ``wss://…`` or ``ws://…``."""
    ca_file: str | None = None
    """PEM file of the authorities to trust; None for the system's."""
    jwt_token: str | None = None
    """What to authenticate with in place of project and token, which may then both be empty."""
    proxy: Proxy | None = None
    """The HTTP proxy to go through; None for the direct way."""

    def __repr__(self) -> str:
        return f"Config(url={self.url!r}, ca_file={self.ca_file!r}, proxy={self.proxy!r})"


def resolve(
    *,
    project: str | None = None,
    token: str | None = None,
    host: str | None = None,
    space: str | None = None,
    ca_file: str | os.PathLike[str] | None = None,
    jwt_token: str | None = None,
    proxy: str | Literal[False] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Return the configuration that the arguments give, completed from framework and environment.

    An argument that is None is looked for in the settings of Flask or Django, where the program uses one (see
    :mod:`relay_sync.frameworks`), then in the environment; what is empty there counts as missing. An older
    name of a variable works when the current one is missing, and warns once per process. Does no I/O.

    Args:
        project: project id; any text that is not empty. ``SIGNALWIRE_PROJECT_ID``.
        token: API token; any text that is not empty. ``SIGNALWIRE_API_TOKEN``.
        host: where Relay is: a space (``example``), a host, host and port, or an http(s) or ws(s) URL. Unencrypted
            only where it says ``http://`` or ``ws://``. Else ``SIGNALWIRE_RELAY_HOST``, else that of the space, else
            ``relay.signalwire.com``.
        space: the space, in any of these shapes. ``SIGNALWIRE_SPACE``.
        ca_file: PEM file of the authorities to trust. ``SIGNALWIRE_RELAY_CA_FILE``.
        jwt_token: a JSON Web Token to authenticate with in place of project and token (api.md 3.1). Looked for, as
            ``SIGNALWIRE_JWT_TOKEN``, where no ``token`` was given as an argument. The project may go with it.
        proxy: ``http://user:password@host:port``; False for the direct way. Else ``HTTPS_PROXY`` (for ws
            ``HTTP_PROXY``) or ``ALL_PROXY``, unless the host is loopback or stands in ``NO_PROXY``.
        environ: the variables, for tests; None for the process's own.

    Raises:
        ConfigurationError: something is missing, empty, not a text or not an address. The message names the argument
            and the variables looked for, and never contains a credential.
    """
    if environ is None:
        environ = os.environ
    if jwt_token is not None and token is not None:
        raise ConfigurationError("jwt_token= and token= were both given: give one of them")
    # A token that is nearer than the JWT, as an argument or as a setting, is meant.
    nearer = token is not None or (
        jwt_token is None and frameworks.setting("TOKEN")[0] is not None and frameworks.setting("JWT_TOKEN")[0] is None
    )
    jwt = None if nearer else _optional("jwt_token", jwt_token, JWT_TOKEN, environ)[0]
    url = _url(host, space, environ)
    return Config(
        project=_credential("project", project, PROJECT, environ, needed=jwt is None),
        token=_credential("token", token, TOKEN, environ, needed=jwt is None),
        url=url,
        ca_file=_optional("ca_file", None if ca_file is None else _path(ca_file), CA_FILE, environ)[0],
        jwt_token=jwt,
        proxy=proxy_for(url, proxy, environ, setting=frameworks.setting("PROXY")),
    )


def _credential(
    argument: str, value: object, names: tuple[str, ...], environ: Mapping[str, str], *, needed: bool
) -> str:
    """Project or token; "" where there is none and a JWT makes it unnecessary."""
    found, _ = _optional(argument, value, names, environ)
    if found is None and needed:
        current, *older = names
        raise ConfigurationError(
            f"no {argument}: give {argument}= or set {current} (looked for {current} and, older, {', '.join(older)}), "
            f"or authenticate with jwt_token= or {JWT_TOKEN[0]}"
        )
    return found or ""


def _optional(
    argument: str, value: object, names: tuple[str, ...], environ: Mapping[str, str]
) -> tuple[str | None, str]:
    """A setting and where it was found: the argument's or the variable's name."""
    if value is None:
        found = frameworks.setting(argument.upper())
        return _variable(names, environ) if found[0] is None else found
    looked_for = f"give a text that is not empty, or leave it out and set {names[0]}"
    if not isinstance(value, str):
        raise ConfigurationError(f"{argument}= is of type {type(value).__name__}: {looked_for}")
    if not value:
        raise ConfigurationError(f"{argument}= is empty: {looked_for}")
    return value, f"{argument}="


def _variable(names: tuple[str, ...], environ: Mapping[str, str]) -> tuple[str | None, str]:
    for name in names:
        value = environ.get(name)
        if value:
            if name != names[0]:
                _warn_of(name, names[0])
            return value, name
    return None, ""


def _warn_of(older: str, current: str) -> None:
    if older in _warned:
        return
    _warned.add(older)
    # Attributed to the first line outside the library: Python shows a DeprecationWarning only where it can be acted on.
    frame, level = sys._getframe(), 1
    while frame.f_globals.get("__name__", "").split(".")[0] == "relay_sync" and frame.f_back is not None:
        frame, level = frame.f_back, level + 1
    warnings.warn(f"{older} is an older name: set {current} instead", DeprecationWarning, stacklevel=level)


def _path(value: object) -> object:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _url(host: object, space: object, environ: Mapping[str, str]) -> str:
    """Host: argument, then its variable, then the space (argument, then variable), then Relay's own.

    A framework's setting, of host or space, goes before both variables.
    """
    if host is None and space is None and frameworks.setting("HOST")[0] is None:
        set_space, source = frameworks.setting("SPACE")
        if set_space is not None:
            return _address(set_space.strip(), source)
    found, source = _optional("host", host, RELAY_HOST, environ)
    if found is None:
        found, source = _optional("space", space, SPACE, environ)
    return f"wss://{DEFAULT_HOST}" if found is None else _address(found.strip(), source)


def _address(value: str, source: str) -> str:
    """The WebSocket URL that one of the accepted shapes means; `source` is its name for messages."""
    if any(character.isspace() for character in value):
        raise _no_address(source)  # urlsplit would drop some of them in silence
    if "://" not in value:
        value = "wss://" + _host_of(value.rstrip("/"))
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise _no_address(source) from None  # the cause would show the value, which may hold a password
    name = parts.hostname or ""
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(f"{source} has a user name or password in it: give project= and token= instead")
    if parts.scheme not in _SCHEMES or not (_NAME.fullmatch(name) or _is_ip(name)):
        raise _no_address(source)
    place = f"[{name}]" if ":" in name else name
    return f"{_SCHEMES[parts.scheme]}://{place}{'' if port is None else f':{port}'}{_path_of(parts)}"


def _host_of(value: str) -> str:
    """The host that a text without a scheme means: one word is a space."""
    if _is_ip(value):
        return f"[{value}]" if ":" in value else value
    if "." not in value and value.lower() != "localhost" and _NAME.fullmatch(value):
        return f"{value}.{SPACES}"
    return value


def _path_of(parts: SplitResult) -> str:
    """The path to keep: that of a WebSocket address is meant; that of a web page is of no use here."""
    if parts.scheme not in ("ws", "wss") or parts.path == "/":
        return ""
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _no_address(source: str) -> ConfigurationError:
    return ConfigurationError(f"{source} is not the address of a server: {_SHAPES}")


def _is_ip(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True
