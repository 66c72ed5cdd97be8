"""Whose pages a server lets in."""

from __future__ import annotations

from typing import Any

import pytest

from ws_core import SAME_ORIGIN, Origins

HOST = (b"host", b"example.com")


def allows(
    allowed: Any, origin: bytes | None, *, host: bytes = b"example.com", secure: bool = False
) -> bool:
    """Whether a request with this origin, to this host, may come in."""
    headers = [(b"host", host)]
    if origin is not None:
        headers.append((b"origin", origin))
    return Origins(allowed).allow(tuple(headers), secure=secure)


LIST = ["https://example.com", "http://localhost:8000", "https://[2001:db8::1]:8443"]


@pytest.mark.parametrize(
    "origin", [b"https://example.com", b"http://localhost:8000", b"https://[2001:db8::1]:8443"]
)
def test_listed_origins_come_in(origin: bytes) -> None:
    assert allows(LIST, origin)
    assert allows(frozenset(LIST), origin)


@pytest.mark.parametrize(
    "origin",
    [
        None,
        b"",
        b"null",
        b"http://example.com",
        b"https://example.com:443",
        b"https://example.com:8443",
        b"https://example.com/",
        b"https://example.com.",
        b"https://EXAMPLE.com",
        b"HTTPS://example.com",
        b"https://evil-example.com",
        b"https://example.com.evil.org",
        b"https://example.comevil.org",
        b"https://www.example.com",
        b"https://example_com",
        b"https://evil.org/https://example.com",
        b"https://example.com, https://evil.org",
        b"https://evil.org https://example.com",
        b"https://example.com@evil.org",
        b"https://evil.org\\example.com",
        b"https://example.com\xa0",
        b"http://localhost",
        b"http://localhost:80000",
        b"https://2001:db8::1:8443",
        b"file://",
        b"//example.com",
        b"example.com",
    ],
)
def test_all_others_stay_out(origin: bytes | None) -> None:
    assert not allows(LIST, origin)


def test_two_origins_are_none() -> None:
    origin = (b"origin", b"https://example.com")
    assert Origins(LIST).allow((HOST, origin), secure=True)
    assert not Origins(LIST).allow((HOST, origin, origin), secure=True)
    assert not Origins([SAME_ORIGIN, *LIST, None]).allow((HOST, origin, origin), secure=True)


def test_no_origin_comes_in_where_it_is_listed() -> None:
    assert allows([*LIST, None], None)
    assert not allows([*LIST, None], b"null")
    assert not allows([], None)


def test_null_comes_in_where_it_is_listed() -> None:
    assert allows(["null"], b"null")
    assert not allows(["null"], None)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("HTTPS://Example.COM:443", b"https://example.com"),
        ("http://example.com:80", b"http://example.com"),
        ("http://example.com:443", b"http://example.com:443"),
        ("https://example.com:", b"https://example.com"),
        ("https://bücher.example", b"https://xn--bcher-kva.example"),
        ("http://[::1]:8000", b"http://[::1]:8000"),
        ("http://127.0.0.1:08000", b"http://127.0.0.1:8000"),
        ("chrome-extension://abcdefgh", b"chrome-extension://abcdefgh"),
    ],
)
def test_origins_are_taken_as_people_write_them(written: str, sent: bytes) -> None:
    assert allows([written], sent)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "example.com",
        "https://example.com/",
        "https://example.com/chat",
        "https://example.com?x",
        "https://user@example.com",
        "https://",
        "https://exa mple.com",
        "https://example.com:port",
        "https://example.com:65536",
        "https://*.example.com",
        "https://[::1",
        "https://example.com\n",
    ],
)
def test_what_is_no_origin_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"no origin|invalid host"):
        Origins([wrong])


@pytest.mark.parametrize("wrong", ["https://example.com", b"https://example.com"])
def test_a_single_origin_is_no_collection(wrong: Any) -> None:
    with pytest.raises(TypeError, match="origins must be a collection of str, not one"):
        Origins(wrong)


@pytest.mark.parametrize("wrong", [b"https://example.com", 5, True])
def test_an_origin_is_a_str(wrong: Any) -> None:
    with pytest.raises(TypeError, match="an origin must be a str, SAME_ORIGIN or None, not "):
        Origins([wrong])


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (b"https://example.com", b"example.com"),
        (b"https://example.com", b"Example.com:443"),
        (b"https://example.com", b"example.com:"),
        (b"http://example.com", b"example.com"),
        (b"http://example.com:8000", b"example.com:8000"),
        (b"http://[::1]:8000", b"[::1]:8000"),
    ],
)
def test_same_origin(origin: bytes, host: bytes) -> None:
    assert allows(SAME_ORIGIN, origin, host=host)
    assert allows([SAME_ORIGIN], origin, host=host)
    assert not allows([], origin, host=host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, b"example.com"),
        (b"null", b"example.com"),
        (b"", b"example.com"),
        (b"https://example.com", b"example.com:8443"),
        (b"https://example.com:8443", b"example.com"),
        (b"https://example.org", b"example.com"),
        (b"https://evil.org", b"evil.org.example.com"),
        (b"HTTPS://example.com", b"example.com"),
        (b"ftp://example.com", b"example.com"),
        (b"https://example.com:99999999", b"example.com"),
        (b"https://example.com", b"exam%70le.com"),
        (b"https://a:b:c", b"a:b:c"),
    ],
)
def test_other_origins(origin: bytes | None, host: bytes) -> None:
    assert not allows(SAME_ORIGIN, origin, host=host)


def test_behind_tls_only_pages_that_came_over_tls_are_of_the_same_origin() -> None:
    assert allows(SAME_ORIGIN, b"https://example.com", secure=True)
    assert not allows(SAME_ORIGIN, b"http://example.com", secure=True)
    assert not allows(SAME_ORIGIN, b"http://example.com:443", host=b"example.com:443", secure=True)


def test_same_origin_beside_others() -> None:
    both = [SAME_ORIGIN, "https://other.example", None]
    for origin in (b"https://example.com", b"https://other.example", None):
        assert allows(both, origin)
    assert not allows(both, b"https://evil.org")
