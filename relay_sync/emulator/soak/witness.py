"""What the emulator knows: every command that came, whether it was carried out, and what was written of what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from relay_sync.emulator.emulator import Emulator
from relay_sync.emulator.envelope import Accepted
from relay_sync.emulator.journal import Frame, Journal
from relay_sync.emulator.session import Session
from relay_sync.emulator.soak.ledger import DIAL, VOLUME, Evidence, Key, Seen

JOURNAL_LIMIT = 20_000  # frames; it is read twice a second
_LOGINS = {"blade.connect": "blade", "signalwire.connect": "flat"}
_GONE = ("404", "410")

Perform = Callable[[Session, str, Any], Accepted]


def key_of(method: str, params: dict[str, Any]) -> Key | None:
    """Return what the ledger calls a command; None for one that is about neither call nor operation."""
    if method in ("calling.begin", "calling.dial"):
        device = params.get("device") or params["devices"][0][0]
        return DIAL, str(device["params"]["from_number"])
    subject = params.get("control_id") or params.get("call_id")
    if subject is None:
        return None
    return method, f"{subject} {params['volume']}" if method == VOLUME else str(subject)


class Witness:
    """Gathers the evidence of one emulator, which must not have been started yet."""

    def __init__(self, relay: Emulator) -> None:
        self.evidence: Evidence = Evidence()
        self.connections: int = 0  # on which somebody has logged in, or tried to
        self.gaps: int = 0  # frames that the journal had forgotten before they were read
        relay.journal = Journal(relay.clock, relay.watch, (relay.token,), JOURNAL_LIMIT)
        self._relay = relay
        self._read = 0
        self._ids: set[str] = set()
        self._by_tag: dict[str, str] = {}
        self._asked: dict[tuple[int, str], tuple[Seen, set[str]]] = {}
        self._done: list[Any] = []  # the params of what was carried out; on the emulator's thread
        self._by_params: dict[
            int, tuple[dict[str, Any], Seen]
        ] = {}  # not carried out yet; the dict keeps its id its own

    def attend(self) -> None:
        """The emulator runs: look over its shoulder when it carries out a command."""
        desk = self._relay.running_parts.desk
        perform: Perform = desk.perform

        def watched(session: Session, method: str, params: Any) -> Accepted:
            outcome = perform(session, method, params)
            self._done.append(params)
            return outcome

        self._relay.on_thread(lambda: setattr(desk, "perform", watched))

    def read(self) -> None:
        """Read what the journal has got since; to be called by one thread, often enough."""
        frames, done = self._relay.on_thread(self._take)
        new = [frame for frame in frames if frame.number > self._read]
        if new:
            self.gaps += new[0].number - self._read - 1
            self._read = new[-1].number
        for frame in new:
            if frame.body is not None:
                (self._received if frame.direction == "received" else self._sent)(frame, frame.body)
        for params in done:
            # The very object that was read from the frame: what is equal may have come twice.
            _, seen = self._by_params.pop(id(params), (None, None))
            if seen is not None:
                seen.carried_out = True

    def _take(self) -> tuple[list[Frame], list[Any]]:
        """Both at one moment, so that no command is carried out between the two."""
        done, self._done = self._done, []
        return self._relay.journal.frames, done

    def _received(self, frame: Frame, body: dict[str, Any]) -> None:
        if frame.method is None:
            return
        self.evidence.opened.setdefault(frame.connection, frame.real)
        self.evidence.last_heard[frame.connection] = frame.real
        ident = str(body.get("id"))
        if ident in self._ids:
            self.evidence.twice.append(f"{frame.inner or frame.method} {ident}")
        self._ids.add(ident)
        if frame.method in _LOGINS:
            self.connections += 1
            self.evidence.first.setdefault(_LOGINS[frame.method], frame.connection)
        params = _params(body)
        key = None if frame.inner is None else key_of(frame.inner, params)
        if key is not None:
            seen = Seen(frame.real, frame.connection)
            self.evidence.commands[key].append(seen)
            self._by_params[id(params)] = params, seen
            about = {str(params[name]) for name in ("call_id", "control_id") if name in params}
            self._asked[frame.connection, ident] = seen, about
            if key[0] == DIAL:
                self.evidence.tags[str(params["tag"])] = key[1]

    def _sent(self, frame: Frame, body: dict[str, Any]) -> None:
        if frame.method is None:
            asked = self._asked.get((frame.connection, str(body.get("id"))))
            if asked is not None:
                code = _code(body)
                asked[0].codes.append(code)
                if code in _GONE:
                    self.evidence.gone |= asked[1]
        elif frame.inner is not None:
            params = _params(body)
            self._told(params)
            told = params.get("params")
            if (
                frame.inner == "calling.call.receive"
                and isinstance(told, dict)
                and isinstance(told.get("call_id"), str)
            ):
                self.evidence.offered.setdefault(told["call_id"], (frame.connection, frame.real))

    def _told(self, params: dict[str, Any]) -> None:
        """An event was written."""
        inner = params.get("params")
        told = inner if isinstance(inner, dict) else {}
        call_id, control_id, tag = (told.get(name) for name in ("call_id", "control_id", "tag"))
        if isinstance(tag, str) and tag:
            if isinstance(call_id, str):
                self._by_tag[tag] = call_id
            else:  # spoiled; the client knows by the tag which call is meant
                call_id = self._by_tag.get(tag)
        winner = told.get("call")
        if told.get("dial_state") == "answered" and isinstance(winner, dict) and isinstance(winner.get("call_id"), str):
            self.evidence.states[winner["call_id"]].add("answered")
        for leg in (told, winner if isinstance(winner, dict) else {}):
            device = leg.get("device")
            if isinstance(leg.get("call_id"), str) and isinstance(device, dict):
                self.evidence.dialled_for[leg["call_id"]] = str(device.get("params", {}).get("from_number"))
        if isinstance(call_id, str) and isinstance(told.get("call_state"), str):
            self.evidence.states[call_id].add(told["call_state"])
        if isinstance(control_id, str):
            result, detect = (told.get(name) for name in ("result", "detect"))
            collected = result.get("type") if isinstance(result, dict) else None
            detected = detect.get("params", {}).get("event") if isinstance(detect, dict) else None
            for state in (told.get("state"), collected, detected):
                if isinstance(state, str):
                    self.evidence.states[control_id].add(state)


def _params(body: dict[str, Any]) -> dict[str, Any]:
    """Return what a command or an event holds, the envelope of Blade taken off."""
    params = body.get("params")
    outer = params if isinstance(params, dict) else {}
    if body.get("method") in ("blade.execute", "blade.broadcast"):
        inner = outer.get("params")
        return inner if isinstance(inner, dict) else {}
    return outer


def _code(body: dict[str, Any]) -> object:
    """Return the code of an answer as it stands there; None where there is none."""
    told = body.get("error", body.get("result"))
    inner = told.get("result", told) if isinstance(told, dict) else None
    if not isinstance(inner, dict):
        return "no object"
    return inner.get("code")
