"""No WebSocket, nor any I/O: what zlib has to do for an echo of compressed messages."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from measures import Channel, Handler
from orders import LEVEL, MEMORY_LEVEL, WINDOW_BITS, Order

# What each message ends with when it is flushed; not sent (RFC 7692 section 7.2.1).
_TAIL = b"\x00\x00\xff\xff"


def run(measure: Callable[[], Awaitable[float]]) -> float:
    """See `measures.Contender`; nothing in here ever waits."""
    waiting = measure().__await__()
    try:
        next(waiting)
    except StopIteration as done:
        rate: float = done.value
        return rate
    raise AssertionError("nothing in here waits")


async def forever() -> None:
    """See `measures.Contender`; there is nothing to serve."""


@asynccontextmanager
async def serve(handler: Handler, order: Order) -> AsyncIterator[int]:
    """See `measures.Contender`; the client below has it all."""
    yield 0


@asynccontextmanager
async def connect(port: int, order: Order) -> AsyncIterator[Channel]:
    """See `measures.Contender`."""
    there, back = _direction(), _direction()
    answers: deque[bytes] = deque()

    async def send(message: bytes) -> None:  # noqa: ASYNC124 - `measures` awaits it
        answers.append(back(there(message)))

    async def receive() -> bytes:  # noqa: ASYNC124 - as above
        return answers.popleft()

    yield Channel(send, receive)


def _direction() -> Callable[[bytes], bytes]:
    """Compress a message at one end and inflate it at the other."""
    deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -WINDOW_BITS, MEMORY_LEVEL)
    inflate = zlib.decompressobj(-WINDOW_BITS)

    def transmit(message: bytes) -> bytes:
        data = deflate.compress(message) + deflate.flush(zlib.Z_SYNC_FLUSH)
        return inflate.decompress(data.removesuffix(_TAIL) + _TAIL)

    return transmit
