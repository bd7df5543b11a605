"""What callers do with their calls, chosen by a seed; and what they were told, written down."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from relay_sync import Call, Client, ConnectionLost, NotConnected, OperationFailed, RelayError, RelayTimeout
from relay_sync.calling.action import Action, Stoppable
from relay_sync.calling.result import Result
from relay_sync.emulator.emulator import Emulator
from relay_sync.emulator.soak.ledger import DIAL, HANG_UP, PASS, VOLUME, Ending, Fate, Key, Told, Verdict
from relay_sync.emulator.soak.watchdog import Watchdog

T = TypeVar("T")
A = TypeVar("A", bound=Action[Any])

REQUEST_TIMEOUT_S = 2.0

NUMBERS: dict[str, dict[str, Any]] = {
    "+15550170001": {},
    "+15550170002": {"answer_after": 1.0},
    "+15550170003": {"busy": True},
    "+15550170004": {"decline": True, "answer_after": 0.5},
    "+15550170005": {"no_answer": True},
    "+15550170006": {"hang_up_after": 2.0},
    "+15550170007": {"presses_when_asked": "12#"},
    "+15550170008": {"says": "Hello, who is there?", "hang_up_after": 20.0},
    "+15550170009": {"unreachable": True},
}
"""The phones that are called, and what they do; more of them answer than don't."""

ANSWERING = ("+15550170001", "+15550170002", "+15550170006", "+15550170007", "+15550170008")
SILENCE = "silence"
UNSENT = "; nothing was sent"


@dataclass
class Book:
    """Where everything that was told is written down. Any thread may write."""

    told: list[Told] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)  # exceptions that no docstring promises
    heard: dict[str, list[str]] = field(default_factory=dict)  # the states that handlers heard of each call
    taken: Counter[str] = field(default_factory=Counter)  # how often a handler was given each call
    calls: Counter[str] = field(default_factory=Counter)  # by direction


