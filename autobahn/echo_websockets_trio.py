"""websockets on Trio, with its defaults: compression is one of them."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import trio
import websockets
from library import HOST, MAX_MESSAGE_SIZE
from websockets.exceptions import ConnectionClosed
from websockets.trio.client import connect
from websockets.trio.server import serve as run_server

AGENT = f"websockets {websockets.__version__} on Trio"

run = trio.run


async def serve(port: int, context: ssl.SSLContext | None, announce: Callable[[int], None]) -> None:
    """See `library.Library`."""
    start = partial(run_server, _send_back, port, host=HOST, ssl=context, max_size=MAX_MESSAGE_SIZE)
    async with trio.open_nursery() as nursery:
        server = await nursery.start(start)
        announce(server.listeners[0].socket.getsockname()[1])


async def echo(url: str, context: ssl.SSLContext | None) -> None:
    """See `library.Library`."""
    async with connect(url, ssl=context, max_size=MAX_MESSAGE_SIZE, proxy=None) as connection:
        await _send_back(connection)


async def _send_back(connection: Any) -> None:
    with suppress(ConnectionClosed):
        async for message in connection:
            await connection.send(message)


async def ask(url: str, context: ssl.SSLContext | None) -> str:
    """See `library.Library`."""
    async with connect(url, ssl=context, proxy=None) as connection:
        async for message in connection:
            return str(message)
    return ""
