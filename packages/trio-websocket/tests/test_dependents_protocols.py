"""What programs do that speak another protocol on top of WebSocket, or beside it."""

from __future__ import annotations

import contextlib
import itertools
import json
from typing import Any

import pytest
import trio
import trio.testing

from trio_websocket import (
    ConnectionClosed,
    HandshakeError,
    WebSocketConnection,
    WebSocketRequest,
    WebSocketServer,
    connect_websocket,
    open_websocket_url,
    serve_websocket,
    wrap_server_stream,
)

from .helpers import HOST, serve_raw, start_server, url_of

# On top: Engine.IO, OBS, JSON-RPC.


async def test_engineio(nursery: trio.Nursery) -> None:
    """Everything by keyword, headers of bytes, and a close if it is not closed yet."""

    async def serve(request: WebSocketRequest) -> None:
        assert dict(request.headers)[b"x-custom"] == b"1"
        assert request.path == "/engine.io?transport=websocket&EIO=3"
        ws = await request.accept()
        await ws.send_message("0{}")
        await ws.send_message(await ws.get_message())

    server = await start_server(nursery, serve)
    with trio.fail_after(5):
        ws = await connect_websocket(
            nursery,
            host=HOST,
            port=server.port,
            resource="/engine.io?transport=websocket&EIO=3",
            extra_headers=[(b"X-Custom", b"1")],
            use_ssl=False,
        )
    assert await ws.get_message() == "0{}"
    await ws.send_message(b"\x04binary")
    assert await ws.get_message() == b"\x04binary"
    if not ws.closed:
        with trio.move_on_after(5):
            await ws.aclose()
    assert ws.closed
    with pytest.raises(ConnectionClosed):
        await ws.send_message("2probe")


async def test_obs(nursery: trio.Nursery) -> None:
    """The address as parts; a falsy message is not the end; closing twice."""
    server = await start_server(nursery)
    ws = await connect_websocket(
        nursery, HOST, server.port, "/", use_ssl=False, message_queue_size=20
    )
    await ws.send_message("")
    assert await ws.get_message() == ""
    await ws.aclose()
    await ws.aclose()
    (free,) = await trio.open_tcp_listeners(0, host=HOST)
    port: int = free.socket.getsockname()[1]
    await free.aclose()
    with pytest.raises((HandshakeError, OSError)):
        await connect_websocket(nursery, HOST, port, "/", use_ssl=False)


class TransportClosed(Exception):
    """trio-jsonrpc's."""


class WebSocketTransport:
    """trio-jsonrpc's."""

    def __init__(self, ws: WebSocketConnection) -> None:
        self._ws = ws

    async def recv(self) -> str | bytes:
        try:
            return await self._ws.get_message()
        except ConnectionClosed:
            raise TransportClosed from None

    async def send(self, data: bytes) -> None:
        try:
            await self._ws.send_message(data)
        except ConnectionClosed:
            raise TransportClosed from None


async def test_jsonrpc(nursery: trio.Nursery) -> None:
    ended = trio.Event()

    async def answer(transport: WebSocketTransport, request: dict[str, Any]) -> None:
        await transport.send(json.dumps({"id": request["id"], "result": "hello"}).encode())

    async def handle(ws_request: WebSocketRequest) -> None:
        transport = WebSocketTransport(await ws_request.accept())
        async with trio.open_nursery() as inner:
            inner.start_soon(trio.sleep_forever)
            with contextlib.suppress(TransportClosed):
                while True:
                    inner.start_soon(answer, transport, json.loads(await transport.recv()))
            inner.cancel_scope.cancel()
        ended.set()

    server: WebSocketServer = await nursery.start(serve_websocket, handle, HOST, 0, None)
    async with open_websocket_url(url_of(server)) as ws:
        client = WebSocketTransport(ws)
        for number in range(3):
            await client.send(json.dumps({"id": number, "method": "hello_world"}).encode())
            assert json.loads(await client.recv()) == {"id": number, "result": "hello"}
    with trio.fail_after(5):
        await ended.wait()
    for refused in (client.recv(), client.send(b"x")):
        with pytest.raises(TransportClosed):
            await refused


# Beside, on the same port.


class PrefixedStream(trio.abc.Stream):
    """slack-fuse's: gives out again what was read to find out what the client wants."""

    def __init__(self, prefix: bytes, stream: trio.SocketStream) -> None:
        self._prefix = prefix
        self._stream = stream

    @property
    def socket(self) -> object:
        return self._stream.socket

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        if self._prefix:
            size = len(self._prefix) if max_bytes is None else max_bytes
            chunk, self._prefix = self._prefix[:size], self._prefix[size:]
            return chunk
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()


async def test_slack_fuse(nursery: trio.Nursery) -> None:
    """HTTP and WebSocket on one port; the nursery is cancelled, and the stream closed again."""
    numbers = itertools.count()

    async def serve(stream: trio.SocketStream) -> None:
        raw = b""
        while b"\r\n\r\n" not in raw:
            raw += await stream.receive_some(16_384)
        prefixed = PrefixedStream(raw, stream)
        if b"upgrade: websocket" not in raw.lower():
            await prefixed.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            return
        try:
            async with trio.open_nursery() as inner:
                request = await wrap_server_stream(inner, prefixed)
                try:
                    ws = await request.accept()
                    await ws.send_message(f"{request.path} {next(numbers)}")
                    await ws.aclose()
                finally:
                    inner.cancel_scope.cancel()
        finally:
            await prefixed.aclose()

    port = await serve_raw(nursery, serve)
    for number in range(2):
        async with await trio.open_tcp_stream(HOST, port) as stream:
            await stream.send_all(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = b"".join([data async for data in stream])
        assert answer.endswith(b"\r\n\r\nok")
        async with open_websocket_url(f"ws://{HOST}:{port}/ws") as ws:
            assert await ws.get_message() == f"/ws {number}"
            with pytest.raises(ConnectionClosed):
                await ws.get_message()
        assert ws.closed is not None
        assert ws.closed.code == 1000
