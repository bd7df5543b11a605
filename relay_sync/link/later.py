"""What was decided under the lock, and is done after it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from relay_sync.link.saying import connection_log, say


def do_all(later: Iterable[Callable[[], object]]) -> None:
    """Do all that was put off, whatever becomes of one of them: futures complete here. The lock is not held."""
    left = iter(later)
    try:
        for act in left:
            try:
                act()
            except Exception:  # noqa: BLE001  (logged)
                text = "one of the things to do after the lock failed; the others are done"
                say(connection_log, logging.ERROR, text, exc_info=True)
    except BaseException:  # Ctrl-C, where this is the main thread: what is left is done all the same
        do_all(left)
        raise
