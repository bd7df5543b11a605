"""What holds for every test: it leaves no thread behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.support import until


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Fail a test after which a thread of ours, or of its own, is still alive."""
    before = set(threading.enumerate())
    yield

    def left() -> list[threading.Thread]:
        # Executors keep idle threads on purpose; they are named by the standard library.
        return [t for t in threading.enumerate() if t not in before and t.name.startswith(("relay-", "test-"))]

    until(lambda: not left(), "that no thread is left", 5.0)
