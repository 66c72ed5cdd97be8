"""What is measured, in the words of any library: only awaitables, no event loop of its own."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from time import perf_counter
from typing import Any, NamedTuple, Protocol, TypeAlias


class Channel(NamedTuple):
    """One end of a connection: how to send and how to receive a binary message."""

    send: Callable[[bytes], Awaitable[object]]
    receive: Callable[[], Awaitable[object]]


Handler: TypeAlias = Callable[[Channel], Awaitable[None]]


class Contender(Protocol):
    """A module that knows one library."""

    def run(self, measure: Callable[[], Awaitable[float]]) -> float:
        """Run it in the library's event loop."""

    def serve(self, handler: Handler, size: int) -> AbstractAsyncContextManager[int]:
        """A server whose connections are given to `handler`; its port.

        Args:
            handler: Ends with whatever the library raises when a connection is closed.
            size: Bytes of one message, for those that have no other way to know.
        """

    def connect(self, port: int, size: int) -> AbstractAsyncContextManager[Channel]:
        """A connection to that server, closed as the library does it by itself."""


async def echo(contender: Contender, seconds: float, size: int) -> float:
    """Round trips a second, one message in flight."""

    async def send_back(channel: Channel) -> None:
        send, receive = channel
        while True:
            await send(await receive())  # type: ignore[arg-type]  # bytes, as was sent

    message = os.urandom(size)
    async with (
        contender.serve(send_back, size) as port,
        contender.connect(port, size) as (send, receive),
    ):
        for _ in range(3):
            await send(message)
            assert await receive() == message
        count, start = 0, perf_counter()
        while (took := perf_counter() - start) < seconds:
            await send(message)
            await receive()
            count += 1
    return count / took


async def one_way(contender: Contender, seconds: float, size: int) -> float:
    """Messages a second from client to server, a call each, until the last one has arrived."""
    batch = 500

    async def confirm(channel: Channel) -> None:
        send, receive = channel
        while True:
            for _ in range(batch):
                message = await receive()
            await send(message)  # type: ignore[arg-type]  # bytes, as was sent

    message = os.urandom(size)
    async with (
        contender.serve(confirm, size) as port,
        contender.connect(port, size) as (send, receive),
    ):
        count, start = 0, perf_counter()
        while (took := perf_counter() - start) < seconds:
            for _ in range(batch):
                await send(message)
            await receive()
            count += batch
    return count / took


async def connections(contender: Contender, seconds: float, size: int) -> float:
    """Connections that are opened and closed again a second, one after the other."""

    async def wait(channel: Channel) -> None:
        await channel.receive()

    async with contender.serve(wait, size) as port:
        count, start = 0, perf_counter()
        while (took := perf_counter() - start) < seconds:
            async with contender.connect(port, size):
                pass
            count += 1
    return count / took


MEASURES: dict[str, Callable[[Contender, float, int], Any]] = {
    "echo": echo,
    "one_way": one_way,
    "connections": connections,
}
