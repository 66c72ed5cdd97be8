from __future__ import annotations

import os
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio
import trustme
from cryptography import x509
from trio.testing import memory_stream_pair

from ws_tools import Certificates, make_certificates


async def shake_hands(files: Certificates, name: str) -> None:
    """A TLS handshake with a server that has `files`, as a client that trusts their authority."""
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(files.server, files.server_key)
    trusting = ssl.create_default_context(cafile=files.ca)
    here, there = memory_stream_pair()
    client = trio.SSLStream(here, trusting, server_hostname=name)
    server = trio.SSLStream(there, serving, server_side=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.do_handshake)
        await client.do_handshake()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
async def test_a_client_that_trusts_the_authority_trusts_the_server(
    tmp_path: Path, name: str
) -> None:
    await shake_hands(make_certificates(tmp_path), name)


async def test_names_replace_the_local_ones(tmp_path: Path) -> None:
    files = make_certificates(str(tmp_path / "new" / "folder"), "ws.example.com", "*.example.org")
    await shake_hands(files, "ws.example.com")
    await shake_hands(files, "a.example.org")
    with pytest.RaisesGroup(trio.BrokenResourceError):
        await shake_hands(files, "localhost")


def test_private_keys_are_the_users_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        files = make_certificates(tmp_path)
    finally:
        os.umask(before)
    assert [mode(file) for file in (files.ca_key, files.server_key)] == [0o600, 0o600]
    assert [mode(file) for file in (files.ca, files.server)] == [0o644, 0o644]
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "ca.key",
        "ca.pem",
        "server.key",
        "server.pem",
    ]


def test_it_is_valid_from_now_for_so_many_days(tmp_path: Path) -> None:
    files = make_certificates(tmp_path, days=30)
    certificate = x509.load_pem_x509_certificate(files.server.read_bytes())
    now = datetime.now(UTC)
    assert now - timedelta(hours=2) < certificate.not_valid_before_utc < now
    left = certificate.not_valid_after_utc - now
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)


def test_nothing_is_overwritten_unless_asked_for(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(FileExistsError, match=r"there is .*server.pem already"):
        make_certificates(tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    files.server_key.chmod(0o666)
    make_certificates(tmp_path, overwrite=True)
    after = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    same = {name for name in before if before[name] == after[name]}
    assert same == {"ca.pem", "ca.key"}
    assert mode(files.server_key) == 0o600


def test_what_fails_has_overwritten_nothing(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="not allowed"):
        make_certificates(tmp_path, "two words", overwrite=True)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


async def test_an_authority_that_is_there_signs_again(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)
    authority = files.ca.read_bytes(), files.ca_key.read_bytes()
    files.server.unlink()
    files.server_key.unlink()
    make_certificates(tmp_path)
    assert (files.ca.read_bytes(), files.ca_key.read_bytes()) == authority
    await shake_hands(files, "localhost")


@pytest.mark.parametrize("missing", ["ca.pem", "ca.key"])
def test_half_an_authority_is_no_authority(tmp_path: Path, missing: str) -> None:
    make_certificates(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(ValueError, match="not the other half"):
        make_certificates(tmp_path, overwrite=True)


def test_an_authority_with_the_key_of_another(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)
    files.ca_key.write_bytes(trustme.CA().private_key_pem.bytes())
    with pytest.raises(ValueError, match=r"ca.key is not the key of .*ca.pem"):
        make_certificates(tmp_path, overwrite=True)


def test_an_authority_that_is_none(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)
    files.ca.write_text("nothing")
    with pytest.raises(ValueError, match="can't be used"):
        make_certificates(tmp_path, overwrite=True)


@pytest.mark.parametrize("days", [0, -1, 10**7, 10**12])
def test_days_that_can_not_be(tmp_path: Path, days: int) -> None:
    with pytest.raises(ValueError, match="days must be"):
        make_certificates(tmp_path, days=days)
    assert list(tmp_path.iterdir()) == []
