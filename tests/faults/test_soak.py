"""A soak of some seconds: it finds nothing where nothing is, and what is planted where something is."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from relay_sync.emulator.soak import leaks
from relay_sync.emulator.soak.__main__ import lines, main
from relay_sync.emulator.soak.course import Course
from relay_sync.emulator.soak.watchdog import Watchdog
from tests.words import in_one

pytestmark = in_one("the callers of each soak speak both")


@pytest.fixture(scope="module")
def course() -> Course:
    """One that has been run, to be doctored: its report is made once more by ``_sum_up``."""
    course = Course(seed=5, seconds=2.0, threads=2)
    assert not course.run().failed, "\n".join(lines(course.report, 2, 6))
    return course


def again(course: Course) -> list[str]:
    """Return the lies that the ledger finds now."""
    course.report.lies = []
    course.report.hangs = []
    course._sum_up()
    found = course.report.lies
    course.report.lies = []
    return found


def test_callers_of_both_dialects_are_told_much(course: Course) -> None:
    assert {told.who for told in course.book.told} == {"flat", "blade"}
    assert course.report.verdicts["successful"] > 20
    assert course.report.commands_seen > 20
    assert course.report.connections >= 2
    assert again(course) == []


def test_a_success_that_was_never_carried_out_is_found(course: Course) -> None:
    """What the emulator knows is doctored."""
    key = next(told.key for told in course.book.told if told.verdict == "successful" and told.key[0] == "calling.play")
    kept = course.witness.evidence.commands.pop(key)
    try:
        (lie,) = again(course)
        assert key[1] in lie
        assert "Relay never said so" in lie
    finally:
        course.witness.evidence.commands[key] = kept


def test_what_is_said_not_to_be_sent_and_was_is_found(course: Course) -> None:
    """What a caller was told is doctored."""
    place, honest = next(
        (place, told) for place, told in enumerate(course.book.told)
        if told.verdict == "successful" and told.key[0] == "calling.play"
    )  # fmt: skip
    course.book.told[place] = replace(honest, verdict="unsent")
    try:
        (lie,) = again(course)
        assert "was said not to be sent, and came 1 times" in lie
    finally:
        course.book.told[place] = honest


def test_a_call_that_is_handled_twice_is_found(course: Course) -> None:
    course.book.taken["call-x"] = 2
    try:
        assert again(course) == ["call call-x was handled 2 times"]
    finally:
        del course.book.taken["call-x"]


def test_a_wait_beyond_its_bound_is_a_hang(capfd: pytest.CaptureFixture[str]) -> None:
    watchdog = Watchdog(margin=0.05)
    end = time.monotonic() + 10
    with watchdog.bound("the call of nobody", 0.05):
        while not watchdog.look() and time.monotonic() < end:
            threading.Event().wait(0.01)
    (hang,) = watchdog.hangs
    assert hang.startswith("the call of nobody")
    assert "test_a_wait_beyond_its_bound_is_a_hang" in capfd.readouterr().err  # the stacks of all threads


def test_a_wait_within_its_bound_is_none() -> None:
    watchdog = Watchdog(margin=0.0)
    with watchdog.bound("a call", 60.0):
        assert not watchdog.look()
    assert not watchdog.look()
    assert watchdog.latest < 0.01


def test_threads_and_descriptors_that_are_left_are_found() -> None:
    before = leaks.of_process()
    release = threading.Event()
    with open(__file__, encoding="utf-8"):
        thread = threading.Thread(target=release.wait, name="test-left-1")
        thread.start()
        try:
            found = leaks.left(lambda: dict(leaks.of_process() - before), 0.0)
        finally:
            release.set()
            thread.join()
    assert "1 thread test-left" in found
    assert any("descriptor" in what and "test_soak.py" in what for what in found)
    assert not leaks.left(lambda: dict(leaks.of_process() - before), 5.0)


@pytest.mark.parametrize(("plant", "exit_code"), [(lambda course: None, 0), (lambda course: _lie(course), 1)])
def test_the_exit_code_and_the_way_to_replay_it(
    plant: Callable[[Course], object],
    exit_code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = Course._sum_up
    monkeypatch.setattr(Course, "_sum_up", lambda course: (plant(course), whole(course)))
    assert main(["--seed", "3", "--seconds", "0.5", "--threads", "1", "--faults", "0"]) == exit_code
    printed = capsys.readouterr().out
    assert re.search(r"^seed +3$", printed, re.MULTILINE)
    again = "python -m relay_sync.emulator.soak --seed 3 --seconds 0.5 --threads 1 --faults 0"
    assert (again in printed) is bool(exit_code)


def _lie(course: Course) -> None:
    course.book.taken["call-x"] = 2


@pytest.mark.parametrize(
    "wrong", [["--seconds", "0"], ["--minutes", "0"], ["--threads", "0"], ["--faults", "-1"], ["--seconds", "x"]]
)
def test_arguments_that_can_not_be_are_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(wrong)
    assert refused.value.code == 2
