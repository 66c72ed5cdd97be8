"""What py-libp2p does: messages as a stream of bytes, and one port for several protocols."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    WebSocketServer,
    connect_websocket_url,
    open_websocket_url,
    serve_websocket,
)
from trio_websocket._impl import wrap_server_stream
from ws_core import Role

from .helpers import HOST, Peer, serve_raw
from .peers import tls_contexts

MAX_MESSAGE_SIZE = 32 * 2**20


class ClosedByPeer(OSError):
    """What its users are told, with the close code and reason."""


class ByteStream:
    """Its connection, shortened."""

    def __init__(self, ws: WebSocketConnection, context: Any = None) -> None:
        self._ws = ws
        self._context = context
        self._buffer = b""
        self._closed = False
        self._write_lock = trio.Lock()

    async def write(self, data: bytes) -> None:
        async with self._write_lock:
            assert not hasattr(self._ws, "bufferedAmount")
            try:
                await self._ws.send_message(data)
            except Exception as error:
                raise self._told(error) from error

    async def read(self, most: int) -> bytes:
        if not self._buffer:
            try:
                message = await self._ws.get_message()
            except Exception as error:
                raise self._told(error) from error
            self._buffer = message.encode() if isinstance(message, str) else message
        data, self._buffer = self._buffer[:most], self._buffer[most:]
        return data

    async def read_exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += await self.read(size - len(data))
        return data

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await self._ws.aclose()
            if self._context is not None:
                await self._context.__aexit__(None, None, None)

    def remote_address(self) -> tuple[str, int] | None:
        remote = self._ws.remote
        if hasattr(remote, "address") and hasattr(remote, "port"):
            return str(remote.address), int(remote.port)
        return None

    def _told(self, error: Exception) -> Exception:
        """It looks at the name of the exception's class, and for a code in its reason."""
        reason: Any = getattr(error, "reason", None)
        if "ConnectionClosed" in type(error).__name__ and hasattr(reason, "code"):
            return ClosedByPeer(reason.code, reason.reason or "Connection closed by peer")
        return error


async def echo_bytes(stream: ByteStream) -> None:
    with contextlib.suppress(ClosedByPeer):
        while True:
            await stream.write(await stream.read(MAX_MESSAGE_SIZE))


Serve = Callable[[ByteStream], Awaitable[object]]


async def listen(
    nursery: trio.Nursery, serve: Serve = echo_bytes, ssl_context: ssl.SSLContext | None = None
) -> int:
    """Its listener, shortened: the port."""

    async def handle(request: Any) -> None:
        # Other libraries gave it the connection itself.
        ws = request if hasattr(request, "send_message") else await request.accept()
        await serve(ByteStream(ws))

    async def run(  # noqa: ASYNC128 - serve_websocket does it
        task_status: trio.TaskStatus[WebSocketServer],
    ) -> None:
        await serve_websocket(
            handler=handle, host=HOST, port=0, ssl_context=ssl_context, task_status=task_status
        )

    server: WebSocketServer = await nursery.start(run)
    assert not hasattr(server, "socket")
    return server.port


# Clients.


async def dial_by_hand(nursery: trio.Nursery, url: str, context: Any = None) -> ByteStream:
    manager = open_websocket_url(url, ssl_context=context)
    return ByteStream(await manager.__aenter__(), manager)


async def dial_in_a_task(nursery: trio.Nursery, url: str, context: Any = None) -> ByteStream:
    async def hold(  # noqa: ASYNC114 - it is started here only
        task_status: trio.TaskStatus[ByteStream],
    ) -> None:
        async with open_websocket_url(url, ssl_context=context) as ws:
            task_status.started(ByteStream(ws))
            with contextlib.suppress(ConnectionClosed):
                await trio.sleep_forever()

    stream: ByteStream = await nursery.start(hold)
    return stream


async def dial_in_a_nursery(nursery: trio.Nursery, url: str, context: Any = None) -> ByteStream:
    with trio.fail_after(15):
        ws = await connect_websocket_url(
            nursery,
            url,
            ssl_context=context,
            message_queue_size=1024,
            max_message_size=MAX_MESSAGE_SIZE,
        )
    return ByteStream(ws)


Dial = Callable[[trio.Nursery, str, Any], Awaitable[ByteStream]]


