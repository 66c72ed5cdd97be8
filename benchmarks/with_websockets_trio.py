"""websockets on Trio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import trio
import with_websockets
from certificates import HOST, client_context, server_context
from measures import Channel, Handler
from orders import Order
from websockets.exceptions import ConnectionClosed
from websockets.trio.client import connect as open_connection
from websockets.trio.server import ServerConnection
from websockets.trio.server import serve as run_server

run = trio.run
forever = trio.sleep_forever
accelerated = with_websockets.accelerated


@asynccontextmanager
async def serve(handler: Handler, order: Order) -> AsyncIterator[int]:
    """See `measures.Contender`."""

    async def handle(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await handler(Channel(connection.send, connection.recv))

    arguments = with_websockets.server_arguments(order)
    arguments |= {"host": HOST, "port": 0, "ssl": server_context(order.tls)}
    start = partial(run_server, handle, **arguments)
    async with trio.open_nursery() as nursery:
        server = await nursery.start(start)
        yield server.listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def connect(port: int, order: Order) -> AsyncIterator[Channel]:
    """See `measures.Contender`."""
    arguments = with_websockets.client_arguments(order)
    if order.tls is not None:
        arguments["ssl"] = client_context(order.tls)
    scheme = "wss" if order.tls else "ws"
    async with open_connection(f"{scheme}://{HOST}:{port}/", **arguments) as connection:
        yield Channel(connection.send, connection.recv)
