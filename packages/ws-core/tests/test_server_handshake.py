from __future__ import annotations

import pytest

from ws_core import (
    Closed,
    CloseReason,
    Connection,
    HandshakeFailed,
    Limits,
    Pinged,
    Requested,
    Role,
    State,
)

from .two_ends import (
    PING,
    REQUEST,
    REQUEST_HEADERS,
    TEXT,
    events,
    frame,
    head,
    hear,
    hear_bytewise,
    said,
)

GET = b"GET /chat HTTP/1.1"
WRONG = "the client's request is wrong: "


def status(request: bytes) -> int:
    """With which status a server answers, 101 if it leaves that to the application."""
    server = Connection(Role.SERVER)
    (event,) = hear(server, request)
    if isinstance(event, Requested):
        server.accept()
    else:
        assert isinstance(event, HandshakeFailed)
        assert server.state is State.CLOSED
    answer = said(server)
    assert answer.startswith(b"HTTP/1.1 ")
    return int(answer[9:12])


def with_headers(**changes: bytes | None) -> bytes:
    """The usual request with some headers altered, or left out (None); `_` stands for `-`."""
    altered = {name.replace("_", "-").encode(): value for name, value in changes.items()}
    headers = REQUEST_HEADERS | {
        name: value for name, value in altered.items() if value is not None
    }
    kept = {name: value for name, value in headers.items() if altered.get(name, b"") is not None}
    return head(GET, kept)


def test_event_shows_what_was_asked_for() -> None:
    server = Connection(Role.SERVER)
    request = head(
        b"GET /chat?room=5 HTTP/1.1",
        REQUEST_HEADERS | {b"Origin": b"http://example.com", b"X-Odd": b"\xe4"},
        b"Sec-WebSocket-Protocol: a, b",
        b"Sec-WebSocket-Protocol: c",
        b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    )
    (event,) = hear(server, request)
    assert isinstance(event, Requested)
    assert event.resource == "/chat?room=5"
    assert event.subprotocols == ("a", "b", "c")
    headers = dict(event.headers)
    assert headers[b"host"] == b"server.example.com"
    assert headers[b"origin"] == b"http://example.com"
    assert headers[b"x-odd"] == b"\xe4"
    assert b"sec-websocket-protocol" not in headers
    assert b"sec-websocket-extensions" not in headers
    assert events(server) == []


