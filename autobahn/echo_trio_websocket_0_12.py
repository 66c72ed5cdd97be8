"""trio-websocket 0.12.2, whose functions ours still have. It doesn't compress."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import trio
from library import HOST, MAX_MESSAGE_SIZE

from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    WebSocketRequest,
    WebSocketServer,
    __version__,
    open_websocket_url,
    serve_websocket,
)

AGENT = f"trio-websocket {__version__}"

run = trio.run


async def serve(port: int, context: ssl.SSLContext | None, announce: Callable[[int], None]) -> None:
    """See `library.Library`."""
    start = partial(serve_websocket, max_message_size=MAX_MESSAGE_SIZE)
    async with trio.open_nursery() as nursery:
        server: WebSocketServer = await nursery.start(start, _handle, HOST, port, context)
        announce(server.port)


async def _handle(request: WebSocketRequest) -> None:
    await _send_back(await request.accept())


async def echo(url: str, context: ssl.SSLContext | None) -> None:
    """See `library.Library`."""
    async with open_websocket_url(url, context, max_message_size=MAX_MESSAGE_SIZE) as connection:
        await _send_back(connection)


async def _send_back(connection: WebSocketConnection) -> None:
    with suppress(ConnectionClosed):
        while True:
            await connection.send_message(await connection.get_message())


async def ask(url: str, context: ssl.SSLContext | None) -> str:
    """See `library.Library`."""
    async with open_websocket_url(url, context) as connection:
        with suppress(ConnectionClosed):
            return str(await connection.get_message())
    return ""
