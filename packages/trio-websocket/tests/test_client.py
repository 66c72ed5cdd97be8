"""Clients, from the arguments to the connection, and what they raise when there is none."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import re
import socket
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    ConnectionTimeout,
    DisconnectionTimeout,
    Endpoint,
    HandshakeError,
    Limits,
    WebSocketConnection,
    WebSocketRequest,
    connect_websocket,
    connect_websocket_url,
    open_websocket,
    open_websocket_url,
    wrap_client_stream,
)
from ws_core import Requested, Role

from .helpers import (
    HOST,
    Peer,
    connect_to_peer,
    serve_raw,
    start_memory_server,
    start_server,
    url_of,
)


def _ipv6_loopback() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.fixture
def ipv6() -> None:
    """Asks for an IPv6 loopback interface, which some containers lack."""
    if not _ipv6_loopback():
        pytest.skip("this machine has no IPv6 loopback address to listen on")


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port that nobody listens on, and nobody else can take."""
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        yield bound.getsockname()[1]


async def tell_request(request: WebSocketRequest) -> None:
    """Send what the client asked for."""
    connection = await request.accept()
    await connection.send_message(request.path)
    await connection.send_message(dict(request.headers)[b"host"])
    await connection.get_message()


# The five ways to a connection.


async def test_open_websocket(nursery: trio.Nursery) -> None:
    server = await start_server(nursery)
    async with open_websocket(HOST, server.port, "/", use_ssl=False) as ws:
        assert isinstance(ws, WebSocketConnection)
        assert ws.is_client
        assert not ws.is_server
        assert ws.closed is None
        await ws.send_message("hello")
        assert await ws.get_message() == "hello"
    assert ws.closed is not None
    assert ws.closed.code == 1000


async def test_open_websocket_url(nursery: trio.Nursery) -> None:
    server = await start_server(nursery)
    async with open_websocket_url(url_of(server, "/a?b=c")) as ws:
        assert ws.path == "/a?b=c"
        await ws.send_message(b"\x00\xff")
        assert await ws.get_message() == b"\x00\xff"


async def test_connect_websocket(nursery: trio.Nursery) -> None:
    server = await start_server(nursery)
    ws = await connect_websocket(nursery, HOST, server.port, "/", use_ssl=False)
    await ws.send_message("hello")
    assert await ws.get_message() == "hello"
    assert ws.closed is None
    await ws.aclose()


async def test_connect_websocket_url(nursery: trio.Nursery) -> None:
    server = await start_server(nursery)
    async with await connect_websocket_url(nursery, url_of(server)) as ws:
        await ws.send_message("hello")
        assert await ws.get_message() == "hello"
    assert ws.closed is not None


async def test_wrap_client_stream(nursery: trio.Nursery) -> None:
    listener = await start_memory_server(nursery)
    ws = await wrap_client_stream(nursery, listener.connect(), "example.org", "/chat")
    await ws.send_message("hello")
    assert await ws.get_message() == "hello"
    assert ws.path == "/chat"
    await ws.aclose()


async def test_wrap_client_stream_sends_the_host_as_it_is(nursery: trio.Nursery) -> None:
    hosts: list[str] = []

    async def handler(request: WebSocketRequest) -> None:
        hosts.append(request.host)
        await request.accept()

    listener = await start_memory_server(nursery, handler)
    for host in ("example.org", "example.org:80", "example.org:8080", "[::1]:443"):
        ws = await wrap_client_stream(nursery, listener.connect(), host, "/")
        await ws.aclose()
    assert hosts == ["example.org", "example.org:80", "example.org:8080", "[::1]:443"]


async def test_a_tcp_stream_can_be_wrapped(nursery: trio.Nursery) -> None:
    server = await start_server(nursery)
    stream = await trio.open_tcp_stream(HOST, server.port)
    ws = await wrap_client_stream(nursery, stream, HOST, "/")
    assert ws.remote == Endpoint(HOST, server.port, is_ssl=False)
    await ws.aclose()
    assert stream.socket.fileno() == -1


