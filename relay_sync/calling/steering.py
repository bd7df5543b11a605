"""Handing a call on, events of one's own, keys bound to commands (api.md 15, protocol.md 13)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from relay_sync.calling import checks
from relay_sync.calling.gone import GONE_FOR_SURE
from relay_sync.calling.leg import Leg
from relay_sync.calling.result import ReplyResult
from relay_sync.showing import shown
from relay_sync.wire.events import Answer


class Steering(Leg):
    """The verbs that decide what becomes of a call."""

    __slots__ = ()

    def transfer(self, dest: str, *, wait_timeout: float | None = None) -> ReplyResult:
        """Hand the call over to something else; return once Relay has answered.

        After Relay agreed, the call is no longer this client's: whatever waits on it ends.

        Args:
            dest: an address, SWML, or ``context:NAME``.
            wait_timeout: seconds for Relay's answer; ``request_timeout`` bounds it in any case.

        Returns:
            Relay's answer, with all its fields as ``result``.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer in time.
        """
        params = {"dest": checks.text(dest, "dest", "where to, such as 'context:sales'")}
        return self._carry_out(ReplyResult, "calling.transfer", params, wait_timeout, answered=self._transferred)

    def user_event(self, event: str, *, wait_timeout: float | None = None, **fields: Any) -> ReplyResult:
        """Send an event of your own on the call; return once Relay has answered.

        Args:
            event: its name.
            wait_timeout: seconds for Relay's answer; ``request_timeout`` bounds it in any case.
            fields: whatever else it is to tell, by keyword; must be JSON. ``node_id`` and ``call_id`` are
                the call's own.

        Returns:
            Relay's answer, with all its fields as ``result``.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer in time.
        """
        checks.text(event, "event", "the name of the event")
        for name in ("node_id", "call_id"):
            if name in fields:
                raise TypeError(f"{name}={shown(fields[name])}: an event of this call has its own {name}: leave it out")
        params = {"event": event, **{name: checks.carried(value, name) for name, value in fields.items()}}
        return self._carry_out(ReplyResult, "calling.user_event", params, wait_timeout)

    def bind_digit(
        self,
        digits: str,
        bind_method: str,
        bind_params: Mapping[str, Any] | None = None,
        realm: str | None = None,
        max_triggers: int | None = None,
        *,
        wait_timeout: float | None = None,
    ) -> ReplyResult:
        """Have Relay carry out a command by itself whenever keys are pressed; return once it has answered.

        Args:
            digits: the keys, one or more of ``0-9 * # A-D``, such as ``*1``.
            bind_method: the command, such as ``calling.play``.
            bind_params: its parameters, as on the wire, such as ``{"play": […]}``; must be JSON.
            realm: a name for bindings that are cleared together.
            max_triggers: how often, at the most; 0 or more, 0 for ever.
            wait_timeout: seconds for Relay's answer; ``request_timeout`` bounds it in any case.

        Returns:
            Relay's answer, with all its fields as ``result``.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was done.
            RelayTimeout: no answer in time.
        """
        params: dict[str, Any] = {
            "digits": checks.some_keys(digits, "digits"),
            "bind_method": checks.command(bind_method, "bind_method"),
        }
        if bind_params is not None:
            params["params"] = checks.data(bind_params, "bind_params")
        if max_triggers is not None:
            params["max_triggers"] = checks.whole(max_triggers, "max_triggers", 0, math.inf, "times")
        return self._carry_out(ReplyResult, "calling.bind_digit", {**params, **_realm(realm)}, wait_timeout)

    def clear_digit_bindings(self, realm: str | None = None, *, wait_timeout: float | None = None) -> ReplyResult:
        """Undo :meth:`bind_digit`; return once Relay has answered.

        ``realm`` is the one whose bindings are undone; all where it is None.
        """
        method = "calling.clear_digit_bindings"
        return self._carry_out(ReplyResult, method, _realm(realm), wait_timeout, gone=GONE_FOR_SURE)

    def _transferred(self, answer: Answer) -> None:
        if answer.ok:
            self._close("the call was transferred", None, lost=False)


def _realm(realm: object) -> dict[str, Any]:
    return {} if realm is None else {"realm": checks.text(realm, "realm", "the name of a realm")}