@pytest.mark.parametrize(
    ("request_head", "expected"),
    [
        pytest.param(with_headers(Host=None), 400, id="no Host"),
        pytest.param(with_headers(Host=b""), 400, id="empty Host"),
        pytest.param(with_headers(Host=b"xn--99999999"), 400, id="Host that is no IDNA"),
        pytest.param(head(GET, REQUEST_HEADERS, b"Host: b"), 400, id="two Hosts"),
        pytest.param(with_headers(Upgrade=None), 426, id="no Upgrade"),
        pytest.param(with_headers(Upgrade=b"h2c"), 426, id="other Upgrade"),
        pytest.param(with_headers(Upgrade=b"websockets"), 426, id="misspelt Upgrade"),
        pytest.param(with_headers(Upgrade=b"WebSocket"), 101, id="Upgrade in capitals"),
        pytest.param(with_headers(Upgrade=b"h2c, websocket"), 101, id="list in Upgrade"),
        pytest.param(head(GET, REQUEST_HEADERS, b"Upgrade: h2c"), 101, id="two Upgrades"),
        pytest.param(with_headers(Connection=None), 400, id="no Connection"),
        pytest.param(with_headers(Connection=b"close"), 400, id="other Connection"),
        pytest.param(with_headers(Connection=b"keep-alive, UPGRADE"), 101, id="list in Connection"),
        pytest.param(
            head(GET, REQUEST_HEADERS, b"Connection: keep-alive"), 101, id="two Connections"
        ),
        pytest.param(with_headers(Sec_WebSocket_Version=None), 400, id="no version"),
        pytest.param(with_headers(Sec_WebSocket_Version=b""), 426, id="empty version"),
        pytest.param(with_headers(Sec_WebSocket_Version=b"8"), 426, id="old version"),
        pytest.param(with_headers(Sec_WebSocket_Version=b"013"), 426, id="odd version"),
        pytest.param(with_headers(Sec_WebSocket_Version=b"13, 8"), 426, id="list of versions"),
        pytest.param(
            head(GET, REQUEST_HEADERS, b"Sec-WebSocket-Version: 13"), 426, id="two versions"
        ),
        pytest.param(with_headers(Sec_WebSocket_Key=None), 400, id="no key"),
        pytest.param(with_headers(Sec_WebSocket_Key=b""), 400, id="empty key"),
        pytest.param(with_headers(Sec_WebSocket_Key=b"!!"), 400, id="key that is no base64"),
        pytest.param(with_headers(Sec_WebSocket_Key=b"!" * 24), 400, id="key of odd characters"),
        pytest.param(with_headers(Sec_WebSocket_Key=b"A" * 20), 400, id="short key"),
        pytest.param(with_headers(Sec_WebSocket_Key=b"A" * 24), 400, id="key of 18 bytes"),
        pytest.param(with_headers(Sec_WebSocket_Key=b"A" * 28), 400, id="long key"),
        pytest.param(
            head(GET, REQUEST_HEADERS, b"Sec-WebSocket-Key: " + b"A" * 22 + b"=="),
            400,
            id="two keys",
        ),
        pytest.param(with_headers(Sec_WebSocket_Protocol=b""), 101, id="empty subprotocols"),
        pytest.param(with_headers(Sec_WebSocket_Protocol=b"a b"), 400, id="odd subprotocol"),
        pytest.param(with_headers(Sec_WebSocket_Protocol=b"a, a"), 400, id="one subprotocol twice"),
        pytest.param(
            with_headers(Sec_WebSocket_Protocol=b"b" + b" " * 15000 + b"x"), 400, id="many spaces"
        ),
        pytest.param(
            with_headers(Sec_WebSocket_Extensions=b'a; p="' + b"\\c" * 4000),
            101,
            id="unclosed quote in an extension",
        ),
        pytest.param(with_headers(Content_Length=b"0"), 101, id="empty body"),
        pytest.param(with_headers(Content_Length=b"5"), 400, id="body"),
        pytest.param(with_headers(Content_Length=b"-1"), 400, id="negative body"),
        pytest.param(with_headers(Content_Length=b"9" * 4300), 400, id="endless body"),
        pytest.param(with_headers(Transfer_Encoding=b"chunked"), 400, id="chunked body"),
        pytest.param(with_headers(Transfer_Encoding=b"gzip"), 400, id="unknown transfer coding"),
        pytest.param(with_headers(Expect=b"100-continue"), 101, id="expectation"),
        pytest.param(with_headers(X=b"a\x00b"), 400, id="NUL in a value"),
        pytest.param(head(GET, REQUEST_HEADERS, b"no colon"), 400, id="line without a colon"),
        pytest.param(head(GET, REQUEST_HEADERS, b"a b: c"), 400, id="space in a name"),
        pytest.param(head(GET, REQUEST_HEADERS, b"a : c"), 400, id="space behind a name"),
        pytest.param(head(GET, REQUEST_HEADERS, b" folded"), 400, id="folded line"),
        pytest.param(REQUEST.replace(b"\r\n", b"\n"), 400, id="bare LF"),
        pytest.param(REQUEST.replace(b"chat HTTP/1.1\r", b"chat HTTP/1.1"), 400, id="one bare LF"),
    ],
)
def test_status_of_the_answer(request_head: bytes, expected: int) -> None:
    assert status(request_head) == expected


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (b"GET / HTTP/1.0", 505),
        (b"GET / HTTP/1.2", 505),
        (b"GET / HTTP/2.0", 505),
        (b"GET / HTTP/0.9", 505),
        (b"GET / HTTP/11", 400),
        (b"GET / http/1.1", 400),
        (b"GET /", 400),
        (b"GET", 400),
        (b"GET  / HTTP/1.1", 400),
        (b"GET /a b HTTP/1.1", 400),
        (b"GET /\xe4 HTTP/1.1", 400),
        (b"GET /\x00 HTTP/1.1", 400),
        (b"PRI * HTTP/2.0", 505),
        (b"POST / HTTP/1.1", 405),
        (b"HEAD / HTTP/1.1", 405),
        (b"OPTIONS * HTTP/1.1", 405),
        (b"CONNECT example.com:443 HTTP/1.1", 405),
        (b"get / HTTP/1.1", 405),
        (b"GET * HTTP/1.1", 400),
        (b"GET chat HTTP/1.1", 400),
        (b"GET example.com:80 HTTP/1.1", 400),
        (b"GET /a#b HTTP/1.1", 400),
        (b"GET ftp://example.com/ HTTP/1.1", 400),
        (b"GET http:///x HTTP/1.1", 400),
        (b"GET http://a@b/ HTTP/1.1", 400),
        (b"GET http://example.com/#x HTTP/1.1", 400),
        (b"{(}) / HTTP/1.1", 400),
    ],
)
def test_status_of_the_answer_to_odd_request_lines(start: bytes, expected: int) -> None:
    assert status(head(start, REQUEST_HEADERS)) == expected


