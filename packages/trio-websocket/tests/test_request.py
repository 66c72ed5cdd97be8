"""Requests: what they say, and the one answer that each is given."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    ConnectionTimeout,
    Endpoint,
    HandshakeError,
    LocalProtocolError,
    WebSocketConnection,
    WebSocketRequest,
    open_websocket_url,
    wrap_client_stream,
    wrap_server_stream,
)

from .helpers import HOST, start_memory_server, start_server, url_of

REQUEST = (
    b"GET /chat?room=1 HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
)

Check = Callable[[WebSocketRequest], Awaitable[None]]


async def request_from(
    nursery: trio.Nursery, *more: bytes, **options: Any
) -> tuple[WebSocketRequest, trio.abc.HalfCloseableStream]:
    """A request with some header lines more, and its client's stream."""
    ours, theirs = trio.testing.memory_stream_pair()
    await ours.send_all(REQUEST + b"".join(line + b"\r\n" for line in more) + b"\r\n")
    return await wrap_server_stream(nursery, theirs, **options), ours


# What it says.


async def test_path_and_host(nursery: trio.Nursery) -> None:
    request, _ = await request_from(nursery)
    assert request.path == "/chat?room=1"
    assert request.host == "example.org"
    assert request.origin is None
    assert request.proposed_subprotocols == ()


async def test_origin(nursery: trio.Nursery) -> None:
    request, _ = await request_from(nursery, b"Origin: https://example.org")
    assert request.origin == "https://example.org"


async def test_origin_of_any_bytes(nursery: trio.Nursery) -> None:
    request, _ = await request_from(nursery, b"Origin: \xff\xfe")
    assert request.origin == "\xff\xfe"


async def test_headers(nursery: trio.Nursery) -> None:
    request, _ = await request_from(
        nursery,
        b"X-One: 1",
        b"x-one: 2",
        b"Cookie: a=b",
        b"Sec-WebSocket-Protocol: chat",
        b"Sec-WebSocket-Extensions: permessage-deflate",
    )
    headers = request.headers
    assert isinstance(headers, list)
    names = [name for name, _ in headers]
    assert all(name == name.lower() for name in names)
    assert (b"host", b"example.org") in headers
    assert (b"cookie", b"a=b") in headers
    assert [value for name, value in headers if name == b"x-one"] == [b"1", b"2"]
    assert b"sec-websocket-protocol" not in names
    assert b"sec-websocket-extensions" not in names


async def test_headers_are_a_copy(nursery: trio.Nursery) -> None:
    request, _ = await request_from(nursery)
    request.headers.clear()
    assert request.headers


async def test_proposed_subprotocols(nursery: trio.Nursery) -> None:
    request, _ = await request_from(
        nursery, b"Sec-WebSocket-Protocol: b , a", b"Sec-WebSocket-Protocol: c"
    )
    assert request.proposed_subprotocols == ("b", "a", "c")


async def test_ends_in_a_handler(nursery: trio.Nursery) -> None:
    ends: list[Any] = []

    async def handler(request: WebSocketRequest) -> None:
        ends.extend([request.local, request.remote])
        await request.accept()

    server = await start_server(nursery, handler)
    async with open_websocket_url(url_of(server)) as ws:
        assert ends == [Endpoint(HOST, server.port, False), ws.local]


# Accepting.


async def test_accept(nursery: trio.Nursery) -> None:
    request, stream = await request_from(nursery, b"X-One: 1")
    ws = await request.accept()
    assert isinstance(ws, WebSocketConnection)
    assert ws.is_server
    assert not ws.is_client
    assert ws.path == "/chat?room=1"
    assert ws.subprotocol is None
    assert ws.request is request
    assert ws.closed is None
    assert isinstance(ws.handshake_headers, tuple)
    assert (b"x-one", b"1") in ws.handshake_headers
    answer = await stream.receive_some()
    assert answer.startswith(b"HTTP/1.1 101 ")
    # RFC 6455 section 1.3: the answer to this key.
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in answer
    assert b"sec-websocket-protocol" not in answer.lower()


async def test_accept_with_a_subprotocol(nursery: trio.Nursery) -> None:
    request, stream = await request_from(nursery, b"Sec-WebSocket-Protocol: a, b")
    ws = await request.accept(subprotocol="b")
    assert ws.subprotocol == "b"
    assert b"sec-websocket-protocol: b\r\n" in bytes(await stream.receive_some()).lower()


