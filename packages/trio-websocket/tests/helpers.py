"""What these tests share: servers and pairs to talk over, and peers that do what they are told."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias

import trio
import trio.testing

from trio_websocket import (
    Endpoint,
    WebSocketConnection,
    WebSocketRequest,
    WebSocketServer,
    serve_websocket,
    wrap_client_stream,
    wrap_server_stream,
)
from ws_core import NEED_DATA, Connection, Event, Pause, Role

HOST = "127.0.0.1"
Handler: TypeAlias = Callable[[WebSocketRequest], Awaitable[object]]


async def echo(request: WebSocketRequest) -> None:
    """Send back every message until the client leaves."""
    connection = await request.accept()
    async for message in connection:
        await connection.send_message(message)


async def start_server(
    nursery: trio.Nursery,
    handler: Handler = echo,
    host: str | None = HOST,
    ssl_context: Any = None,
    **options: Any,
) -> WebSocketServer:
    """Serve on a free port of the loopback interface, in `nursery`."""
    server: WebSocketServer = await nursery.start(
        partial(serve_websocket, handler, host, 0, ssl_context, **options)
    )
    return server


def url_of(server: WebSocketServer, resource: str = "/") -> str:
    """The URL of a server with one listener."""
    (endpoint,) = server.listeners
    assert isinstance(endpoint, Endpoint)
    return endpoint.url + resource


async def connect_pair(
    nursery: trio.Nursery,
    *,
    client: dict[str, Any] | None = None,
    server: dict[str, Any] | None = None,
    streams: tuple[trio.abc.Stream, trio.abc.Stream] | None = None,
) -> tuple[WebSocketConnection, WebSocketConnection]:
    """A client and a server that are connected to each other.

    Args:
        nursery: Where both run.
        client: Arguments for `wrap_client_stream`.
        server: Arguments for `wrap_server_stream`.
        streams: What lies between them; by default memory.
    """
    ours, theirs = streams or trio.testing.memory_stream_pair()
    accepted: list[WebSocketConnection] = []

    async def accept() -> None:
        request = await wrap_server_stream(nursery, theirs, **(server or {}))
        accepted.append(await request.accept())

    async with trio.open_nursery() as opening:
        opening.start_soon(accept)
        connection = await wrap_client_stream(nursery, ours, HOST, "/", **(client or {}))
    return connection, accepted[0]


class Peer:
    """A core connection at the other end of a stream, which does only what it is told."""

    def __init__(self, stream: trio.abc.Stream, role: Role) -> None:
        self.stream = stream
        self.core = Connection(role)

    async def flush(self) -> None:
        """Write what the core has said."""
        while buffers := self.core.outgoing.peek(2**30):
            data = b"".join(buffers)
            await self.stream.send_all(data)
            self.core.written(len(data))

    async def event(self) -> Event:
        """The next event; what the core answers by itself is not written."""
        while (event := self.core.next_event()) is NEED_DATA:
            if data := await self.stream.receive_some():
                self.core.receive_data(data)
            else:
                self.core.receive_eof()
        assert not isinstance(event, Pause)
        return event

    async def accept(self) -> None:
        """Read a request, and accept it."""
        await self.event()
        self.core.accept()
        await self.flush()

    async def until_eof(self) -> None:
        """Discard what comes until the other end hangs up."""
        while await self.stream.receive_some():
            pass


async def connect_to_peer(
    nursery: trio.Nursery, **options: Any
) -> tuple[WebSocketConnection, Peer]:
    """A client, and the peer that is its server, with memory between them."""
    ours, theirs = trio.testing.memory_stream_pair()
    peer = Peer(theirs, Role.SERVER)
    async with trio.open_nursery() as opening:
        opening.start_soon(peer.accept)
        connection = await wrap_client_stream(nursery, ours, HOST, "/", **options)
    return connection, peer


class MemoryListener(trio.abc.Listener[trio.abc.Stream]):
    """A listener without a socket, for tests whose clock jumps."""

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[trio.abc.Stream](math.inf)

    def connect(self) -> trio.abc.HalfCloseableStream:
        """A new stream to whoever accepts at this listener."""
        ours, theirs = trio.testing.memory_stream_pair()
        self._send.send_nowait(theirs)
        return ours

    async def accept(self) -> trio.abc.Stream:
        return await self._receive.receive()

    async def aclose(self) -> None:
        await self._receive.aclose()


async def start_memory_server(
    nursery: trio.Nursery, handler: Handler = echo, **options: Any
) -> MemoryListener:
    """Serve on a `MemoryListener`, in `nursery`."""
    listener = MemoryListener()
    await nursery.start(WebSocketServer(handler, [listener], **options).run)
    return listener


async def serve_raw(
    nursery: trio.Nursery, handler: Callable[[trio.SocketStream], Awaitable[object]]
) -> int:
    """Serve TCP on a free port of the loopback interface, in `nursery`; the port."""
    (listener,) = await nursery.start(partial(trio.serve_tcp, handler, 0, host=HOST))
    port: int = listener.socket.getsockname()[1]
    return port
