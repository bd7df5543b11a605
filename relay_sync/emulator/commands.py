"""The commands the emulator carries out: every method there is, by name, from the tables of ``methods``."""

from __future__ import annotations

from relay_sync.emulator.desk import Command
from relay_sync.emulator.methods import agents, calls, media, places, session, sound

COMMANDS: dict[str, Command] = {
    **session.COMMANDS,
    **calls.COMMANDS,
    **media.COMMANDS,
    **sound.COMMANDS,
    **places.COMMANDS,
    **agents.COMMANDS,
}
"""Every method. ``region``, ``codecs`` and the ``status_url`` are accepted and have no effect."""
