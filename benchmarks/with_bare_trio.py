"""No WebSocket at all: messages of a known size over Trio's own streams."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio
from certificates import HOST, client_context, server_context
from measures import Channel, Handler
from orders import Order

HANDSHAKE = False
run = trio.run
forever = trio.sleep_forever


@asynccontextmanager
async def serve(handler: Handler, order: Order) -> AsyncIterator[int]:
    """See `measures.Contender`."""

    async def handle(stream: trio.abc.Stream) -> None:
        with suppress(trio.EndOfChannel, trio.BrokenResourceError):
            await handler(_channel(stream, order.size))

    context = server_context(order.tls)
    (listener,) = await trio.open_tcp_listeners(0, host=HOST)
    port: int = listener.socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        if context is None:
            await nursery.start(trio.serve_listeners, handle, [listener])
        else:
            over_tls = trio.SSLListener(listener, context)
            await nursery.start(trio.serve_listeners, handle, [over_tls])
        yield port
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def connect(port: int, order: Order) -> AsyncIterator[Channel]:
    """See `measures.Contender`."""
    stream: trio.abc.Stream
    if order.tls is None:
        stream = await trio.open_tcp_stream(HOST, port)
    else:
        context = client_context(order.tls)
        stream = await trio.open_ssl_over_tcp_stream(HOST, port, ssl_context=context)
    async with stream:
        yield _channel(stream, order.size)


def _channel(stream: trio.abc.Stream, size: int) -> Channel:
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
