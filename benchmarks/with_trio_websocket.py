"""trio-websocket: ours, and 0.12.2, which has the same functions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio
from measures import Channel, Handler

import trio_websocket

run = trio.run


@asynccontextmanager
async def serve(handler: Handler, size: int) -> AsyncIterator[int]:
    """See `measures.Contender`."""

    async def handle(request: trio_websocket.WebSocketRequest) -> None:
        connection = await request.accept()
        with suppress(trio_websocket.ConnectionClosed):  # for 0.12.2; to us it is a normal end
            await handler(Channel(connection.send_message, connection.get_message))

    async with trio.open_nursery() as nursery:
        server: trio_websocket.WebSocketServer = await nursery.start(
            trio_websocket.serve_websocket, handle, "127.0.0.1", 0, None
        )
        yield server.port
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def connect(port: int, size: int) -> AsyncIterator[Channel]:
    """See `measures.Contender`."""
    async with trio_websocket.open_websocket("127.0.0.1", port, "/", use_ssl=False) as connection:
        yield Channel(connection.send_message, connection.get_message)
