"""websockets: what its asyncio and its Trio form have in common."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

from fragments import cut
from task import MAX_SIZE, Task, report
from websockets.exceptions import ConnectionClosed


def settings(task: Task) -> dict[str, Any]:
    """What servers and clients of both forms are given."""
    return {
        "compression": "deflate" if task.compress else None,
        "subprotocols": list(task.subprotocols) or None,
        "max_size": MAX_SIZE,
    }


def refuse(task: Task) -> Callable[..., Any] | None:
    """A server's answer to a request, if it is not to accept it."""
    if task.behavior != "reject":
        return None
    return lambda connection, _: connection.respond(403, "No.\n")


async def talk(connection: Any, close: Callable[[int, str], Awaitable[None]], task: Task) -> None:
    """Do as we are told until the connection is closed, and tell how it ended."""
    with suppress(ConnectionClosed):
        if task.behavior == "close":
            await close(task.close_code, task.close_reason)
        while True:
            message = await connection.recv()
            is_cut = task.behavior == "fragment"
            await connection.send(pieces(message, connection.ping) if is_cut else message)
    report(
        code=connection.close_code,
        reason=connection.close_reason,
        subprotocol=connection.subprotocol,
    )


async def pieces(  # noqa: ASYNC900 - this is what websockets takes; it holds nothing open
    message: Any, ping: Callable[[], Awaitable[object]]
) -> AsyncIterator[Any]:
    """The fragments of a message, and a ping between."""
    first, *others = cut(message)
    yield first
    await ping()
    for piece in others:
        yield piece
