"""An emulator whose time stands still, with a phone that rings for a moment.

It speaks Flat alone, whatever the other tests speak: that is what a client tries first.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from relay_sync.emulator import Emulator


@pytest.fixture
def relay() -> Iterator[Emulator]:
    with Emulator(dialects=("flat",), stepped=True, ping_interval=None) as relay:
        relay.phone("+15550101", answer_after=0.5)
        yield relay
