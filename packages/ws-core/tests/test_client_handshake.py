from __future__ import annotations

import math
import random

import pytest

from ws_core import (
    Accepted,
    Closed,
    CloseReason,
    Connection,
    HandshakeFailed,
    Limits,
    LocalProtocolError,
    Pinged,
    Rejected,
    Role,
    State,
)

from .two_ends import (
    PING,
    TEXT,
    answer,
    answer_headers,
    events,
    frame,
    head,
    hear,
    hear_bytewise,
    said,
)

SWITCHING = b"HTTP/1.1 101 Switching Protocols"
NOT_HTTP = "the server's answer is wrong: it is not HTTP"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"


def asking_client(limits: Limits | None = None) -> tuple[Connection, bytes]:
    """A client that sent its request, and the request."""
    client = Connection(Role.CLIENT, limits=limits)
    client.request("server.example.com", "/chat", subprotocols=["a", "b"])
    return client, said(client)


def outcome(data: bytes, limits: Limits | None = None) -> object:
    """What an answer that does not depend on the key leads to."""
    client, _ = asking_client(limits)
    (event,) = hear(client, data)
    assert client.state is State.CLOSED
    assert not len(client.outgoing)
    return event


def test_request_is_that_of_the_rfc() -> None:
    client = Connection(Role.CLIENT)
    client.request(
        "server.example.com",
        "/chat?a b",
        subprotocols=["chat", "superchat"],
        extra_headers=[("Origin", "http://example.com"), (b"X-Odd", b"\xe4")],
    )
    lines = said(client).split(b"\r\n")
    key = lines.pop(4)
    assert key.startswith(b"Sec-WebSocket-Key: ")
    assert len(key) == len(b"Sec-WebSocket-Key: ") + 24
    assert lines == [
        b"GET /chat?a%20b HTTP/1.1",
        b"Host: server.example.com",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Protocol: chat, superchat",
        b"Origin: http://example.com",
        b"X-Odd: \xe4",
        b"",
        b"",
    ]


def test_every_key_is_new() -> None:
    keys = set()
    for _ in range(500):
        random.seed(0)  # which is not where they come from
        keys.add(asking_client()[1].partition(b"Key: ")[2][:24])
    assert len(keys) == 500


@pytest.mark.parametrize("host", ["other.example", b"other.example:8000"])
def test_callers_host_header_takes_the_place_of_ours(host: str | bytes) -> None:
    client = Connection(Role.CLIENT)
    client.request("server.example.com", extra_headers=[("X", "1"), ("hOST", host), ("Y", "2")])
    text = host if isinstance(host, bytes) else host.encode()
    request = said(client)
    assert request.lower().count(b"\r\nhost: ") == 1
    assert b"\r\nHost: %s\r\n" % text in request
    assert b"\r\nX: 1\r\nY: 2\r\n" in request


def test_callers_host_header_is_ascii() -> None:
    client = Connection(Role.CLIENT)
    with pytest.raises(ValueError, match="header 'Host' is not ASCII"):
        client.request("server.example.com", extra_headers=[("Host", "bücher.example".encode())])
    assert not len(client.outgoing)


def test_request_is_sent_once() -> None:
    client, _ = asking_client()
    with pytest.raises(LocalProtocolError, match="the request was sent already"):
        client.request("server.example.com")
    assert not len(client.outgoing)


def test_acceptance_opens_the_connection() -> None:
    client, request = asking_client()
    accepted = answer(request, b"Sec-WebSocket-Protocol: b", b"Set-Cookie: a=b", b"X-Odd: \xe4")
    assert hear(client, accepted) == [Accepted("b", ((b"set-cookie", b"a=b"), (b"x-odd", b"\xe4")))]
    assert client.state is State.OPEN
    assert client.subprotocol == "b"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"Upgrade", b"WebSocket"),
        (b"Connection", b"keep-alive, upgrade"),
        (b"Content-Length", b"0"),
    ],
)
def test_acceptance_may_be_spelt_otherwise(name: bytes, value: bytes) -> None:
    client, request = asking_client()
    (event,) = hear(client, head(SWITCHING, answer_headers(request) | {name: value}))
    assert isinstance(event, Accepted)


def test_options_of_connection_may_stand_on_several_lines() -> None:
    client, request = asking_client()
    (event,) = hear(client, answer(request, b"Connection: keep-alive"))
    assert event == Accepted(None, ())


