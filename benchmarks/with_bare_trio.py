"""No WebSocket at all: messages of a known size over Trio's own streams."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import trio
from measures import Channel, Handler

run = trio.run


@asynccontextmanager
async def serve(handler: Handler, size: int) -> AsyncIterator[int]:
    """See `measures.Contender`."""

    async def handle(stream: trio.SocketStream) -> None:
        with suppress(trio.EndOfChannel):
            await handler(_channel(stream, size))

    start = partial(trio.serve_tcp, handle, 0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(start)
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def connect(port: int, size: int) -> AsyncIterator[Channel]:
    """See `measures.Contender`."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        yield _channel(stream, size)


def _channel(stream: trio.SocketStream, size: int) -> Channel:
    buffer = bytearray()

    async def receive() -> bytes:
        while len(buffer) < size:
            data = await stream.receive_some()
            if not data:
                raise trio.EndOfChannel
            buffer.extend(data)
        message = bytes(buffer[:size])
        del buffer[:size]
        return message

    return Channel(stream.send_all, receive)
