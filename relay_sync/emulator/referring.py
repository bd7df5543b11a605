"""``calling.refer``: the other side of a SIP call is asked to call somebody else instead (protocol.md 12).

What becomes of it is what the phone with that address does when it is called; see :class:`Behaviour` and
``MAGIC_NUMBERS``. The call that it makes is no call of Relay's, and no phone rings here.

============================  ============  =========================
the phone there               state         ``sip_notify_response_code``
============================  ============  =========================
answers (``answer_after``)    ``success``   200
``busy``                      ``busy``      486
``decline``                   ``cancel``    603
``no_answer``                 ``noAnswer``  408, after 30 s
``unreachable``               ``error``     404
============================  ============  =========================
"""

from __future__ import annotations

from typing import Any

from relay_sync.emulator.attempt import DEFAULT_RING
from relay_sync.emulator.calls import Call
from relay_sync.emulator.envelope import Refused
from relay_sync.emulator.numbers import Behaviour
from relay_sync.emulator.operations import Operation

_ACCEPTED = "202"
_GONE = "481"  # Call/Transaction Does Not Exist


class Refer(Operation):
    """One REFER. One at a time runs on a call, and nothing stops it; it has no control id."""

    def __init__(self, call: Call, params: dict[str, Any], will: Behaviour) -> None:
        if call.device["type"] != "sip":
            raise Refused("409", "Only a SIP call can be referred")
        super().__init__(call, "")
        self._to = refer_target(params)
        self._tell("inProgress")
        delay, state, code = _outcome(will)
        if delay:
            self._later(delay, lambda: self._end(state, code))
        else:
            self._end(state, code)

    def stop(self) -> None:
        """Nothing stops it."""

    def end_with_call(self, tell: bool) -> None:
        """The call has ended, and nobody is there to tell how it went: ``error``."""
        self._close()
        if tell:
            self._tell("error", sip_notify_response_code=_GONE)

    def fail(self) -> None:
        """The other side refuses the REFER itself."""
        self._close()
        self._tell("error", sip_refer_response_code="503")

    def _end(self, state: str, code: str) -> None:
        self._close()
        self._tell(state, sip_refer_response_code=_ACCEPTED, sip_notify_response_code=code)
        if state == "success" and self.call.around.assumptions.refer_ends_call:
            self.call.end("hangup")

    def _tell(self, state: str, **more: str) -> None:
        self.call.emit("calling.call.refer", {"state": state, "sip_refer_to": self._to, **more})


def refer_target(params: dict[str, Any]) -> str:
    """Return the address that a command refers to."""
    device = params["device"]["params"]
    return str(device.get("to", device.get("uri")))


def _outcome(will: Behaviour) -> tuple[float, str, str]:
    """Return after how many seconds, with which state and with which SIP code the other call gets through or not."""
    if will.busy:
        return 0.0, "busy", "486"
    if will.unreachable:
        return 0.0, "error", "404"
    if will.decline:
        return will.answer_after, "cancel", "603"
    if will.no_answer or will.answer_after > DEFAULT_RING:
        return DEFAULT_RING, "noAnswer", "408"
    return will.answer_after, "success", "200"
