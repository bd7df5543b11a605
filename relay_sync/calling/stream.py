"""Events as an ordinary iterator, for loops and progress bars."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING

from relay_sync.calling.result import Event
from relay_sync.link.waiting import Deadline, Monitor, Waitable, check_timeout

if TYPE_CHECKING:
    from typing_extensions import Self


class EventStream(Waitable, Iterator[Event]):
    """An iterator of events, made by ``events()`` of an action or a call; one thread at a time steps it.

    Events are kept from the moment it was made, until they are taken: ``close()`` one that is not
    read to its end, or use it in a ``with`` block, so that no more are kept.
    """

    __slots__ = ("_drop", "_ended", "_monitor", "_queue", "_timeout", "_what")

    def __init__(self, monitor: Monitor, timeout: float | None, drop: Callable[[EventStream], None], what: str) -> None:
        super().__init__()
        self._monitor = monitor
        self._timeout = check_timeout(timeout)
        self._drop = drop
        self._what = what
        self._queue: deque[Event] = deque()
        self._ended = False

    def __repr__(self) -> str:
        return f"<EventStream of {self._what}{', ended' if self._ended else ''}>"

    def __next__(self) -> Event:
        self._monitor.check_process()
        with self._monitor.lock:
            self._monitor.wait_until(
                self,
                lambda: bool(self._queue) or self._ended,
                Deadline(self._timeout),
                lambda: f"no event of {self._what}",
            )
            if self._queue:
                return self._queue.popleft()
        raise StopIteration

    def close(self) -> None:
        """Keep no more events; the iteration ends after those that were kept."""
        self._monitor.check_process()
        with self._monitor.lock:
            self._drop(self)
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- what happens to it; the lock is held ---------------------------------------------------------

    def _add(self, event: Event) -> None:
        if not self._ended:
            self._queue.append(event)
            self._changed()

    def _end(self) -> None:
        self._ended = True
        self._changed()
