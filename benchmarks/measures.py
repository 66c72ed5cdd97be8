"""What is measured in one process, in the words of any library: only awaitables, no event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from itertools import cycle
from time import perf_counter
from typing import NamedTuple, Protocol, TypeAlias

from orders import Order
from payloads import payloads


class Channel(NamedTuple):
    """One end of a connection: how to send and how to receive a binary message."""

    send: Callable[[bytes], Awaitable[object]]
    receive: Callable[[], Awaitable[object]]


Handler: TypeAlias = Callable[[Channel], Awaitable[None]]


class Contender(Protocol):
    """A module that knows one library.

    It may also have `accelerated()`, which says whether its C runs, and `HANDSHAKE = False` if it
    is no WebSocket.
    """

    def run(self, measure: Callable[[], Awaitable[float]]) -> float:
        """Run it in the library's event loop."""

    def serve(self, handler: Handler, order: Order) -> AbstractAsyncContextManager[int]:
        """A server whose connections are given to `handler`; its port.

        Args:
            handler: Ends with whatever the library raises when a connection is closed.
            order: Says whether to speak TLS, to compress, and to take large messages. All else is
                as the library does it by itself.
        """

    def connect(self, port: int, order: Order) -> AbstractAsyncContextManager[Channel]:
        """A connection to that server, closed as the library does it by itself."""

    async def forever(self) -> None:
        """Wait until cancelled."""


async def send_back(channel: Channel) -> None:
    """A handler: an echo."""
    send, receive = channel
    while True:
        await send(await receive())  # type: ignore[arg-type]  # bytes, as was sent


async def echo(contender: Contender, order: Order) -> float:
    """Round trips a second, one message in flight."""
    messages = payloads(order.size, compressible=order.deflate)
    async with (
        contender.serve(send_back, order) as port,
        contender.connect(port, order) as (send, receive),
    ):
        for message in messages if order.large else messages * 3:
            await send(message)
            assert await receive() == message
        following = cycle(messages)
        count, start = 0, perf_counter()
        while (took := perf_counter() - start) < order.seconds:
            await send(next(following))
            await receive()
            count += 1
    return count / took


async def one_way(contender: Contender, order: Order) -> float:
    """Messages a second from client to server, a call each, until the last one has arrived."""
    batch = 500

    async def confirm(channel: Channel) -> None:
        send, receive = channel
        while True:
            for _ in range(batch):
                message = await receive()
            await send(message)  # type: ignore[arg-type]  # bytes, as was sent

    (message,) = payloads(order.size, compressible=False)
    async with (
        contender.serve(confirm, order) as port,
        contender.connect(port, order) as (send, receive),
    ):
        count, start = 0, perf_counter()
        while (took := perf_counter() - start) < order.seconds:
            for _ in range(batch):
                await send(message)
            await receive()
            count += batch
    return count / took


async def connects(contender: Contender, order: Order) -> float:
    """Connections that are opened and closed again a second, one after the other."""

    async def wait(channel: Channel) -> None:
        await channel.receive()

    async with contender.serve(wait, order) as port:
        count, start = 0, perf_counter()
        while (took := perf_counter() - start) < order.seconds:
            async with contender.connect(port, order):
                pass
            count += 1
    return count / took


MEASURES: dict[str, Callable[[Contender, Order], Awaitable[float]]] = {
    "echo": echo,
    "one_way": one_way,
    "connects": connects,
}
