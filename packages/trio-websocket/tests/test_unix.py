"""Unix sockets, which have paths and neither IP addresses nor ports."""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import trio
import trio.testing

from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    WebSocketRequest,
    WebSocketServer,
    wrap_client_stream,
    wrap_server_stream,
)

from .helpers import HOST, Handler, echo

pytestmark = pytest.mark.skipif(
    not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets"
)
on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux has an abstract namespace"
)


async def listen(address: str | bytes) -> trio.SocketListener:
    sock = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    await sock.bind(address)
    sock.listen()
    return trio.SocketListener(sock)


@pytest.fixture
def folder() -> Iterator[Path]:
    """One with a short name: a socket's path has 103 bytes on macOS, and pytest's are longer."""
    with TemporaryDirectory(dir="/tmp") as name:
        yield Path(name)


@pytest.fixture
async def listener(folder: Path) -> AsyncIterator[trio.SocketListener]:
    """A listener at ``folder / "socket"``."""
    async with await listen(str(folder / "socket")) as listening:
        yield listening


async def start(
    nursery: trio.Nursery, listener: trio.SocketListener, handler: Handler = echo, **options: Any
) -> WebSocketServer:
    server: WebSocketServer = await nursery.start(
        WebSocketServer(handler, [listener], **options).run
    )
    return server


async def test_echo(nursery: trio.Nursery, listener: trio.SocketListener, folder: Path) -> None:
    await start(nursery, listener)
    stream = await trio.open_unix_socket(folder / "socket")
    async with await wrap_client_stream(nursery, stream, "localhost", "/path") as ws:
        for message in ("text", b"binary", "x" * 500_000):
            await ws.send_message(message)
            assert await ws.get_message() == message
        await ws.ping()
    assert ws.closed is not None
    assert ws.closed.code == 1000
    assert stream.socket.fileno() == -1


async def test_addresses(
    nursery: trio.Nursery, listener: trio.SocketListener, folder: Path
) -> None:
    ends: list[Any] = []

    async def handler(request: WebSocketRequest) -> None:
        ws = await request.accept()
        ends.extend([request.local, request.remote, ws.local, ws.remote])

    server = await start(nursery, listener, handler)
    path = f"unix:{folder / 'socket'}"
    assert server.listeners == [path]
    with pytest.raises(RuntimeError, match="no port"):
        _ = server.port
    stream = await trio.open_unix_socket(folder / "socket")
    ws = await wrap_client_stream(nursery, stream, "localhost", "/")
    assert ws.remote == path
    assert isinstance(ws.local, str)
    with pytest.raises(ConnectionClosed):
        await ws.get_message()
    # The client's end has no name.
    assert ends == [path, "unix:", path, "unix:"]
    assert ws.local == "unix:"


@on_linux
async def test_abstract_namespace(nursery: trio.Nursery, folder: Path) -> None:
    name = f"\0{folder}/abstract"
    async with await listen(name) as listening:
        server = await start(nursery, listening)
        (address,) = server.listeners
        assert isinstance(address, str)
        assert address.startswith("unix:")
        assert "abstract" in address
        sock = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
        await sock.connect(name)
        ws = await wrap_client_stream(nursery, trio.SocketStream(sock), "localhost", "/")
        assert ws.remote == address
        await ws.send_message("x")
        assert await ws.get_message() == "x"
        await ws.aclose()


async def test_socket_pair(nursery: trio.Nursery) -> None:
    """Two sockets without any name."""
    ours, theirs = [trio.SocketStream(sock) for sock in trio.socket.socketpair()]

    async def serve() -> None:
        request = await wrap_server_stream(nursery, theirs)
        assert isinstance(request.local, str)
        assert isinstance(request.remote, str)
        ws = await request.accept()
        await ws.send_message(await ws.get_message())
        await ws.wait_closed()

    nursery.start_soon(serve)
    ws = await wrap_client_stream(nursery, ours, HOST, "/")
    await ws.send_message("x" * 300_000)
    assert await ws.get_message() == "x" * 300_000
    await ws.aclose(4000)


async def test_rejection(
    nursery: trio.Nursery, listener: trio.SocketListener, folder: Path
) -> None:
    async def refuse(request: WebSocketRequest) -> None:
        await request.reject(403, body=b"no")

    await start(nursery, listener, refuse)
    stream = await trio.open_unix_socket(folder / "socket")
    with pytest.raises(ConnectionRejected) as raised:
        await wrap_client_stream(nursery, stream, "localhost", "/")
    assert raised.value.body == b"no"


async def test_beside_tcp(
    nursery: trio.Nursery, listener: trio.SocketListener, folder: Path
) -> None:
    (tcp,) = await trio.open_tcp_listeners(0, host=HOST)
    server: WebSocketServer = await nursery.start(WebSocketServer(echo, [listener, tcp]).run)
    assert len(server.listeners) == 2
    port = tcp.socket.getsockname()[1]
    streams = [
        await trio.open_unix_socket(folder / "socket"),
        await trio.open_tcp_stream(HOST, port),
    ]
    for stream in streams:
        ws = await wrap_client_stream(nursery, stream, "localhost", "/")
        await ws.send_message("x")
        assert await ws.get_message() == "x"
        await ws.aclose()
