"""Logging from threads of ours: a log handler is the user's code, and what it raises must end none of them."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable

#: What is said of a connection, whichever module of ``link`` says it: users set the level of this name.
connection_log: logging.Logger = logging.getLogger("relay_sync.link.connection")
#: Every frame, at DEBUG, secrets masked.
frame_log: logging.Logger = logging.getLogger("relay_sync.wire")


def guarded(act: Callable[[], object]) -> None:
    """Do what runs a user's log handlers; what they raise goes where threads' exceptions go, for it can't be logged.

    So ends, for one, a handler that gives a command: on the connection's thread that is ``WouldDeadlock``.
    """
    try:
        act()
    except Exception:  # noqa: BLE001  (shown)
        threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))


def say(
    logger: logging.Logger, level: int, text: str, *about: object, exc_info: bool | BaseException | None = None
) -> None:
    """Log something, whatever the user's log handlers do."""
    guarded(lambda: logger.log(level, text, *about, exc_info=exc_info, stacklevel=4))
