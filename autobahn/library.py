"""What the suite tests: a WebSocket library, spoken to by an `echo_*` module of its own.

These modules know nothing of the suite, and `server.py` and `client.py` nothing of the library.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any, Protocol, cast

HOST = "127.0.0.1"
# Cases 9.1.6 and 9.2.6 send this much in one message.
MAX_MESSAGE_SIZE = 16 * 2**20
OURS = "ours"
LIBRARIES = (OURS, "trio_websocket_0_12", "websockets_trio", "websockets_asyncio")


class Library(Protocol):
    """The functions of an `echo_*` module."""

    # What it is called in reports.
    AGENT: str

    def run(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run an asynchronous function in the event loop of the library."""

    async def serve(
        self, port: int, context: ssl.SSLContext | None, announce: Callable[[int], None]
    ) -> None:
        """Send every message back, until cancelled.

        Args:
            port: Where to listen on `HOST`; 0 for a free one.
            context: How to speak TLS, if at all.
            announce: Told the port once it listens.
        """

    async def echo(self, url: str, context: ssl.SSLContext | None) -> None:
        """Connect, and send every message back until the connection ends."""

    async def ask(self, url: str, context: ssl.SSLContext | None) -> str:
        """Connect, and return the first message; empty if there is none."""


def load(name: str) -> Library:
    """The library of this name, one of `LIBRARIES`."""
    return cast("Library", import_module(f"echo_{name}"))
