"""An emulator whose time stands still, with a phone that rings for a moment.

It speaks one dialect alone, each in turn, and the programs are not told which: their clients have to find out.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from relay_sync.emulator import Emulator
from tests.words import spoken


@pytest.fixture
def relay(dialect: str) -> Iterator[Emulator]:
    with Emulator(dialects=spoken(), stepped=True, ping_interval=None) as relay:
        relay.phone("+15550101", answer_after=0.5)
        yield relay
