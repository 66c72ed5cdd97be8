"""A tap between a client and a server, which writes down all that goes through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio
from wire import Direction, Wire


@asynccontextmanager
async def tapped(port: int) -> AsyncIterator[tuple[int, Wire]]:
    """Forward what comes to a port of its own to `port`, both on this machine.

    Yields:
        The tap's own port, and what went through it so far.
    """
    wire = Wire()

    async def forward(client: trio.SocketStream) -> None:
        async with (
            client,
            await trio.open_tcp_stream("127.0.0.1", port) as server,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(_copy, client, server, wire.by_client)
            nursery.start_soon(_copy, server, client, wire.by_server)

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, forward, [listener])
        yield listener.socket.getsockname()[1], wire
        nursery.cancel_scope.cancel()


async def _copy(source: trio.SocketStream, target: trio.SocketStream, direction: Direction) -> None:
    # Whoever breaks the connection, the others notice by themselves.
    with suppress(trio.BrokenResourceError):
        async for data in source:
            direction.sent.extend(data)
            await target.send_all(data)
        await target.send_eof()
