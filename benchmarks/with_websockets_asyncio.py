"""websockets on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from measures import Channel, Handler
from websockets.asyncio.client import connect as open_connection
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as run_server
from websockets.exceptions import ConnectionClosed


def run(measure: Callable[[], Awaitable[float]]) -> float:
    """See `measures.Contender`."""

    async def main() -> float:
        return await measure()

    return asyncio.run(main())


@asynccontextmanager
async def serve(handler: Handler, size: int) -> AsyncIterator[int]:
    """See `measures.Contender`."""

    async def handle(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await handler(Channel(connection.send, connection.recv))

    async with run_server(handle, "127.0.0.1", 0, compression=None) as server:
        yield next(iter(server.sockets)).getsockname()[1]


@asynccontextmanager
async def connect(port: int, size: int) -> AsyncIterator[Channel]:
    """See `measures.Contender`."""
    async with open_connection(f"ws://127.0.0.1:{port}/", compression=None) as connection:
        yield Channel(connection.send, connection.recv)
