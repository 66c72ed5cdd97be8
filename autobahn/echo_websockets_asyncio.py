"""websockets on asyncio, with its defaults: compression is one of them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import websockets
from library import HOST, MAX_MESSAGE_SIZE
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve as run_server
from websockets.exceptions import ConnectionClosed

AGENT = f"websockets {websockets.__version__} on asyncio"


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """See `library.Library`."""
    asyncio.run(work())


async def serve(port: int, context: ssl.SSLContext | None, announce: Callable[[int], None]) -> None:
    """See `library.Library`."""
    async with run_server(_send_back, HOST, port, ssl=context, max_size=MAX_MESSAGE_SIZE) as server:
        announce(next(iter(server.sockets)).getsockname()[1])
        await server.serve_forever()


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