@pytest.mark.parametrize(
    ("headers", "complaint"),
    [
        ({b"Upgrade": None}, "Upgrade"),
        ({b"Upgrade": b"h2c"}, "Upgrade"),
        ({b"Connection": None}, "Connection: Upgrade"),
        ({b"Connection": b"close"}, "Connection: Upgrade"),
        ({b"Sec-WebSocket-Accept": None}, "Bad accept token"),
        ({b"Sec-WebSocket-Accept": b""}, "Bad accept token"),
        ({b"Sec-WebSocket-Accept": b"A" * 27 + b"="}, "Bad accept token"),
        ({b"Sec-WebSocket-Protocol": b"c"}, "unrecognized subprotocol"),
        ({b"Sec-WebSocket-Protocol": b"a, b"}, "unrecognized subprotocol"),
        ({b"Sec-WebSocket-Protocol": b"A"}, "unrecognized subprotocol"),
        ({b"Sec-WebSocket-Protocol": b"\x1b[2J" + b"x" * 9999}, "unrecognized subprotocol"),
        ({b"Sec-WebSocket-Extensions": b"permessage-deflate"}, "an extension that was not offered"),
        ({b"Transfer-Encoding": b"chunked"}, "a 101 has no body"),
        ({b"Content-Length": b"5"}, "a 101 has no body"),
    ],
)
def test_wrong_acceptance_fails_the_handshake(
    headers: dict[bytes, bytes | None], complaint: str
) -> None:
    client, request = asking_client()
    changed = {**answer_headers(request), **headers}
    kept = {name: value for name, value in changed.items() if value is not None}
    (event,) = hear(client, head(SWITCHING, kept) + frame(TEXT, b"early", to=Role.CLIENT))
    assert isinstance(event, HandshakeFailed)
    assert complaint in event.reason
    assert client.state is State.CLOSED
    assert not len(client.outgoing)


@pytest.mark.parametrize(
    "line",
    [
        b"Sec-WebSocket-Accept: %s",
        b"Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Extensions: a\r\nSec-WebSocket-Extensions: b",
    ],
)
def test_doubled_headers_fail_the_handshake(line: bytes) -> None:
    client, request = asking_client()
    accept = answer_headers(request)[b"Sec-WebSocket-Accept"]
    (event,) = hear(client, answer(request, line.replace(b"%s", accept)))
    assert isinstance(event, HandshakeFailed)


@pytest.mark.parametrize(
    "name",
    [
        *(b"Upgrade", b"Connection", b"Sec-WebSocket-Accept"),
        *(b"Sec-WebSocket-Protocol", b"Sec-WebSocket-Extensions"),
    ],
)
@pytest.mark.parametrize("octet", [0x80, 0xA0, 0xC3, 0xE4, 0xFF])
def test_bytes_beyond_ascii_in_a_handshake_header_fail_the_handshake(
    name: bytes, octet: int
) -> None:
    client, request = asking_client()
    headers = answer_headers(request)
    headers[name] = headers.get(name, b"a") + bytes((octet,))
    (event,) = hear(client, head(SWITCHING, headers))
    assert isinstance(event, HandshakeFailed)


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0"])
def test_only_http_1_1_switches_protocols(version: bytes) -> None:
    client, request = asking_client()
    (event,) = hear(client, answer(request).replace(b"HTTP/1.1", version))
    assert event == HandshakeFailed("the server's answer is wrong: it is not HTTP/1.1")


@pytest.mark.parametrize("count", [1, 16])
def test_interim_answers_are_skipped(count: int) -> None:
    for hear_it in (hear, hear_bytewise):
        client, request = asking_client()
        interim = [HINTS, b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n"]
        data = b"".join(interim[i % 3] for i in range(count)) + answer(request)
        assert hear_it(client, data) == [Accepted(None, ())]


def test_the_17th_interim_answer_is_one_too_many() -> None:
    for hear_it in (hear, hear_bytewise):
        client, request = asking_client()
        assert hear_it(client, HINTS * 17 + answer(request)) == [
            HandshakeFailed("the server's answer is wrong: more than 16 interim answers")
        ]


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"\x81\x05hello",
        b" HTTP/1.1 101\r\n",
        b"\r\n",
        b"http/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTPS",
    ],
)
def test_what_is_not_http_fails_the_handshake_at_once(data: bytes) -> None:
    assert outcome(data) == HandshakeFailed(NOT_HTTP)


def test_interim_answer_may_be_followed_by_garbage() -> None:
    assert outcome(HINTS + b"garbage") == HandshakeFailed(NOT_HTTP)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 \r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 099 What\r\n\r\n",
        b"HTTP/11 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\nA: b\n\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 16384 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 128 + b"\r\n",
    ],
)
def test_malformed_answer_fails_the_handshake(data: bytes) -> None:
    assert isinstance(outcome(data), HandshakeFailed)


