"""The clients that a server is busy with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio

from ws_core import CloseReason

from ._connection import WebSocketConnection


class Sessions:
    """What runs for each client, and which connections came of it.

    Attributes:
        connections: Those that were accepted and whose handler has not ended, the oldest first.
    """

    def __init__(self) -> None:
        self.connections: dict[WebSocketConnection, None] = {}
        self._scopes: dict[trio.lowlevel.Task, trio.CancelScope] = {}
        # Streams whose task has not begun yet.
        self._expected = 0
        self._waiting = trio.lowlevel.ParkingLot()
        self._goodbye: CloseReason | None = None
        self._cancelled = False

    def expect(self) -> None:
        """Note that a session will begin."""
        self._expected += 1

    @contextmanager
    def session(
        self,
    ) -> Iterator[tuple[trio.CancelScope, Callable[[WebSocketConnection], None]]]:
        """Around all that runs for one client.

        Yields:
            What cancels all of that, and what is to be told of the client's connection.
        """
        task = trio.lowlevel.current_task()
        opened: list[WebSocketConnection] = []

        def on_accept(connection: WebSocketConnection) -> None:
            opened.append(connection)
            self.connections[connection] = None
            if self._goodbye is not None:
                connection._start_closing(self._goodbye)

        with trio.CancelScope() as scope:
            self._expected -= 1
            self._scopes[task] = scope
            if self._cancelled:
                scope.cancel()
            try:
                yield scope, on_accept
            finally:
                del self._scopes[task]
                while opened:  # emptied, or it would be a cycle
                    del self.connections[opened.pop()]
                self._waiting.unpark_all()

    def close_all(self, goodbye: CloseReason) -> None:
        """Tell all clients goodbye, those that are still to be accepted included."""
        self._goodbye = goodbye
        for connection in self.connections:
            connection._start_closing(goodbye)

    def cancel_others(self) -> None:
        """Cancel all that runs or will, but for the session that the caller is a part of."""
        self._cancelled = True
        own = self._own()
        for task, scope in self._scopes.items():
            if task is not own:
                scope.cancel()

    async def wait_others(self) -> None:
        """Wait until nothing runs any more but for the session of the caller itself."""
        own = self._own()
        await trio.lowlevel.checkpoint()
        while self._expected or self._scopes.keys() - {own}:
            await self._waiting.park()

    def _own(self) -> trio.lowlevel.Task | None:
        task: trio.lowlevel.Task | None = trio.lowlevel.current_task()
        while task is not None and task not in self._scopes:
            task = task.parent_nursery.parent_task if task.parent_nursery else None
        return task
