"""Taking a payment during a call (api.md 15, protocol.md 13)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

from relay_sync.calling import checks, fields, options
from relay_sync.calling.command import Command
from relay_sync.calling.control import Control
from relay_sync.calling.leg import Leg
from relay_sync.calling.result import Result, StopResult
from relay_sync.calling.stopping import Graceful
from relay_sync.showing import shown
from relay_sync.wire.events import Answer
from relay_sync.wire.states import OPERATIONS

if TYPE_CHECKING:
    from decimal import Decimal

    from typing_extensions import Unpack

INPUTS = ("dtmf", "speech", "voice")
TOKEN_TYPES = ("one-time", "reusable")

_AMOUNT = re.compile(r"\d+(\.\d+)?", re.ASCII)


class PayOptions(TypedDict, total=False):
    """What a payment takes by keyword; what is None or left out is not sent: Relay's default applies.

    Attributes:
        input_method: how the caller gives the card's number: ``dtmf``; some sources know ``speech``
            or ``voice``.
        payment_method: such as ``credit-card``.
        timeout: seconds, 0 or more, to wait for the next digit (default 5).
        max_attempts: how often the caller may try, 1 or more (default 1).
        security_code: whether to ask for the card's security code.
        postal_code: whether to ask for the postal code; or the code itself, where it is known.
        min_postal_code_length: digits, 0 or more.
        token_type: ``one-time`` or ``reusable``.
        charge_amount: a decimal number as a string or ``Decimal`` such as ``"9.99"``, or a whole
            number; 0 or more. A float is refused: it can't hold most amounts exactly.
        currency: such as ``usd``.
        language: of what is said, such as ``en-US``.
        voice: the voice that says it.
        description: of the payment, for the connector.
        valid_card_types: such as ``"visa mastercard"``, or a list of them.
        parameters: dicts ``{"name": …, "value": …}`` of your own, for the connector.
        prompts: dicts that say what is said when; their form is Relay's.
        status_url: http or https address that is told how the payment goes.
    """

    input_method: str | None
    payment_method: str | None
    timeout: float | None
    max_attempts: int | None
    security_code: bool | None
    postal_code: bool | str | None
    min_postal_code_length: int | None
    token_type: str | None
    charge_amount: str | Decimal | int | None
    currency: str | None
    language: str | None
    voice: str | None
    description: str | None
    valid_card_types: str | Iterable[str] | None
    parameters: Iterable[Mapping[str, Any]] | None
    prompts: Iterable[Mapping[str, Any]] | None
    status_url: str | None


def _yes_or_no(value: object, name: str) -> str:
    return "true" if checks.flag(value, name) else "false"


def _code_or_flag(value: object, name: str) -> str:
    return (
        checks.text(value, name, "True, False or a postal code") if isinstance(value, str) else _yes_or_no(value, name)
    )


def _seconds(value: object, name: str) -> str:
    return f"{checks.seconds(value, name):g}"


def _whole(value: object, name: str, low: int, unit: str) -> str:
    return str(checks.whole(value, name, low, float("inf"), unit))


def _amount(value: object, name: str) -> str:
    from decimal import Decimal  # only payments need it

    if isinstance(value, bool) or not isinstance(value, (str, Decimal, int)):
        raise TypeError(f"{name}={shown(value)}: give a decimal number as a string or Decimal, such as '9.99'")
    written = f"{value:f}" if isinstance(value, Decimal) else str(value)
    if not _AMOUNT.fullmatch(written):
        raise ValueError(f"{name}={shown(value)}: give a decimal number, 0 or more, such as '9.99'")
    return written


def _card_types(value: object, name: str) -> str:
    what = "types of cards"
    return checks.text(value, name, what) if isinstance(value, str) else " ".join(checks.words(value, name, what))


# All scalars are strings on the wire (protocol.md 13).
_OPTIONS: options.Table = {
    "input_method": ("input", partial(checks.one_of, allowed=INPUTS)),
    "payment_method": ("payment_method", partial(checks.text, what="a way to pay such as 'credit-card'")),
    "timeout": ("timeout", _seconds),
    "max_attempts": ("max_attempts", partial(_whole, low=1, unit="attempts")),
    "security_code": ("security_code", _yes_or_no),
    "postal_code": ("postal_code", _code_or_flag),
    "min_postal_code_length": ("min_postal_code_length", partial(_whole, low=0, unit="digits")),
    "token_type": ("token_type", partial(checks.one_of, allowed=TOKEN_TYPES)),
    "charge_amount": ("charge_amount", _amount),
    "currency": ("currency", partial(checks.text, what="a currency such as 'usd'")),
    "language": ("language", partial(checks.text, what="a language such as 'en-US'")),
    "voice": ("voice", partial(checks.text, what="the name of a voice")),
    "description": ("description", partial(checks.text, what="a description")),
    "valid_card_types": ("valid_card_types", _card_types),
    "parameters": ("parameters", checks.list_of_fields),
    "prompts": ("prompts", checks.list_of_fields),
    "status_url": ("status_url", checks.web_address),
}


_NOT_SAID = "it was stopped, and Relay did not say that it was paid"


class PayResult(Result):
    """How a payment ended: successful when Relay said that it was completed.

    Attributes:
        error_type: what went wrong, in Relay's words; None where nothing did or Relay did not say.
        payment_method: such as ``credit-card``; None where Relay did not say.
        payment_card_type: such as ``visa``; None where Relay did not say.
        event: has whatever else Relay told.
    """

    error_type: str | None = None
    payment_method: str | None = None
    payment_card_type: str | None = None


class PayAction(Graceful[PayResult]):
    """A payment that is being taken on a call; made by :meth:`Call.pay_async`.

    ``state`` is what Relay told last. Sources differ on what that is (protocol.md 19), and both are
    understood: ``'finished'`` or ``'error'``; or what the event is *for*: ``'payment-card-number'``,
    ``'security-code'`` and so on, at last ``'payment-completed'``, ``'payment-failed'`` or
    ``'payment-canceled'``; an event with nothing but an ``error_type`` ends it in that. ``'failed'``
    as for every action. One that was told to ``stop()`` is successful only where Relay says that the
    payment was completed: a mere ``'finished'`` may be of the stop. Where Relay tells nothing more, it
    ends in ``'finished'`` a second after it accepted the stop.
    """

    __slots__ = ("_stopping",)

    _operation = OPERATIONS["pay"]
    _command = "calling.pay"
    _success = frozenset({"finished", "payment-completed"})
    _result_type = PayResult

    def __init__(self, leg: Leg, params: dict[str, Any]) -> None:
        super().__init__(leg, params)
        self._stopping = False

    def _stop_command(self) -> Command[StopResult]:
        return _Stop(self)

    # -- what happens to it; the lock is held in all of these -----------------------------------------

    def _judge(self, state: str, params: dict[str, Any]) -> PayResult | None:
        wrong = fields.text(params.get("error_type")) or None
        if state not in self._operation.final and state != wrong:
            return None  # a wrong card's number may be asked for again
        told = {name: fields.text(params.get(name)) for name in ("payment_method", "payment_card_type")}
        message = {"message": f"the payment failed: {wrong}"} if wrong else {}
        paid = state in self._success and not wrong
        if paid and self._stopping and "payment-completed" not in (state, params.get("for")):
            paid, message = False, {"message": _NOT_SAID}
        return self._ended(state, params, paid, error_type=wrong, **message, **told)

    def _untold(self) -> PayResult:
        return self._make(message=_NOT_SAID)


class _Stop(Control[StopResult]):
    """``calling.pay.stop``: from the moment it is sent, the payment's end may be of its making."""

    __slots__ = ("_payment",)

    def __init__(self, payment: PayAction) -> None:
        """Make it; give it with :meth:`give`."""
        super().__init__(payment, "stop", StopResult, accepted=payment._stopped)
        self._payment = payment

    def sending(self) -> None:
        """See :meth:`Command.sending`."""
        super().sending()
        self._payment._stopping = True

    def answered(self, answer: Answer) -> None:
        """See :meth:`Command.answered`."""
        super().answered(answer)
        if not answer.ok:
            self._payment._stopping = False


