"""How streams are treated, whatever is spoken over them."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio

from ._log import log
from ._transport import Transport

if sys.platform == "linux":
    import fcntl
    import select
    import termios

_NOTSENT_LOWAT = 2**20
# What a peer may still send while we wait for it to hang up.
_LINGER_BYTES = 2**20


def tune(stream: trio.abc.Stream) -> None:
    """Set the options of a socket that we dialled or accepted."""
    bottom = _socket_stream(stream)
    if bottom is None:
        return
    # Trio keeps what is in the kernel and not sent below 16 KiB, which makes large messages slow.
    # Unix sockets have no such option, and some systems do not.
    with suppress(AttributeError, OSError):
        bottom.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NOTSENT_LOWAT, _NOTSENT_LOWAT)


def give_up_after(stream: trio.abc.Stream, seconds: float) -> None:
    """Where the system can, have it end a TCP connection whose peer takes nothing for so long."""
    bottom = _socket_stream(stream)
    if bottom is not None:
        with suppress(AttributeError, OSError):  # Linux has it, for TCP
            milliseconds = min(int(seconds * 1000), 2**31 - 1)
            option = trio.socket.TCP_USER_TIMEOUT
            bottom.setsockopt(trio.socket.IPPROTO_TCP, option, max(1, milliseconds))


def unacknowledged(stream: trio.abc.Stream) -> int:
    """Bytes that wait in our system because the peer's has not taken them; 0 if nobody knows."""
    bottom = _socket_stream(stream)
    if bottom is None or sys.platform != "linux":
        return 0
    try:
        answer = fcntl.ioctl(bottom.socket.fileno(), termios.TIOCOUTQ, bytes(4))
    except (OSError, ValueError):  # the socket was closed
        return 0
    return int.from_bytes(answer, sys.byteorder)


def has_hung_up(stream: trio.abc.Stream) -> bool:
    """Whether our system knows that the connection is over in both directions."""
    bottom = _socket_stream(stream)
    if bottom is None or sys.platform != "linux":
        return False
    poll = select.poll()
    try:
        poll.register(bottom.socket.fileno(), 0)
    except ValueError:  # the socket was closed
        return True
    return bool(poll.poll(0))


async def linger(transport: Transport) -> None:
    """Wait until the peer hangs up, discarding up to 1 MiB that it may still send.

    Closing with unread bytes would make the kernel send a reset, which can destroy our last bytes
    before the peer has read them.
    """
    left = _LINGER_BYTES
    while left > 0 and (data := await transport.receive()):
        left -= len(data)


async def close_now(resource: trio.abc.AsyncResource) -> None:
    """Close a stream or listener without waiting for anything, whatever else is going on."""
    with trio.CancelScope(shield=True) as scope:
        scope.cancel()
        try:
            await resource.aclose()
        except Exception as error:  # noqa: BLE001 - nothing is left to be done about it
            log(logging.DEBUG, "closing %r failed: %r", resource, error)


@asynccontextmanager
async def closed_on_error(stream: trio.abc.Stream) -> AsyncIterator[None]:
    """Close the stream if the block raises."""
    try:
        yield
    except BaseException:
        await close_now(stream)  # noqa: ASYNC102 - it never waits
        raise


def _socket_stream(stream: trio.abc.Stream) -> trio.SocketStream | None:
    """The socket that a stream goes over, if it goes over one."""
    if isinstance(stream, trio.SSLStream):
        stream = stream.transport_stream
    return stream if isinstance(stream, trio.SocketStream) else None
