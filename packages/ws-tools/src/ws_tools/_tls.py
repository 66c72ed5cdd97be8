"""How the commands do TLS."""

from __future__ import annotations

import ssl
from pathlib import Path

# A front that speaks HTTP/2 as well might choose it otherwise.
_PROTOCOLS = ["http/1.1"]


def server_context(certificate: Path, key: Path | None = None) -> ssl.SSLContext:
    """For a server with a certificate; the key may stand in the same file.

    Raises:
        OSError: if the files can't be read or used.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(_PROTOCOLS)
    return context


def client_context(ca: Path | None = None, *, insecure: bool = False) -> ssl.SSLContext:
    """For a client that trusts the authorities in `ca` alone, or by default the system's.

    Args:
        ca: A file of certificates in PEM.
        insecure: Whether the server may show any certificate at all.

    Raises:
        OSError: if the file can't be read or used.
    """
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols(_PROTOCOLS)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
