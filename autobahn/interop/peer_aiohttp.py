"""aiohttp, on asyncio."""

from __future__ import annotations

import asyncio

from aiohttp import (
    ClientSession,
    ClientWebSocketResponse,
    WSMessage,
    WSMsgType,
    WSServerHandshakeError,
    web,
)
from task import MAX_SIZE, Task, report


def server(task: Task) -> None:
    """Serve until killed."""
    asyncio.run(_serve(task))


def client(task: Task) -> None:
    """Connect once."""
    asyncio.run(_connect(task))


async def _serve(task: Task) -> None:
    async def handle(request: web.Request) -> web.WebSocketResponse:
        if task.behavior == "reject":
            raise web.HTTPForbidden
        connection = web.WebSocketResponse(
            protocols=task.subprotocols, compress=task.compress, max_msg_size=MAX_SIZE
        )
        await connection.prepare(request)
        await _talk(connection, connection.ws_protocol, task)
        return connection

    application = web.Application()
    application.router.add_get("/", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=task.server_context).start()
    report(port=runner.addresses[0][1])
    await asyncio.Event().wait()


async def _connect(task: Task) -> None:
    async with ClientSession() as session:
        try:
            async with session.ws_connect(
                task.url,
                ssl=task.client_context or True,
                protocols=task.subprotocols,
                compress=15 if task.compress else 0,  # bits of the window
                max_msg_size=MAX_SIZE,
            ) as connection:
                await _talk(connection, connection.protocol, task)
        except WSServerHandshakeError as error:
            report(status=error.status)


async def _talk(
    connection: web.WebSocketResponse | ClientWebSocketResponse,
    subprotocol: str | None,
    task: Task,
) -> None:
    """Do as we are told until the connection is closed, and tell how it ended."""
    if task.behavior == "close":
        await connection.close(code=task.close_code, message=task.close_reason.encode())
    while (message := await connection.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
        if message.type is WSMsgType.TEXT:
            await connection.send_str(message.data)
        else:
            await connection.send_bytes(message.data)
    code, reason = _end(message)
    report(code=code, reason=reason, subprotocol=subprotocol)


def _end(message: WSMessage) -> tuple[int | None, str | None]:
    """How the peer closed the connection, if it was the peer."""
    if message.type is not WSMsgType.CLOSE:
        return None, None
    return message.data, message.extra
