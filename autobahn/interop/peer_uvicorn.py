"""uvicorn, with one of the libraries that it knows WebSocket by."""

from __future__ import annotations

import asyncio
import socket

import uvicorn
from application import application
from task import MAX_SIZE, Task, report


def server(task: Task, library: str) -> None:
    """Serve until killed."""
    config = uvicorn.Config(
        application(task),
        ws=library,
        ws_max_size=MAX_SIZE,
        ws_per_message_deflate=task.compress,
        ssl_certfile=task.certificate or None,
        ssl_keyfile=task.key or None,
        lifespan="off",
        log_config=None,
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        report(port=listener.getsockname()[1])
        asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))