@pytest.mark.parametrize(
    ("data", "status_code", "body"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 403, b"no"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nnonsense", 403, b"no"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 403, b""),
        (
            b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n1\r\n!\r\n0\r\n\r\n",
            500,
            b"no!",
        ),
        (b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\nxyz\r\n", 500, b"no"),
        (b"HTTP/1.1 999 Denied\r\nContent-Length: 1\r\n\r\n.", 999, b"."),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, b""),
        (b"HTTP/1.0 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", 302, b""),
        (HINTS + b"HTTP/1.1 401 No\r\nContent-Length: 1\r\n\r\n.", 401, b"."),
    ],
)
def test_rejection_is_complete_with_its_body(data: bytes, status_code: int, body: bytes) -> None:
    whole = outcome(data)
    assert isinstance(whole, Rejected)
    assert (whole.status_code, whole.body) == (status_code, body)
    client, _ = asking_client()
    assert hear_bytewise(client, data) == [whole]


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (b"HTTP/1.1 403 No\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 403 No\r\n\r\n", b""),
        (b"HTTP/1.1 403 No\r\nContent-Length: 100\r\n\r\nnot all", b"not all"),
        (b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nnot all", b"not all"),
    ],
)
def test_rejection_may_end_with_the_stream(data: bytes, body: bytes) -> None:
    client, _ = asking_client()
    assert hear(client, data) == []
    client.receive_eof()
    (event,) = events(client)
    assert isinstance(event, Rejected)
    assert (event.status_code, event.body) == (403, body)
    assert client.state is State.CLOSED


def test_headers_of_a_rejection_are_kept() -> None:
    event = outcome(b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
    assert isinstance(event, Rejected)
    assert event.headers == ((b"www-authenticate", b"Basic"), (b"content-length", b"0"))


@pytest.mark.parametrize("size", [999, 1000, 1001, 5000])
def test_body_of_a_rejection_is_cut_at_the_limit(size: int) -> None:
    limits = Limits(rejection_body=1000)
    body = bytes(i % 256 for i in range(size))
    expected = body[:1000]
    declared = b"HTTP/1.1 403 No\r\nContent-Length: %d\r\n\r\n%s" % (size, body)
    chunked = b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
    for data in (declared, chunked % (size, body)):
        event = outcome(data, limits)
        assert isinstance(event, Rejected)
        assert event.body == expected
        client, _ = asking_client(limits)
        assert hear_bytewise(client, data) == [event]


def test_endless_rejection_ends_at_the_limit() -> None:
    client, _ = asking_client()
    assert hear(client, b"HTTP/1.1 403 No\r\n\r\n") == []
    assert hear(client, bytes(65535)) == []
    (event,) = hear(client, bytes(100_000))
    assert event == Rejected(403, (), bytes(65536))
    assert hear(client, bytes(100_000)) == []


def test_body_of_a_rejection_may_be_unbounded() -> None:
    event = outcome(
        b"HTTP/1.1 403 No\r\nContent-Length: 100000\r\n\r\n" + bytes(100_000),
        Limits(rejection_body=math.inf),
    )
    assert isinstance(event, Rejected)
    assert len(event.body) == 100_000


def test_end_of_stream_at_every_byte_of_the_answer() -> None:
    _, request = asking_client()
    for length in range(len(answer(request))):
        client, request = asking_client()
        assert hear(client, answer(request)[:length]) == []
        client.receive_eof()
        when = "within its answer" if length else "without answering"
        assert events(client) == [HandshakeFailed(f"the server closed the connection {when}")]
        assert client.state is State.CLOSED


def test_end_of_stream_behind_the_answer_ends_the_open_connection() -> None:
    client, request = asking_client()
    client.receive_data(answer(request) + frame(TEXT, b"bye", to=Role.CLIENT))
    client.receive_eof()
    assert events(client) == [Accepted(None, ()), "bye", Closed(CloseReason(1006), clean=False)]


def test_frames_behind_the_answer_are_kept() -> None:
    ping, text = frame(PING, b"!", to=Role.CLIENT), frame(TEXT, b"early", to=Role.CLIENT)
    client, request = asking_client()
    client.receive_data(answer(request) + ping + text[:2])
    client.receive_data(text[2:])
    assert events(client) == [Accepted(None, ()), Pinged(b"!"), "early"]
    client, request = asking_client()
    assert hear_bytewise(client, answer(request) + ping + text) == [
        Accepted(None, ()),
        Pinged(b"!"),
        "early",
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        head(SWITCHING, answer_headers(b"Sec-WebSocket-Key: x\r\n")),
        b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_answer_before_the_request_never_opens_the_connection(data: bytes) -> None:
    client = Connection(Role.CLIENT)
    (event,) = hear(client, data)
    assert isinstance(event, HandshakeFailed | Rejected)
    assert client.state is State.CLOSED
