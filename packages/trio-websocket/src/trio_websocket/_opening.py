"""The opening handshake over a stream, in either role."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

import trio

from ws_core import (
    Accepted,
    Connection,
    ConnectionRejected,
    HandshakeError,
    HandshakeFailed,
    Rejected,
    Requested,
)

from ._connection import WebSocketConnection
from ._endpoint import StreamEnds
from ._exceptions import ConnectionTimeout
from ._exchange import next_event, write_all
from ._settings import Settings
from ._streams import close_now, closed_on_error, linger
from ._tls import TlsStream
from ._transport import Transport, transport_for


async def shake_hands(
    nursery: trio.Nursery,
    stream: trio.abc.Stream,
    core: Connection,
    resource: str,
    settings: Settings,
) -> WebSocketConnection:
    """Exchange the opening handshake; the stream is closed unless it leads to a connection.

    Raises:
        ConnectionRejected: if the server answered with something other than 101.
        HandshakeError: if its answer is no WebSocket's, or the stream fails.
    """
    transport = transport_for(stream, settings.read_size)
    try:
        accepted = await _ask(core, transport)
        return WebSocketConnection(
            core,
            transport,
            nursery,
            settings,
            ends=StreamEnds(stream),
            path=resource,
            handshake_headers=accepted.headers,
        )
    except BaseException:
        await close_now(stream)  # noqa: ASYNC102 - it never waits
        raise


async def _ask(core: Connection, transport: Transport) -> Accepted:
    """Send the request, and read what the server answers."""
    try:
        await write_all(core, transport)
        event = await next_event(core, transport)
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise HandshakeError(f"no answer came: {error}") from (error.__cause__ or error)
    match event:
        case Rejected():
            raise ConnectionRejected(event.status_code, event.headers, event.body)
        case HandshakeFailed():
            raise HandshakeError(event.reason)
    assert isinstance(event, Accepted)
    return event


class Opening(NamedTuple):
    """An opening handshake that waits for our answer."""

    core: Connection
    transport: Transport
    requested: Requested


async def answer_and_hang_up(core: Connection, transport: Transport, settings: Settings) -> None:
    """Write the HTTP answer that waits, and close the stream once the client has read it."""
    async with closed_on_error(transport.stream):
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            with trio.move_on_after(settings.connect_timeout) as writing:
                await write_all(core, transport)
            if not writing.cancelled_caught:
                with trio.move_on_after(settings.disconnect_timeout):
                    if await transport.send_eof():
                        await linger(transport)
    await close_now(transport.stream)


async def read_request(stream: trio.abc.Stream, settings: Settings) -> Opening:
    """Read a request; a bad one is answered here, and the stream is closed.

    Raises:
        ConnectionTimeout: if it was not complete in time.
        HandshakeError: if it is none that can be accepted, or the stream fails.
    """
    core = settings.new_core()
    transport = transport_for(stream, settings.read_size)
    try:
        requested = await _hear_request(core, transport, settings)
    except BaseException:
        await close_now(stream)  # noqa: ASYNC102 - it never waits
        raise
    return Opening(core, transport, requested)


async def _hear_request(core: Connection, transport: Transport, settings: Settings) -> Requested:
    event = None
    try:
        with trio.move_on_after(settings.connect_timeout):
            if isinstance(transport.stream, TlsStream):
                await transport.stream.do_handshake()
            event = await next_event(core, transport)
            if isinstance(event, HandshakeFailed):
                await answer_and_hang_up(core, transport, settings)
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise HandshakeError(f"no request came: {error}") from (error.__cause__ or error)
    if event is None:
        raise ConnectionTimeout(
            f"no request came within {settings.connect_timeout} seconds (connect_timeout)"
        )
    if isinstance(event, HandshakeFailed):
        answered = f" (answered {event.status_code})" if event.status_code else ""
        raise HandshakeError(event.reason + answered)
    assert isinstance(event, Requested)
    return event
