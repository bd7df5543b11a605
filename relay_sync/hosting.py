"""What a server must be told so that a program with threads can run in it. Imported only where one is found."""

from __future__ import annotations

import sys
import warnings

# Each of these options of uWSGI lets Python's threads run between requests.
_THREADS = ("enable-threads", "threads")


def warn_of_frozen_threads() -> None:
    """Warn, once, where uWSGI runs Python's threads only while a request is being served.

    The connection's thread then answers none of Relay's pings between two requests, and Relay drops
    it. Nothing is broken during a request, so this is a warning and no error.
    """
    server = sys.modules.get("uwsgi")
    options = getattr(server, "opt", {})
    # uWSGI gives names and values as bytes or as str, as it was built.
    given = {name.decode() if isinstance(name, bytes) else str(name) for name in options}
    if server is not None and not given.intersection(_THREADS):
        warnings.warn(
            "uWSGI runs without threads: between two requests the connection to Relay stands still and is lost. "
            "Start it with --enable-threads",
            RuntimeWarning,
            stacklevel=4,
        )
