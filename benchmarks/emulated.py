"""The emulator at work: how many calls it can carry through in a second, and how much audio."""

from __future__ import annotations

import time

from relay_sync import Client
from relay_sync.emulator import Emulator


def calls_per_second(count: int) -> float:
    """Dial, answer and hang up, one call after the other."""
    with Emulator(stepped=True, ping_interval=None) as relay, Client(**relay.credentials) as client:
        relay.phone("+15550101")
        begin = time.perf_counter()
        for _ in range(count):
            call = client.calling.dial(from_number="+15550100", to_number="+15550101").call
            assert call.hangup().successful
        return count / (time.perf_counter() - begin)


def minutes_per_second(seconds: float) -> float:
    """Ring tone played into one call and heard by its phone, in minutes of the emulator's time."""
    with Emulator(stepped=True, ping_interval=None) as relay, Client(**relay.credentials) as client:
        phone = relay.phone("+15550101")
        call = client.calling.dial(from_number="+15550100", to_number="+15550101").call
        action = call.play_ringtone_async("us", seconds)
        begin = time.perf_counter()
        relay.clock.advance(seconds + 1)
        assert action.wait(60).successful
        assert phone.heard.samples.any()
        return seconds / 60 / (time.perf_counter() - begin)
