"""What a server must be told so that a program with threads can run in it. Imported only where one is found."""

from __future__ import annotations

import os
import sys
import warnings

FROZEN = (
    "uWSGI runs without threads: between two requests the connection to Relay stands still and is lost. "
    "Start it with --enable-threads"
)
FORKED = (
    "uWSGI's master is about to have a thread of the connection's, and some of the workers that it forks then hang "
    "for good, unless uWSGI is started with --py-call-uwsgi-fork-hooks. Or connect in the workers: at the first use, "
    "or with --lazy-apps"
)
HOOKS = "py-call-uwsgi-fork-hooks"
OFF = (b"false", b"off", b"no", b"0")  # what uWSGI takes for no


def warn_of_uwsgi() -> None:
    """Warn, once, where uWSGI was not told what a program with threads needs.

    * It runs Python's threads only while a request is being served. The connection's thread then
      answers none of Relay's pings between two requests, and Relay drops it. Nothing is broken
      during a request, so this is a warning and no error. Newer releases of uWSGI (2.0.31 for one)
      have threads without being asked.
    * This is its master, which will fork the workers without holding Python's lock (the GIL). Where
      the connection's thread holds it in that moment, the worker waits for it for ever; where that
      thread waits for it, the worker gets a lock that is broken. Nothing of ours runs at such a
      fork: uWSGI itself must take the lock before it and renew it after it.
    """
    server = sys.modules.get("uwsgi")
    if not getattr(server, "has_threads", True):
        warnings.warn(FROZEN, RuntimeWarning, stacklevel=4)
    elif getattr(server, "masterpid", int)() == os.getpid() and not _is_on(getattr(server, "opt", {}).get(HOOKS)):
        warnings.warn(FORKED, RuntimeWarning, stacklevel=4)


def _is_on(value: object) -> bool:
    """Whether an option has this value: True without one, else bytes; a list where it was given repeatedly."""
    last = value[-1] if isinstance(value, list) else value
    return last.lower() not in OFF if isinstance(last, bytes) else last is True