def test_http2_is_answered_before_its_settings() -> None:
    assert status(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == 505


@pytest.mark.parametrize(
    ("target", "path", "host"),
    [
        (b"/", "/", b"server.example.com"),
        (b"//x?y", "//x?y", b"server.example.com"),
        (b"/?a=/../%00", "/?a=/../%00", b"server.example.com"),
        (b"http://other.example/chat?x", "/chat?x", b"other.example"),
        (b"ws://other.example:8000/chat", "/chat", b"other.example:8000"),
        (b"WSS://other.example", "/", b"other.example"),
        (b"https://other.example?x", "/?x", b"other.example"),
    ],
)
def test_absolute_form_is_reduced_to_path_and_host(target: bytes, path: str, host: bytes) -> None:
    server = Connection(Role.SERVER)
    (event,) = hear(server, head(b"GET %s HTTP/1.1" % target, REQUEST_HEADERS))
    assert isinstance(event, Requested)
    assert event.resource == path
    assert [value for name, value in event.headers if name == b"host"] == [host]


@pytest.mark.parametrize(
    "name",
    [
        *("Host", "Connection", "Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version"),
        *("Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"),
    ],
)
@pytest.mark.parametrize("octet", [0x80, 0xA0, 0xC3, 0xE4, 0xFF])
def test_bytes_beyond_ascii_in_a_handshake_header_are_a_bad_request(name: str, octet: int) -> None:
    value = REQUEST_HEADERS.get(name.encode(), b"x")
    for odd in (bytes((octet,)) + value, value + bytes((octet,)), value + b", " + bytes((octet,))):
        assert status(with_headers(**{name.replace("-", "_"): odd})) in {400, 426}


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
        b"\x00",
        b" GET / HTTP/1.1\r\n",
        b"\r\nGET / HTTP/1.1\r\n",
        b"\xe4",
    ],
)
def test_what_can_be_no_request_is_refused_at_once(data: bytes) -> None:
    server = Connection(Role.SERVER)
    (event,) = hear(server, data)
    assert isinstance(event, HandshakeFailed)
    assert said(server).startswith(b"HTTP/1.1 400 ")
    assert hear(server, b"more") == []


def test_no_bytes_are_no_news() -> None:
    server = Connection(Role.SERVER)
    assert hear(server, b"") == []
    assert len(hear(server, REQUEST)) == 1


