"""picows, on asyncio.

It has callbacks where the others have `send` and `receive`; what stands here is about the least
that makes these of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import loops
from certificates import HOST, client_context, server_context
from measures import Channel, Handler
from orders import Order
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect, ws_create_server

run = loops.run
forever = loops.forever
# It tells of each pause in writing.
logging.getLogger("picows").setLevel(logging.ERROR)


class _Inbox(WSListener):  # type: ignore[misc]  # installed only where it is used
    """Keeps the messages of a connection until they are asked for."""

    def __init__(self, handler: Handler | None = None) -> None:
        super().__init__()
        self._handler = handler
        self._messages: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        if self._handler is not None:
            self._task = asyncio.create_task(self._handle(self._handler))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY:
            self._messages.append(frame.get_payload_as_bytes())
            self._wake()
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002 - is given it
        self._closed = True
        self._wake()

    async def send(self, message: bytes) -> None:
        """Send a message."""
        self.transport.send(WSMsgType.BINARY, message)

    async def receive(self) -> bytes:
        """Wait for a message.

        Raises:
            EOFError: if the connection was closed.
        """
        while not self._messages:
            if self._closed:
                raise EOFError
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._messages.popleft()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _handle(self, handler: Handler) -> None:
        with suppress(EOFError):
            await handler(Channel(self.send, self.receive))


@asynccontextmanager
async def serve(handler: Handler, order: Order) -> AsyncIterator[int]:
    """See `measures.Contender`."""
    server = await ws_create_server(
        lambda _: _Inbox(handler), HOST, 0, ssl=server_context(order.tls), **_limit(order)
    )
    async with server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def connect(port: int, order: Order) -> AsyncIterator[Channel]:
    """See `measures.Contender`."""
    url = f"{'wss' if order.tls else 'ws'}://{HOST}:{port}/"
    transport, inbox = await ws_connect(
        _Inbox, url, ssl_context=client_context(order.tls), **_limit(order)
    )
    yield Channel(inbox.send, inbox.receive)
    transport.send_close()
    await transport.wait_disconnected()


def _limit(order: Order) -> dict[str, int]:
    return {"max_frame_size": order.size + 1} if order.large else {}
