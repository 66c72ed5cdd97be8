"""How streams are treated, whatever is spoken over them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio

from ._log import log
from ._tcp import socket_stream
from ._tls import TlsStream
from ._transport import Transport

_NOTSENT_LOWAT = 2**20
# What a peer may still send while we wait for it to hang up.
_LINGER_BYTES = 2**20


def tune(stream: trio.abc.Stream) -> None:
    """Set the options of a socket that we dialled or accepted."""
    bottom = socket_stream(stream)
    if bottom is None:
        return
    # Trio keeps what is in the kernel and not sent below 16 KiB, which makes large messages slow.
    # Unix sockets have no such option, and some systems do not.
    with suppress(AttributeError, OSError):
        bottom.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NOTSENT_LOWAT, _NOTSENT_LOWAT)


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
    if isinstance(resource, TlsStream):
        resource = resource.transport_stream
    if isinstance(resource, trio.SocketStream):
        # All that its own `aclose` does, but for a checkpoint, for which we would need the scope.
        resource.socket.close()
        return
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