async def test_ipv6(nursery: trio.Nursery, ipv6: None) -> None:
    server = await start_server(nursery, tell_request, host="::1")
    url = url_of(server, "/six")
    assert url == f"ws://[::1]:{server.port}/six"
    async with open_websocket_url(url) as ws:
        assert await ws.get_message() == "/six"
        assert await ws.get_message() == b"[::1]:%d" % server.port
        assert ws.remote == Endpoint("::1", server.port, is_ssl=False)


@pytest.mark.parametrize("host", ["::1", "[::1]"])
async def test_ipv6_host(nursery: trio.Nursery, ipv6: None, host: str) -> None:
    server = await start_server(nursery, tell_request, host="::1")
    async with open_websocket(host, server.port, "/", use_ssl=False) as ws:
        assert await ws.get_message() == "/"
        assert await ws.get_message() == b"[::1]:%d" % server.port


async def test_host_name(nursery: trio.Nursery) -> None:
    server = await start_server(nursery, tell_request)
    async with open_websocket("localhost", server.port, "/", use_ssl=False) as ws:
        await ws.get_message()
        assert await ws.get_message() == b"localhost:%d" % server.port


# The request.


@pytest.mark.parametrize(
    ("rest", "path"),
    [
        ("", "/"),
        ("/", "/"),
        ("?", "/?"),
        ("/?", "/?"),
        ("?a=b", "/?a=b"),
        ("/a/b;c?d=e&f", "/a/b;c?d=e&f"),
        ("/a#fragment", "/a"),
        ("/a?#fragment", "/a?"),
        ("/a b", "/a%20b"),
        ("/a%20b", "/a%20b"),
        ("/\N{SNOWMAN}", "/%E2%98%83"),
    ],
)
async def test_path(nursery: trio.Nursery, rest: str, path: str) -> None:
    server = await start_server(nursery, tell_request)
    async with open_websocket_url(url_of(server, rest)) as ws:
        assert await ws.get_message() == path
        assert ws.path == path


async def test_userinfo_is_not_sent(nursery: trio.Nursery) -> None:
    server = await start_server(nursery, tell_request)
    async with open_websocket_url(f"ws://user:secret@{HOST}:{server.port}/x") as ws:
        assert await ws.get_message() == "/x"
        assert await ws.get_message() == f"{HOST}:{server.port}".encode()


async def test_scheme_in_capitals(nursery: trio.Nursery) -> None:
    server = await start_server(nursery)
    async with open_websocket_url(f"WS://{HOST}:{server.port}/"):
        pass


@pytest.mark.parametrize("resource", ["/a\r\nX: y", "/a\nb", "/\x00", "/\x7f", "a", "http://b/"])
async def test_bad_resource(unused_port: int, resource: str) -> None:
    with pytest.raises(ValueError, match="resource"):
        async with open_websocket(HOST, unused_port, resource, use_ssl=False):
            pass


@pytest.mark.parametrize(
    ("port", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (65536 + 80, ValueError),
        ("80", TypeError),
        (None, TypeError),
    ],
)
async def test_bad_port(port: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="port must be"):
        async with open_websocket(HOST, port, "/", use_ssl=False):
            pass  # pragma: no cover - it is not entered


async def test_nobody_listens(unused_port: int) -> None:
    """The text says where, and why; the cause is what Trio raised."""
    refused = re.escape(os.strerror(errno.ECONNREFUSED))
    expected = rf"could not connect to {HOST}:{unused_port}: .*{refused}"
    with pytest.raises(HandshakeError, match=expected) as raised:
        async with open_websocket(HOST, unused_port, "/", use_ssl=False):
            pass
    assert isinstance(raised.value.__cause__, OSError)


