import pytest

from ws_core import Connection, Requested, Role, host_header, normalize_host

from .two_ends import REQUEST_HEADERS, head, hear, said


@pytest.mark.parametrize(
    ("host", "normalized"),
    [
        ("example.com", "example.com"),
        ("example.com.", "example.com."),
        ("localhost", "localhost"),
        ("a_b.example", "a_b.example"),
        ("127.0.0.1", "127.0.0.1"),
        ("a" * 63 + ".com", "a" * 63 + ".com"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("[fe80::1%25eth0]", "fe80::1%eth0"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
    ],
)
def test_host_has_one_spelling(host: str, normalized: str) -> None:
    assert normalize_host(host) == normalized
    assert normalize_host(normalized) == normalized


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a b",
        "a\r\nb",
        "a\x00b",
        "a/b",
        "a@b",
        "a%20b",
        "[]",
        "[::1",
        "[example.com]",
        "1::2::3",
        "example.com:80",
        "a" * 64,
        "a..b",
        ".a",
        ".",
        "a." * 127 + "a",
        "ü ü",
        "ü\r\n",
        "ü" * 64,
        "\ud800",
        "ü..example",
    ],
)
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="invalid"):
        normalize_host(host)


@pytest.mark.parametrize(
    ("host", "port", "secure", "value"),
    [
        ("example.com", 80, False, "example.com"),
        ("example.com", 443, False, "example.com:443"),
        ("example.com", 443, True, "example.com"),
        ("example.com", 80, True, "example.com:80"),
        ("::1", 80, False, "[::1]"),
        ("::1", 8000, False, "[::1]:8000"),
        ("fe80::1%eth0", 8000, False, "[fe80::1]:8000"),
    ],
)
def test_host_header_brackets_ipv6_and_drops_its_zone(
    host: str, port: int, secure: bool, value: str
) -> None:
    assert host_header(host, port, secure=secure) == value


@pytest.mark.parametrize(
    ("host", "sent"),
    [
        ("example.com", b"example.com"),
        ("example.com:8000", b"example.com:8000"),
        ("example.com:", b"example.com:"),
        ("[::1]:8000", b"[::1]:8000"),
        ("::1", b"[::1]"),
        ("2001:db8::1", b"[2001:db8::1]"),
        ("fe80::1%eth0", b"[fe80::1]"),
        ("bücher.example", b"xn--bcher-kva.example"),
        ("bücher.example:8000", b"xn--bcher-kva.example:8000"),
    ],
)
def test_client_sends_the_host_that_a_server_understands(host: str, sent: bytes) -> None:
    client, server = Connection(Role.CLIENT), Connection(Role.SERVER)
    client.request(host)
    request = said(client)
    assert b"\r\nHost: %s\r\n" % sent in request
    (requested,) = hear(server, request)
    assert isinstance(requested, Requested)
    assert dict(requested.headers)[b"host"] == sent


# What neither end lets through: a client's argument, and a server's Host header.
BAD_HOST_HEADERS = [
    "",
    "a b",
    "a/b",
    "a@b",
    "a:b",
    "a:80:80",
    "1::2::3",
    "[::1",
    "[::1]x",
    "[1::2::3]",
    "[example.com]",
    "a..b",
    ".a",
    "xn--99999999",
    "a" * 64,
    "a." * 131 + "a",
    "https://a",
]


@pytest.mark.parametrize("host", BAD_HOST_HEADERS)
def test_client_refuses_what_is_no_host(host: str) -> None:
    client = Connection(Role.CLIENT)
    with pytest.raises(ValueError, match="invalid"):
        client.request(host)
    assert not len(client.outgoing)


def test_host_is_text() -> None:
    with pytest.raises(TypeError, match="host must be a str, not bytes"):
        Connection(Role.CLIENT).request(b"example.com")  # type: ignore[arg-type]  # the point


@pytest.mark.parametrize("host", [*BAD_HOST_HEADERS, "::1"])
def test_server_refuses_what_is_no_host(host: str) -> None:
    server = Connection(Role.SERVER)
    hear(server, head(b"GET / HTTP/1.1", REQUEST_HEADERS | {b"Host": host.encode()}))
    assert said(server).startswith(b"HTTP/1.1 400 ")
