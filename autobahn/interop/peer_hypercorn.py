"""hypercorn, on asyncio."""

from __future__ import annotations

import asyncio
import socket

from application import application
from hypercorn.asyncio import serve
from hypercorn.config import Config
from task import MAX_SIZE, Task, report


def server(task: Task) -> None:
    """Serve until killed."""
    config = Config()
    config.websocket_max_message_size = MAX_SIZE
    config.certfile = task.certificate or None
    config.keyfile = task.key or None
    listener = socket.create_server(("127.0.0.1", 0))
    report(port=listener.getsockname()[1])
    config.bind = [f"fd://{listener.detach()}"]
    asyncio.run(serve(application(task), config))
