"""Options by keyword: a table says what each is called on the wire, and what it may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import update_wrapper
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from relay_sync.calling import checks
from relay_sync.showing import shown

if TYPE_CHECKING:
    from inspect import Signature

F = TypeVar("F", bound=Callable[..., Any])

Check = Callable[[object, str], object]
#: For each option its name on the wire, and its check.
Table = Mapping[str, tuple[str, Check]]


def wire(given: Mapping[str, object], table: Table, what: str) -> dict[str, Any]:
    """The options as they go on the wire; what is None is left to Relay.

    Raises:
        TypeError: an option that there is not, or that is of a wrong type.
        ValueError: one that is out of its range.
    """
    params: dict[str, Any] = {}
    for name, value in given.items():
        if name not in table:
            raise TypeError(f"{name}={shown(value)}: {what} has no such option{meant(name, table)}")
        if value is not None:
            key, check = table[name]
            params[key] = check(value, name)
    return params


def meant(name: str, known: Iterable[str]) -> str:
    """The name that is nearest, as the end of a message; '' where none is near."""
    import difflib  # takes a while, and few need it

    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def keys_of(given: object, name: str, table: Table, what: str, needs: str = "") -> dict[str, Any]:
    """A dict that the caller gives as it goes on the wire: its keys are checked, and it is copied.

    Raises:
        TypeError, ValueError: names the key that is wrong, unknown or missing.
    """
    fields = checks.fields(given, name)
    for key in fields:
        if key not in table:
            raise ValueError(f"{name}: {what} knows no {key!r}: give some of {', '.join(table)}")
    if needs and fields.get(needs) is None:
        raise ValueError(f"{name}: {what} needs {needs!r}")
    try:
        return wire(fields, table, what)
    except (TypeError, ValueError) as wrong:
        raise type(wrong)(f"{name}: {wrong}") from None


def spelled_out(options: type) -> Callable[[F], F]:
    """Have ``help()`` and completion show the options of a method that takes them as ``**options``.

    Their hints as they are written, like those of its other parameters: to evaluate them takes a while.
    """

    def spell_out(method: F) -> F:
        written = cast("FunctionType", method)
        shown = FunctionType(
            written.__code__, written.__globals__, written.__name__, written.__defaults__, written.__closure__
        )
        shown.__kwdefaults__ = written.__kwdefaults__
        update_wrapper(shown, written)
        shown.__dict__["__wrapped__"] = _SpelledOut(written, options)
        return cast("F", shown)

    return spell_out


class _SpelledOut:
    """Where ``inspect`` finds the signature of a method, made when it is asked for, and then its source.

    It looks at what a function says that it wraps. So the method is a second function of the same code that wraps this,
    and calling it costs nothing more. A signature made at once would have every program import ``inspect``.
    """

    def __init__(self, written: FunctionType, options: type) -> None:
        self.__wrapped__ = written
        self._options = options

    @property
    def __signature__(self) -> Signature:
        from inspect import Parameter, signature

        own = signature(self.__wrapped__)
        named = [one for one in own.parameters.values() if one.kind is not one.VAR_KEYWORD]
        hints = self._options.__annotations__
        added = [
            Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=hint.__forward_arg__)
            for name, hint in hints.items()
        ]
        return own.replace(parameters=[*named, *added])
