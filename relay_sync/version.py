"""The version of this package, in the one place that setup.cfg and the handshake read."""

from __future__ import annotations

__version__ = "0.1.0"