class Caller:
    """One thread's worth of somebody who uses a client."""

    def __init__(self, name: str, client: Client, relay: Emulator, book: Book, watchdog: Watchdog, seed: str) -> None:
        self.name = name
        self.client = client
        self._relay = relay
        self._book = book
        self._watchdog = watchdog
        self._chance = random.Random(seed)
        self._volume = 0
        self._running: list[Action[Any]] = []  # on the present call

    # -- what they do ---------------------------------------------------------------------------------

    def work(self, stop: threading.Event) -> None:
        """Make one call after the other until told to stop."""
        while not stop.is_set():
            self._safely(self._one_call)
            stop.wait(self._chance.uniform(0.0, 0.1))

    def take(self, call: Call) -> None:
        """Handle an inbound call."""
        self._book.taken[str(call.id)] += 1
        self._book.calls["inbound"] += 1
        self._running.clear()
        self._listen(call, str(call.id))
        self._safely(lambda: self._inbound(call))

    def sweep(self, call: Call) -> None:
        """Hang up a call that nobody has any more; where Relay has ended it already, it says so."""
        self._safely(lambda: self._hang_up(call))

    def _safely(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001  (written down: it ends the soak with 1)
            self._book.defects.append(f"{self.name}: {type(error).__name__}: {error}")

    def _one_call(self) -> None:
        self._book.calls["outbound"] += 1
        self._running.clear()
        call = self._dial()
        if call is None:
            return
        for _ in range(self._chance.randint(0, 2)):
            self._chance.choice(self._OPERATIONS)(self, call)
        self._hang_up(call)

    def _inbound(self, call: Call) -> None:
        will = self._chance.random()
        if will < 0.1:
            self._ask((PASS, str(call.id)), call.pass_)
        elif will < 0.2:
            self._hang_up(call, "busy")
        elif will < 0.3:
            with self._watchdog.bound("call.wait_for_ended()", 2.0):
                self._wait(lambda: call.wait_for_ended(timeout=2.0))
        elif self._ask(("calling.answer", str(call.id)), call.answer):
            self._ended(call, "answered", "done", "answer() was successful")
            self._chance.choice(self._OPERATIONS)(self, call)
            self._hang_up(call)

    def _dial(self) -> Call | None:
        who = f"+1555{self._chance.randrange(10**9):09}"
        number = self._chance.choice((*ANSWERING, *NUMBERS))
        limit = self._chance.choice((0.05, 0.5, 4.0, 6.0))
        options: dict[str, Any] = {"from_number": who, "to_number": number, "timeout": 8}
        if self._chance.random() < 0.7:
            result = self._ask((DIAL, who), partial(self.client.calling.dial, **options), limit)
        else:
            made = self.client.calling.new_call(**options)
            self._listen(made, who)
            result = self._ask((DIAL, who), made.dial, limit)
            if result is None and made.id is not None:
                self._hang_up(made)
        if result is None:
            return None
        if result.successful:
            self._ended(result.call, "answered", "done", "dial() was successful")
            return result.call
        if result.call.id is not None and result.code is None:
            self._judge(result.call, "", "ended", result)
        return None

    def _listen(self, call: Call, name: str) -> None:
        """Write down what the handlers of a call hear."""
        heard = self._book.heard[name] = []
        call.on("stateChange", lambda event: heard.append(event["call_state"]))

    def _play(self, call: Call) -> None:
        media = self._chance.choice(
            ([{"type": SILENCE, "duration": 4.0}], [{"type": "ringtone", "name": "us", "duration": 2.0}],
             [{"type": SILENCE, "duration": 0.2}, {"type": "ringtone", "name": "de", "duration": 1.0}])
        )  # fmt: skip
        action = self._start("calling.play", partial(call.play_async, media))
        if action is None:
            return
        for _ in range(self._chance.randint(0, 5)):
            verb = self._chance.choice(("pause", "resume", "volume", "wait"))
            if verb == "volume":
                self._volume += 1
                gain = self._volume % 40_000 / 1000
                self._ask((VOLUME, f"{action.control_id} {gain}"), partial(action.volume, gain))
            elif verb == "wait":
                with self._watchdog.bound("action.wait_for_state()", 0.3):
                    self._wait(lambda: action.wait_for_state("paused", timeout=0.3))
            else:
                self._ask((f"calling.play.{verb}", action.control_id), getattr(action, verb))
        self._finish(call, action, "calling.play.stop")

    def _many(self, call: Call) -> None:
        """Give many commands at once, the last of which may be to hang up."""
        media = [{"type": SILENCE, "duration": 4.0}]
        actions = [self._start("calling.play", partial(call.play_async, media)) for _ in range(3)]
        keys: list[Key] = []
        with self.client.pipeline(max_in_flight=self._chance.choice((1, 2, 64))) as pipe:
            for action in (action for action in actions * 2 if action is not None):
                verb = self._chance.choice(("pause", "resume", "stop"))
                getattr(pipe, verb)(action)
                keys.append((f"calling.play.{verb}", action.control_id))
            if self._chance.random() < 0.5:
                pipe.hangup(call)
                keys.append((HANG_UP, str(call.id)))
            began, limit = time.time(), self._chance.choice((0.02, 0.3, 4.0))
            with self._watchdog.bound(f"a pipeline of {self.name}", limit):
                results = pipe.execute(wait_timeout=limit)
        for key, result in zip(keys, results, strict=True):
            self._note(key, began, limit, result)
        if keys and keys[-1][0] == HANG_UP:
            self._judge_hangup(call, results[-1])

    def _record(self, call: Call) -> None:
        record = partial(call.record_async, initial_timeout=0, end_silence_timeout=0)
        action = self._start("calling.record", record)
        if action is None:
            return
        for verb in self._chance.choice(((), ("pause",), ("pause", "resume"))):
            self._ask((f"calling.record.{verb}", action.control_id), getattr(action, verb))
        self._finish(call, action, "calling.record.stop")

    def _prompt(self, call: Call) -> None:
        media = [{"type": SILENCE, "duration": 0.5}]
        prompt = partial(call.prompt_async, "digits", media, digits_max=3, initial_timeout=4)
        action = self._start("calling.play_and_collect", prompt)
        if action is not None:
            self._finish(call, action, "calling.play_and_collect.stop")

    def _press(self, call: Call) -> None:
        action = self._start("calling.send_digits", partial(call.send_digits_async, "1w2"))
        if action is not None:
            self._finish(call, action, None)

    def _detect(self, call: Call) -> None:
        action = self._start("calling.detect", partial(call.detect_async, "machine", timeout=4))
        if action is not None:
            self._finish(call, action, "calling.detect.stop")

    _OPERATIONS: tuple[Callable[[Caller, Call], None], ...] = (_play, _play, _many, _record, _prompt, _press, _detect)

    # -- how an operation and a call end ----------------------------------------------------------------

    def _finish(self, call: Call, action: Action[Any], stop: str | None) -> None:
        if stop is not None and isinstance(action, Stoppable) and self._chance.random() < 0.6:
            self._ask((stop, action.control_id), action.stop)
        limit = self._chance.choice((0.3, 1.0, 3.0))
        with self._watchdog.bound(f"{type(action).__name__}.wait()", limit):
            if self._chance.random() < 0.3:
                self._wait(lambda: action.future.result(limit))
            else:
                self._wait(lambda: action.wait(limit))
        if action.completed:
            self._judge(call, action.control_id, action.state, action.result)

    def _hang_up(self, call: Call, reason: str = "hangup") -> None:
        result = self._ask((HANG_UP, str(call.id)), partial(call.hangup, reason), 4.0)
        if result is not None:
            self._judge_hangup(call, result)
        if call.state == "ended":  # `ended` is true of one that is ending, whose last word may be lost
            for action in self._running:
                with self._watchdog.bound(f"{type(action).__name__}.wait() on a call that has ended", 0.5):
                    action.wait()

    def _judge_hangup(self, call: Call, result: Result) -> None:
        if result.message.endswith(UNSENT):
            said = result.message.startswith("the call has ended")
            if said or not result.message.startswith(("the call was passed", "the dial")):
                self._ended(call, "ended", "failed" if said else "lost", f"hangup(): {result.message}")
        elif result.error is None and (result.successful or result.code is None):
            self._judge(call, "", "ended", result)

    # -- what they are told ---------------------------------------------------------------------------

    def _start(self, command: str, start: Callable[..., A]) -> A | None:
        """Start an operation; None where it does not run."""
        action = self._ask((command, ""), start)
        if action is None or action.completed:
            return None
        self._running.append(action)
        return action

    def _ask(self, key: Key, act: Callable[..., T], limit: float | None = None) -> T | None:
        """Give a command, with a limit, and write down what it came to; None where that was an exception.

        A key without a subject is that of an operation which has no control id before it was started.
        """
        limit = self._chance.choice((0.02, 0.3, 2.0, 2.0)) if limit is None else limit
        began = time.time()
        result: T | None = None
        outcome: object
        try:
            with self._watchdog.bound(f"{key[0]} of {self.name}", limit):
                outcome = result = act(wait_timeout=limit)
        except (RelayTimeout, ConnectionLost, NotConnected) as error:
            outcome = error
        self._note(key, began, min(limit, REQUEST_TIMEOUT_S), outcome)
        return result

    def _note(self, key: Key, began: float, limit: float, outcome: object) -> None:
        """Write down what a command came to: a result, an action or an exception."""
        subject = key[1]
        if isinstance(outcome, Action):
            subject = subject or outcome.control_id
        elif isinstance(outcome, RelayError):
            subject = subject or str(outcome.control_id)
        self._book.told.append(Told(self.name, (key[0], subject), began, limit, *_verdict(outcome)))

    def _wait(self, act: Callable[[], object]) -> None:
        """Wait for what may not come in time; that is the truth, then."""
        with contextlib.suppress(RelayTimeout, TimeoutError):
            act()

    def _judge(self, call: Call, control_id: str, state: str, result: Result) -> None:
        """Write down how something ended, by what the result says if one insists."""
        fate: Fate = "done"
        try:
            result.raise_for_status()
        except ConnectionLost:
            fate = "lost"
        except OperationFailed:
            fate = "failed"
        if fate == "done" and control_id:
            assert result.event is not None  # a success that no event told of would be ours
            state = result.event.name
        elif fate == "failed" and control_id and result.event is None:
            return  # a prompt of which nothing more is told after its stop
        self._ended(call, state, fate, f"{type(result).__name__}: {result.message}", control_id)

    def _ended(self, call: Call, state: str, fate: Fate, detail: str, control_id: str = "") -> None:
        call_id = str(call.id)

        def truth() -> tuple[bool, bool]:
            found = self._relay.switch.find(call_id)
            owner = None if found is None else found.owner
            protocol = self.client.protocol
            theirs = owner is not None and owner.resumable and owner.reachable and owner.protocol == protocol
            return found is not None, theirs

        alive, in_session = self._relay.on_thread(truth)
        self._book.endings.append(Ending(self.name, call_id, control_id, state, fate, alive, in_session, detail))


def _verdict(outcome: object) -> tuple[Verdict, str | None, str]:
    """Return what is said of a command: of the one that starts an operation, where it is an action."""
    told = outcome.result if isinstance(outcome, Action) else outcome
    error = getattr(told, "error", told)
    if isinstance(error, RelayError):
        sent = not isinstance(error, NotConnected) and getattr(error, "sent", True)
        return "unknown" if sent else "unsent", None, f"{type(error).__name__}: {error.message}"
    assert isinstance(told, Result)
    if told.successful or (isinstance(outcome, Action) and not outcome.completed):
        return "successful", told.code, ""
    if told.code is not None:
        return "refused", told.code, told.message
    if told.message.endswith(UNSENT):
        return "unsent", None, told.message
    return "unknown", None, told.message
