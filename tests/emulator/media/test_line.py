"""The line, sample by sample: named cases first, then random schedules against a naive reference."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from relay_sync.emulator.media import Line, Playback
from tests.emulator.media.naive import RAMP, Naive, naive_limit


def counting(length: int, first: int = 1) -> NDArray[np.float32]:
    """A source whose every sample is another one: 1, 2, 3 … in 16-bit steps."""
    return (np.arange(first, first + length) / 32768).astype(np.float32)


def constant(length: int, value: float = 0.1) -> NDArray[np.float32]:
    return np.full(length, value, np.float32)


def test_a_playback_sounds_from_its_first_sample_to_its_last_and_is_followed_by_silence() -> None:
    line = Line()
    playback = line.start(3, counting(4))
    assert line.heard(10).tolist() == [0, 0, 0, 1, 2, 3, 4, 0, 0, 0]
    assert playback.ends_at() == 7


def test_a_pause_is_silent_and_resume_goes_on_at_the_next_source_sample() -> None:
    line = Line()
    playback = line.start(0, counting(6))
    playback.pause(2)
    playback.resume(5)
    assert line.heard(10).tolist() == [1, 2, 0, 0, 0, 3, 4, 5, 6, 0]
    assert playback.ends_at() == 9


def test_many_pauses_lose_and_repeat_nothing() -> None:
    line = Line()
    playback = line.start(0, counting(3000))
    for number in range(100):
        playback.pause(number * 30 + 11)
        playback.resume(number * 30 + 17)
    heard = line.heard(5000)
    assert heard[heard != 0].tolist() == list(range(1, 3001))
    assert np.count_nonzero(heard[:3600] == 0) == 600


def test_stop_ends_with_the_sample_before() -> None:
    line = Line()
    playback = line.start(0, counting(6))
    playback.stop(4)
    assert line.heard(8).tolist() == [1, 2, 3, 4, 0, 0, 0, 0]
    assert (playback.stopped, playback.ends_at(), playback.position(100)) == (True, 4, 4)


def test_a_stop_during_a_pause_ends_the_playback_for_good() -> None:
    line = Line()
    playback = line.start(0, counting(6))
    playback.pause(2)
    playback.stop(4)
    playback.resume(5)
    assert line.heard(8).tolist() == [1, 2, 0, 0, 0, 0, 0, 0]
    assert (playback.stopped, playback.paused, playback.ends_at()) == (True, False, 4)


def test_the_end_is_unknown_while_it_is_paused_and_moves_by_the_length_of_the_pause() -> None:
    playback = Line().start(10, counting(100))
    assert playback.ends_at() == 110
    playback.pause(50)
    assert playback.ends_at() is None
    playback.resume(80)
    assert playback.ends_at() == 140


def test_position_counts_the_source_samples_that_have_sounded() -> None:
    playback = Line().start(10, counting(100))
    playback.pause(40)
    playback.resume(60)
    assert [playback.position(at) for at in (0, 10, 11, 40, 55, 60, 61, 130, 500)] == [
        0,
        0,
        1,
        30,
        30,
        30,
        31,
        100,
        100,
    ]
    assert playback.duration == 100


def test_a_second_pause_and_a_second_resume_change_nothing() -> None:
    line = Line()
    playback = line.start(0, counting(5))
    for at, operation in ((1, playback.pause), (2, playback.pause), (3, playback.resume), (4, playback.resume)):
        operation(at)
    assert line.heard(8).tolist() == [1, 0, 0, 2, 3, 4, 5, 0]


def test_of_operations_on_one_sample_the_last_call_wins() -> None:
    line = Line()
    playback = line.start(0, counting(5))
    playback.pause(2)
    playback.resume(2)
    assert line.heard(6).tolist() == [1, 2, 3, 4, 5, 0]


@pytest.mark.parametrize("db", [-40.0, -12.0, -6.0, -0.5, 0.0, 3.5, 6.0])
def test_the_volume_a_playback_starts_with_holds_from_its_first_sample(db: float) -> None:
    line = Line()
    line.start(0, constant(100, 0.25), volume_db=db)
    assert line.heard(100).tolist() == [round(32768 * 0.25 * 10 ** (db / 20))] * 100


@pytest.mark.parametrize("db", [-40.0, -6.0, 6.0, 12.0])
def test_a_volume_is_reached_in_forty_equal_steps_and_then_exact(db: float) -> None:
    line = Line()
    playback = line.start(0, constant(1000, 0.125))
    playback.volume(db, 500)
    heard = line.heard(1000).astype(float)
    assert set(heard[:500]) == {4096.0}
    assert set(heard[539:]) == {float(round(4096 * 10 ** (db / 20)))}
    steps = np.diff(heard[499:540])
    assert len(steps) == RAMP
    # Each step is the fortieth part of the way, within the rounding to 16 bits.
    assert np.abs(steps - (heard[539] - heard[499]) / RAMP).max() <= 1


def test_a_volume_during_a_ramp_goes_on_from_the_gain_in_force() -> None:
    line = Line()
    playback = line.start(0, constant(400, 0.25))
    playback.volume(-40.0, 100)
    playback.volume(0.0, 120)
    heard = line.heard(400).astype(int)
    assert heard[119] == round(8192 * (1 + (0.01 - 1) * 20 / RAMP))
    assert np.abs(np.diff(heard)).max() <= math.ceil(8192 * 0.99 / RAMP)
    assert set(heard[159:]) == {8192}


def test_a_volume_set_during_a_pause_is_complete_with_the_first_sample_after_it() -> None:
    line = Line()
    playback = line.start(0, constant(200, 0.25))
    playback.pause(50)
    playback.volume(-6.0, 60)
    playback.resume(100)
    heard = line.heard(250)
    assert set(heard[50:100].tolist()) == {0}
    assert set(heard[100:250].tolist()) == {round(8192 * 10 ** (-6 / 20))}


def test_a_ramp_runs_on_during_a_short_pause() -> None:
    line = Line()
    playback = line.start(0, constant(200, 0.25))
    playback.volume(-40.0, 50)
    playback.pause(60)
    playback.resume(70)
    heard = line.heard(200)
    assert heard[70] == round(8192 * (1 + (0.01 - 1) * 21 / RAMP))


def test_playbacks_of_one_line_are_added_up_and_controlled_apart() -> None:
    line = Line()
    first = line.start(0, counting(6, first=1))
    second = line.start(2, counting(6, first=100))
    first.pause(3)
    second.stop(6)
    first.resume(7)
    assert line.heard(12).tolist() == [1, 2, 3 + 100, 101, 102, 103, 0, 4, 5, 6, 0, 0]


def test_a_loop_begins_anew_without_a_gap_and_counts_on() -> None:
    line = Line()
    playback = line.start(1, counting(3), loops=2)
    playback.pause(3)
    playback.resume(5)
    assert line.heard(11).tolist() == [0, 1, 2, 0, 0, 3, 1, 2, 3, 0, 0]
    assert (playback.duration, playback.ends_at(), playback.position(100)) == (6, 9, 6)


def test_a_loop_for_ever_has_no_end_before_it_is_stopped() -> None:
    line = Line()
    playback = line.start(0, counting(3), loops=0)
    assert (playback.ends_at(), line.ends_at()) == (None, None)
    assert line.heard(8).tolist() == [1, 2, 3, 1, 2, 3, 1, 2]
    playback.stop(10)
    assert line.heard(12).tolist()[8:] == [3, 1, 0, 0]
    assert (playback.ends_at(), line.ends_at()) == (10, 12)


def test_nothing_for_ever_is_over_when_it_starts() -> None:
    assert Line().start(5, counting(0), loops=0).ends_at() == 5


def test_it_can_not_be_played_less_than_never() -> None:
    with pytest.raises(ValueError, match="1 or more times, or 0 for ever"):
        Line().start(0, counting(3), loops=-1)


def test_what_is_muted_is_not_heard_and_goes_on() -> None:
    line = Line()
    line.start(0, counting(9))
    line.render(2)
    line.muting.begin(3)
    line.muting.begin(4)  # it is muted already
    line.muting.end(6)
    line.muting.end(7)  # and no longer
    assert line.heard(9).tolist() == [1, 2, 3, 0, 0, 0, 7, 8, 9]
    line.start(9, counting(4))
    line.muting.begin(10)
    assert line.heard(13).tolist()[9:] == [1, 0, 0, 0]
    assert line.muting.on


def test_items_that_follow_each_other_have_no_gap_between_them() -> None:
    line = Line()
    first = line.start(0, counting(3))
    end = first.ends_at()
    assert end is not None
    line.start(end, counting(3, first=4))
    assert line.heard(8).tolist() == [1, 2, 3, 4, 5, 6, 0, 0]


def test_rendering_in_pieces_gives_the_same_as_rendering_at_once() -> None:
    def scene(line: Line) -> None:
        playback = line.start(7, np.sin(np.arange(200_000) / 7).astype(np.float32))
        playback.volume(-3.3, 65_520)
        playback.pause(131_060)
        playback.resume(131_080)

    whole, pieces = Line(), Line()
    scene(whole)
    scene(pieces)
    for upto in range(0, 210_000, 997):
        pieces.render(upto)
    assert np.array_equal(whole.heard(210_000), pieces.heard(210_000))


def test_rendering_sample_by_sample_through_ramps_gives_the_same_as_rendering_at_once() -> None:
    def scene(line: Line) -> None:
        playback = line.start(3, constant(300, 0.6), volume_db=-1.0)
        for at, db in ((50, -30.0), (120, 4.0), (130, -4.0), (220, 0.0)):
            playback.volume(db, at)

    whole, pieces = Line(), Line()
    scene(whole)
    scene(pieces)
    for upto in range(350):
        pieces.render(upto)
    assert np.array_equal(whole.heard(350), pieces.heard(350))


def test_what_was_handed_out_stays_as_it_was() -> None:
    line = Line()
    line.start(0, counting(50_000))
    early = line.heard(100)
    copy = early.copy()
    line.heard(100_000)
    assert np.array_equal(early, copy)
    assert not early.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        early[0] = 1
    assert line.heard(100).tolist() == copy.tolist()


def test_rendering_backwards_changes_nothing() -> None:
    line = Line()
    line.start(0, counting(10))
    line.render(10)
    line.render(5)
    assert line.rendered == 10


def test_the_present_can_still_be_changed_and_the_past_can_not() -> None:
    line = Line()
    playback = line.start(0, counting(100))
    line.render(50)
    operations: list[Callable[[int], object]] = [
        playback.pause,
        playback.resume,
        playback.stop,
        lambda at: playback.volume(0.0, at),
        lambda at: line.start(at, counting(1)),
    ]
    for operation in operations:
        with pytest.raises(ValueError, match="rendered up to 50"):
            operation(49)
    playback.stop(50)
    assert line.heard(60)[49:51].tolist() == [50, 0]


def test_operations_of_one_playback_come_in_order() -> None:
    playback = Line().start(10, counting(100))
    with pytest.raises(ValueError, match="too late"):
        playback.pause(9)
    playback.pause(50)
    with pytest.raises(ValueError, match="last operation at 50"):
        playback.resume(49)


def test_operations_after_the_end_change_nothing() -> None:
    line = Line()
    playback = line.start(0, counting(5))
    playback.pause(5)
    playback.stop(6)
    playback.volume(-20.0, 7)
    assert (playback.paused, playback.stopped, playback.volume_db, playback.ends_at()) == (False, False, 0.0, 5)


def test_an_empty_source_is_over_when_it_starts() -> None:
    line = Line()
    playback = line.start(5, np.zeros(0, np.float32))
    assert playback.ends_at() == 5
    assert line.heard(10).tolist() == [0] * 10


@pytest.mark.parametrize("db", [math.nan, math.inf, -math.inf])
def test_a_volume_that_is_no_finite_number_is_refused(db: float) -> None:
    line = Line()
    with pytest.raises(ValueError, match="finite"):
        line.start(0, counting(5), volume_db=db)
    playback = line.start(0, counting(5))
    with pytest.raises(ValueError, match="finite"):
        playback.volume(db, 0)
    assert line.heard(5).tolist() == [1, 2, 3, 4, 5]


def test_only_mono_is_played() -> None:
    with pytest.raises(ValueError, match="mono"):
        Line().start(0, np.zeros((5, 2), np.float32))


def test_a_line_and_a_playback_show_themselves_in_one_line() -> None:
    line = Line()
    playback = line.start(3, counting(5))
    assert repr(playback) == "<Playback playing, from sample 3, 5 samples>"
    playback.pause(4)
    assert repr(playback) == "<Playback paused, from sample 3, 5 samples>"
    assert repr(line) == "<Line rendered to sample 0, 1 playbacks>"


# --- Random schedules, against the reference of naive.py. ---


TO_THE_END = -1  # a wait of this length: until just the sample with which a playback ends


@dataclass
class Step:
    wait: int
    kind: str
    which: int
    db: float
    length: int
    loud: int
    loops: int


steps = st.lists(
    st.builds(
        Step,
        wait=st.one_of(st.just(0), st.integers(0, 60), st.just(TO_THE_END)),
        kind=st.sampled_from(["start", "pause", "resume", "resume", "volume", "volume", "volume", "stop", "render"]),
        which=st.integers(0, 3),
        db=st.one_of(st.sampled_from([-40.0, -6.0, 0.0, 6.0, 40.0]), st.floats(-40, 40)),
        length=st.one_of(st.integers(0, 5), st.integers(60, 300), st.integers(300, 900)),
        loud=st.sampled_from([10, 3_000, 32_767]),
        loops=st.sampled_from([1, 1, 0, 2, 5]),
    ),
    min_size=3,
    max_size=30,
)


@dataclass
class Both:
    """A schedule given to the line and to the reference alike."""

    line: Line = field(default_factory=Line)
    real: list[Playback] = field(default_factory=list)
    naive: list[Naive] = field(default_factory=list)
    heard: list[int] = field(default_factory=list)

    def pass_time(self, samples: int) -> None:
        for _ in range(samples):
            now = len(self.heard)
            self.heard.append(naive_limit(sum(each.next_sample(now) for each in self.naive)))

    def wait_of(self, step: Step) -> int:
        if step.wait != TO_THE_END or not self.real:
            return max(0, step.wait)
        end = self.real[step.which % len(self.real)].ends_at()
        return max(0, (end or 0) - len(self.heard))

    def take(self, step: Step, seed: int) -> None:
        now = len(self.heard)
        if step.kind == "start" or not self.real:
            source = np.random.default_rng(seed).integers(-step.loud, step.loud + 1, step.length) / np.float32(32768)
            # One in four begins in the future.
            at = now + (step.length // 5 if step.which == 0 else 0)
            self.real.append(self.line.start(at, source.astype(np.float32), step.db, step.loops))
            self.naive.append(Naive(source.tolist(), at, 10 ** (step.db / 20), loops=step.loops))
        elif step.kind == "render":
            self.line.render(now)
        else:
            self.operate(step, now)

    def operate(self, step: Step, now: int) -> None:
        which = step.which % len(self.real)
        if self.naive[which].starts <= now:
            operation = getattr(self.real[which], step.kind)
            operation(step.db, now) if step.kind == "volume" else operation(now)
            self.naive[which].operate(step.kind, step.db)


# No time limit for an example: a busy machine is no fault of the line.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_any_schedule_sounds_as_the_sample_by_sample_reference_says(schedule: list[Step]) -> None:
    both = Both()
    for seed, step in enumerate(schedule):
        both.pass_time(both.wait_of(step))
        both.take(step, seed)
    both.pass_time(200)
    end = len(both.heard)
    assert both.line.heard(end).tolist() == both.heard
    for real, naive in zip(both.real, both.naive, strict=True):
        assert real.position(end) == naive.position
        assert real.stopped == naive.stopped
        ends = real.ends_at()
        assert (ends is not None and ends <= end) == naive.over
        if not naive.over:
            unknown = naive.paused or naive.endless
            assert ends == (None if unknown else max(end, naive.starts) + naive.length - naive.position)
