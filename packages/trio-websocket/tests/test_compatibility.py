"""The contract of trio-websocket 0.12.2: signatures, names, and what programs do with them."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import json
import logging
import math
from collections.abc import AsyncIterator, Callable
from functools import partial
from importlib import metadata, resources
from typing import Any

import pytest
import trio
import trio.testing
from wsproto.utilities import LocalProtocolError

import trio_websocket
import trio_websocket._impl as impl
from trio_websocket import (
    CloseReason,
    ConnectionClosed,
    ConnectionRejected,
    ConnectionTimeout,
    Endpoint,
    HandshakeError,
    WebSocketConnection,
    WebSocketRequest,
    WebSocketServer,
    connect_websocket,
    connect_websocket_url,
    open_websocket,
    open_websocket_url,
    serve_websocket,
    wrap_client_stream,
    wrap_server_stream,
)
from trio_websocket._impl import _url_to_host

from .helpers import HOST, connect_pair, echo, serve_raw, start_memory_server, start_server, url_of

# Names.

OLD_NAMES = {
    "CloseReason",
    "ConnectionClosed",
    "ConnectionRejected",
    "ConnectionTimeout",
    "DisconnectionTimeout",
    "Endpoint",
    "HandshakeError",
    "WebSocketConnection",
    "WebSocketRequest",
    "WebSocketServer",
    "__version__",
    "connect_websocket",
    "connect_websocket_url",
    "open_websocket",
    "open_websocket_url",
    "serve_websocket",
    "wrap_client_stream",
    "wrap_server_stream",
}


def test_names_of_the_door() -> None:
    assert set(trio_websocket.__all__) >= OLD_NAMES
    for name in trio_websocket.__all__:
        assert hasattr(trio_websocket, name)
    assert len(set(trio_websocket.__all__)) == len(trio_websocket.__all__)


def test_nothing_else_is_public() -> None:
    public = {
        name
        for name, value in vars(trio_websocket).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert public == set(trio_websocket.__all__) - {"__version__"}


def test_version() -> None:
    assert isinstance(trio_websocket.__version__, str)
    with contextlib.suppress(metadata.PackageNotFoundError):  # as in a bare source tree
        assert metadata.version("trio-websocket") == trio_websocket.__version__


def test_typed() -> None:
    assert resources.files(trio_websocket).joinpath("py.typed").is_file()


def test_impl() -> None:
    for name in trio_websocket.__all__:
        assert getattr(impl, name) is getattr(trio_websocket, name)
    assert impl.CONN_TIMEOUT == 60
    assert impl.MESSAGE_QUEUE_SIZE == 1
    assert impl.MAX_MESSAGE_SIZE == 2**20
    assert impl.RECEIVE_BYTES == 4096
    assert issubclass(impl.TrioWebsocketInternalError, Exception)
    assert callable(_url_to_host)


def test_nothing_lives_in_impl() -> None:
    more = {
        "CONN_TIMEOUT",
        "MAX_MESSAGE_SIZE",
        "MESSAGE_QUEUE_SIZE",
        "RECEIVE_BYTES",
        "TrioWebsocketInternalError",
        "_url_to_host",
    }
    names = {name for name in vars(impl) if not name.startswith("__")}
    assert names == set(trio_websocket.__all__) - {"__version__"} | more


# Signatures: those of 0.12.2, with the defaults that were changed on purpose.

REQUIRED: Any = inspect.Parameter.empty
SIZES = {"message_queue_size": 1, "max_message_size": 2**20, "receive_buffer_size": None}
OFFERS: dict[str, Any] = {"subprotocols": None, "extra_headers": None}
CLIENT_TIMES = {"connect_timeout": 60, "disconnect_timeout": 10}
SERVER_TIMES = {"connect_timeout": 10, "disconnect_timeout": 10}
SERVER = {"handler_nursery": None, **SIZES, **SERVER_TIMES}


def required(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), REQUIRED)


# What may be given by position, and what by keyword only.
Arguments = dict[str, Any]
SIGNATURES: list[tuple[Callable[..., Any], Arguments, Arguments]] = [
    (
        open_websocket,
        required("host port resource"),
        {**required("use_ssl"), **OFFERS, **SIZES, **CLIENT_TIMES},
    ),
    (
        connect_websocket,
        required("nursery host port resource"),
        {**required("use_ssl"), **OFFERS, **SIZES},
    ),
    (
        open_websocket_url,
        {**required("url"), "ssl_context": None},
        {**OFFERS, **SIZES, **CLIENT_TIMES},
    ),
    (
        connect_websocket_url,
        {**required("nursery url"), "ssl_context": None},
        {**OFFERS, **SIZES},
    ),
    (wrap_client_stream, required("nursery stream host resource"), {**OFFERS, **SIZES}),
    (wrap_server_stream, {**required("nursery stream"), **SIZES}, {}),
    (
        serve_websocket,
        required("handler host port ssl_context"),
        {**SERVER, "task_status": trio.TASK_STATUS_IGNORED},
    ),
    (WebSocketServer, required("handler listeners"), SERVER),
    (WebSocketServer.run, required("self"), {"task_status": trio.TASK_STATUS_IGNORED}),
    (WebSocketRequest.accept, required("self"), {"subprotocol": None, "extra_headers": None}),
    (
        WebSocketRequest.reject,
        required("self status_code"),
        {"extra_headers": None, "body": None},
    ),
    (WebSocketConnection.aclose, {**required("self"), "code": 1000, "reason": None}, {}),
    (WebSocketConnection.get_message, required("self"), {}),
    (WebSocketConnection.send_message, required("self message"), {}),
    (WebSocketConnection.ping, {**required("self"), "payload": None}, {}),
    (WebSocketConnection.pong, {**required("self"), "payload": None}, {}),
    (Endpoint, required("address port is_ssl"), {}),
    (ConnectionRejected, required("status_code headers body"), {}),
]


@pytest.mark.parametrize(
    ("function", "by_position", "by_keyword"),
    SIGNATURES,
    ids=[function.__qualname__ for function, _, _ in SIGNATURES],
)
def test_signature(
    function: Callable[..., Any], by_position: Arguments, by_keyword: Arguments
) -> None:
    found = inspect.signature(function).parameters.values()
    positional = [p for p in found if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert [(p.name, p.default) for p in positional] == list(by_position.items())
    others = {p.name: p for p in found if p not in positional}
    for name, default in by_keyword.items():
        assert others[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert others[name].default == default
    # What is new can't be in the way of calls that were right before.
    for name in others.keys() - by_keyword.keys():
        assert others[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert others[name].default is not REQUIRED


@pytest.mark.parametrize("arguments", [(1000, "x"), {"code": 1000, "reason": "x"}])
def test_close_reasons_can_be_made(arguments: Any) -> None:
    made = CloseReason(**arguments) if isinstance(arguments, dict) else CloseReason(*arguments)
    assert (made.code, made.reason) == (1000, "x")


def test_connection_closed_can_be_made() -> None:
    reason = CloseReason(1000, None)
    assert ConnectionClosed(reason).reason is reason
    assert ConnectionClosed(reason=reason).reason is reason
    assert ConnectionClosed(None).reason is None


@pytest.mark.parametrize(
    "function",
    [
        connect_websocket,
        connect_websocket_url,
        wrap_client_stream,
        wrap_server_stream,
        serve_websocket,
    ],
)
def test_coroutine_functions(function: Callable[..., Any]) -> None:
    assert inspect.iscoroutinefunction(function)


def test_open_functions_are_called_without_await() -> None:
    for function in (open_websocket, open_websocket_url):
        assert not inspect.iscoroutinefunction(function)


def test_properties() -> None:
    for kind, names in {
        WebSocketConnection: "closed handshake_headers is_client is_server local path remote "
        "subprotocol",
        WebSocketRequest: "headers local path proposed_subprotocols remote",
        WebSocketServer: "listeners port",
        CloseReason: "name",
        Endpoint: "url",
    }.items():
        for name in names.split():
            assert isinstance(inspect.getattr_static(kind, name), property)
    assert isinstance(WebSocketConnection.CONNECTION_ID, itertools.count)


# URLs.


@pytest.mark.parametrize(
    ("url", "context", "parts"),
    [
        ("ws://example.org", None, ("example.org", 80, "/", False)),
        ("wss://example.org", None, ("example.org", 443, "/", True)),
        ("ws://example.org:8080/a?b=c#d", None, ("example.org", 8080, "/a?b=c", False)),
        ("WSS://user:pass@EXAMPLE.org/?", None, ("EXAMPLE.org", 443, "/?", True)),
        ("ws://[::1]:81/", None, ("::1", 81, "/", False)),
    ],
)
def test_url_to_host(url: str, context: None, parts: tuple[str, int, str, bool]) -> None:
    """Used by a Discord client, and by others."""
    host, *others = _url_to_host(url, context)
    assert (host.lower(), *others) == (parts[0].lower(), *parts[1:])


class UrlLike:
    """As `yarl.URL`, which is no ``str``."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __str__(self) -> str:
        return self._url