@pytest.mark.parametrize("dial", [dial_by_hand, dial_in_a_task, dial_in_a_nursery])
@pytest.mark.parametrize("is_tls", [False, True])
async def test_dialling(nursery: trio.Nursery, dial: Dial, is_tls: bool) -> None:
    client_context, server_context = tls_contexts() if is_tls else (None, None)
    port = await listen(nursery, ssl_context=server_context)
    url = f"wss://localhost:{port}/" if is_tls else f"ws://{HOST}:{port}/"
    async with trio.open_nursery() as background:
        stream = await dial(background, url, client_context)
        assert stream.remote_address() == (HOST, port)
        for chunk in (b"a", b"bc", b"def"):
            await stream.write(chunk)
        assert await stream.read_exactly(4) == b"abcd"
        assert await stream.read_exactly(2) == b"ef"
        await stream.close()
        await stream.close()
        with pytest.raises(ClosedByPeer):
            await stream.write(b"too late")
        background.cancel_scope.cancel()


async def test_writers_in_many_tasks(nursery: trio.Nursery) -> None:
    port = await listen(nursery)
    async with trio.open_nursery() as background:
        stream = await dial_in_a_nursery(background, f"ws://{HOST}:{port}/")
        async with trio.open_nursery() as writers:
            for number in range(200):
                writers.start_soon(stream.write, bytes([number]))
        assert sorted(await stream.read_exactly(200)) == list(range(200))
        await stream.close()


async def test_peer_that_closes_is_told_at_once(nursery: trio.Nursery) -> None:
    async def serve(stream: ByteStream) -> None:
        await stream.write(b"last words")

    port = await listen(nursery, serve)
    stream = await dial_in_a_nursery(nursery, f"ws://{HOST}:{port}/")
    assert await stream.read_exactly(10) == b"last words"
    with trio.fail_after(5), pytest.raises(ClosedByPeer) as raised:
        await stream.read_exactly(12)
    assert raised.value.errno == 1000
    await stream.close()


async def test_peer_that_vanishes_is_told_at_once(nursery: trio.Nursery) -> None:
    async def vanish(stream: trio.SocketStream) -> None:
        await Peer(stream, Role.SERVER).accept()

    stream = await dial_in_a_nursery(nursery, f"ws://{HOST}:{await serve_raw(nursery, vanish)}/")
    with trio.fail_after(5):
        with pytest.raises(ClosedByPeer) as raised:
            await stream.read(12)
        with pytest.raises(ClosedByPeer):
            await stream.write(b"x")
    assert raised.value.errno == 1006
    await stream.close()


# One port for everything.


class PeekableStream(trio.abc.Stream):
    """Looks at the first bytes, and gives them out again later."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._buffer = bytearray()

    @property
    def socket(self) -> object:
        return self._stream.socket

    async def peek(self, size: int) -> bytes:
        while len(self._buffer) < size:
            data = await self._stream.receive_some(size - len(self._buffer))
            if not data:
                break
            self._buffer += data
        return bytes(self._buffer[:size])

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        if self._buffer:
            size = len(self._buffer) if max_bytes is None else max_bytes
            data, self._buffer = self._buffer[:size], self._buffer[size:]
            return data
        return await self._stream.receive_some(max_bytes)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()


async def test_told_apart_by_the_first_bytes(nursery: trio.Nursery) -> None:
    """HTTP, WebSocket and something else on the same port."""

    async def upgrade(stream: PeekableStream) -> None:
        async with trio.open_nursery() as inner:
            request = await wrap_server_stream(inner, stream, max_message_size=MAX_MESSAGE_SIZE)
            assert isinstance(request.remote, str)
            await echo_bytes(ByteStream(await request.accept()))

    async def serve(stream: trio.SocketStream) -> None:
        peekable = PeekableStream(stream)
        with trio.fail_after(2):
            start = await peekable.peek(8)
        if start.startswith(b"GET "):
            await upgrade(peekable)
        else:
            await stream.send_all(b"something else")

    port = await serve_raw(nursery, serve)
    async with await trio.open_tcp_stream(HOST, port) as stream:
        await stream.send_all(b"\x13/multistream/1.0.0\n")
        assert await stream.receive_some() == b"something else"
    async with open_websocket_url(f"ws://{HOST}:{port}/", max_message_size=MAX_MESSAGE_SIZE) as ws:
        message = bytes(2 * 2**20)
        await ws.send_message(message)
        assert await ws.get_message() == message
    assert ws.closed is not None
    assert ws.closed.code == 1000
