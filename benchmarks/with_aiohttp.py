"""aiohttp, on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from aiohttp import ClientSession, WSMessageTypeError, web
from measures import Channel, Handler

_sessions: list[ClientSession] = []


def run(measure: Callable[[], Awaitable[float]]) -> float:
    """See `measures.Contender`."""

    async def main() -> float:
        async with ClientSession() as session:
            _sessions[:] = [session]
            return await measure()

    return asyncio.run(main())


@asynccontextmanager
async def serve(handler: Handler, size: int) -> AsyncIterator[int]:
    """See `measures.Contender`."""

    async def handle(request: web.Request) -> web.WebSocketResponse:
        connection = web.WebSocketResponse(compress=False)
        await connection.prepare(request)
        with suppress(WSMessageTypeError):  # a close, where bytes were asked for
            await handler(Channel(connection.send_bytes, connection.receive_bytes))
        return connection

    application = web.Application()
    application.router.add_get("/", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def connect(port: int, size: int) -> AsyncIterator[Channel]:
    """See `measures.Contender`."""
    async with _sessions[0].ws_connect(f"ws://127.0.0.1:{port}/") as connection:
        yield Channel(connection.send_bytes, connection.receive_bytes)
