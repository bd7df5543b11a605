"""Virtual time: real, faster, stepped."""

from __future__ import annotations

import threading

import pytest

from relay_sync.emulator import Clock, Emulator
from tests.emulator.raw import RawClient, frames_of, phone
from tests.support import in_thread


def test_a_stepped_clock_stands_still() -> None:
    clock = Clock(stepped=True)
    assert (clock.now(), clock.now()) == (0.0, 0.0)
    assert "stepped" in repr(clock)


def test_a_faster_clock_runs_faster(dialect: str) -> None:
    slow, fast = Clock(0.001), Clock(1000)
    with Emulator(clock=fast) as relay, frames_of[dialect](relay).ready() as client:
        relay.phone("+15550101", answer_after=20)
        client.begin("+15550101")
        client.wait_event("state", "answered")
        assert fast.now() >= 20
    assert slow.now() < fast.now()


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_speed_that_is_not_above_zero_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        Clock(speed)


def test_timers_fire_in_order_each_at_its_own_moment(relay: Emulator) -> None:
    fired: list[tuple[str, float]] = []
    clock = relay.clock

    def note(name: str) -> None:
        fired.append((name, clock.now()))

    def first() -> None:
        note("first")
        clock.call_later(0.5, lambda: note("made by first"))
        clock.call_later(100, lambda: note("too late"))

    def plan() -> None:
        clock.call_at(3.0, lambda: note("third"))
        clock.call_at(1.0, first)
        clock.call_at(3.0, lambda: note("third too"))
        clock.call_at(2.0, lambda: note("never")).cancel()

    relay.on_thread(plan)
    clock.advance(3.0)
    assert fired == [("first", 1.0), ("made by first", 1.5), ("third", 3.0), ("third too", 3.0)]
    assert clock.now() == 3.0


def test_a_timer_that_fails_stops_nothing(relay: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    fired = threading.Event()
    relay.on_thread(lambda: relay.clock.call_at(1.0, lambda: 1 // 0))  # type: ignore[arg-type]
    relay.on_thread(lambda: relay.clock.call_at(2.0, fired.set))
    relay.clock.advance(5)
    assert fired.is_set()
    assert "a timer of the emulator failed" in caplog.text


def test_advance_returns_when_every_frame_due_has_been_written(relay: Emulator, client: RawClient) -> None:
    for number in range(50):
        relay.phone(f"+1555{number:04}", answer_after=number / 10, hang_up_after=1)
        client.begin(f"+1555{number:04}")
    relay.clock.advance(10)
    ended = [event.at for event in relay.journal.events("calling.call.state") if event.params["call_state"] == "ended"]
    assert ended == pytest.approx([1 + number / 10 for number in range(50)])


def test_only_a_stepped_clock_of_a_running_emulator_can_be_advanced() -> None:
    with pytest.raises(RuntimeError, match="stepped"):
        Clock().advance(1)
    clock = Clock(stepped=True)
    with pytest.raises(RuntimeError, match="running"):
        clock.advance(1)
    with Emulator(clock=clock) as relay:
        with pytest.raises(ValueError, match="forward"):
            clock.advance(-1)
        with pytest.raises(RuntimeError, match="wait for itself"):
            relay.on_thread(lambda: clock.advance(1))
        clock.advance(2)
    with pytest.raises(RuntimeError, match="running"):
        clock.advance(1)
    assert clock.now() == 2


def test_a_clock_belongs_to_one_emulator_at_a_time() -> None:
    clock = Clock(stepped=True)
    with Emulator(clock=clock), pytest.raises(RuntimeError, match="another running emulator"):
        Emulator(clock=clock).start()
    with Emulator(clock=clock):
        clock.advance(1)


def test_advancing_from_several_threads_adds_up(relay: Emulator) -> None:
    def steps() -> None:
        for _ in range(20):
            relay.clock.advance(0.25)

    with in_thread(steps), in_thread(steps), in_thread(steps):
        pass
    assert relay.clock.now() == 15.0


def test_advance_gives_up_on_a_client_that_does_not_read(relay: Emulator, client: RawClient) -> None:
    text = "x" * 1_000_000

    def flood() -> None:
        for connection in relay.running_parts.server.connections:
            for _ in range(40):
                connection.send_text(text)

    relay.on_thread(flood)
    with pytest.raises(TimeoutError, match="does not read its socket"):
        relay.clock.advance(1, timeout=0.05)


def test_time_is_one_of_clock_speed_and_stepped() -> None:
    with pytest.raises(ValueError, match="one of"):
        Emulator(stepped=True, speed=2)


def test_a_phone_answers_at_its_time_in_real_time_too(dialect: str) -> None:
    with Emulator() as relay, frames_of[dialect](relay).ready() as client:
        relay.phone("+15550101", answer_after=0.02)
        client.command("calling.begin", {"tag": "t", "device": phone("+15550101")})
        client.wait_event("state", "answered")
        call = relay.calls[0]
        assert call.answered_at is not None
        assert call.answered_at - call.created_at >= 0.02