@pytest.mark.parametrize("host", [HOST, "localhost"])
async def test_nobody_listens_to_a_bare_connection(
    nursery: trio.Nursery, unused_port: int, host: str
) -> None:
    """An address fails as a name does."""
    text = f"all attempts to connect to {host}:{unused_port} failed"
    with pytest.raises(OSError, match=text) as raised:
        await connect_websocket(nursery, host, unused_port, "/", use_ssl=False)
    assert isinstance(raised.value.__cause__, ExceptionGroup)
    for error in raised.value.__cause__.exceptions:
        assert isinstance(error, ConnectionRefusedError)


@pytest.mark.parametrize(
    "offer", [["a", "b"], ("a", "b"), iter(["a", "b"])], ids=["list", "tuple", "iterator"]
)
async def test_subprotocols(nursery: trio.Nursery, offer: Any) -> None:
    offers: list[tuple[str, ...]] = []

    async def handler(request: WebSocketRequest) -> None:
        offers.append(request.proposed_subprotocols)
        await request.accept(subprotocol="b")

    server = await start_server(nursery, handler)
    async with open_websocket_url(url_of(server), subprotocols=offer) as ws:
        assert ws.subprotocol == "b"
    assert offers == [("a", "b")]


async def test_no_subprotocol(nursery: trio.Nursery) -> None:
    server = await start_server(nursery)
    async with open_websocket_url(url_of(server), subprotocols=["a"]) as ws:
        assert ws.subprotocol is None


@pytest.mark.parametrize(
    ("offer", "error"),
    [("chat", TypeError), ([1], TypeError), (["a b"], ValueError), (["a", "a"], ValueError)],
)
async def test_bad_subprotocols(unused_port: int, offer: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="subprotocol"):
        async with open_websocket(HOST, unused_port, "/", use_ssl=False, subprotocols=offer):
            pass


@pytest.mark.parametrize(
    "headers",
    [
        [(b"X-Answer", b"42")],
        [("X-Answer", "42")],
        (("X-Answer", b"42"),),
        iter([("X-Answer", "42")]),
    ],
    ids=["bytes", "str", "tuple", "iterator"],
)
async def test_extra_headers(nursery: trio.Nursery, headers: Any) -> None:
    found: list[bytes] = []

    async def handler(request: WebSocketRequest) -> None:
        found.append(dict(request.headers)[b"x-answer"])
        await request.accept()

    server = await start_server(nursery, handler)
    async with open_websocket_url(url_of(server), extra_headers=headers):
        pass
    assert found == [b"42"]


async def test_the_callers_headers_are_left_alone(nursery: trio.Nursery) -> None:
    server = await start_server(nursery)
    headers: list[tuple[str | bytes, str | bytes]] = [("X-Answer", "42")]
    async with open_websocket_url(url_of(server), extra_headers=headers):
        pass
    assert headers == [("X-Answer", "42")]


async def test_own_host_header_replaces_ours(nursery: trio.Nursery) -> None:
    server = await start_server(nursery, tell_request)
    async with open_websocket_url(url_of(server), extra_headers=[("Host", "example.org")]) as ws:
        await ws.get_message()
        assert await ws.get_message() == b"example.org"