@pytest.mark.parametrize(
    "headers", [[("Set-Cookie", "a=b")], [(b"Set-Cookie", b"a=b")], (("Set-Cookie", b"a=b"),)]
)
async def test_accept_with_headers(nursery: trio.Nursery, headers: Any) -> None:
    request, stream = await request_from(nursery)
    await request.accept(extra_headers=headers)
    assert b"set-cookie: a=b\r\n" in bytes(await stream.receive_some()).lower()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"subprotocol": "other"}, LocalProtocolError),
        ({"extra_headers": [("Upgrade", "x")]}, ValueError),
        ({"extra_headers": [("Sec-WebSocket-Accept", "x")]}, ValueError),
        ({"extra_headers": [("X", "a\r\nY: b")]}, ValueError),
        ({"extra_headers": [("X", None)]}, TypeError),
    ],
)
async def test_bad_arguments_leave_the_request_as_it_was(
    nursery: trio.Nursery, options: dict[str, Any], error: type[Exception]
) -> None:
    request, stream = await request_from(nursery, b"Sec-WebSocket-Protocol: chat")
    with pytest.raises(error):
        await request.accept(**options)
    ws = await request.accept(subprotocol="chat")
    assert (await stream.receive_some()).startswith(b"HTTP/1.1 101 ")
    assert ws.closed is None


async def test_frames_right_behind_the_request(nursery: trio.Nursery) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await ours.send_all(REQUEST + b"\r\n" + b"\x82\x81\x00\x00\x00\x00x")
    request = await wrap_server_stream(nursery, theirs)
    ws = await request.accept()
    assert await ws.get_message() == b"x"


async def test_accept_when_the_client_has_left(nursery: trio.Nursery) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await ours.send_all(REQUEST + b"\r\n")
    request = await wrap_server_stream(nursery, theirs)
    await ours.aclose()
    with pytest.raises(ConnectionClosed) as raised:
        await request.accept()
    assert raised.value.reason is not None
    assert raised.value.reason.code == 1006


