"""The contract of trio-websocket 0.12.2: names, signatures, and calls by them.

What the programs that depend on it do with them is in the tests of dependents.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
import logging
import math
from collections.abc import Callable
from functools import partial
from importlib import import_module, metadata, resources
from typing import Any

import pytest
import trio
import trio.testing

import trio_websocket
import trio_websocket._impl as impl
from trio_websocket import (
    CloseReason,
    ConnectionClosed,
    ConnectionRejected,
    Endpoint,
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

from .helpers import HOST, Handler, MemoryListener, start_server, url_of

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
    assert import_module("trio_websocket._version").__version__ == trio_websocket.__version__
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


# Calls: each argument by its name, and each has its effect.


def arguments_of(function: Callable[..., Any]) -> list[str]:
    """The names of the arguments that 0.12.2 has."""
    (names,) = [
        [*by_position, *by_keyword]
        for listed, by_position, by_keyword in SIGNATURES
        if listed is function
    ]
    return [name for name in names if name not in ("self", "task_status")]


async def accept_by_name(request: WebSocketRequest) -> None:
    """Accept with everything that can be said, and tell what the client asked for."""
    ws = await request.accept(
        subprotocol=request.proposed_subprotocols[1], extra_headers=[("X-Answer", "42")]
    )
    question = dict(request.headers)[b"x-question"]
    await ws.send_message(message=question)
    await ws.pong(payload=b"unsolicited")
    await ws.ping(payload=b"solicited")
    await ws.send_message(message="x" * 11)
    with contextlib.suppress(ConnectionClosed):
        await ws.get_message()


@pytest.mark.parametrize(
    "function",
    [
        open_websocket,
        open_websocket_url,
        connect_websocket,
        connect_websocket_url,
        wrap_client_stream,
    ],
)
async def test_connecting_by_keyword(nursery: trio.Nursery, function: Callable[..., Any]) -> None:
    sizes_and_times: Arguments = {**SIZES, **SERVER_TIMES}
    server: WebSocketServer = await nursery.start(
        partial(
            serve_websocket,
            handler=accept_by_name,
            host=HOST,
            port=0,
            ssl_context=None,
            handler_nursery=nursery,
            **sizes_and_times,
        )
    )
    values: Arguments = {
        "nursery": nursery,
        "url": url_of(server, "/a?b=c"),
        "ssl_context": None,
        "host": HOST,
        "port": server.port,
        "resource": "/a?b=c",
        "use_ssl": False,
        "subprotocols": ("chat", "talk"),
        "extra_headers": [("X-Question", "?")],
        "message_queue_size": 2,
        "max_message_size": 10,
        "receive_buffer_size": 4096,
        "connect_timeout": 5,
        "disconnect_timeout": 5.0,
    }
    if function is wrap_client_stream:
        values["stream"] = await trio.open_tcp_stream(HOST, server.port)
    called = function(**{name: values[name] for name in arguments_of(function)})
    manager = await called if inspect.isawaitable(called) else called
    async with manager as ws:
        assert ws.path == "/a?b=c"
        assert ws.subprotocol == "talk"
        assert ws.handshake_headers == ((b"x-answer", b"42"),)
        assert await ws.get_message() == b"?"
        with pytest.raises(ConnectionClosed) as raised:
            await ws.get_message()
    assert raised.value.reason is not None
    assert raised.value.reason.reason == "Exceeded maximum message size: 10 bytes"


async def test_serving_by_keyword(nursery: trio.Nursery) -> None:
    async def reject(request: WebSocketRequest) -> None:
        await request.reject(status_code=403, extra_headers=[("X-Why", "so")], body=b"no")

    async def leave(request: WebSocketRequest) -> None:
        ws = await request.accept(subprotocol=None, extra_headers=None)
        await ws.aclose(code=4000, reason="enough")

    async def serve(handler: Handler) -> trio.abc.Stream:
        listener = MemoryListener()
        names: Arguments = {"handler": handler, "listeners": [listener], **SERVER}
        await nursery.start(WebSocketServer(**names).run)
        return listener.connect()

    with pytest.raises(ConnectionRejected) as rejected:
        await wrap_client_stream(nursery, await serve(reject), HOST, "/")
    assert (rejected.value.status_code, rejected.value.body) == (403, b"no")
    assert (b"x-why", b"so") in rejected.value.headers
    ws = await wrap_client_stream(nursery, await serve(leave), HOST, "/")
    with pytest.raises(ConnectionClosed) as closed:
        await ws.get_message()
    assert closed.value.reason is not None
    assert (closed.value.reason.code, closed.value.reason.reason) == (4000, "enough")


@pytest.mark.parametrize("by_position", [True, False])
async def test_arguments_of_wrap_server_stream(nursery: trio.Nursery, by_position: bool) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    values: list[Any] = [nursery, theirs, 5, 100, 4096]
    names: Arguments = dict(zip(arguments_of(wrap_server_stream), values, strict=True))

    async def serve() -> None:
        wrapping = wrap_server_stream(*values) if by_position else wrap_server_stream(**names)
        request = await wrapping
        ws = await request.accept()
        with contextlib.suppress(ConnectionClosed):
            while True:
                await ws.send_message(await ws.get_message())

    nursery.start_soon(serve)
    ws = await wrap_client_stream(nursery, ours, HOST, "/")
    await ws.send_message("x" * 100)
    assert await ws.get_message() == "x" * 100
    await ws.send_message("x" * 101)
    with pytest.raises(ConnectionClosed) as closed:
        await ws.get_message()
    assert closed.value.reason is not None
    assert closed.value.reason.code == 1009


async def test_infinite_queue_and_message_size_on_servers(nursery: trio.Nursery) -> None:
    server = await start_server(nursery, message_queue_size=math.inf, max_message_size=math.inf)
    async with open_websocket_url(url_of(server), max_message_size=math.inf) as ws:
        await ws.send_message(bytes(3_000_000))
        assert len(await ws.get_message()) == 3_000_000


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


async def test_the_logger_is_silenced_by_its_name(
    nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    """As programs do that log everything else."""
    logger = logging.getLogger("trio-websocket")
    before = logger.level
    caplog.set_level(logging.DEBUG)
    logger.setLevel(logging.WARNING)
    try:
        server = await start_server(nursery)
        async with open_websocket_url(url_of(server)) as ws:
            await ws.send_message("x")
            await ws.get_message()
    finally:
        logger.setLevel(before)
    assert not [record for record in caplog.records if record.name.startswith("trio")]