async def test_request_on_the_wire(nursery: trio.Nursery) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    nursery.start_soon(
        partial(
            wrap_client_stream,
            nursery,
            ours,
            "example.org:81",
            "/a?b",
            subprotocols=["x", "y"],
            extra_headers=[("Origin", "http://c")],
            connect_timeout=math.inf,
        )
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += await theirs.receive_some()
    line, *fields = head[:-4].decode("ascii").split("\r\n")
    assert line == "GET /a?b HTTP/1.1"
    headers = [(name.lower(), value) for name, _, value in (f.partition(": ") for f in fields)]
    assert len({name for name, _ in headers}) == len(headers)
    found = dict(headers)
    assert found["host"] == "example.org:81"
    assert found["upgrade"].lower() == "websocket"
    assert found["connection"].lower() == "upgrade"
    assert found["sec-websocket-version"] == "13"
    assert len(found["sec-websocket-key"]) == 24
    assert found["sec-websocket-protocol"].replace(" ", "") == "x,y"
    assert found["origin"] == "http://c"
    assert "sec-websocket-extensions" not in found


@pytest.mark.parametrize(
    "name",
    ["Connection", "Upgrade", "Sec-WebSocket-Key", "sec-websocket-version", "Content-Length"],
)
async def test_headers_of_the_handshake_are_refused(unused_port: int, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        async with open_websocket(
            HOST, unused_port, "/", use_ssl=False, extra_headers=[(name, "x")]
        ):
            pass


@pytest.mark.parametrize(
    ("header", "error"),
    [
        (("X", "a\r\nY: b"), ValueError),
        (("X\n", "a"), ValueError),
        (("X", "\N{SNOWMAN}"), ValueError),
        (("X", 1), TypeError),
        ((None, "a"), TypeError),
    ],
)
async def test_bad_header(unused_port: int, header: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="header"):
        async with open_websocket(HOST, unused_port, "/", use_ssl=False, extra_headers=[header]):
            pass


# Arguments.


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://example.org/", 'scheme must be "ws:" or "wss:"'),
        ("example.org", 'scheme must be "ws:" or "wss:"'),
        ("", 'scheme must be "ws:" or "wss:"'),
        ("ws:///path", "URL host must not be None"),
        ("ws://", "URL host must not be None"),
        ("ws://example.org:0/", "port"),
        ("ws://example.org:65536/", "ort"),
        ("ws://example.org:x/", "ort"),
        ("ws://example.org/\r\nX: y", "control"),
        ("ws://exa\tmple.org/", "control"),
        (" ws://example.org/", "space"),
        ("ws://exa mple.org/", "host"),
        ("ws://[::g]/", "::g"),
    ],
)
async def test_bad_url(nursery: trio.Nursery, url: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        open_websocket_url(url)
    with pytest.raises(ValueError, match=text):
        await connect_websocket_url(nursery, url)


@pytest.mark.parametrize("use_ssl", [1, 0, None, "yes"])
async def test_use_ssl_of_another_type(
    nursery: trio.Nursery, unused_port: int, use_ssl: Any
) -> None:
    text = "`use_ssl` argument must be bool or ssl.SSLContext"
    entering = open_websocket(HOST, unused_port, "/", use_ssl=use_ssl)
    with pytest.raises(TypeError, match=text):
        async with entering:
            pass
    with pytest.raises(TypeError, match=text):
        await connect_websocket(nursery, HOST, unused_port, "/", use_ssl=use_ssl)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"message_queue_size": -1}, ValueError),
        ({"message_queue_size": "1"}, TypeError),
        ({"max_message_size": -1}, ValueError),
        ({"max_message_size": math.nan}, ValueError),
        ({"max_message_size": None}, TypeError),
        ({"receive_buffer_size": 0}, ValueError),
        ({"connect_timeout": -1}, ValueError),
        ({"connect_timeout": None}, TypeError),
        ({"disconnect_timeout": math.nan}, ValueError),
        ({"write_timeout": -0.1}, ValueError),
        ({"limits": Limits(), "max_message_size": 5}, ValueError),
    ],
)
async def test_bad_options(
    nursery: trio.Nursery, unused_port: int, options: dict[str, Any], error: type[Exception]
) -> None:
    (name, *_) = options
    url = f"ws://{HOST}:{unused_port}/"
    name = "message|limits" if name in ("limits", "max_message_size") else name
    with pytest.raises(error, match=name):
        async with open_websocket_url(url, **options):
            pass
    with pytest.raises(error, match=name):
        await connect_websocket_url(nursery, url, **options)


