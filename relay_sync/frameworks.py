"""What the web framework of the program says about Relay: between the arguments and the environment.

Flask: ``app.config["RELAY_SYNC_PROJECT"]`` and so on, of the application whose context is active. Django:
``settings.RELAY_SYNC = {"PROJECT": ..., ...}``, or such a dict under its alias ``"default"``. Neither framework is
imported: one that the program does not use is not there to have settings.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from relay_sync.errors import ConfigurationError

__all__ = ["setting"]

PREFIX = "RELAY_SYNC"


def setting(name: str) -> tuple[str | None, str]:
    """Return a setting and where it was found; None where no framework has it, or has it empty.

    Args:
        name: ``PROJECT``, ``TOKEN``, ``JWT_TOKEN``, ``HOST``, ``SPACE``, ``CA_FILE`` or ``PROXY``.

    Raises:
        ConfigurationError: it is there and not a text; names it and does not show it.
    """
    for look in (_flask, _django):
        value, source = look(name)
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        if value is None or value == "":
            continue
        if not isinstance(value, str):
            raise ConfigurationError(f"{source} is of type {type(value).__name__}: give a text, or leave it out")
        return value, source
    return None, ""


def _flask(name: str) -> tuple[Any, str]:
    flask: Any = sys.modules.get("flask")
    if flask is None or not getattr(flask, "has_app_context", bool)():
        return None, ""
    return flask.current_app.config.get(f"{PREFIX}_{name}"), f'app.config["{PREFIX}_{name}"]'


def _django(name: str) -> tuple[Any, str]:
    conf: Any = sys.modules.get("django.conf")
    # Settings that nobody has read yet are not read here: this may be the settings module itself, being imported.
    if conf is None or not getattr(getattr(conf, "settings", None), "configured", False):
        return None, ""
    given, source = getattr(conf.settings, PREFIX, None), f"settings.{PREFIX}"
    if isinstance(given, Mapping) and isinstance(given.get("default"), Mapping):
        given, source = given["default"], f'{source}["default"]'
    if given is None:
        return None, ""
    if not isinstance(given, Mapping):
        raise ConfigurationError(f'{source} is of type {type(given).__name__}: give a dict with "PROJECT" and so on')
    return given.get(name), f'{source}["{name}"]'
