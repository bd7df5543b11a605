"""TLS at the emulator's end."""

from __future__ import annotations

import ssl
from pathlib import Path

Tls = ssl.SSLContext | str | Path | tuple[str | Path, str | Path]
"""A context; or a PEM file with certificate and key; or a file of each."""


def server_context(tls: Tls) -> ssl.SSLContext:
    """Return the context that a server uses. OSError or :exc:`ssl.SSLError` for files that are none of that."""
    if isinstance(tls, ssl.SSLContext):
        return tls
    certificate, key = tls if isinstance(tls, tuple) else (tls, None)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