@pytest.mark.parametrize(
    ("request_head", "lines"),
    [
        (REQUEST.replace(b"GET", b"PUT"), [b"HTTP/1.1 405 ", b"Allow: GET", b"Connection: close"]),
        (
            with_headers(Upgrade=None),
            [
                b"HTTP/1.1 426 ",
                b"Upgrade: websocket",
                b"Sec-WebSocket-Version: 13",
                b"Connection: Upgrade, close",
            ],
        ),
    ],
)
def test_refusal_tells_what_would_be_accepted(request_head: bytes, lines: list[bytes]) -> None:
    server = Connection(Role.SERVER)
    hear(server, request_head)
    answer_head, _, body = said(server).partition(b"\r\n\r\n")
    answered = answer_head.split(b"\r\n")
    assert {*lines, b"Content-Length: %d" % len(body)} <= set(answered)
    assert body.endswith(b"\n")


@pytest.mark.parametrize(
    ("request_head", "failed"),
    [
        (with_headers(Host=None), HandshakeFailed(f"{WRONG}one Host is needed", 400)),
        (REQUEST.replace(b"GET", b"PUT"), HandshakeFailed(f"{WRONG}the method must be GET", 405)),
        (
            with_headers(X=b"x" * 2**14),
            HandshakeFailed(
                f"{WRONG}the head is longer than 16384 bytes, see Limits(head=...)", 431
            ),
        ),
    ],
)
def test_a_refusal_tells_our_side_more_than_the_client(
    request_head: bytes, failed: HandshakeFailed
) -> None:
    server = Connection(Role.SERVER)
    assert hear(server, request_head) == [failed]
    answer = said(server)
    assert answer.startswith(b"HTTP/1.1 %d " % (failed.status_code or 0))
    assert answer.endswith(failed.reason.removeprefix(WRONG).partition(",")[0].encode() + b"\n")


def test_a_client_that_left_is_not_answered() -> None:
    server = Connection(Role.SERVER)
    server.receive_data(REQUEST[:-1])
    server.receive_eof()
    (failed,) = events(server)
    assert failed == HandshakeFailed("the client closed the connection within its request", None)
    assert not len(server.outgoing)


@pytest.mark.parametrize("data", [REQUEST, with_headers(Host=None), b"NO HTTP\r\n\r\n"])
def test_one_byte_at_a_time_is_as_good_as_all_at_once(data: bytes) -> None:
    whole, bytewise = Connection(Role.SERVER), Connection(Role.SERVER)
    found = hear(whole, data)
    assert len(found) == 1
    assert hear_bytewise(bytewise, data) == found
    assert said(bytewise) == said(whole)


def test_frames_behind_the_request_are_kept_until_it_is_accepted() -> None:
    ping, text = frame(PING, b"!", to=Role.SERVER), frame(TEXT, b"early", to=Role.SERVER)
    server = Connection(Role.SERVER)
    assert len(hear(server, REQUEST + ping + text[:3])) == 1
    assert hear(server, text[3:]) == []
    server.accept()
    assert events(server) == [Pinged(b"!"), "early"]


@pytest.mark.parametrize("length", range(len(REQUEST)))
def test_end_of_stream_within_the_request_fails_it(length: int) -> None:
    server = Connection(Role.SERVER)
    assert hear(server, REQUEST[:length]) == []
    server.receive_eof()
    assert events(server) == [
        HandshakeFailed("the client closed the connection within its request")
    ]
    assert server.state is State.CLOSED
    assert not len(server.outgoing)


def test_end_of_stream_behind_the_request_ends_the_connection_once_it_is_open() -> None:
    server = Connection(Role.SERVER)
    assert len(hear(server, REQUEST)) == 1
    server.receive_eof()
    assert events(server) == []
    server.accept()
    assert events(server) == [Closed(CloseReason(1006), clean=False)]


def test_end_of_stream_behind_a_refused_request_is_no_news() -> None:
    server = Connection(Role.SERVER)
    server.receive_data(b"\x00")
    server.receive_eof()
    assert len(events(server)) == 1


def test_limits_of_the_head_are_those_of_the_connection() -> None:
    server = Connection(Role.SERVER, limits=Limits(head=len(REQUEST) - 1))
    hear(server, REQUEST)
    assert said(server).startswith(b"HTTP/1.1 431 ")
