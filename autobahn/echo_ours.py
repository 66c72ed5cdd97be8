"""trio-websocket as it stands in this repository."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import partial

import trio
from library import HOST, MAX_MESSAGE_SIZE

from trio_websocket import (
    ConnectionClosed,
    Deflate,
    WebSocketRequest,
    WebSocketServer,
    __version__,
    log_handler_error,
    open_websocket_url,
    serve_websocket,
)

AGENT = f"trio-websocket {__version__}"
# All that groups 12 and 13 send is to be compressed, also what isn't worth it.
COMPRESSION = Deflate(threshold=0)

run = trio.run


async def serve(port: int, context: ssl.SSLContext | None, announce: Callable[[int], None]) -> None:
    """See `library.Library`."""
    start = partial(
        serve_websocket,
        max_message_size=MAX_MESSAGE_SIZE,
        compression=COMPRESSION,
        on_handler_error=log_handler_error,
    )
    async with trio.open_nursery() as nursery:
        server: WebSocketServer = await nursery.start(start, _handle, HOST, port, context)
        announce(server.port)


async def _handle(request: WebSocketRequest) -> None:
    connection = await request.accept()
    async for message in connection:
        await connection.send_message(message)


async def echo(url: str, context: ssl.SSLContext | None) -> None:
    """See `library.Library`."""
    try:
        async with open_websocket_url(
            url, context, max_message_size=MAX_MESSAGE_SIZE, compression=COMPRESSION
        ) as connection:
            async for message in connection:
                await connection.send_message(message)
    except ConnectionClosed:
        pass  # as many cases intend; the suite knows whether the reason was right


async def ask(url: str, context: ssl.SSLContext | None) -> str:
    """See `library.Library`."""
    async with open_websocket_url(url, context) as connection:
        async for message in connection:
            return str(message)
    return ""
