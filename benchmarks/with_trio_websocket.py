"""trio-websocket: ours, and 0.12.2, which has the same functions but fewer arguments."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import trio
from certificates import HOST, client_context, server_context
from measures import Channel, Handler
from orders import LEVEL, MEMORY_LEVEL, WINDOW_BITS, Order

import trio_websocket

run = trio.run
forever = trio.sleep_forever


@asynccontextmanager
async def serve(handler: Handler, order: Order) -> AsyncIterator[int]:
    """See `measures.Contender`."""

    async def handle(request: trio_websocket.WebSocketRequest) -> None:
        connection = await request.accept()
        with suppress(trio_websocket.ConnectionClosed):  # for 0.12.2; to us it is a normal end
            await handler(Channel(connection.send_message, connection.get_message))

    start = partial(trio_websocket.serve_websocket, **_arguments(order))
    async with trio.open_nursery() as nursery:
        server: trio_websocket.WebSocketServer = await nursery.start(
            start, handle, HOST, 0, server_context(order.tls)
        )
        yield server.port
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def connect(port: int, order: Order) -> AsyncIterator[Channel]:
    """See `measures.Contender`."""
    use_ssl = client_context(order.tls) or False
    async with trio_websocket.open_websocket(
        HOST, port, "/", use_ssl=use_ssl, **_arguments(order)
    ) as connection:
        yield Channel(connection.send_message, connection.get_message)


def accelerated() -> bool | None:
    """Whether ws-core's C runs; None where there is no ws-core."""
    try:
        import ws_core  # noqa: PLC0415 - 0.12.2 has none
    except ImportError:
        return None
    return bool(getattr(ws_core, "ACCELERATED", False))


def _arguments(order: Order) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if order.large:
        arguments["max_message_size"] = math.inf if accelerated() is not None else order.size
    if order.deflate:
        arguments["compression"] = trio_websocket.Deflate(
            server_max_window_bits=WINDOW_BITS,
            client_max_window_bits=WINDOW_BITS,
            level=LEVEL,
            mem_level=MEMORY_LEVEL,
        )
    return arguments
