"""The emulator as a program: prints where it listens and what happens on it, until it is interrupted.

``python -m relay_sync.emulator`` and ``relay-sync emulator`` both come here.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from relay_sync.emulator.emulator import Emulator
from relay_sync.emulator.fault import Fault, command_line
from relay_sync.emulator.journal import Command, Event
from relay_sync.emulator.numbers import MAGIC_NUMBERS

_TELLING = ("call_state", "state", "dial_state", "connect_state", "message_state", "end_reason")
"""The params of an event that are worth a look at a glance."""

_PATIENCE = 0.5  # real seconds between looks at `until`; news wakes us at once


def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    speed: float = 1.0,
    strict: bool = False,
    as_json: bool = False,
    faults: Sequence[Fault] = (),
    out: TextIO | None = None,
    until: threading.Event | None = None,
    started: Callable[[Emulator], None] | None = None,
) -> int:
    """Run an emulator in the foreground; return the exit code once Ctrl-C has ended it (0).

    ``speed`` is virtual seconds in a real one; ``strict`` refuses what no documented client sends; ``faults`` are what
    goes wrong. Prints address, credentials and the numbers with a behaviour, then a line for each command and event;
    with ``as_json`` one JSON object a line. ``out`` is where to (standard output), ``until`` an event that ends it too,
    and ``started`` is called with the emulator when it listens. Raises :exc:`OSError` when the port is taken.
    """
    show = _Printer(out if out is not None else sys.stdout, as_json)
    relay = Emulator(host, port, speed=speed, strict=strict, faults=faults)
    try:
        with relay:
            show.start(relay, faults)
            if started is not None:
                started(relay)
            while until is None or not until.is_set():
                _wait_for_news(relay, show, until)
                show.news(relay)
    except KeyboardInterrupt:
        pass
    show.news(relay)
    show.end()
    return 0


def _wait_for_news(relay: Emulator, show: _Printer, until: threading.Event | None) -> None:
    def news() -> bool:
        return relay.journal.total > show.seen or (until is not None and until.is_set())

    try:
        relay.watch.until(news, _PATIENCE, "news")
    except TimeoutError:
        return


class _Printer:
    """Writes what happens, as lines for people or as JSON."""

    def __init__(self, out: TextIO, as_json: bool) -> None:
        self._out = out
        self._as_json = as_json
        self.seen = 0

    def start(self, relay: Emulator, faults: Sequence[Fault]) -> None:
        if self._as_json:
            self._json("listening", relay.credentials | {"port": relay.port, "faults": [str(one) for one in faults]})
            return
        credentials = relay.credentials
        self._line(f"Relay emulator at {relay.url} (Ctrl-C ends it)")
        self._line("")
        self._line("  export SIGNALWIRE_PROJECT_ID=" + credentials["project"])
        self._line("  export SIGNALWIRE_API_TOKEN=" + credentials["token"])
        self._line("  export SIGNALWIRE_RELAY_HOST=" + credentials["host"])
        self._line("")
        self._line("  Any number answers at once, except:")
        for number, (_, words) in MAGIC_NUMBERS.items():
            self._line(f"  {number}  {words}")
        self._line("")
        if faults:
            self._line("  Faults: " + command_line(faults))
            self._line("")

    def news(self, relay: Emulator) -> None:
        """Print what the journal holds beyond what was printed."""
        entries, self.seen = relay.journal.since(self.seen)
        for entry in entries:
            if isinstance(entry, Event):
                self._event(entry)
            else:
                self._command(entry)

    def end(self) -> None:
        if not self._as_json:
            self._line("stopped")

    def _event(self, event: Event) -> None:
        params = event.params
        if self._as_json:
            self._json("event", {"at": event.at, "type": event.event_type, "params": params})
            return
        device = params.get("device", {}).get("params", {})
        about = [f"call {str(params.get('call_id', '-'))[:8]}"]
        about += [str(params[key]) for key in _TELLING if key in params]
        ends = [str(value) for value in (device.get("from_number"), device.get("to_number")) if value]
        if ends and params.get("call_state") == "created":
            about.append(" to ".join(ends))
        self._line(f"{event.at:10.3f}  <  {event.event_type:<24} {'  '.join(about)}")

    def _command(self, command: Command) -> None:
        if self._as_json:
            self._json("command", {"at": command.at, "method": command.method, "params": command.params})
            return
        call = f"call {str(command.params['call_id'])[:8]}" if "call_id" in command.params else ""
        self._line(f"{command.at:10.3f}  >  {command.method:<24} {call}")

    def _json(self, kind: str, facts: dict[str, Any]) -> None:
        self._line(json.dumps({"kind": kind, **facts}))

    def _line(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()
