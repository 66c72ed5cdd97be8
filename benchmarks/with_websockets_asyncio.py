"""websockets on asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import loops
import with_websockets
from certificates import HOST, client_context, server_context
from measures import Channel, Handler
from orders import Order
from websockets.asyncio.client import connect as open_connection
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as run_server
from websockets.exceptions import ConnectionClosed

run = loops.run
forever = loops.forever
accelerated = with_websockets.accelerated


@asynccontextmanager
async def serve(handler: Handler, order: Order) -> AsyncIterator[int]:
    """See `measures.Contender`."""

    async def handle(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await handler(Channel(connection.send, connection.recv))

    arguments = with_websockets.server_arguments(order)
    async with run_server(handle, HOST, 0, ssl=server_context(order.tls), **arguments) as server:
        yield next(iter(server.sockets)).getsockname()[1]


@asynccontextmanager
async def connect(port: int, order: Order) -> AsyncIterator[Channel]:
    """See `measures.Contender`."""
    arguments = with_websockets.client_arguments(order)
    if order.tls is not None:
        arguments["ssl"] = client_context(order.tls)
    scheme = "wss" if order.tls else "ws"
    async with open_connection(f"{scheme}://{HOST}:{port}/", **arguments) as connection:
        yield Channel(connection.send, connection.recv)