async def test_objects_whose_str_is_a_url(nursery: trio.Nursery) -> None:
    url: Any = UrlLike(url_of(await start_server(nursery), "/path"))
    async with open_websocket_url(url) as ws:
        assert ws.path == "/path"
    async with await connect_websocket_url(nursery, url) as ws:
        assert ws.path == "/path"


# Logging.


async def test_the_logger_is_quiet(nursery: trio.Nursery, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a peer does wrong is at most INFO; nothing goes to other loggers."""
    with caplog.at_level(logging.DEBUG):
        server = await start_server(nursery)
        async with open_websocket_url(url_of(server)) as ws:
            await ws.send_message("x")
            await ws.get_message()
        for data in (b"", b"\xff\xfe secret \r\n\r\n", b"GET / HTTP/1.1\r\nHost: secret\r\n\r\n"):
            async with await trio.open_tcp_stream(HOST, server.port) as stream:
                await stream.send_all(data or b"G")
        await trio.testing.wait_all_tasks_blocked(0.02)
    ours = [record for record in caplog.records if record.name.startswith("trio")]
    assert ours
    for record in ours:
        assert record.name == "trio-websocket"
        assert record.levelno <= logging.INFO
        assert "secret" not in record.getMessage()


# What the programs that depend on it do.


class CdpConnectionClosed(ConnectionClosed):
    """Selenium's and streamlink's, word for word."""

    def __init__(self, reason: CloseReason | None) -> None:
        self.reason = reason

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}<{self.reason}>"


class CdpConnection(trio.abc.AsyncResource):
    """Selenium's client of the Chrome DevTools Protocol, shortened."""

    def __init__(self, ws: WebSocketConnection) -> None:
        self.ws = ws
        self.ids = itertools.count()
        self.inflight: dict[int, tuple[trio.Event, list[Any]]] = {}
        self.ended = trio.Event()
        self.reason: CloseReason | None = None

    async def execute(self, method: str) -> Any:
        identity = next(self.ids)
        event, results = self.inflight[identity] = trio.Event(), []
        try:
            await self.ws.send_message(json.dumps({"id": identity, "method": method}))
        except ConnectionClosed as error:
            raise CdpConnectionClosed(error.reason) from None
        await event.wait()
        return results[0]

    async def aclose(self) -> None:
        await self.ws.aclose()

    async def reader(self) -> None:
        while True:
            try:
                message = await self.ws.get_message()
            except ConnectionClosed as error:
                self.reason = error.reason
                self.ended.set()
                break
            data = json.loads(message)
            event, results = self.inflight.pop(data["id"])
            results.append(data["result"])
            event.set()


@contextlib.asynccontextmanager
async def open_cdp(url: str) -> AsyncIterator[CdpConnection]:
    async with trio.open_nursery() as nursery:
        ws = await connect_websocket_url(nursery, url, max_message_size=2**24)
        connection = CdpConnection(ws)
        nursery.start_soon(connection.reader)
        try:
            yield connection
        finally:
            await connection.aclose()


async def browser(request: WebSocketRequest) -> None:
    ws = await request.accept()
    async for message in ws:
        command = json.loads(message)
        if command["method"] == "Browser.close":
            await ws.aclose(1001, "browser closed")
        else:
            await ws.send_message(json.dumps({"id": command["id"], "result": command["method"]}))


async def test_like_selenium(nursery: trio.Nursery) -> None:
    server = await start_server(nursery, browser)
    async with open_cdp(url_of(server, "/devtools/browser/1")) as cdp:
        assert await cdp.execute("Target.getTargets") == "Target.getTargets"
        results = []

        async def execute(method: str) -> None:
            results.append(await cdp.execute(method))

        async with trio.open_nursery() as inner:
            for number in range(10):
                inner.start_soon(execute, f"m{number}")
        assert sorted(results) == sorted(f"m{number}" for number in range(10))
    assert cdp.ended.is_set()
    assert cdp.reason is not None
    assert cdp.ws.closed is not None
    with pytest.raises(CdpConnectionClosed) as raised:
        await cdp.execute("too late")
    assert raised.value.reason is not None
    assert raised.value.reason.code == 1000
    assert repr(raised.value).startswith("CdpConnectionClosed<")


async def test_like_selenium_when_the_browser_closes(nursery: trio.Nursery) -> None:
    server = await start_server(nursery, browser)
    async with open_cdp(url_of(server)) as cdp:
        with trio.move_on_after(1):
            async with trio.open_nursery() as inner:
                inner.start_soon(cdp.execute, "Browser.close")
                await cdp.ended.wait()
                inner.cancel_scope.cancel()
        with pytest.raises(CdpConnectionClosed) as raised:
            await cdp.execute("too late")
    assert raised.value.reason is not None
    assert raised.value.reason.reason == "browser closed"


async def test_like_streamlink(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """Sends that are cancelled by a timeout leave the connection usable."""
    streams = trio.testing.lockstep_stream_pair()
    client, server = await connect_pair(
        nursery,
        streams=streams,
        client={"max_message_size": 2**24},
        server={"max_message_size": 2**24, "message_queue_size": 1},
    )
    outcomes = []
    for number in range(8):
        with trio.move_on_after(2) as scope:
            await client.send_message(json.dumps({"id": number, "padding": "x" * 300_000}))
        outcomes.append(scope.cancelled_caught)
    assert outcomes[-1]
    received = []
    with trio.move_on_after(2):
        while True:
            received.append(json.loads(await server.get_message())["id"])
    # Whatever arrived is whole and in order; nothing that was sent is missing.
    assert received == sorted(set(received))
    assert {number for number in range(8) if not outcomes[number]} <= set(received)
    await client.send_message("usable")
    assert await server.get_message() == "usable"
    await client.aclose()
    with pytest.raises(ConnectionClosed) as raised:
        await client.send_message("closed")
    assert raised.value.reason is not None
    assert raised.value.reason.code == 1000


class PeekableStream(trio.abc.Stream):
    """py-libp2p's: looks at the first bytes, and gives them out again later."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._buffer = b""

    async def peek(self, size: int) -> bytes:
        while len(self._buffer) < size:
            data = await self._stream.receive_some(size - len(self._buffer))
            if not data:
                break
            self._buffer += data
        return self._buffer[:size]

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        if self._buffer:
            size = len(self._buffer) if max_bytes is None else max_bytes
            data, self._buffer = self._buffer[:size], self._buffer[size:]
            return bytearray(data)
        return await self._stream.receive_some(max_bytes)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()


async def test_like_py_libp2p_on_one_port(nursery: trio.Nursery) -> None:
    """HTTP, WebSocket and something else on the same port, told apart by their first bytes."""
    seen: list[Any] = []

    async def serve(stream: trio.SocketStream) -> None:
        peekable = PeekableStream(stream)
        if await peekable.peek(3) != b"GET":
            await stream.send_all(b"something else")
            return
        async with trio.open_nursery() as inner:
            request = await wrap_server_stream(inner, peekable, max_message_size=32 * 2**20)
            seen.append(request.remote)
            ws = await request.accept()
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await ws.send_message(await ws.get_message())

    port = await serve_raw(nursery, serve)
    async with await trio.open_tcp_stream(HOST, port) as stream:
        await stream.send_all(b"\x13/multistream/1.0.0\n")
        assert await stream.receive_some() == b"something else"
    async with open_websocket_url(f"ws://{HOST}:{port}/", max_message_size=32 * 2**20) as ws:
        message = bytes(2 * 2**20)
        await ws.send_message(message)
        assert await ws.get_message() == message
    assert isinstance(seen[0], str)


async def test_like_py_libp2p_by_hand(nursery: trio.Nursery) -> None:
    server: WebSocketServer = await nursery.start(
        partial(serve_websocket, handler=echo, host=HOST, port=0, ssl_context=None)
    )
    manager = open_websocket_url(url_of(server))
    ws = await manager.__aenter__()
    try:
        assert isinstance(ws.remote, Endpoint)
        assert str(ws.remote.address) == HOST
        assert ws.remote.port == server.port
        for name in ("bufferedAmount", "no_such_thing"):
            assert not hasattr(ws, name)
        # Messages as a stream of bytes.
        for chunk in (b"a", b"bc", b""):
            await ws.send_message(chunk)
        assert [await ws.get_message() for _ in range(3)] == [b"a", b"bc", b""]
    finally:
        await manager.__aexit__(None, None, None)  # noqa: ASYNC102 - as they do it
    assert ws.closed is not None


async def test_like_py_libp2p_connecting(nursery: trio.Nursery) -> None:
    server = await start_server(nursery)
    ws = await connect_websocket_url(
        nursery,
        url_of(server),
        ssl_context=None,
        message_queue_size=1024,
        max_message_size=32 * 2**20,
    )
    for number in range(200):
        await ws.send_message(bytes([number]))
    assert [await ws.get_message() for _ in range(200)] == [bytes([n]) for n in range(200)]
    await ws.aclose()


async def test_like_piker(nursery: trio.Nursery) -> None:
    """Names from `_impl`, an exit stack, and a home-made reconnection."""
    from trio_websocket._impl import (  # noqa: PLC0415 - that is what programs do
        ConnectionClosed as ImplConnectionClosed,
    )

    attempts = 0

    async def flaky(request: WebSocketRequest) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            await request.reject(503)
        else:
            ws = await request.accept()
            await ws.send_message(str(attempts))
            if attempts == 2:
                await ws.aclose(1012)
            else:
                await ws.get_message()

    server = await start_server(nursery, flaky)
    received: list[Any] = []
    while attempts < 3:
        async with contextlib.AsyncExitStack() as stack:
            try:
                ws = await stack.enter_async_context(open_websocket_url(url_of(server)))
                received.append(await ws.get_message())
                if attempts < 3:
                    await ws.get_message()
            except (
                ImplConnectionClosed,
                ConnectionRejected,
                ConnectionTimeout,
                HandshakeError,
                LocalProtocolError,
            ):
                continue
    assert received == ["2", "3"]


async def test_like_websockets_cli(nursery: trio.Nursery) -> None:
    async def refuse(request: WebSocketRequest) -> None:
        await request.reject(400, body="b\N{LATIN SMALL LETTER A WITH DIAERESIS}d".encode())

    options: dict[str, Any] = {
        "ssl_context": None,
        "connect_timeout": 5.0,
        "disconnect_timeout": 5.0,
        "message_queue_size": 1,
        "max_message_size": 1024 * 1024,
        "extra_headers": [("X-Token", "abc"), ("Accept", "x")],
    }
    server = await start_server(nursery, refuse)
    with pytest.raises(ConnectionRejected) as raised:
        async with open_websocket_url(url_of(server), **options):
            pass
    assert raised.value.status_code == 400
    assert raised.value.body is not None
    assert raised.value.body.decode() == "b\N{LATIN SMALL LETTER A WITH DIAERESIS}d"
    assert (b"content-length", b"4") in raised.value.headers
    server = await start_server(nursery)
    async with open_websocket_url(url_of(server), **options) as ws:
        await ws.ping(b"hello")
        await ws.pong(b"unsolicited")
        await ws.aclose(1001, "going")
    assert ws.closed is not None
    assert repr(ws.closed) == "CloseReason<code=1001, name=GOING_AWAY, reason='going'>"


async def test_like_a_course_project(nursery: trio.Nursery) -> None:
    """The bus tracker: partial handlers, a nursery of tasks, swallowed ConnectionClosed."""
    buses: dict[str, Any] = {}
    updates = 0

    async def talk_to_browser(ws: WebSocketConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await ws.send_message(json.dumps({"buses": list(buses.values())}))
                await trio.sleep(0.001)

    async def listen_browser(ws: WebSocketConnection) -> None:
        nonlocal updates
        with contextlib.suppress(impl.ConnectionClosed):
            while True:
                json.loads(await ws.get_message())
                updates += 1

    async def handle(known: dict[str, Any], request: WebSocketRequest) -> None:
        ws = await request.accept()
        headers: dict[bytes, bytes] = dict(request.headers)
        assert b"user" in headers
        assert request.path.startswith("/ws")
        ws.bus_id = headers[b"user"]  # type: ignore[attr-defined]  # as users do
        known[str(ws)] = {"busId": ws.bus_id.decode()}  # type: ignore[attr-defined]  # as users do
        async with trio.open_nursery() as inner:
            inner.start_soon(talk_to_browser, ws)
            inner.start_soon(listen_browser, ws)

    async with trio.open_nursery() as handlers:
        server: WebSocketServer = await nursery.start(
            partial(
                serve_websocket,
                partial(handle, buses),
                HOST,
                0,
                ssl_context=None,
                handler_nursery=handlers,
            )
        )
        async with open_websocket_url(url_of(server, "/ws"), extra_headers=[("User", "156")]) as ws:
            await ws.send_message(json.dumps({"msgType": "newBounds"}))
            message = json.loads(await ws.get_message())
            assert message == {"buses": [{"busId": "156"}]}
            while not updates:
                await ws.get_message()
    assert updates == 1


async def test_like_a_discord_client(nursery: trio.Nursery) -> None:
    """`_url_to_host`, a stream of one's own, and `wrap_client_stream`."""
    server = await start_server(nursery)
    host, port, resource, ssl_context = _url_to_host(url_of(server, "/?v=10&encoding=json"), None)
    assert ssl_context is False
    stream = await trio.open_tcp_stream(host, port)
    ws = await wrap_client_stream(
        nursery, stream, host, resource, max_message_size=2**24, message_queue_size=4
    )
    await ws.send_message("{}")
    assert await ws.get_message() == "{}"
    await ws.aclose(code=4000, reason="resume")


async def test_the_manual_loop_of_the_readme(nursery: trio.Nursery) -> None:
    """What 0.12.2 showed its users."""

    async def echo_server(request: WebSocketRequest) -> None:
        ws = await request.accept()
        while True:
            try:
                message = await ws.get_message()
                await ws.send_message(message)
            except ConnectionClosed:
                break

    server = await start_server(nursery, echo_server)
    try:
        async with open_websocket_url(url_of(server, "/foo")) as ws:
            await ws.send_message("hello world!")
            assert await ws.get_message() == "hello world!"
    except OSError as error:
        pytest.fail(f"Connection attempt failed: {error}")


async def test_heartbeat_of_the_recipes(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """As 0.12.2's documentation has it; the peer's silence is found."""

    async def heartbeat(ws: WebSocketConnection, timeout: float, interval: float) -> None:  # noqa: ASYNC109 - as users wrote it
        while True:
            with trio.fail_after(timeout):
                await ws.ping()
            await trio.sleep(interval)

    listener = await start_memory_server(nursery)
    ws = await wrap_client_stream(nursery, listener.connect(), HOST, "/")
    with trio.move_on_after(100) as scope:
        await heartbeat(ws, 5, 1)
    assert scope.cancelled_caught
    nursery.start_soon(ws.aclose)
    with pytest.raises(ConnectionClosed):
        await heartbeat(ws, 5, 1)


async def test_positional_arguments_of_wrap_server_stream(nursery: trio.Nursery) -> None:
    ours, theirs = trio.testing.memory_stream_pair()

    async def serve() -> None:
        request = await wrap_server_stream(nursery, theirs, 5, 100, 4096)
        ws = await request.accept()
        await ws.send_message(await ws.get_message())

    nursery.start_soon(serve)
    ws = await wrap_client_stream(nursery, ours, HOST, "/")
    await ws.send_message("x" * 100)
    assert await ws.get_message() == "x" * 100


async def test_infinite_queue_and_message_size_on_servers(nursery: trio.Nursery) -> None:
    server = await start_server(nursery, message_queue_size=math.inf, max_message_size=math.inf)
    async with open_websocket_url(url_of(server), max_message_size=math.inf) as ws:
        await ws.send_message(bytes(3_000_000))
        assert len(await ws.get_message()) == 3_000_000
