"""Clients: from a URL, a host or a stream to a connection."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import outcome
import trio

from ws_core import (
    ExtraHeaders,
    HandshakeError,
    Limits,
    Role,
    WebSocketURL,
    host_header,
    normalize_host,
    normalize_resource,
)

from ._connection import WebSocketConnection
from ._dial import checked_port, in_time, open_stream, place_of, ssl_context_for
from ._exceptions import DisconnectionTimeout
from ._heartbeat import Heartbeat
from ._opening import shake_hands
from ._settings import (
    CONN_TIMEOUT,
    DISCONN_TIMEOUT,
    MAX_MESSAGE_SIZE,
    MESSAGE_QUEUE_SIZE,
    WRITE_TIMEOUT,
    Compression,
    Settings,
)
from ._unwrap import raise_one


@asynccontextmanager
async def open_websocket(
    host: str,
    port: int,
    resource: str,
    *,
    use_ssl: bool | ssl.SSLContext,
    subprotocols: Iterable[str] | None = None,
    extra_headers: ExtraHeaders | None = None,
    message_queue_size: float = MESSAGE_QUEUE_SIZE,
    max_message_size: float = MAX_MESSAGE_SIZE,
    receive_buffer_size: int | None = None,
    connect_timeout: float = CONN_TIMEOUT,
    disconnect_timeout: float = DISCONN_TIMEOUT,
    limits: Limits | None = None,
    write_timeout: float = WRITE_TIMEOUT,
    compression: Compression = None,
    heartbeat: Heartbeat | None = None,
) -> AsyncIterator[WebSocketConnection]:
    """Connect to a server; the connection is closed when the block is left.

    Exceptions leave the block as they are, never wrapped in a group by our own nursery.

    Args:
        host: The server's name or IP address.
        port: The server's TCP port.
        resource: The path and query to ask for; percent-encoded where needed.
        use_ssl: True for TLS with the system's certificate authorities, an `ssl.SSLContext` for
            TLS the way it says, False for no TLS.
        subprotocols: What to offer, in order of preference.
        extra_headers: More headers for the request; ``Host`` replaces ours.
        message_queue_size: How many received messages may wait before reading pauses;
            `math.inf` for no limit.
        max_message_size: Bytes of one incoming message at most; `math.inf` for no limit.
        receive_buffer_size: Bytes of one read at most; None for what suits best.
        connect_timeout: Seconds for TCP, TLS and the server's answer together.
        disconnect_timeout: Seconds for the whole of the closing.
        limits: All limits, in place of `max_message_size`.
        write_timeout: Seconds that a write may be without any progress.
        compression: "deflate", or a `Deflate` that says how, to compress messages if the server
            can; None for not at all.
        heartbeat: How to find out that the server is gone; None for not at all.

    Raises:
        ConnectionTimeout: if the connection was not open in time.
        ConnectionRejected: if the server answered with something other than 101.
        HandshakeError: if there is no server, TLS fails, or its answer is no WebSocket's; the
            cause is the transport's error, if there is one.
        DisconnectionTimeout: at the end, if the server did not answer our close in time.
        TypeError, ValueError: for arguments that can't be used, before anything is sent.
    """
    user_error: BaseException | None = None
    internal: BaseExceptionGroup | None = None
    opened: outcome.Outcome[WebSocketConnection] | None = None
    closed: outcome.Outcome[None] = outcome.Value(None)
    connect = partial(
        connect_websocket,
        use_ssl=use_ssl,
        subprotocols=subprotocols,
        extra_headers=extra_headers,
        message_queue_size=message_queue_size,
        max_message_size=max_message_size,
        receive_buffer_size=receive_buffer_size,
        connect_timeout=connect_timeout,
        disconnect_timeout=disconnect_timeout,
        limits=limits,
        write_timeout=write_timeout,
        compression=compression,
        heartbeat=heartbeat,
    )
    # Nothing is raised inside the nursery, which would wrap it in a group.
    try:
        async with trio.open_nursery() as nursery:
            opened = await outcome.acapture(connect, nursery, host, port, resource)
            if isinstance(opened, outcome.Value):
                try:
                    yield opened.value
                except BaseException as error:  # noqa: ASYNC103, BLE001 - it is raised below
                    user_error = error
                closed = await outcome.acapture(_close, opened.value, disconnect_timeout)
                if isinstance(closed, outcome.Error):
                    # The nursery waits for the pump, which may not know yet that it is to end.
                    opened.value._abort()
            else:
                user_error = _connect_error(opened.error, host, port)
                # An interrupt may come when the pump has been started already.
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        internal = group
    try:
        raise_one(user_error, closed, internal)
    finally:
        del user_error, closed, internal, opened  # no cycle through this frame


async def connect_websocket(
    nursery: trio.Nursery,
    host: str,
    port: int,
    resource: str,
    *,
    use_ssl: bool | ssl.SSLContext,
    subprotocols: Iterable[str] | None = None,
    extra_headers: ExtraHeaders | None = None,
    message_queue_size: float = MESSAGE_QUEUE_SIZE,
    max_message_size: float = MAX_MESSAGE_SIZE,
    receive_buffer_size: int | None = None,
    connect_timeout: float = CONN_TIMEOUT,
    disconnect_timeout: float = DISCONN_TIMEOUT,
    limits: Limits | None = None,
    write_timeout: float = WRITE_TIMEOUT,
    compression: Compression = None,
    heartbeat: Heartbeat | None = None,
) -> WebSocketConnection:
    """Connect to a server; the caller closes the connection.

    Args:
        nursery: Where the connection's tasks run.

    The other arguments are those of `open_websocket`.

    Raises:
        OSError: if there is no server.
        ConnectionTimeout: if the connection was not open in time.
        ConnectionRejected: if the server answered with something other than 101.
        HandshakeError: if TLS fails, or the server's answer is no WebSocket's.
        TypeError, ValueError: for arguments that can't be used, before anything is sent.
    """
    settings = Settings.of(
        Role.CLIENT,
        message_queue_size=message_queue_size,
        max_message_size=max_message_size,
        receive_buffer_size=receive_buffer_size,
        limits=limits,
        connect_timeout=connect_timeout,
        disconnect_timeout=disconnect_timeout,
        write_timeout=write_timeout,
        compression=compression,
        heartbeat=heartbeat,
    )
    context = ssl_context_for(use_ssl)
    host, port = normalize_host(host), checked_port(port)
    resource = normalize_resource(resource)
    core = settings.new_core()
    core.request(
        host_header(host, port, secure=context is not None),
        resource,
        subprotocols=subprotocols,
        extra_headers=extra_headers,
    )

    async def connect() -> WebSocketConnection:
        stream = await open_stream(host, port, context)
        return await shake_hands(nursery, stream, core, resource, settings)

    return await in_time(connect_timeout, connect)


def open_websocket_url(
    url: str,
    ssl_context: ssl.SSLContext | None = None,
    *,
    subprotocols: Iterable[str] | None = None,
    extra_headers: ExtraHeaders | None = None,
    message_queue_size: float = MESSAGE_QUEUE_SIZE,
    max_message_size: float = MAX_MESSAGE_SIZE,
    connect_timeout: float = CONN_TIMEOUT,
    disconnect_timeout: float = DISCONN_TIMEOUT,
    receive_buffer_size: int | None = None,
    limits: Limits | None = None,
    write_timeout: float = WRITE_TIMEOUT,
    compression: Compression = None,
    heartbeat: Heartbeat | None = None,
) -> AbstractAsyncContextManager[WebSocketConnection]:
    """Connect to a URL; the connection is closed when the block is left.

    Args:
        url: A ``ws:`` or ``wss:`` URL, or an object whose ``str`` is one. Its fragment and user
            information are not sent.
        ssl_context: How TLS is to be done for ``wss:``; by default with the system's certificate
            authorities.

    The other arguments, and what entering and leaving the block raises, are those of
    `open_websocket`.

    Raises:
        ValueError: at once, if the URL is none, or `ssl_context` is given for ``ws:``.
    """
    host, port, resource, use_ssl = _url_to_host(url, ssl_context)
    return open_websocket(
        host,
        port,
        resource,
        use_ssl=use_ssl,
        subprotocols=subprotocols,
        extra_headers=extra_headers,
        message_queue_size=message_queue_size,
        max_message_size=max_message_size,
        receive_buffer_size=receive_buffer_size,
        connect_timeout=connect_timeout,
        disconnect_timeout=disconnect_timeout,
        limits=limits,
        write_timeout=write_timeout,
        compression=compression,
        heartbeat=heartbeat,
    )


async def connect_websocket_url(
    nursery: trio.Nursery,
    url: str,
    ssl_context: ssl.SSLContext | None = None,
    *,
    subprotocols: Iterable[str] | None = None,
    extra_headers: ExtraHeaders | None = None,
    message_queue_size: float = MESSAGE_QUEUE_SIZE,
    max_message_size: float = MAX_MESSAGE_SIZE,
    receive_buffer_size: int | None = None,
    connect_timeout: float = CONN_TIMEOUT,
    disconnect_timeout: float = DISCONN_TIMEOUT,
    limits: Limits | None = None,
    write_timeout: float = WRITE_TIMEOUT,
    compression: Compression = None,
    heartbeat: Heartbeat | None = None,
) -> WebSocketConnection:
    """Connect to a URL; the caller closes the connection.

    Args:
        nursery: Where the connection's tasks run.
        url: See `open_websocket_url`.
        ssl_context: See `open_websocket_url`.

    The other arguments are those of `open_websocket`. It raises what `connect_websocket` raises.
    """
    host, port, resource, use_ssl = _url_to_host(url, ssl_context)
    return await connect_websocket(
        nursery,
        host,
        port,
        resource,
        use_ssl=use_ssl,
        subprotocols=subprotocols,
        extra_headers=extra_headers,
        message_queue_size=message_queue_size,
        max_message_size=max_message_size,
        receive_buffer_size=receive_buffer_size,
        connect_timeout=connect_timeout,
        disconnect_timeout=disconnect_timeout,
        limits=limits,
        write_timeout=write_timeout,
        compression=compression,
        heartbeat=heartbeat,
    )


async def wrap_client_stream(
    nursery: trio.Nursery,
    stream: trio.abc.Stream,
    host: str,
    resource: str,
    *,
    subprotocols: Iterable[str] | None = None,
    extra_headers: ExtraHeaders | None = None,
    message_queue_size: float = MESSAGE_QUEUE_SIZE,
    max_message_size: float = MAX_MESSAGE_SIZE,
    receive_buffer_size: int | None = None,
    connect_timeout: float = CONN_TIMEOUT,
    disconnect_timeout: float = DISCONN_TIMEOUT,
    limits: Limits | None = None,
    write_timeout: float = WRITE_TIMEOUT,
    compression: Compression = None,
    heartbeat: Heartbeat | None = None,
) -> WebSocketConnection:
    """Talk WebSocket as a client over a stream that the caller has.

    Args:
        nursery: Where the connection's tasks run.
        stream: Any Trio stream to the server. The connection will close it, and so does a failed
            handshake; arguments that can't be used leave it as it is.
        host: The Host header, as it is to be sent.

    The other arguments are those of `open_websocket`.

    Raises:
        ConnectionTimeout: if the server did not answer in time.
        ConnectionRejected: if it answered with something other than 101.
        HandshakeError: if its answer is no WebSocket's, or the stream fails.
        TypeError, ValueError: for arguments that can't be used, before anything is sent.
    """
    settings = Settings.of(
        Role.CLIENT,
        message_queue_size=message_queue_size,
        max_message_size=max_message_size,
        receive_buffer_size=receive_buffer_size,
        limits=limits,
        connect_timeout=connect_timeout,
        disconnect_timeout=disconnect_timeout,
        write_timeout=write_timeout,
        compression=compression,
        heartbeat=heartbeat,
    )
    resource = normalize_resource(resource)
    core = settings.new_core()
    core.request(host, resource, subprotocols=subprotocols, extra_headers=extra_headers)

    async def connect() -> WebSocketConnection:
        return await shake_hands(nursery, stream, core, resource, settings)

    return await in_time(connect_timeout, connect)


def _url_to_host(
    url: str, ssl_context: ssl.SSLContext | None
) -> tuple[str, int, str, bool | ssl.SSLContext]:
    """The host, port and resource of a URL, and how to do TLS."""
    parsed = WebSocketURL.parse(str(url))
    if ssl_context is None:
        return parsed.host, parsed.port, parsed.resource, parsed.secure
    if not parsed.secure:
        raise ValueError("SSL context must be None for ws: URL scheme")
    return parsed.host, parsed.port, parsed.resource, ssl_context


async def _close(connection: WebSocketConnection, disconnect_timeout: float) -> None:
    await connection.__aexit__()
    if connection._timed_out:
        raise DisconnectionTimeout(
            f"the server did not answer our close within {disconnect_timeout} seconds "
            "(disconnect_timeout)"
        )


def _connect_error(error: BaseException, host: str, port: int) -> BaseException:
    """What `open_websocket` raises when connecting fails with `error`."""
    if not isinstance(error, OSError):
        return error
    why: object = error
    if isinstance(error.__cause__, ExceptionGroup):
        # Trio's own text says only that all attempts failed; the first of them knows why.
        first = error.__cause__.exceptions[0]
        why = os.strerror(first.errno) if isinstance(first, OSError) and first.errno else first
    failure = HandshakeError(f"could not connect to {place_of(host, port)}: {why}")
    failure.__cause__ = error
    return failure
