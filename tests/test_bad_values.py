"""What no parameter of any method may be: over all methods that block, whatever they take (see :mod:`tests.verbs`).

A new method joins by its row in ``verbs.py``: what is tried is found by the hints of its parameters and by their
names. The tests of each family have what only it knows.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from relay_sync import RelayError, RelayTimeout
from relay_sync.showing import shown
from tests.stage import Stage
from tests.verbs import VERBS, Scene, Verb


class Junk:
    """An object that nothing takes."""

    def __repr__(self) -> str:
        return "<junk>"


def _deep(depth: int = 20_000) -> list[Any]:
    """A list in a list in a list, so many that neither ``repr()`` nor JSON can follow."""
    nested: list[Any] = []
    for _ in range(depth):
        nested = [nested]
    return nested


JUNK, DEEP = Junk(), _deep()
NO_TEXT = (JUNK, b"bytes", 5, 1.5, True, math.nan, ["x"], {"a": 1}, 1j, DEEP)
NO_NUMBER = (JUNK, "five", b"5", True, math.nan, [5], {"a": 1}, 1j, Decimal(5), DEEP)
NO_FINITE_NUMBER = (*NO_NUMBER, math.inf, -math.inf, 10**400)
NO_MAPPING = (JUNK, 5, "x", True, math.nan, [1], [["a", 1]], {1: 2}, {"a": JUNK}, {"a": math.nan}, {"a": DEEP}, DEEP)
NO_WORDS = (JUNK, 5, True, math.nan, "x", b"x", {"a": 1}, [5], [None], [b"x"], [True], [""], [["x"]], [DEEP])
NO_MAPPINGS = (JUNK, 5, True, math.nan, "x", b"x", ["x"], [5], [None], [[{}]], [{1: 2}], [{"a": JUNK}], [DEEP])

#: By the hint of a parameter, what is of no use to it.
WRONG: dict[str, tuple[Any, ...]] = {
    "str": (*NO_TEXT, ""),
    "float": NO_FINITE_NUMBER,
    "int": (*NO_FINITE_NUMBER, 1.5),
    "bool": (JUNK, 0, 1, "yes", b"", math.nan, [True], DEEP),
    "Mapping[str, Any]": NO_MAPPING,
    "dict[str, Any]": NO_MAPPING,
    "Iterable[str]": NO_WORDS,
    "Iterable[Media]": (*NO_MAPPINGS, {}, [], [{}]),
    "Iterable[Mapping[str, Any]]": NO_MAPPINGS,
    "Iterable[Mapping[str, str]]": (*NO_MAPPINGS, [{"name": "X-A"}], [{"name": "X-A", "value": 5}]),
    "CallHandler": (JUNK, 5, "print", None, [print]),
    "MessageHandler": (JUNK, 5, "print", None, [print]),
    "TaskHandler": (JUNK, 5, "print", None, [print]),
    "Devices": (JUNK, 5, True, "x", b"x", [], [[]], {}, [5], ["+15550100"], [[5]], DEEP, [{"to_number": DEEP}]),
    "bool | str": (JUNK, 5, b"x", math.nan, [True], DEEP),
    "str | bool": (JUNK, 5, b"x", math.nan, [True], "", DEEP),
    "str | Decimal | int": (JUNK, b"x", 1.5, True, math.nan, Decimal("nan"), -1, "", "much", [1], DEEP),
    "str | Iterable[str]": (JUNK, 5, True, math.nan, b"x", [5], [None], {"a": 1}, "", [""], [DEEP]),
    "str | Leg": (JUNK, 5, True, b"x", math.nan, "", ["x"], DEEP),
    "str | ConferenceResult": (JUNK, 5, True, b"x", math.nan, "", ["x"], DEEP),
}
LIMIT = (*NO_NUMBER, 10**400)

ABOVE_ZERO = (0, -1, -0.5)
NOT_NEGATIVE = (-1, -0.001)
COUNT = (0, -1)
#: By the name of a parameter with a range, what is beyond it.
BEYOND: dict[str, tuple[Any, ...]] = {
    "volume": (-40.001, 40.001, 41),
    "duration": ABOVE_ZERO,
    "max_duration": ABOVE_ZERO,
    "max_price_per_minute": NOT_NEGATIVE,
    "timeout": NOT_NEGATIVE,
    "initial_timeout": NOT_NEGATIVE,
    "end_silence_timeout": NOT_NEGATIVE,
    "digits_timeout": NOT_NEGATIVE,
    "speech_timeout": NOT_NEGATIVE,
    "machine_ready_timeout": NOT_NEGATIVE,
    "machine_voice_threshold": NOT_NEGATIVE,
    "machine_words_threshold": COUNT,
    "digits_max": COUNT,
    "max_attempts": COUNT,
    "min_postal_code_length": NOT_NEGATIVE[:1],
    "max_participants": (0, 251),
    "max_triggers": (-1,),
    "loop": (-1,),
    "input_sensitivity": (-1, 100.5),
    "target_port": (0, 65536, -1),
    "target_ptime": COUNT,
    "rate": COUNT,
}
#: Parameters that mean something by being empty: no key ends it, no header on the page, the usual ringback.
MAY_BE_EMPTY = {"digits_terminators", "terminators", "header", "ringback_list"}
#: Parameters whose text is shown to nobody.
SECRET = {"password", "post_prompt_auth_password", "authorization_bearer_token"}


@dataclass(frozen=True)
class Case:
    """One parameter of one method."""

    verb: Verb
    parameter: inspect.Parameter

    def __str__(self) -> str:
        return f"{self.verb}-{self.parameter.name}"


class Called:
    """What every verb is called on, made once: what is refused leaves it as it was."""

    def __init__(self, stage: Stage) -> None:
        self.scene = Scene(stage)
        self._acts: dict[str, partial[Any]] = {}

    def act(self, verb: Verb) -> partial[Any]:
        if str(verb) not in self._acts:
            act = verb.prepare(self.scene)
            self._acts[str(verb)] = act if isinstance(act, partial) else partial(act)
        return self._acts[str(verb)]


#: Parameters that need others, or bear no others, beside them.
BESIDE: dict[str, dict[str, Any]] = {
    "devices": {"to_number": None},
    "document": {"url": None},
    "tone": {"detect_type": "fax"},
    "target_uri": {"target_type": "ws", "target_addr": None, "target_port": None},
    "rate": {"target_type": "ws", "target_addr": None, "target_port": None, "target_uri": "wss://x.example"},
}
DETECTED = {"digits": "digit", "tone": "fax"}


def kind_of(parameter: inspect.Parameter) -> str:
    return str(parameter.annotation).removesuffix(" | None")


def cases() -> Iterator[Case]:
    import relay_sync

    for verb in VERBS:
        method = getattr(getattr(relay_sync, verb.owner), verb.name)
        for name, parameter in inspect.signature(method).parameters.items():
            if name != "self" and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                yield Case(verb, parameter)


CASES = list(cases())


def wrong_for(case: Case) -> tuple[Any, ...]:
    name, kind = case.parameter.name, kind_of(case.parameter)
    if name == case.verb.limit:
        return LIMIT
    wrong = [value for value in WRONG[kind] if not (name in MAY_BE_EMPTY and value in ("", []))]
    return (*wrong, *(BEYOND[name] if kind in ("float", "int") else ()))


def said_of(act: partial[Any], case: Case, value: Any) -> BaseException | None:
    """What calling it with that value raises, if anything; a limit of no time keeps a wrong one from waiting."""
    name = case.parameter.name
    signature = inspect.signature(act.func)
    given = signature.bind_partial(*act.args, **act.keywords).arguments
    beside = BESIDE.get(name, {})
    if "prompt_type" in signature.parameters:
        beside = {**beside, "prompt_type": "both"}
    given |= {key: item for key, item in beside.items() if key in signature.parameters}
    if "detect_type" in given and name in DETECTED:
        given["detect_type"] = DETECTED[name]
    given = {case.verb.limit: 0, **given, name: value}
    by_place: list[Any] = []
    for one, parameter in signature.parameters.items():
        if parameter.kind is parameter.POSITIONAL_ONLY:
            by_place.append(given.pop(one))
        elif parameter.kind is parameter.VAR_POSITIONAL:
            by_place.extend(given.pop(one, ()))
    try:
        act.func(*by_place, **given)
    except (RelayError, TypeError, ValueError) as error:
        return error
    return None


@pytest.fixture(scope="module")
def called() -> Iterator[Called]:
    """A relay that never answers, and what stands on it."""
    with Stage(ping_interval=3600, request_timeout=10) as stage:
        yield Called(stage)


@pytest.fixture(autouse=True)
def no_thread_left() -> None:
    """The scene of this module keeps its threads from test to test."""


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_a_parameter_may_not_be_is_refused_by_name_and_nothing_is_sent(called: Called, case: Case) -> None:
    act, line, name = called.act(case.verb), called.scene.stage.relay.line, case.parameter.name
    line.drain()
    for value in wrong_for(case):
        error = said_of(act, case, value)
        assert type(error) in (TypeError, ValueError), (shown(value), error)
        assert name in str(error), (shown(value), error)
        assert len(str(error)) < 1500, shown(value)
        if isinstance(value, (int, float, complex, Junk, bytes)) and name not in SECRET:
            assert repr(value)[:100] in str(error), error
        assert "give" in str(error) or "leave" in str(error), error
        assert line.sent.empty(), (shown(value), line.take())


def test_no_parameter_is_left_out_for_want_of_a_wrong_value() -> None:
    kinds = {kind_of(case.parameter) for case in CASES if case.parameter.name != case.verb.limit}
    assert kinds - set(WRONG) == set()
    assert set(WRONG) - kinds == set()


def test_an_unknown_keyword_is_a_type_error_and_nothing_is_sent(called: Called) -> None:
    for verb in VERBS:
        act = called.act(verb)
        called.scene.stage.relay.line.drain()
        if verb.name in ("user_event", "control"):  # whose keywords are what is sent
            continue
        with pytest.raises(TypeError, match="no_such_thing"):
            act(no_such_thing=5)
        assert called.scene.stage.relay.line.sent.empty(), verb


@pytest.mark.parametrize("verb", VERBS, ids=str)
def test_a_negative_limit_is_no_time_at_all(called: Called, verb: Verb) -> None:
    act = called.act(verb)
    called.scene.stage.relay.line.drain()
    for limit in (0, -1, -0.5, float("-inf")):
        with pytest.raises(RelayTimeout):
            act(**{verb.limit: limit})
        assert called.scene.stage.relay.line.sent.empty(), limit
