"""What a server must be told so that a program with threads can run in it. Imported only where one is found."""

from __future__ import annotations

import sys
import warnings


def warn_of_frozen_threads() -> None:
    """Warn, once, where uWSGI runs Python's threads only while a request is being served.

    The connection's thread then answers none of Relay's pings between two requests, and Relay drops
    it. Nothing is broken during a request, so this is a warning and no error. Newer releases of
    uWSGI (2.0.31 for one) have threads without being asked.
    """
    server = sys.modules.get("uwsgi")
    if not getattr(server, "has_threads", True):
        warnings.warn(
            "uWSGI runs without threads: between two requests the connection to Relay stands still and is lost. "
            "Start it with --enable-threads",
            RuntimeWarning,
            stacklevel=4,
        )
