"""What a phone in a test's hand needs of the emulator."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from relay_sync.emulator.messages import Messages
    from relay_sync.emulator.switch import Switch

T = TypeVar("T")


class Exchange(Protocol):
    """The emulator, as its phones see it."""

    def on_thread(self, function: Callable[[], T]) -> T:
        """Call ``function`` on the emulator's thread and return what it returns."""

    def do(self, work: Callable[[Any], Coroutine[Any, Any, T]], timeout: float = 10.0) -> T:
        """Run ``work(running)`` on the emulator's thread; RuntimeError when it is stopped."""

    @property
    def switch(self) -> Switch:
        """The switch; RuntimeError when the emulator is not running."""

    @property
    def messages(self) -> Messages:
        """The text messages; RuntimeError when the emulator is not running."""