async def test_infinite_options(nursery: trio.Nursery) -> None:
    server = await start_server(nursery)
    async with open_websocket_url(
        url_of(server),
        message_queue_size=math.inf,
        max_message_size=math.inf,
        connect_timeout=math.inf,
        disconnect_timeout=math.inf,
        write_timeout=math.inf,
    ) as ws:

        async def overdo() -> None:
            await ws.send_message(b"x" * 2_000_000)  # which may hear of the end already
            await ws.get_message()

        with pytest.raises(ConnectionClosed) as closed:
            await overdo()
        # The server's limit is still the default.
        assert closed.value.reason is not None
        assert closed.value.reason.code == 1009


async def test_unlimited_queue_takes_everything(nursery: trio.Nursery) -> None:
    client, peer = await connect_to_peer(nursery, message_queue_size=math.inf)
    for number in range(1000):
        peer.core.send_message(str(number))
    peer.core.close(1000)
    await peer.flush()
    await peer.stream.aclose()
    await client.wait_closed()
    assert [await client.get_message() for _ in range(1000)] == [str(n) for n in range(1000)]
    with pytest.raises(ConnectionClosed):
        await client.get_message()


async def test_max_message_size(nursery: trio.Nursery) -> None:
    server = await start_server(nursery)
    async with open_websocket_url(url_of(server), max_message_size=5) as ws:
        await ws.send_message("12345")
        assert await ws.get_message() == "12345"
        await ws.send_message("123456")
        with pytest.raises(ConnectionClosed) as closed:
            await ws.get_message()
    reason = closed.value.reason
    assert reason is not None
    assert reason.code == 1009
    assert reason.reason == "Exceeded maximum message size: 5 bytes"


async def test_text_is_limited_in_bytes(nursery: trio.Nursery) -> None:
    server = await start_server(nursery)
    async with open_websocket_url(url_of(server), limits=Limits(message=6)) as ws:
        await ws.send_message("\N{SNOWMAN}" * 2)
        assert await ws.get_message() == "\N{SNOWMAN}" * 2
        await ws.send_message("\N{SNOWMAN}" * 3)
        with pytest.raises(ConnectionClosed) as closed:
            await ws.get_message()
    assert closed.value.reason is not None
    assert closed.value.reason.code == 1009


async def test_receive_buffer_size_is_an_upper_bound(nursery: trio.Nursery) -> None:
    asked: list[int | None] = []

    class Counting(trio.abc.Stream):
        def __init__(self, stream: trio.abc.Stream) -> None:
            self._stream = stream

        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            await self._stream.send_all(data)

        async def wait_send_all_might_not_block(self) -> None:
            raise AssertionError("nobody should call this")

        async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
            asked.append(max_bytes)
            return await self._stream.receive_some(max_bytes)

        async def aclose(self) -> None:
            await self._stream.aclose()

    listener = await start_memory_server(nursery)
    stream = Counting(listener.connect())
    ws = await wrap_client_stream(nursery, stream, HOST, "/", receive_buffer_size=100)
    await ws.send_message("x" * 1000)
    assert await ws.get_message() == "x" * 1000
    await ws.aclose()
    assert all(size is not None and 0 < size <= 100 for size in asked)
    assert len(asked) > 10


# What a server may answer.


async def refuse(request: WebSocketRequest) -> None:
    await request.reject(403, extra_headers=[("X-Why", "because")], body=b"no entry")


async def via_open(nursery: trio.Nursery, port: int) -> None:
    async with open_websocket(HOST, port, "/", use_ssl=False):
        raise AssertionError("the block must not be entered")


async def via_open_url(nursery: trio.Nursery, port: int) -> None:
    async with open_websocket_url(f"ws://{HOST}:{port}/"):
        raise AssertionError("the block must not be entered")


async def via_connect(nursery: trio.Nursery, port: int) -> None:
    await connect_websocket(nursery, HOST, port, "/", use_ssl=False)