class Paying(Leg):
    """The verbs that take payments."""

    __slots__ = ()

    @options.spelled_out(PayOptions)
    def pay(
        self, payment_connector_url: str, *, wait_timeout: float | None = None, **pay_options: Unpack[PayOptions]
    ) -> PayResult:
        """Have the caller pay, and block until it was paid or was not.

        Args:
            payment_connector_url: http or https address of what does the payment.
            wait_timeout: seconds for the whole of it; without it Relay's own limits and the call's
                end bound the wait. A payment whose wait timed out goes on.
            pay_options: see :class:`PayOptions`; its ``timeout`` is Relay's, for the caller's next digit.

        Returns:
            Successful when Relay said that it was completed; not where it failed, Relay refused it, or
            the call ended first.

        Raises:
            TypeError, ValueError: bad arguments; nothing was sent.
            NotConnected: not sent. ConnectionLost: unknown whether it was started.
            RelayTimeout: no answer, or no end, in time.
        """
        action, deadline = self._start(PayAction(self, _pay(payment_connector_url, pay_options)), wait_timeout)
        return action._wait(deadline)

    @options.spelled_out(PayOptions)
    def pay_async(
        self, payment_connector_url: str, *, wait_timeout: float | None = None, **pay_options: Unpack[PayOptions]
    ) -> PayAction:
        """Start :meth:`pay` and return its action once Relay has accepted or refused it. Not asyncio.

        A refused one is ``completed`` with state ``'failed'``, and its result says why.
        ``wait_timeout`` bounds Relay's answer, as ``request_timeout`` does in any case.
        """
        return self._start(PayAction(self, _pay(payment_connector_url, pay_options)), wait_timeout)[0]


def _pay(url: object, given: PayOptions) -> dict[str, Any]:
    address = checks.web_address(url, "payment_connector_url")
    return {"payment_connector_url": address, **options.wire(given, _OPTIONS, "a payment")}
