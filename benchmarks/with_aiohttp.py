"""aiohttp, on asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import loops
from aiohttp import ClientSession, WSMessageTypeError, web
from certificates import HOST, client_context, server_context
from measures import Channel, Handler
from orders import Order

forever = loops.forever
_sessions: list[ClientSession] = []


def run(measure: Callable[[], Awaitable[float]]) -> float:
    """See `measures.Contender`."""

    async def with_session() -> float:
        async with ClientSession() as session:
            _sessions[:] = [session]
            return await measure()

    return loops.run(with_session)


@asynccontextmanager
async def serve(handler: Handler, order: Order) -> AsyncIterator[int]:
    """See `measures.Contender`."""

    async def handle(request: web.Request) -> web.WebSocketResponse:
        connection = web.WebSocketResponse(compress=False, **_limit(order))
        await connection.prepare(request)
        with suppress(WSMessageTypeError):  # a close, where bytes were asked for
            await handler(Channel(connection.send_bytes, connection.receive_bytes))
        return connection

    application = web.Application()
    application.router.add_get("/", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, HOST, 0, ssl_context=server_context(order.tls)).start()
        yield runner.addresses[0][1]


@asynccontextmanager
async def connect(port: int, order: Order) -> AsyncIterator[Channel]:
    """See `measures.Contender`."""
    scheme = "wss" if order.tls else "ws"
    async with _sessions[0].ws_connect(
        f"{scheme}://{HOST}:{port}/", ssl=client_context(order.tls) or True, **_limit(order)
    ) as connection:
        yield Channel(connection.send_bytes, connection.receive_bytes)


def _limit(order: Order) -> dict[str, int]:
    return {"max_msg_size": 0} if order.large else {}