async def via_connect_url(nursery: trio.Nursery, port: int) -> None:
    await connect_websocket_url(nursery, f"ws://{HOST}:{port}/")


async def via_wrap(nursery: trio.Nursery, port: int) -> None:
    stream = await trio.open_tcp_stream(HOST, port)
    await wrap_client_stream(nursery, stream, HOST, "/")


Via = Callable[[trio.Nursery, int], Awaitable[None]]
any_way = pytest.mark.parametrize(
    "via", [via_open, via_open_url, via_connect, via_connect_url, via_wrap]
)


@any_way
async def test_rejection(nursery: trio.Nursery, via: Via) -> None:
    server = await start_server(nursery, refuse)
    async with trio.open_nursery() as inner:
        with pytest.raises(ConnectionRejected) as raised:
            await via(inner, server.port)
        # It came from the call itself: the nursery goes on.
        assert not inner.cancel_scope.cancel_called
        assert not inner.child_tasks
    error = raised.value
    assert error.status_code == 403
    assert error.body == b"no entry"
    assert error.headers is not None
    headers = dict(error.headers)
    assert headers[b"x-why"] == b"because"
    assert headers[b"content-length"] == b"8"
    assert all(name == name.lower() for name in headers)


def answering(answer: bytes) -> Callable[[trio.SocketStream], Awaitable[None]]:
    """A server that answers every request in the same way, and hangs up."""

    async def handler(stream: trio.SocketStream) -> None:
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += await stream.receive_some()
        await stream.send_all(answer)
        await stream.aclose()

    return handler


@any_way
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 101 Swi",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x15\x03\x03\x00\x02\x02\x46",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        ),
    ],
    ids=["nothing", "half an answer", "SSH", "TLS alert", "empty 101", "wrong token"],
)
async def test_answers_that_are_none(nursery: trio.Nursery, via: Via, answer: bytes) -> None:
    port = await serve_raw(nursery, answering(answer))
    async with trio.open_nursery() as inner:
        with trio.fail_after(5), pytest.raises(HandshakeError) as raised:
            await via(inner, port)
        assert not inner.child_tasks
    assert type(raised.value) is HandshakeError
    assert str(raised.value)


@any_way
@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirections_are_not_followed(nursery: trio.Nursery, via: Via, status: int) -> None:
    """Whoever follows one says there, too, what only the first server was to know."""
    asked: list[str] = []

    async def handler(request: WebSocketRequest) -> None:  # noqa: ASYNC124 - handlers are async
        asked.append(request.path)

    other = await start_server(nursery, handler)
    answer = (
        f"HTTP/1.1 {status} Elsewhere\r\nLocation: {url_of(other)}\r\nContent-Length: 0\r\n\r\n"
    )
    port = await serve_raw(nursery, answering(answer.encode()))
    async with trio.open_nursery() as inner:
        with trio.fail_after(5), pytest.raises(ConnectionRejected) as raised:
            await via(inner, port)
    assert raised.value.status_code == status
    assert dict(raised.value.headers)[b"location"] == url_of(other).encode()
    assert asked == []


async def test_unoffered_subprotocol(nursery: trio.Nursery) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    peer = Peer(theirs, Role.SERVER)

    async def serve() -> None:
        assert isinstance(await peer.event(), Requested)
        peer.core.accept()
        answer = b"".join(peer.core.outgoing.peek(2**20))
        await theirs.send_all(answer[:-2] + b"Sec-WebSocket-Protocol: chat\r\n\r\n")

    nursery.start_soon(serve)
    with pytest.raises(HandshakeError, match="protocol"):
        await wrap_client_stream(nursery, ours, HOST, "/", subprotocols=["other"])


