"""What payments and AIs do, which only a test can know: scripts that it supplies.

``relay.scripts`` holds those in force, for what begins from now on::

    relay.scripts.pay(PayStep("payment-failed", after=3, error_type="card-declined"))
    relay.scripts.ai(greeting="Hello, how can I help?", reply=lambda heard: f"You said {heard}.")
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

COMPLETED = "payment-completed"
FAILED = "payment-failed"

Reply = Callable[[str], "str | None"]
"""Takes what somebody has said to an AI and returns what it says to that, or None for nothing."""


def _check_seconds(name: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} must be a number of seconds of 0 or more, not {value!r}")


@dataclass(frozen=True, slots=True)
class PayStep:
    """One piece of news of a payment, ``after`` virtual seconds from the one before.

    ``what`` is the ``for`` of its event: ``payment-completed`` and ``payment-failed`` end the payment, anything else
    goes on. ``details`` are more fields of the event, such as ``payment_card_type``.
    """

    what: str
    after: float = 1.0
    error_type: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.what:
            raise ValueError("a step of a payment needs the name of what has happened")
        _check_seconds("after", self.after)

    @property
    def last(self) -> bool:
        """Does it end the payment?"""
        return self.what in (COMPLETED, FAILED)


@dataclass(frozen=True, slots=True)
class AiScript:
    """What an AI does; see :meth:`Scripts.ai`."""

    greeting: str | None = None
    reply: Reply | None = None
    end_after: float | None = None
    fails: bool = False


PAID = (PayStep(COMPLETED, after=5.0, details={"payment_card_type": "visa"}),)
"""The payment of whoever has no script: it is completed after 5 s."""


class Scripts:
    """The scripts in force. Any thread may replace them."""

    def __init__(self) -> None:
        self.payment: tuple[PayStep, ...] = PAID
        self.agent: AiScript = AiScript()

    def pay(self, *steps: PayStep) -> None:
        """Have payments go like this; without steps, as at first: completed after 5 s.

        One whose steps have no end goes on until it is stopped.
        """
        self.payment = steps or PAID

    def ai(
        self,
        *,
        greeting: str | None = None,
        reply: Reply | Mapping[str, str] | None = None,
        end_after: float | None = None,
        fails: bool = False,
    ) -> None:
        """Have AIs behave like this; as at first they listen and say nothing.

        ``greeting`` is spoken at once. ``reply`` takes each thing that the phone says, or that ``calling.ai_message``
        sends as ``user``, and returns what is said to it; a mapping says it for each text that it holds, whatever its
        case. A function runs on the emulator's thread, so it must not wait. ``end_after`` virtual seconds it ends by
        itself: with ``finished``, or with ``error`` if it ``fails``.
        """
        if end_after is not None:
            _check_seconds("end_after", end_after)
        self.agent = AiScript(greeting, _function(reply), end_after, fails)


def _function(reply: Reply | Mapping[str, str] | None) -> Reply | None:
    if not isinstance(reply, Mapping):
        return reply
    answers = {text.lower(): answer for text, answer in reply.items()}
    return lambda heard: answers.get(heard.lower())
