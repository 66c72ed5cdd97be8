from __future__ import annotations

import http
import tracemalloc
from collections.abc import Callable

import pytest

from ws_core import Connection, LocalProtocolError, Requested, Role, State

from .two_ends import ACCEPT, REQUEST, REQUEST_HEADERS, events, head, hear, said


def requested_server(request: bytes = REQUEST) -> Connection:
    """A server with a request to answer."""
    server = Connection(Role.SERVER)
    (event,) = hear(server, request)
    assert isinstance(event, Requested)
    return server


def test_request_of_the_rfc_is_accepted() -> None:
    server = requested_server()
    server.accept()
    assert said(server) == head(
        b"HTTP/1.1 101 Switching Protocols",
        {b"Upgrade": b"websocket", b"Connection": b"Upgrade", b"Sec-WebSocket-Accept": ACCEPT},
    )
    assert server.state is State.OPEN
    assert server.subprotocol is None


def test_subprotocol_is_one_that_was_offered() -> None:
    server = requested_server(
        head(b"GET / HTTP/1.1", REQUEST_HEADERS, b"Sec-WebSocket-Protocol: a, b")
    )
    with pytest.raises(LocalProtocolError, match="did not offer subprotocol 'c'"):
        server.accept(subprotocol="c")
    assert not len(server.outgoing)
    server.accept(subprotocol="b")
    assert b"\r\nSec-WebSocket-Protocol: b\r\n" in said(server)
    assert server.subprotocol == "b"


def test_headers_of_the_acceptance() -> None:
    server = requested_server()
    given: list[tuple[str | bytes, str | bytes]] = [("Set-Cookie", "a=b"), (b"X-Odd", b"\xe4")]
    server.accept(extra_headers=given)
    assert said(server).endswith(b"\r\nSet-Cookie: a=b\r\nX-Odd: \xe4\r\n\r\n")


@pytest.mark.parametrize(
    ("status_code", "headers", "body", "answer"),
    [
        (403, None, None, b"HTTP/1.1 403 \r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
        (404, None, b"no", b"HTTP/1.1 404 \r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"),
        (
            http.HTTPStatus.FOUND,
            [("Location", "/x"), (b"content-length", b"3"), ("Connection", "keep-alive")],
            bytearray(b"abc"),
            b"HTTP/1.1 302 \r\nLocation: /x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
        ),
        (
            500,
            None,
            memoryview(b"abcd").cast("H"),
            b"HTTP/1.1 500 \r\nConnection: close\r\nContent-Length: 4\r\n\r\nabcd",
        ),
        (204, None, None, b"HTTP/1.1 204 \r\nConnection: close\r\n\r\n"),
        (304, [("ETag", '"x"')], b"", b'HTTP/1.1 304 \r\nETag: "x"\r\nConnection: close\r\n\r\n'),
        (
            426,
            [("Sec-WebSocket-Version", "13"), ("Upgrade", "websocket")],
            None,
            head(
                b"HTTP/1.1 426 ",
                {b"Sec-WebSocket-Version": b"13", b"Upgrade": b"websocket"},
                b"Connection: Upgrade, close",
                b"Content-Length: 0",
            ),
        ),
        (
            426,
            [("upgrade", "h2c, websocket")],
            None,
            head(
                b"HTTP/1.1 426 ",
                {b"upgrade": b"h2c, websocket", b"Sec-WebSocket-Version": b"13"},
                b"Connection: Upgrade, close",
                b"Content-Length: 0",
            ),
        ),
        (
            405,
            None,
            None,
            b"HTTP/1.1 405 \r\nAllow: GET\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        ),
    ],
)
def test_rejection_is_a_whole_answer(
    status_code: int, headers: list[tuple[str, str]] | None, body: bytes | None, answer: bytes
) -> None:
    server = requested_server()
    before = list(headers or [])
    server.reject(status_code, extra_headers=headers, body=body)
    assert said(server) == answer
    assert server.state is State.CLOSED
    assert before == (headers or [])


@pytest.mark.parametrize("status_code", [-1, 0, 100, 101, 199, 600, 1000, True])
def test_status_of_a_rejection_is_a_final_one(status_code: int) -> None:
    server = requested_server()
    with pytest.raises(LocalProtocolError, match="a rejection's status is 200 to 599"):
        server.reject(status_code)
    assert not len(server.outgoing)
    server.accept()


@pytest.mark.parametrize("status_code", [204, 304])
def test_some_answers_have_no_body(status_code: int) -> None:
    server = requested_server()
    with pytest.raises(LocalProtocolError, match=f"status {status_code} has no body"):
        server.reject(status_code, body=b"x")
    server.reject(status_code)


@pytest.mark.parametrize(
    ("status_code", "body"), [(403, "text"), (403, 5), (403, [1]), (403.0, None), ("403", None)]
)
def test_rejection_of_the_wrong_types_is_refused_and_can_be_corrected(
    status_code: object, body: object
) -> None:
    server = requested_server()
    with pytest.raises(TypeError, match="must be"):
        server.reject(status_code, body=body)  # type: ignore[arg-type]  # the point
    assert not len(server.outgoing)
    server.reject(403, body=b"text")
    assert said(server).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("length", ["0", "3", "+2", "02", "2, 2", ""])
def test_content_length_of_a_rejection_is_true_or_left_out(length: str) -> None:
    server = requested_server()
    with pytest.raises(ValueError, match="'Content-Length' must say 2 or be left out"):
        server.reject(403, extra_headers=[("Content-Length", length)], body=b"no")
    assert not len(server.outgoing)
    server.accept()


def test_request_is_answered_once() -> None:
    accepting, rejecting = requested_server(), requested_server()
    accepting.accept()
    rejecting.reject(403)
    for server, state in ((accepting, "open"), (rejecting, "closed")):
        said(server)
        complaint = f"there is no request to answer: this server is {state}"
        with pytest.raises(LocalProtocolError, match=complaint):
            server.accept()
        with pytest.raises(LocalProtocolError, match=complaint):
            server.reject(403)
        assert not len(server.outgoing)


def test_there_must_be_a_request_to_answer() -> None:
    server = Connection(Role.SERVER)
    hear(server, REQUEST[:-1])
    with pytest.raises(LocalProtocolError, match="there is no request to answer"):
        server.accept()
    with pytest.raises(LocalProtocolError, match="there is no request to answer"):
        server.reject(403)
    assert not len(server.outgoing)


@pytest.mark.parametrize("verb", [lambda end: end.accept(), lambda end: end.reject(403)])
def test_a_request_is_answered_after_it_was_handed_out(verb: Callable[[Connection], None]) -> None:
    server = Connection(Role.SERVER)
    server.receive_data(REQUEST)
    with pytest.raises(LocalProtocolError, match="there is no request to answer"):
        verb(server)
    assert len(events(server)) == 1
    verb(server)
    assert len(server.outgoing)


def test_end_of_stream_behind_a_rejection_is_no_news() -> None:
    server = requested_server()
    server.reject(403)
    said(server)
    server.receive_eof()
    assert events(server) == []
    assert not len(server.outgoing)


def test_rejected_client_is_not_listened_to() -> None:
    server = requested_server()
    server.reject(403)
    tracemalloc.start()
    try:
        for _ in range(10):
            assert hear(server, bytes(100_000)) == []
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 10_000
