"""Bridged phones: what one says is what the other hears, to the sample."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from relay_sync.emulator.media import Bridge, Line, Voice, shift_between
from tests.emulator.media.naive import Naive, naive_limit


def counting(length: int, first: int = 1) -> NDArray[np.float32]:
    """A source whose every sample is another one: 1, 2, 3 … in 16-bit steps."""
    return (np.arange(first, first + length) / 32768).astype(np.float32)


class Reads:
    """A source that notes what is read of it."""

    def __init__(self) -> None:
        self.stretches: list[tuple[int, int]] = []

    def read(self, first: int, last: int) -> NDArray[np.int16]:
        self.stretches.append((first, last))
        return np.ones(last - first, np.int16)


def test_a_line_hears_a_voice_from_one_sample_to_another() -> None:
    line, voice = Line(), Voice()
    voice.start(0, counting(20))
    bridge = line.bridge(3, voice)
    bridge.stop(7)
    assert line.heard(10).tolist() == [0, 0, 0, 4, 5, 6, 7, 0, 0, 0]
    assert bridge.ends_at() == 7


def test_the_shift_is_where_the_other_legs_answer_lies() -> None:
    line, voice = Line(), Voice()
    voice.start(0, counting(20))
    line.bridge(0, voice, shift=4)
    assert line.heard(8).tolist() == [0, 0, 0, 0, 1, 2, 3, 4]
    earlier = Line()
    earlier.bridge(0, voice, shift=-4)
    assert earlier.heard(4).tolist() == [5, 6, 7, 8]


def test_the_shift_is_the_time_between_the_answers() -> None:
    assert shift_between(10.0, 12.5) == 20_000
    assert shift_between(12.5, 10.0) == -20_000


def test_two_phones_hear_each_other_while_both_speak() -> None:
    here, there = Line(), Line()
    mine, yours = Voice(), Voice()
    here.bridge(100, yours, shift=40)
    there.bridge(60, mine, shift=-40)
    mine.say(110, counting(50))
    yours.say(90, counting(50, first=1000))
    for now in range(0, 300, 20):
        here.render(now)
        there.render(max(0, now - 40))
    assert here.heard(300)[130:180].tolist() == list(range(1000, 1050))
    assert there.heard(260)[70:120].tolist() == list(range(1, 51))
    assert not here.heard(300)[110:130].any()  # nobody hears himself


def test_a_playback_and_a_voice_are_added_up_under_one_limiter() -> None:
    line, voice = Line(), Voice()
    line.start(0, np.full(100, 0.6, np.float32))
    voice.start(0, np.full(100, 0.5, np.float32))
    line.bridge(0, voice)
    assert set(line.heard(100).tolist()) == {naive_limit(round(0.6 * 2**24) / 2**24 + 0.5)}


def test_words_said_after_the_line_was_rendered_are_heard_from_there_on() -> None:
    line, voice = Line(), Voice()
    line.bridge(0, voice)
    line.render(50)
    utterance = voice.say(30, counting(5))  # 30 is past: the other end has heard the silence there
    assert utterance.starts_at == 50
    assert line.heard(60)[50:].tolist() == [1, 2, 3, 4, 5, 0, 0, 0, 0, 0]


def test_each_sample_of_a_source_is_read_once_and_none_before_its_time() -> None:
    line, source = Line(), Reads()
    bridge = line.bridge(10, source, shift=3)
    for upto in range(0, 200_000, 7777):
        line.render(upto)
        assert source.stretches == [] or source.stretches[-1][1] == upto - 3
    bridge.stop(200_000)
    line.render(300_000)
    assert source.stretches[0][0] == 7
    assert source.stretches[-1][1] == 200_000 - 3
    assert all(one[1] == other[0] for one, other in zip(source.stretches, source.stretches[1:], strict=False))


def test_a_line_ends_when_all_on_it_does_and_nobody_knows_when_while_it_is_bridged() -> None:
    line = Line()
    assert line.ends_at() == 0
    playback = line.start(5, counting(10))
    assert line.ends_at() == 15
    bridge = line.bridge(3, Voice())
    assert line.ends_at() is None
    bridge.stop(30)
    assert line.ends_at() == 30
    playback.pause(8)
    assert line.ends_at() is None
    playback.stop(8)
    line.render(40)
    assert line.ends_at() == 40


def test_a_bridge_begins_and_ends_in_what_is_not_rendered() -> None:
    line = Line()
    bridge = line.bridge(20, Voice())
    line.render(50)
    with pytest.raises(ValueError, match="rendered up to 50"):
        line.bridge(49, Voice())
    with pytest.raises(ValueError, match="rendered up to 50"):
        bridge.stop(49)
    with pytest.raises(ValueError, match="can't end at 60"):
        line.bridge(70, Voice()).stop(60)
    with pytest.raises(ValueError, match="hear itself"):
        line.bridge(60, line)
    bridge.stop(50)
    bridge.stop(90)
    assert bridge.ends_at() == 50


def test_samples_are_read_from_anywhere_and_are_silence_before_the_answer() -> None:
    line = Line()
    line.start(0, counting(5))
    assert line.read(-3, 4).tolist() == [0, 0, 0, 1, 2, 3, 4]
    assert line.read(-5, -3).tolist() == [0, 0]
    assert line.read(3, 3).tolist() == []
    assert line.read(2, 6).tolist() == [3, 4, 5, 0]
    with pytest.raises(ValueError, match="forwards"):
        line.read(5, 4)


def test_a_bridge_and_a_line_show_themselves_in_one_line() -> None:
    line = Line()
    bridge = line.bridge(3, Voice())
    assert repr(bridge) == "<Bridge from sample 3 to now on>"
    bridge.stop(9)
    assert repr(bridge) == "<Bridge from sample 3 to 9>"
    assert repr(line) == "<Line rendered to sample 0, 0 playbacks, 1 bridges>"
    assert repr(Voice()) == "<Voice rendered to sample 0, 0 playbacks>"


# --- Random schedules, against the reference of naive.py. ---


@dataclass
class Speaker:
    """A voice and what it should sound like; its sample 0 is line sample ``answered``."""

    answered: int
    voice: Voice = field(default_factory=Voice)
    playbacks: list[Naive] = field(default_factory=list)
    said: list[int] = field(default_factory=list)

    def at(self, number: int) -> int:
        return self.said[number] if number >= 0 else 0


@dataclass
class NaiveBridge:
    speaker: Speaker
    starts: int
    shift: int
    ends: int | None = None

    def next_sample(self, now: int) -> float:
        heard = self.starts <= now and (self.ends is None or now < self.ends)
        return self.speaker.at(now - self.shift) / 32768 if heard else 0.0


@dataclass
class Step:
    wait: int
    kind: str
    which: int
    length: int
    loud: int


steps = st.lists(
    st.builds(
        Step,
        wait=st.integers(0, 60),
        kind=st.sampled_from(["say", "say", "play", "bridge", "bridge", "part", "stop", "render", "look"]),
        which=st.integers(0, 3),
        length=st.integers(0, 200),
        loud=st.sampled_from([10, 3_000, 32_767]),
    ),
    min_size=3,
    max_size=30,
)


@dataclass
class Scene:
    """A schedule given to a line with two voices and to the reference alike. Time is the line's."""

    speakers: list[Speaker]
    line: Line = field(default_factory=Line)
    playbacks: list[Naive] = field(default_factory=list)
    real_bridges: list[Bridge] = field(default_factory=list)
    bridges: list[NaiveBridge] = field(default_factory=list)
    heard: list[int] = field(default_factory=list)

    def pass_time(self, samples: int) -> None:
        for _ in range(samples):
            now = len(self.heard)
            for speaker in self.speakers:
                spoken = now - speaker.answered
                if spoken >= 0:
                    speaker.said.append(naive_limit(sum(each.next_sample(spoken) for each in speaker.playbacks)))
            played = sum(each.next_sample(now) for each in self.playbacks)
            self.heard.append(naive_limit(played + sum(each.next_sample(now) for each in self.bridges)))

    def take(self, step: Step, seed: int) -> None:
        now = len(self.heard)
        speaker = self.speakers[step.which % 2]
        source = (np.random.default_rng(seed).integers(-step.loud, step.loud + 1, step.length) / 32768).astype(
            np.float32
        )
        if step.kind == "say" and now >= speaker.answered:
            speaker.voice.start(now - speaker.answered, source)
            speaker.playbacks.append(Naive(source.tolist(), now - speaker.answered, 1.0))
        elif step.kind == "play":
            self.line.start(now, source)
            self.playbacks.append(Naive(source.tolist(), now, 1.0))
        elif step.kind == "bridge":
            # Live, or late: what the voice will only say is never read.
            shift = speaker.answered + (step.length if step.which > 1 else 0)
            begins = now + step.length // 10
            self.real_bridges.append(self.line.bridge(begins, speaker.voice, shift))
            self.bridges.append(NaiveBridge(speaker, begins, shift))
        elif step.kind == "part" and self.bridges:
            which = step.which % len(self.bridges)
            if self.bridges[which].starts <= now and self.bridges[which].ends is None:
                self.real_bridges[which].stop(now)
                self.bridges[which].ends = now
        elif step.kind == "look" and now >= speaker.answered:
            speaker.voice.render(now - speaker.answered)
        elif step.kind == "render":
            self.line.render(now)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps, st.tuples(st.integers(-40, 40), st.integers(-40, 40)))
def test_any_schedule_sounds_as_the_sample_by_sample_reference_says(
    schedule: list[Step], answered: tuple[int, int]
) -> None:
    scene = Scene([Speaker(each) for each in answered])
    for speaker in scene.speakers:
        speaker.said = [0] * max(0, -speaker.answered)  # what it said before this line's answer: nothing
    for seed, step in enumerate(schedule):
        scene.pass_time(step.wait)
        scene.take(step, seed)
    scene.pass_time(200)
    end = len(scene.heard)
    assert scene.line.heard(end).tolist() == scene.heard
    for speaker in scene.speakers:
        assert speaker.voice.heard(end - speaker.answered).tolist() == speaker.said
