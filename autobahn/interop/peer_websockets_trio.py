"""websockets on Trio."""

from __future__ import annotations

from functools import partial

import trio
from peer_websockets import refuse, settings, talk
from task import Task, report
from websockets.exceptions import InvalidStatus
from websockets.trio.client import connect
from websockets.trio.server import ServerConnection, serve


def server(task: Task) -> None:
    """Serve until killed."""
    trio.run(_serve, task)


def client(task: Task) -> None:
    """Connect once."""
    trio.run(_connect, task)


async def _serve(task: Task) -> None:
    async def handle(connection: ServerConnection) -> None:
        await talk(connection, connection.aclose, task)

    start = partial(
        serve,
        handle,
        host="127.0.0.1",
        port=0,
        ssl=task.server_context,
        process_request=refuse(task),
        **settings(task),
    )
    async with trio.open_nursery() as nursery:
        running = await nursery.start(start)
        report(port=running.listeners[0].socket.getsockname()[1])


async def _connect(task: Task) -> None:
    try:
        async with connect(
            task.url, ssl=task.client_context, proxy=None, **settings(task)
        ) as connection:
            await talk(connection, connection.aclose, task)
    except InvalidStatus as error:
        report(status=error.response.status_code)
