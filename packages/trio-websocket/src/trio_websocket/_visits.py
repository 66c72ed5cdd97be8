"""The clients that a server is busy with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio

from ws_core import CloseReason

from ._connection import WebSocketConnection


class Visits:
    """What runs for each client, and which connections came of it.

    Attributes:
        connections: Those that were accepted and whose handler has not ended, the oldest first.
    """

    def __init__(self) -> None:
        self.connections: dict[WebSocketConnection, None] = {}
        self._scopes: set[trio.CancelScope] = set()
        self._waiting = trio.lowlevel.ParkingLot()
        self._goodbye: CloseReason | None = None

    @contextmanager
    def visit(self) -> Iterator[Callable[[WebSocketConnection], None]]:
        """Around all that runs for one client; yields what is to be told of its connection."""
        opened: list[WebSocketConnection] = []

        def on_accept(connection: WebSocketConnection) -> None:
            opened.append(connection)
            self.connections[connection] = None
            if self._goodbye is not None:
                connection._leave(self._goodbye)

        with trio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                yield on_accept
            finally:
                self._scopes.remove(scope)
                while opened:  # emptied, or it would be a cycle
                    del self.connections[opened.pop()]
                if not self._scopes:
                    self._waiting.unpark_all()

    def send_home(self, goodbye: CloseReason) -> None:
        """Tell all clients goodbye, those that are still to be accepted included."""
        self._goodbye = goodbye
        for connection in self.connections:
            connection._leave(goodbye)

    def cancel(self) -> None:
        """Cancel all that runs."""
        for scope in self._scopes:
            scope.cancel()

    async def wait_over(self) -> None:
        """Wait until nothing runs any more."""
        while self._scopes:
            await self._waiting.park()
