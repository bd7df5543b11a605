"""How a test runs a function in a forked child of its own process."""

from __future__ import annotations

import os
import select
import warnings
from collections.abc import Callable

from tests.support import LIMIT


def in_child(function: Callable[[], object]) -> str:
    """What ``function`` returns or raises in a forked child of this process."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on: there are threads, which is the point
        child = os.fork()
    if not child:
        try:
            result = repr(function())
        except BaseException as error:  # noqa: BLE001  (whatever it is, the parent shows it)
            result = f"{type(error).__name__}: {error}"
        os.write(writing, result.encode())
        os._exit(0)
    os.close(writing)
    try:
        told, _, _ = select.select([reading], [], [], LIMIT)
        if not told:
            os.kill(child, 9)
        return os.read(reading, 65536).decode() if told else "it hung"
    finally:
        os.close(reading)
        os.waitpid(child, 0)
