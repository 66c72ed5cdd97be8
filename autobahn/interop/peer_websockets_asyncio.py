"""websockets on asyncio."""

from __future__ import annotations

import asyncio

from peer_websockets import refuse, settings, talk
from task import Task, report
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import InvalidStatus


def server(task: Task) -> None:
    """Serve until killed."""
    asyncio.run(_serve(task))


def client(task: Task) -> None:
    """Connect once."""
    asyncio.run(_connect(task))


async def _serve(task: Task) -> None:
    async def handle(connection: ServerConnection) -> None:
        await talk(connection, connection.close, task)

    async with serve(
        handle,
        "127.0.0.1",
        0,
        ssl=task.server_context,
        process_request=refuse(task),
        **settings(task),
    ) as running:
        report(port=next(iter(running.sockets)).getsockname()[1])
        await running.serve_forever()


async def _connect(task: Task) -> None:
    try:
        async with connect(
            task.url, ssl=task.client_context, proxy=None, **settings(task)
        ) as connection:
            await talk(connection, connection.close, task)
    except InvalidStatus as error:
        report(status=error.response.status_code)
