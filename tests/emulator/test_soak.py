"""The ledger of the soak finds each lie that is planted, and calls nothing a lie that is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from relay_sync.emulator.soak.ledger import (
    DIAL,
    HANG_UP,
    HEARD_S,
    PASS,
    SLACK_S,
    VOLUME,
    Ending,
    Evidence,
    Seen,
    Survivor,
    Told,
    forsaken,
    lies,
    misheard,
    unheard,
)

CALL, PLAY, WHO = "call-1", "play-1", "+15550100"
PAUSE = ("calling.play.pause", PLAY)
Plant = Callable[[list[Told], list[Ending], Evidence], object]


def told(key: tuple[str, str] = PAUSE, verdict: str = "successful", **more: object) -> Told:
    return replace(Told("flat", key, 100.0, 2.0, "unknown"), verdict=verdict, **more)  # type: ignore[arg-type]


def seen(*codes: object, done: bool = True, real: float = 100.1, connection: int = 1) -> Seen:
    return Seen(real, connection, list(codes), done)


def ending(fate: str = "done", state: str = "ended", **more: object) -> Ending:
    ended = Ending("flat", CALL, "", state, "done", alive=False, in_session=False)
    return replace(ended, fate=fate, **more)  # type: ignore[arg-type]


def truth() -> tuple[list[Told], list[Ending], Evidence]:
    """What honest callers were told of one call with one play, and what is known of it."""
    evidence = Evidence(first={"flat": 1}, dialled_for={CALL: WHO})
    for key, one in {
        (DIAL, WHO): seen("200"), ("calling.play", PLAY): seen("200"), PAUSE: seen("200"),
        (VOLUME, f"{PLAY} 1.0"): seen(done=False), ("calling.play.stop", PLAY): seen("404", done=False),
        (HANG_UP, CALL): seen("200"),
    }.items():  # fmt: skip
        evidence.commands[key].append(one)
    evidence.states.update({CALL: {"answered", "ended"}, PLAY: {"playing", "finished"}})
    book = [
        told((DIAL, WHO), code="200"), told(("calling.play", PLAY)), told(), told((VOLUME, f"{PLAY} 1.0"), "unknown"),
        told(("calling.play.stop", PLAY), "refused", code="404"), told((HANG_UP, CALL)),
        told(("calling.record", "never"), "unsent"),
    ]  # fmt: skip
    endings = [ending(state="answered", alive=True), ending(state="finished", control_id=PLAY), ending()]
    return book, endings, evidence


def test_the_truth_is_no_lie() -> None:
    assert lies(*truth()) == []


LIES: dict[str, tuple[Plant, str]] = {
    "successful, never received": (
        lambda book, endings, known: known.commands.pop(PAUSE), "Relay never said so"),
    "successful, not answered": (
        lambda book, endings, known: known.commands[PAUSE][0].codes.clear(), "Relay never said so"),
    "successful, refused": (
        lambda book, endings, known: known.commands.update({PAUSE: [seen("409", done=False)]}), "Relay never said so"),
    "successful, not carried out": (
        lambda book, endings, known: known.commands.update({PAUSE: [seen("200", done=False)]}), "never carried out"),
    "refused with another code": (
        lambda book, endings, known: book.append(told(PAUSE, "refused", code="402")), "refused with 402"),
    "not sent, and received": (
        lambda book, endings, known: known.commands[("calling.record", "never")].append(seen("200")),
        "was said not to be sent, and came 1 times"),
    "sent twice": (
        lambda book, endings, known: known.commands[PAUSE].append(seen("200")),
        "was asked for 1 times, and came 2 times"),
    "sent twice after a loss": (
        lambda book, endings, known: known.commands[PAUSE].append(seen("200", connection=2)),
        "was asked for 1 times, and came 2 times"),
    "the same request twice": (
        lambda book, endings, known: known.twice.append("calling.play x-1"), "calling.play x-1 came twice"),
    "a volume sent twice": (
        lambda book, endings, known: known.commands[(VOLUME, f"{PLAY} 1.0")].append(seen()), "came 2 times"),
    "after its time": (
        lambda book, endings, known: known.commands.update({PAUSE: [seen("200", real=102.1 + SLACK_S)]}),
        "after its time was up"),
    "after its time, on a connection that was not there then": (
        lambda book, endings, known: (
            known.commands.update({PAUSE: [seen("200", real=103.0, connection=2)]}),
            known.opened.update({2: 102.9})),
        "after its time was up"),
    "asked for by nobody": (
        lambda book, endings, known: known.commands[("calling.play", "other")].append(seen("200")),
        "nobody had asked for it"),
    "hung up without a reason": (
        lambda book, endings, known: known.commands[(HANG_UP, "call-2")].append(seen("200")),
        "nobody had asked for it"),
    "a playback asked after without a reason": (
        lambda book, endings, known: known.commands[(VOLUME, f"{PLAY} 0.0")].append(seen("200")),
        "nobody had asked for it"),
    "a leg hung up twice": (
        lambda book, endings, known: (
            book.append(told((DIAL, "+15550199"), "unknown")),
            known.dialled_for.update({"call-2": "+15550199"}),
            known.commands[(HANG_UP, "call-2")].extend([seen("200"), seen("410", done=False)])),
        "came 2 times"),
    "a call passed back twice": (
        lambda book, endings, known: known.commands[(PASS, "call-3")].extend([seen("200"), seen("410", done=False)]),
        "came 2 times"),
    "ended as Relay never said": (
        lambda book, endings, known: known.states[PLAY].discard("finished"), "said to be 'finished'"),
    "failed as Relay never said": (
        lambda book, endings, known: endings.append(ending("failed", "error", control_id=PLAY)), "said to be 'error'"),
    "answered, and never was": (
        lambda book, endings, known: known.states[CALL].discard("answered"), "said to be 'answered'"),
    "ended, and lives on": (
        lambda book, endings, known: endings.append(ending(alive=True)), "the call lives on"),
    "failed with a call that lives on": (
        lambda book, endings, known: endings.append(ending("failed", "failed", control_id=PLAY, alive=True)),
        "the call lives on"),
    "lost, in a session that is well": (
        lambda book, endings, known: endings.append(ending("lost", alive=True, in_session=True)),
        "is there, in the client's session"),
}  # fmt: skip


@pytest.mark.parametrize("lie", list(LIES))
def test_each_planted_lie_is_found(lie: str) -> None:
    book, endings, known = truth()
    plant, words = LIES[lie]
    plant(book, endings, known)
    found = lies(book, endings, known)
    assert len(found) == 1, found
    assert words in found[0]


NO_LIES: dict[str, Plant] = {
    "unknown, and carried out": lambda book, endings, known: (
        book.append(told(("calling.record", "r"), "unknown")),
        known.commands[("calling.record", "r")].append(seen("200")),
    ),
    "unknown, and never received": lambda book, endings, known: book.append(told(("calling.record", "r"), "unknown")),
    "a playback asked after on the next connection": lambda book, endings, known: known.commands[
        (VOLUME, f"{PLAY} 1.0")
    ].append(seen("200", connection=2)),
    "a playback asked after by a volume that never came": lambda book, endings, known: known.commands.update(
        {(VOLUME, f"{PLAY} 1.0"): [seen("200", connection=2, real=110.0)]}
    ),
    "the leg of a dial that was given up": lambda book, endings, known: (
        book.append(told((DIAL, "+15550199"), "unknown")),
        known.dialled_for.update({"call-2": "+15550199"}),
        known.commands[(HANG_UP, "call-2")].append(seen("200")),
    ),
    "a leg hung up again on the next connection, and where no answer came": lambda book, endings, known: (
        book.append(told((DIAL, "+15550199"), "unknown")),
        known.dialled_for.update({"call-2": "+15550199"}),
        known.commands[(HANG_UP, "call-2")].extend(
            [seen("200"), seen("410", connection=2, real=100.2), seen("410", connection=2, real=102.3)]
        ),
    ),
    "a call passed back again on the next connection, and where no answer came": lambda book, endings, known: (
        known.commands[(PASS, "call-3")].extend(
            [seen("200"), seen("410", connection=2, real=100.2), seen("410", connection=2, real=102.3)]
        )
    ),
    "a yes that Relay spoiled": lambda book, endings, known: known.commands.update({PAUSE: [seen(200.0, done=False)]}),
    "an answer without a code": lambda book, endings, known: known.commands.update({PAUSE: [seen(None, done=False)]}),
    "lost with its session": lambda book, endings, known: endings.append(ending("lost", alive=True)),
    "lost where Relay said that it is gone": lambda book, endings, known: (
        endings.append(ending("lost", alive=True, in_session=True)),
        known.gone.add(CALL),
    ),
}


@pytest.mark.parametrize("case", list(NO_LIES))
def test_what_nobody_can_know_is_no_lie(case: str) -> None:
    book, endings, known = truth()
    NO_LIES[case](book, endings, known)
    assert lies(book, endings, known) == []


@pytest.mark.parametrize(
    ("last_heard", "taken", "lie"),
    [(HEARD_S + 1, False, True), (HEARD_S - 1, False, False), (None, False, False), (HEARD_S + 1, True, False)],
)
def test_a_call_that_was_offered_must_be_given_to_a_handler(last_heard: float | None, taken: bool, lie: bool) -> None:
    known = Evidence(offered={CALL: (3, 100.0)})
    if last_heard is not None:
        known.last_heard[3] = 100.0 + last_heard
    assert bool(unheard([CALL] if taken else [], known)) is lie


@pytest.mark.parametrize(
    ("states", "wrong"),
    [
        (["created", "ringing", "answered", "ended"], False),
        (["ringing", "ended"], False),
        (["created", "levitating", "ended"], False),
        ([], False),
        (["answered", "answered", "ended"], True),
        (["answered", "ringing"], True),
    ],
)
def test_handlers_hear_each_state_once_and_in_order(states: list[str], wrong: bool) -> None:
    assert bool(misheard({CALL: states})) is wrong


@pytest.mark.parametrize(
    ("in_session", "verdict", "gone", "lie"),
    [
        (True, "successful", False, True),
        (True, "refused", False, True),
        (True, "unknown", False, False),
        (True, "successful", True, False),
        (False, "successful", False, False),
    ],
)
def test_a_call_that_lives_on_in_the_session_must_be_known_to_somebody(
    in_session: bool, verdict: str, gone: bool, lie: bool
) -> None:
    known = Evidence(gone={CALL} if gone else set())
    assert bool(forsaken([Survivor(CALL, WHO, in_session)], [told((DIAL, WHO), verdict)], known)) is lie
