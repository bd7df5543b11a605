"""A phone as a test holds it in its hand: buttons, what it heard, what state it is in. Any thread may use it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from relay_sync.emulator.calls import REASONS, STATES, Call, CallSnapshot
from relay_sync.emulator.digits import digits_in
from relay_sync.emulator.exchange import Exchange
from relay_sync.emulator.handset import Handset
from relay_sync.emulator.machines import ReceivedFax
from relay_sync.emulator.media import Heard
from relay_sync.emulator.numbers import Behaviour
from relay_sync.emulator.talking import Talking
from relay_sync.emulator.texting import Texting
from relay_sync.emulator.watch import Watch

_NOTHING = np.zeros(0, np.int16)


class Phone(Talking, Texting):
    """One simulated handset; made by ``relay.phone(number, ...)``.

    A phone takes any number of calls. What follows is about its current call, or its last one when none is up; all
    its calls are in :attr:`calls`.
    """

    def __init__(self, handset: Handset, exchange: Exchange, watch: Watch) -> None:
        super().__init__(handset, exchange)
        self._watch = watch

    def __repr__(self) -> str:
        return f"<Phone {self.number} {self.state}>"

    @property
    def number(self) -> str:
        """Its number."""
        return self._handset.number

    @property
    def state(self) -> str:
        """``idle`` before its first call, then ``created``, ``ringing``, ``answered``, ``ending`` or ``ended``."""
        call = self._handset.call
        return "idle" if call is None else call.state

    @property
    def end_reason(self) -> str | None:
        """Why the call ended (protocol.md 10.1): ``hangup``, ``busy`` ...; None while it is up."""
        call = self._handset.call
        return None if call is None else call.end_reason

    @property
    def calls(self) -> tuple[CallSnapshot, ...]:
        """Its calls as they are now, oldest first (the last 100)."""
        return self._exchange.on_thread(lambda: tuple(call.snapshot() for call in self._handset.calls))

    @property
    def heard(self) -> Heard:
        """What it has heard so far: 16-bit samples at 8 kHz, the first at the moment of the answer.

        Empty before the answer. Complete once the call has ended.
        """

        def hear() -> Heard:
            call = self._handset.call
            return Heard(_NOTHING) if call is None else call.heard()

        return self._exchange.on_thread(hear)

    @property
    def faxes(self) -> tuple[ReceivedFax, ...]:
        """The faxes it has received, oldest first (the last 100); see ``fax="receive"``."""
        return self._exchange.on_thread(lambda: tuple(self._handset.faxes))

    @property
    def digits_heard(self) -> str:
        """The keys that can be made out in what it has heard so far: ``0-9 * # A-D``, in order."""
        return digits_in(self.heard)

    @property
    def behaviour(self) -> Behaviour:
        """What it does by itself when it is called; may be set, and holds from the next call on."""
        return self._handset.behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._handset.behaviour = behaviour

    def answer(self) -> None:
        """Pick up: answer the call that rings. RuntimeError if none does."""
        self._press("answer", lambda call: call.answer(), "ringing")

    def decline(self) -> None:
        """Reject the call that rings; it ends with ``decline``. RuntimeError if none does."""
        self._press("decline", lambda call: call.end("decline"), "created", "ringing")

    def busy(self) -> None:
        """Let the call that rings end with ``busy``. RuntimeError if none does."""
        self._press("refuse as busy", lambda call: call.end("busy"), "created", "ringing")

    def hang_up(self, reason: str = "hangup") -> None:
        """End the call, whatever its state; ``reason`` is an end reason. RuntimeError if none is up."""
        if reason not in REASONS:
            raise ValueError(f"reason must be one of {' '.join(REASONS)}, not {reason!r}")
        self._press("hang up", lambda call: call.end(reason), "created", "ringing", "answered")

    def call(self, to_number: str | None = None, *, context: str | None = None, timeout: float = 30.0) -> CallSnapshot:
        """Place a call: to ``to_number``, whose context ``relay.route`` has set, or straight to ``context``.

        It is offered to exactly one of the clients that receive the context. With none the call ends at once: with
        ``noAnswer``, or with ``error`` when the number has no context. After ``timeout`` virtual seconds without an
        answer the phone gives up (``noAnswer``). Returns the call as it is once it has been offered: :meth:`wait_for`
        tells what becomes of it.
        """
        if to_number is None and context is None:
            raise ValueError("a call needs a number or a context")
        number = "+15550100000" if to_number is None else to_number

        def place() -> CallSnapshot:
            return self._exchange.switch.place(self._handset, number, context, timeout).snapshot()

        return self._exchange.on_thread(place)

    def wait_for(self, state: str, timeout: float = 10.0, *, call: int | None = None) -> bool:
        """Block until the call is or has been in ``state``; False once it can't be any more.

        ``call`` counts from 1 and names a call of this phone that may be still to come; without it the current or last
        call is meant, or the first to come. Raises :exc:`TimeoutError` after ``timeout`` real seconds.
        """
        if state not in STATES:
            raise ValueError(f"a call has no state {state!r}; it has {' '.join(STATES)}")
        number = call if call is not None else max(1, self._handset.taken)

        def settled() -> bool:
            found = self._nth(number)
            return found is not None and (state in found.states or found.state == "ended")

        self._watch.until(settled, timeout, lambda: f"call {number} of {self!r} to be {state}")
        reached = self._nth(number)
        return reached is not None and state in reached.states

    def _nth(self, number: int) -> Call | None:
        def find() -> Call | None:
            back = self._handset.taken - number
            calls = self._handset.calls
            return calls[-1 - back] if 0 <= back < len(calls) else None

        return self._exchange.on_thread(find)

    def _press(self, what: str, act: Callable[[Call], None], *states: str) -> None:
        def pressed() -> None:
            call = self._handset.call
            if call is None or call.state not in states:
                state = "idle" if call is None else call.state
                raise RuntimeError(f"phone {self.number} can't {what}: it is {state}")
            act(call)

        self._exchange.on_thread(pressed)