async def test_accept_when_the_client_takes_no_answer(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    ours, theirs = trio.testing.lockstep_stream_pair()
    requests: list[WebSocketRequest] = []

    async def serve() -> None:
        requests.append(await wrap_server_stream(nursery, theirs, connect_timeout=4))

    async with trio.open_nursery() as inner:
        inner.start_soon(serve)
        await ours.send_all(REQUEST + b"\r\n")
    start = trio.current_time()
    with pytest.raises(ConnectionClosed):
        await requests[0].accept()
    assert trio.current_time() - start == pytest.approx(4)


# Rejecting.


async def answer_to(stream: trio.abc.HalfCloseableStream) -> bytes:
    """All that comes until the other end hangs up, while we hang up, too."""
    answer = b""
    while data := await stream.receive_some():
        answer += data
    await stream.aclose()
    return answer


@pytest.mark.parametrize("status", [200, 400, 403, 404, 503, 599])
async def test_reject(nursery: trio.Nursery, status: int) -> None:
    request, stream = await request_from(nursery)
    nursery.start_soon(request.reject, status)
    head = await answer_to(stream)
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert head.endswith(b"\r\n\r\n")


async def test_reject_with_headers_and_body(nursery: trio.Nursery) -> None:
    headers: list[tuple[str | bytes, str | bytes]] = [
        ("X-Why", "because"),
        (b"content-type", b"text/plain"),
    ]
    before = list(headers)

    async def handler(request: WebSocketRequest) -> None:
        await request.reject(418, extra_headers=headers, body=b"short and stout")

    listener = await start_memory_server(nursery, handler)
    for _ in range(2):
        with pytest.raises(ConnectionRejected) as raised:
            await wrap_client_stream(nursery, listener.connect(), HOST, "/")
        assert raised.value.status_code == 418
        assert raised.value.body == b"short and stout"
        found = dict(raised.value.headers)
        assert found[b"x-why"] == b"because"
        assert found[b"content-type"] == b"text/plain"
        assert found[b"content-length"] == b"15"
    assert headers == before


async def test_own_content_length_is_taken(nursery: trio.Nursery) -> None:
    """Programs set it because 0.12.2 documented that they should."""
    request, stream = await request_from(nursery)

    async def reject() -> None:
        await request.reject(400, extra_headers=[("Content-Length", "3")], body=b"abc")

    nursery.start_soon(reject)
    answer = await answer_to(stream)
    assert answer.lower().count(b"content-length: 3\r\n") == 1
    assert answer.endswith(b"\r\n\r\nabc")


async def test_reject_large_body(nursery: trio.Nursery) -> None:
    body = b"x" * 1_000_000

    async def handler(request: WebSocketRequest) -> None:
        await request.reject(500, body=body)

    server = await start_server(nursery, handler)
    async with await trio.open_tcp_stream(HOST, server.port) as stream:
        await stream.send_all(REQUEST + b"\r\n")
        answer = await answer_to(stream)
    assert answer.partition(b"\r\n\r\n")[2] == body


@pytest.mark.parametrize(
    ("status", "options", "error"),
    [
        (101, {}, LocalProtocolError),
        (100, {}, LocalProtocolError),
        (199, {}, LocalProtocolError),
        (600, {}, LocalProtocolError),
        (0, {}, LocalProtocolError),
        ("403", {}, TypeError),
        (403, {"body": "text"}, TypeError),
        (204, {"body": b"x"}, LocalProtocolError),
        (403, {"extra_headers": [("X", "a\nb")]}, ValueError),
        (403, {"extra_headers": [("Transfer-Encoding", "chunked")]}, ValueError),
        (403, {"extra_headers": [("Content-Length", "4")], "body": b"abc"}, ValueError),
    ],
)
async def test_bad_rejections_leave_the_request_as_it_was(
    nursery: trio.Nursery, status: Any, options: dict[str, Any], error: type[Exception]
) -> None:
    request, stream = await request_from(nursery)
    with pytest.raises(error):
        await request.reject(status, **options)
    nursery.start_soon(request.reject, 503)
    assert (await answer_to(stream)).startswith(b"HTTP/1.1 503 ")


async def test_the_stream_is_closed_though_the_client_stays(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    request, stream = await request_from(nursery, disconnect_timeout=5)
    start = trio.current_time()
    await request.reject(403)
    assert trio.current_time() - start == pytest.approx(5)
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"x")


async def test_reject_when_the_client_has_left(nursery: trio.Nursery) -> None:
    request, stream = await request_from(nursery)
    await stream.aclose()
    await request.reject(403)


async def test_cancelled_rejection_closes_the_stream(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    request, stream = await request_from(nursery, disconnect_timeout=math.inf)
    with trio.move_on_after(1) as scope:
        await request.reject(403)
    assert scope.cancelled_caught
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"x")


# One answer only.


async def accept(request: WebSocketRequest) -> None:
    await request.accept()


async def reject(request: WebSocketRequest) -> None:
    await request.reject(403)


@pytest.mark.parametrize("again", [accept, reject])
async def test_second_answer_after_accept(nursery: trio.Nursery, again: Check) -> None:
    async def handler(request: WebSocketRequest) -> None:
        ws = await request.accept()
        with pytest.raises(LocalProtocolError):
            await again(request)
        # Nothing has changed.
        assert ws.closed is None
        await ws.send_message("still here")

    listener = await start_memory_server(nursery, handler)
    ws = await wrap_client_stream(nursery, listener.connect(), HOST, "/")
    assert await ws.get_message() == "still here"


@pytest.mark.parametrize("again", [accept, reject])
async def test_second_answer_after_reject(nursery: trio.Nursery, again: Check) -> None:
    raised: list[BaseException] = []

    async def handler(request: WebSocketRequest) -> None:
        await request.reject(403)
        with pytest.raises(LocalProtocolError) as error:
            await again(request)
        raised.append(error.value)

    listener = await start_memory_server(nursery, handler)
    with pytest.raises(ConnectionRejected):
        await wrap_client_stream(nursery, listener.connect(), HOST, "/")
    await trio.testing.wait_all_tasks_blocked()
    assert len(raised) == 1


# wrap_server_stream.


async def test_requests_that_are_none(nursery: trio.Nursery) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    answers: list[bytes] = []

    async def client() -> None:
        await ours.send_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        answers.append(await answer_to(ours))

    async with trio.open_nursery() as inner:
        inner.start_soon(client)
        with pytest.raises(HandshakeError, match="426"):
            await wrap_server_stream(nursery, theirs)
    assert answers[0].startswith(b"HTTP/1.1 426 ")
    assert not nursery.child_tasks


async def test_client_that_leaves_within_its_request(nursery: trio.Nursery) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await ours.send_all(REQUEST)
    await ours.aclose()
    with pytest.raises(HandshakeError, match="closed"):
        await wrap_server_stream(nursery, theirs)
    with pytest.raises(trio.ClosedResourceError):
        await theirs.receive_some()


async def test_no_request_in_time(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    _, theirs = trio.testing.memory_stream_pair()
    start = trio.current_time()
    with pytest.raises(ConnectionTimeout, match="10 seconds"):
        await wrap_server_stream(nursery, theirs)
    assert trio.current_time() - start == pytest.approx(10)
    with pytest.raises(trio.ClosedResourceError):
        await theirs.receive_some()


@pytest.mark.parametrize(
    ("option", "error"),
    [({"message_queue_size": -1}, ValueError), ({"connect_timeout": None}, TypeError)],
)
async def test_bad_options(
    nursery: trio.Nursery, option: dict[str, Any], error: type[Exception]
) -> None:
    _, theirs = trio.testing.memory_stream_pair()
    with pytest.raises(error, match=next(iter(option))):
        await wrap_server_stream(nursery, theirs, **option)
