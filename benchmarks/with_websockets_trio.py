"""websockets on Trio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import trio
from measures import Channel, Handler
from websockets.exceptions import ConnectionClosed
from websockets.trio.client import connect as open_connection
from websockets.trio.server import ServerConnection
from websockets.trio.server import serve as run_server

run = trio.run


@asynccontextmanager
async def serve(handler: Handler, size: int) -> AsyncIterator[int]:
    """See `measures.Contender`."""

    async def handle(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await handler(Channel(connection.send, connection.recv))

    start = partial(run_server, handle, host="127.0.0.1", port=0, compression=None)
    async with trio.open_nursery() as nursery:
        server = await nursery.start(start)
        yield server.listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def connect(port: int, size: int) -> AsyncIterator[Channel]:
    """See `measures.Contender`."""
    async with open_connection(f"ws://127.0.0.1:{port}/", compression=None) as connection:
        yield Channel(connection.send, connection.recv)