async def test_reset_instead_of_an_answer(nursery: trio.Nursery) -> None:
    async def handler(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    port = await serve_raw(nursery, handler)
    with pytest.raises(HandshakeError) as raised:
        async with open_websocket(HOST, port, "/", use_ssl=False):
            pass
    assert isinstance(raised.value.__cause__, ConnectionResetError)


async def test_rejection_without_a_length_ends_with_the_stream(nursery: trio.Nursery) -> None:
    port = await serve_raw(nursery, answering(b"HTTP/1.1 503 Busy\r\n\r\ncome back later"))
    with pytest.raises(ConnectionRejected) as raised:
        async with open_websocket(HOST, port, "/", use_ssl=False):
            pass
    assert raised.value.status_code == 503
    assert raised.value.body == b"come back later"


@pytest.mark.parametrize(("count", "is_open"), [(1, True), (16, True), (17, False)])
async def test_interim_answers(nursery: trio.Nursery, count: int, is_open: bool) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    peer = Peer(theirs, Role.SERVER)

    async def serve() -> None:
        await peer.event()
        await theirs.send_all(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * count)
        peer.core.accept()
        await peer.flush()

    nursery.start_soon(serve)
    if is_open:
        ws = await wrap_client_stream(nursery, ours, HOST, "/")
        assert ws.closed is None
    else:
        with pytest.raises(HandshakeError, match="16"):
            await wrap_client_stream(nursery, ours, HOST, "/")


async def test_messages_right_behind_the_answer(nursery: trio.Nursery) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    peer = Peer(theirs, Role.SERVER)

    async def serve() -> None:
        await peer.event()
        peer.core.accept()
        peer.core.send_message("early")
        peer.core.close(1000)
        await peer.flush()

    nursery.start_soon(serve)
    ws = await wrap_client_stream(nursery, ours, HOST, "/")
    assert await ws.get_message() == "early"
    with pytest.raises(ConnectionClosed):
        await ws.get_message()


async def test_handshake_headers(nursery: trio.Nursery) -> None:
    async def handler(request: WebSocketRequest) -> None:
        await request.accept(extra_headers=[("X-Served-By", "Trio"), (b"Set-Cookie", b"a=b")])

    server = await start_server(nursery, handler)
    async with open_websocket_url(url_of(server)) as ws:
        assert isinstance(ws.handshake_headers, tuple)
        headers = dict(ws.handshake_headers)
        assert headers == {b"x-served-by": b"Trio", b"set-cookie": b"a=b"}
        assert ws.request is None


# No server, and none in time.


async def test_no_server(nursery: trio.Nursery, unused_port: int) -> None:
    with pytest.raises(HandshakeError, match=str(unused_port)) as raised:
        async with open_websocket(HOST, unused_port, "/", use_ssl=False):
            pass
    assert type(raised.value) is HandshakeError
    assert isinstance(raised.value.__cause__, OSError)
    assert not isinstance(raised.value, OSError)
    with pytest.raises(OSError, match=str(unused_port)):
        await connect_websocket(nursery, HOST, unused_port, "/", use_ssl=False)


async def test_name_that_does_not_resolve() -> None:
    # RFC 6761 section 6.4: no such name exists.
    with pytest.raises(HandshakeError) as raised:
        async with open_websocket("host.invalid", 80, "/", use_ssl=False):
            pass
    assert isinstance(raised.value.__cause__, OSError)


async def silent(stream: trio.SocketStream) -> None:
    await trio.sleep_forever()


async def test_server_that_does_not_answer(nursery: trio.Nursery) -> None:
    url = f"ws://{HOST}:{await serve_raw(nursery, silent)}/"
    with pytest.raises(ConnectionTimeout, match=r"0\.05") as opening:
        async with open_websocket_url(url, connect_timeout=0.05):
            pass
    with pytest.raises(ConnectionTimeout, match=r"0\.05") as connecting:
        await connect_websocket_url(nursery, url, connect_timeout=0.05)
    for raised in (opening, connecting):
        assert isinstance(raised.value, HandshakeError)
        assert raised.value.__cause__ is None
        assert raised.value.__context__ is None or raised.value.__suppress_context__


async def test_connect_timeout_is_exact(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    start = trio.current_time()
    with pytest.raises(ConnectionTimeout):
        await wrap_client_stream(nursery, ours, HOST, "/")
    assert trio.current_time() - start == pytest.approx(60)
    await Peer(theirs, Role.SERVER).until_eof()


async def test_connect_timeout_covers_an_answer_that_drips(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    ours, theirs = trio.testing.memory_stream_pair()

    async def drip() -> None:
        await theirs.send_all(b"HTTP/1.1 200 OK\r\nX: ")
        with contextlib.suppress(trio.BrokenResourceError):
            while True:
                await theirs.send_all(b"y")
                await trio.sleep(0.5)

    nursery.start_soon(drip)
    start = trio.current_time()
    with pytest.raises(ConnectionTimeout):
        await wrap_client_stream(nursery, ours, HOST, "/", connect_timeout=7)
    assert trio.current_time() - start == pytest.approx(7)
    await trio.testing.wait_all_tasks_blocked()


async def test_cancelled_while_connecting(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    with trio.move_on_after(3) as scope:
        await wrap_client_stream(nursery, ours, HOST, "/")
    assert scope.cancelled_caught
    await Peer(theirs, Role.SERVER).until_eof()


# The end of the block.


async def test_leaving_the_block_closes_with_1000(nursery: trio.Nursery) -> None:
    reasons: list[Any] = []

    async def handler(request: WebSocketRequest) -> None:
        connection = await request.accept()
        reasons.append(await connection.wait_closed())

    server = await start_server(nursery, handler)
    async with open_websocket_url(url_of(server)) as ws:
        pass
    assert ws.closed is not None
    assert (ws.closed.code, ws.closed.reason) == (1000, None)
    await trio.testing.wait_all_tasks_blocked()
    assert [(reason.code, reason.reason) for reason in reasons] == [(1000, None)]


async def test_closing_in_the_block_keeps_its_code(nursery: trio.Nursery) -> None:
    server = await start_server(nursery)
    async with open_websocket_url(url_of(server)) as ws:
        await ws.aclose(4001, "bye")
    assert ws.closed is not None
    assert (ws.closed.code, ws.closed.reason) == (4001, "bye")


async def test_server_that_does_not_close(nursery: trio.Nursery) -> None:
    async def handler(stream: trio.SocketStream) -> None:
        await Peer(stream, Role.SERVER).accept()
        await trio.sleep_forever()

    port = await serve_raw(nursery, handler)
    with pytest.raises(DisconnectionTimeout) as raised:
        async with open_websocket_url(f"ws://{HOST}:{port}/", disconnect_timeout=0.05) as ws:
            pass
    assert isinstance(raised.value, HandshakeError)
    assert ws.closed is not None
    assert ws.closed.code == 1006


async def test_server_that_closes_but_does_not_hang_up(nursery: trio.Nursery) -> None:
    async def handler(stream: trio.SocketStream) -> None:
        peer = Peer(stream, Role.SERVER)
        await peer.accept()
        peer.core.close(1001)
        await peer.flush()
        await trio.sleep_forever()

    port = await serve_raw(nursery, handler)
    with trio.fail_after(5):
        async with open_websocket_url(f"ws://{HOST}:{port}/", disconnect_timeout=0.05) as ws:
            with pytest.raises(ConnectionClosed):
                await ws.get_message()
    assert ws.closed is not None
    assert ws.closed.code == 1001


async def test_no_task_outlives_the_block(nursery: trio.Nursery) -> None:
    server = await start_server(nursery)
    before = trio.lowlevel.current_statistics().tasks_living
    for _ in range(3):
        async with open_websocket_url(url_of(server)) as ws:
            await ws.send_message("x")
            await ws.get_message()
    await trio.testing.wait_all_tasks_blocked()
    assert trio.lowlevel.current_statistics().tasks_living == before
