"""TLS: certificates that are made once for a run, and how both sides use them."""

from __future__ import annotations

import ssl
from pathlib import Path

HOST = "127.0.0.1"
_AUTHORITY, _SERVER = "authority.pem", "server.pem"


def make_certificates(folder: Path) -> None:
    """Put an authority and a server's certificate with its key into a folder."""
    import trustme  # noqa: PLC0415 - workers come here without it

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / _AUTHORITY))
    server = authority.issue_cert(HOST)
    server.private_key_and_cert_chain_pem.write_to_path(str(folder / _SERVER))


def server_context(folder: str | None) -> ssl.SSLContext | None:
    """How a server speaks TLS with what is in a folder; None for no folder and no TLS."""
    if folder is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(Path(folder) / _SERVER)
    return context


def client_context(folder: str | None) -> ssl.SSLContext | None:
    """How a client does."""
    if folder is None:
        return None
    return ssl.create_default_context(cafile=str(Path(folder) / _AUTHORITY))
