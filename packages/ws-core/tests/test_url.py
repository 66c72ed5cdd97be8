import pytest

from ws_core import WebSocketURL, normalize_resource


@pytest.mark.parametrize(
    ("url", "host", "port", "resource"),
    [
        ("ws://example.com", "example.com", 80, "/"),
        ("ws://example.com/", "example.com", 80, "/"),
        ("wss://example.com/chat", "example.com", 443, "/chat"),
        ("WSS://example.com/chat", "example.com", 443, "/chat"),
        ("ws://example.com:8000/chat", "example.com", 8000, "/chat"),
        ("ws://example.com:443", "example.com", 443, "/"),
        ("wss://example.com:80", "example.com", 80, "/"),
        ("ws://example.com:/", "example.com", 80, "/"),
        ("ws://example.com:65535", "example.com", 65535, "/"),
        ("ws://127.0.0.1:8000", "127.0.0.1", 8000, "/"),
        ("ws://[::1]", "::1", 80, "/"),
        ("ws://[2001:db8::1]:8000/x", "2001:db8::1", 8000, "/x"),
        ("ws://[fe80::1%eth0]/x", "fe80::1%eth0", 80, "/x"),
        ("ws://bücher.example/x", "xn--bcher-kva.example", 80, "/x"),
        ("ws://example.com?a=b", "example.com", 80, "/?a=b"),
        ("ws://example.com/?", "example.com", 80, "/?"),
        ("ws://example.com?", "example.com", 80, "/?"),
        ("ws://example.com/a?b?c", "example.com", 80, "/a?b?c"),
        ("ws://example.com/a;b?c=d&e=%20", "example.com", 80, "/a;b?c=d&e=%20"),
        ("ws://example.com/a b", "example.com", 80, "/a%20b"),
        ("ws://example.com/ü?ü", "example.com", 80, "/%C3%BC?%C3%BC"),
        ("ws://example.com/100%", "example.com", 80, "/100%25"),
        ("ws://example.com/%2F%zz", "example.com", 80, "/%2F%25zz"),
        ("ws://example.com/a#b?c", "example.com", 80, "/a"),
        ("ws://example.com#b", "example.com", 80, "/"),
        ("ws://example.com?a#b", "example.com", 80, "/?a"),
        ("ws://example.com//a", "example.com", 80, "//a"),
    ],
)
def test_url_names_host_port_and_resource(url: str, host: str, port: int, resource: str) -> None:
    secure = url[:3].lower() == "wss"
    assert WebSocketURL.parse(url) == WebSocketURL(host, port, resource, secure)


@pytest.mark.parametrize(
    ("url", "userinfo"),
    [
        ("ws://example.com", None),
        ("ws://@example.com", ""),
        ("ws://user@example.com", "user"),
        ("ws://user:pass@example.com:80/", "user:pass"),
        ("ws://user:p@ss@example.com", "user:p@ss"),
        ("ws://user@[::1]:80/", "user"),
    ],
)
def test_userinfo_is_kept_apart_from_the_host(url: str, userinfo: str | None) -> None:
    parsed = WebSocketURL.parse(url)
    assert parsed.userinfo == userinfo
    assert parsed.host in {"example.com", "::1"}


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://example.com", 'scheme must be "ws:" or "wss:"'),
        ("example.com", 'scheme must be "ws:" or "wss:"'),
        ("", 'scheme must be "ws:" or "wss:"'),
        ("//example.com", 'scheme must be "ws:" or "wss:"'),
        ("ws:", "URL host must not be None"),
        ("ws:///path", "URL host must not be None"),
        ("ws://:80/path", "URL host must not be None"),
        ("ws://user@/path", "URL host must not be None"),
        ("ws:example.com", "URL host must not be None"),
        ("ws://example.com:0", "URL port must not be 0"),
        ("ws://example.com:65536", "Port out of range"),
        ("ws://example.com:port", "Port could not be cast"),
        ("ws://example.com:-1", "Port could not be cast|Port out of range"),
        ("ws://exa mple.com", "invalid host name"),
        ("ws://exam%70le.com", "invalid host name"),
        ("ws://exa<mple.com", "invalid host name"),
        ("ws://" + "a" * 64 + ".com", "invalid host name"),
        ("ws://[::1", "Invalid IPv6 URL"),
        ("ws://[example.com]", "IPv6|IPv4"),
        ("ws://[::1]evil.example:80/", "invalid|Invalid"),
        ("ws://[::1]80/", "invalid|Invalid"),
        ("ws://::1/", "URL host must not be None|Port could not be cast"),
        (" ws://example.com", "must not start or end with a space"),
        ("ws://example.com ", "must not start or end with a space"),
    ],
)
def test_what_is_no_websocket_url_is_refused(url: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        WebSocketURL.parse(url)


@pytest.mark.parametrize("control", [chr(code) for code in [*range(0x20), *range(0x7F, 0xA0)]])
@pytest.mark.parametrize(
    "url", ["{}ws://h/", "ws://h{}/", "ws://h/a{}b", "ws://h/?a{}", "w{}s://h"]
)
def test_control_characters_are_refused_and_never_dropped(url: str, control: str) -> None:
    with pytest.raises(ValueError, match="control characters"):
        WebSocketURL.parse(url.format(control))
    with pytest.raises(ValueError, match="control characters"):
        normalize_resource(f"/a{control}b")


@pytest.mark.parametrize(
    ("url", "host_header"),
    [
        ("ws://example.com", "example.com"),
        ("ws://example.com:80", "example.com"),
        ("wss://example.com:443", "example.com"),
        ("ws://example.com:443", "example.com:443"),
        ("wss://example.com:80", "example.com:80"),
        ("ws://[::1]:8000", "[::1]:8000"),
        ("wss://[::1]", "[::1]"),
        ("ws://[fe80::1%eth0]:8000", "[fe80::1]:8000"),
        ("ws://user:pass@example.com:8000", "example.com:8000"),
    ],
)
def test_host_header_names_the_port_unless_it_is_the_schemes_own(
    url: str, host_header: str
) -> None:
    assert WebSocketURL.parse(url).host_header == host_header


@pytest.mark.parametrize(
    ("resource", "sent"),
    [
        ("", "/"),
        ("/", "/"),
        ("?a", "/?a"),
        ("/a b", "/a%20b"),
        ("/a#b", "/a%23b"),
        ("/ä", "/%C3%A4"),
        ("/%c3%a4", "/%c3%a4"),
        ("/%", "/%25"),
        ("/%4", "/%254"),
        ('/"<>\\^`{|}', "/%22%3C%3E%5C%5E%60%7B%7C%7D"),
        ("/:@-._~!$&'()*+,;=?/", "/:@-._~!$&'()*+,;=?/"),
    ],
)
def test_resource_is_percent_encoded_where_needed(resource: str, sent: str) -> None:
    assert normalize_resource(resource) == sent
    assert normalize_resource(sent) == sent


@pytest.mark.parametrize("resource", ["chat", "*", "http://example.com/", " /", "#", "\ud800"])
def test_resource_starts_with_a_slash(resource: str) -> None:
    with pytest.raises(ValueError, match="must start with"):
        normalize_resource(resource)


def test_resource_without_utf8_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        normalize_resource("/\ud800")
