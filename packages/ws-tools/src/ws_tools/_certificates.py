"""Certificates for development: an authority of one's own, and what it signs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trustme

#: The names that a server on this machine is known by.
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")

_PUBLIC, _PRIVATE = 0o644, 0o600
# Clocks differ, and the certificate is used the moment that it is made.
_CLOCK_SKEW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Certificates:
    """The files of a certificate authority and of a server's certificate, all in PEM.

    Attributes:
        ca: What clients trust.
        ca_key: The authority's private key; whoever has it can be any server to those clients.
        server: The server's certificate.
        server_key: The server's private key.
    """

    ca: Path
    ca_key: Path
    server: Path
    server_key: Path

    @classmethod
    def inside(cls, folder: Path) -> Certificates:
        """The files as they are called in `folder`."""
        names = ("ca.pem", "ca.key", "server.pem", "server.key")
        return cls(*(folder / name for name in names))


def make_certificates(
    folder: str | os.PathLike[str], *names: str, days: int = 365, overwrite: bool = False
) -> Certificates:
    """Make a server's certificate, and the authority that signs it unless `folder` has one.

    Private keys are created so that only the user can read them (mode 0600).

    Args:
        folder: Where the files ``ca.pem``, ``ca.key``, ``server.pem`` and ``server.key`` are; it is
            made if it is not there.
        names: The server's host names and IP addresses; ``localhost``, ``127.0.0.1`` and ``::1`` if
            none are given.
        days: How long the server's certificate is valid, from now. Some systems refuse more
            than 825.
        overwrite: Whether a server's certificate and key that are there are replaced. The authority
            never is.

    Returns:
        The paths of the files.

    Raises:
        FileExistsError: if there is a server's certificate or key already.
        ValueError: if a name is none, `days` is not at least 1 or too many, or the files of the
            authority that is there can't be used.
        OSError: if a file can't be read or written.
    """
    if days < 1:
        raise ValueError(f"days must be at least 1, not {days}")
    files = Certificates.inside(Path(folder))
    files.ca.parent.mkdir(parents=True, exist_ok=True)
    there = [file for file in (files.server, files.server_key) if os.path.lexists(file)]
    if there and not overwrite:
        raise FileExistsError(f"there is {there[0]} already")
    ca, is_new = _authority(files)
    leaf = _issue(ca, names or LOCAL_NAMES, days)
    for file in there:
        file.unlink()
    if is_new:
        _create(files.ca_key, ca.private_key_pem.bytes(), _PRIVATE)
        _create(files.ca, ca.cert_pem.bytes(), _PUBLIC)
    _create(files.server_key, leaf.private_key_pem.bytes(), _PRIVATE)
    _create(files.server, b"".join(pem.bytes() for pem in leaf.cert_chain_pems), _PUBLIC)
    return files


def _authority(files: Certificates) -> tuple[trustme.CA, bool]:
    """The authority in the folder, or a new one, and whether it is new."""
    import trustme  # noqa: PLC0415 - slow to import, and most commands do without
    from cryptography import x509  # noqa: PLC0415 - the same
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - slow

    there = [file for file in (files.ca, files.ca_key) if file.exists()]
    if not there:
        return trustme.CA(), True
    if len(there) == 1:
        raise ValueError(f"there is {there[0]}, but not the other half of the authority")
    certificate, key = files.ca.read_bytes(), files.ca_key.read_bytes()
    try:
        signs = load_pem_private_key(key, password=None).public_key()
        fits = x509.load_pem_x509_certificate(certificate).public_key() == signs
    except (TypeError, ValueError) as error:  # TypeError: the key is encrypted
        raise ValueError(f"{files.ca} and {files.ca_key} can't be used: {error}") from error
    if not fits:
        raise ValueError(f"{files.ca_key} is not the key of {files.ca}")
    return trustme.CA.from_pem(certificate, key), False


def _issue(ca: trustme.CA, names: tuple[str, ...], days: int) -> trustme.LeafCert:
    now = datetime.now(UTC)
    try:
        return ca.issue_cert(
            *names, not_before=now - _CLOCK_SKEW, not_after=now + timedelta(days=days)
        )
    except OverflowError as error:
        raise ValueError(f"days must be fewer, not {days}: {error}") from error


def _create(file: Path, content: bytes, mode: int) -> None:
    """Write a new file that has its mode from the first moment."""
    # O_EXCL follows no link, and never writes into a file with the mode of another time.
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
