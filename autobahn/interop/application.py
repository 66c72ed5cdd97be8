"""An ASGI application, for the servers that run them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from task import Task, report

Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
Application: TypeAlias = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


def application(task: Task) -> Application:
    """The application that does the task."""

    async def run(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            raise NotImplementedError(scope["type"])  # as ASGI wants it for "lifespan"
        await receive()  # "websocket.connect"
        if task.behavior == "reject":
            await send({"type": "websocket.close"})  # before an accept: 403
            return
        subprotocol = task.choose(scope["subprotocols"])
        await send({"type": "websocket.accept", "subprotocol": subprotocol})
        if task.behavior == "close":
            end = {"code": task.close_code, "reason": task.close_reason}
            await send({"type": "websocket.close", **end})
        while (event := await receive())["type"] == "websocket.receive":
            await send({**event, "type": "websocket.send"})
        report(code=event.get("code"), reason=event.get("reason"), subprotocol=subprotocol)

    return run
