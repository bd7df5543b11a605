"""The methods the emulator knows: one table for each family, with their fields and what each does."""

from __future__ import annotations
