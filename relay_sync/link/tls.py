"""The verification of certificates: whom to trust."""

from __future__ import annotations

import ssl

from relay_sync.link.failures import OpenFailed


def tls_context(ca_file: str | None = None) -> ssl.SSLContext:
    """Return a context that verifies certificates and host names, against `ca_file` or else the system's authorities.

    Raises OpenFailed (``tls`` True) when `ca_file` cannot be used.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as exc:
        raise OpenFailed(
            f"the CA file {ca_file!r} (ca_file= or SIGNALWIRE_RELAY_CA_FILE) cannot be used: {exc.strerror or exc}",
            tls=True,
        ) from exc
