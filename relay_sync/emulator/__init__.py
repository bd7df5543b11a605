"""The emulator: Relay's far end on loopback, for tests, demos and day-to-day development.

It needs the extra ``relay-sync[emulator]`` and shares no code with the client: a misreading on both sides would agree
with itself. The official clients can use it too::

    from relay_sync.emulator import Emulator

    with Emulator() as relay:
        phone = relay.phone("+15550101", answer_after=0.5)
        ...                                     # connect any client with relay.credentials
        phone.heard.save("heard.wav")
"""

from __future__ import annotations

from relay_sync.emulator.assumptions import Assumptions
from relay_sync.emulator.calls import CallSnapshot
from relay_sync.emulator.clock import Clock
from relay_sync.emulator.emulator import DEMO_PROJECT, DEMO_TOKEN, Emulator
from relay_sync.emulator.fault import KINDS, Fault, Moment, command_line
from relay_sync.emulator.faults import Faults, Injected
from relay_sync.emulator.garbage import GARBAGE
from relay_sync.emulator.garbling import GARBLED_EVENTS, GARBLED_REPLIES
from relay_sync.emulator.journal import Command, Delivery, Event, Frame, Journal
from relay_sync.emulator.machines import ReceivedFax
from relay_sync.emulator.media import Heard
from relay_sync.emulator.messages import TextMessage
from relay_sync.emulator.numbers import MAGIC_NUMBERS, Behaviour
from relay_sync.emulator.phones import Phone
from relay_sync.emulator.recording import Recorded
from relay_sync.emulator.schedule import random_faults
from relay_sync.emulator.scripts import PayStep, Scripts

__all__ = [
    "DEMO_PROJECT",
    "DEMO_TOKEN",
    "GARBAGE",
    "GARBLED_EVENTS",
    "GARBLED_REPLIES",
    "KINDS",
    "MAGIC_NUMBERS",
    "Assumptions",
    "Behaviour",
    "CallSnapshot",
    "Clock",
    "Command",
    "Delivery",
    "Emulator",
    "Event",
    "Fault",
    "Faults",
    "Frame",
    "Heard",
    "Injected",
    "Journal",
    "Moment",
    "PayStep",
    "Phone",
    "ReceivedFax",
    "Recorded",
    "Scripts",
    "TextMessage",
    "command_line",
    "random_faults",
]
