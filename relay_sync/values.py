"""Frozen values with slots: what a result is, and whatever else is made once and never changed.

They read like dataclasses, and are none: ``dataclasses`` imports ``inspect``, and compiles text for each class, which
with two dozen classes was a quarter of the time that this library took to import.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inspect import Signature

    from typing_extensions import Self, dataclass_transform
else:

    def dataclass_transform(**_: object) -> Callable[[type], type]:
        """For type checkers only, who know a class of values as they know a dataclass."""
        return lambda kind: kind


_NONE: Any = object()  # no default: the field must be given
_put = object.__setattr__


class _Field:
    """What is said of a field beside its default."""

    __slots__ = ("compare", "default", "default_factory")

    def __init__(self, default: Any, default_factory: Callable[[], Any] | None, compare: bool) -> None:
        self.default = default
        self.default_factory = default_factory
        self.compare = compare


def field(
    *,
    default: Any = _NONE,
    default_factory: Callable[[], Any] | None = None,
    compare: bool = True,
) -> Any:
    """A field whose default is made anew for each value, or in which equal values may differ."""
    return _Field(default, default_factory, compare)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
class Kind(type):
    """The type of the classes of values: makes fields, and slots, of what is annotated in them."""

    _defaults: dict[str, Any]  # of all fields, those inherited first
    _factories: dict[str, Callable[[], Any]]
    _needed: tuple[str, ...]  # have no default that all values share
    _compared: tuple[str, ...]

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Kind:
        """Make a class."""
        own = {name: namespace.pop(name, _NONE) for name in namespace.get("__annotations__", ())}
        base = bases[0] if bases else None
        known = base._defaults if isinstance(base, Kind) else {}
        namespace["__slots__"] = tuple(name for name in own if name not in known)
        kind = super().__new__(cls, name, bases, namespace)
        if own or not known:
            kind._take(known, own)
        return kind

    def _take(cls, known: dict[str, Any], own: dict[str, Any]) -> None:
        """Learn what is asked of the fields at each turn, from those inherited and its own, with their defaults."""
        said = {name: one for name, one in own.items() if isinstance(one, _Field)}
        cls._defaults = known | own | {name: one.default for name, one in said.items()}
        made = {name: one.default_factory for name, one in said.items() if one.default_factory is not None}
        cls._factories = (cls._factories if known else {}) | made
        cls._needed = tuple(name for name, default in cls._defaults.items() if default is _NONE)
        names = [*(cls._compared if known else ()), *(name for name in own if name not in known)]
        cls._compared = tuple(name for name in names if name not in said or said[name].compare)

    @property
    def __signature__(cls) -> Signature:
        """How a value is made, for ``help()`` and completion."""
        if cls.__init__ is not Value.__init__:  # type: ignore[misc]  # a class may have its own
            raise AttributeError("__signature__")
        from inspect import Parameter, Signature  # whoever asks has it already

        defaults = {name: Parameter.empty if one is _NONE else one for name, one in cls._defaults.items()}
        return Signature([Parameter(name, Parameter.KEYWORD_ONLY, default=one) for name, one in defaults.items()])


class Value(metaclass=Kind):
    """A frozen value: its fields are what is annotated in its class, given by name.

    Values of one class are equal where their fields are. They pickle, ``copy.replace`` takes them, and repr() shows the
    fields whose names do not begin with an underscore.
    """

    if not TYPE_CHECKING:  # who takes it from the annotations

        def __init__(self, **given: Any) -> None:
            kind = type(self)
            values = kind._defaults | given
            if len(values) > len(kind._defaults):
                unknown = ", ".join(given.keys() - kind._defaults.keys())
                raise TypeError(f"{kind.__name__} has no {unknown}; it has {', '.join(kind._defaults)}")
            for name in kind._needed:
                if name not in given:
                    values[name] = self._made(name)
            for name, value in values.items():
                _put(self, name, value)

        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(f"{type(self).__name__}.{name} can't be set: it is frozen")

        def __delattr__(self, name: str) -> None:
            raise AttributeError(f"{type(self).__name__}.{name} can't be deleted: it is frozen")

    def _made(self, name: str) -> object:
        make = type(self)._factories.get(name)
        if make is None:
            raise TypeError(f"{type(self).__name__} needs {name}=")
        return make()

    def _values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in type(self)._defaults}

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        names = type(self)._compared
        return [getattr(self, name) for name in names] == [getattr(other, name) for name in names]

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, name) for name in type(self)._compared))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={one!r}" for name, one in self._values().items() if not name.startswith("_"))
        return f"{type(self).__qualname__}({shown})"

    def __reduce__(self) -> tuple[Callable[..., Value], tuple[type[Value], dict[str, Any]]]:
        return _restored, (type(self), self._portable())

    def _portable(self) -> dict[str, Any]:
        """What is pickled."""
        return self._values()

    def __replace__(self, **changes: Any) -> Self:
        """Another one with these fields changed; Python 3.13 and later call it ``copy.replace``."""
        return type(self)(**{**self._values(), **changes})


def _restored(kind: type[Value], values: dict[str, Any]) -> Value:
    value = kind.__new__(kind)
    for name, one in values.items():
        _put(value, name, one)
    return value
