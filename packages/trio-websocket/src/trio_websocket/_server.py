"""Servers: listeners, and a handler for each request."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, NoReturn, TypeAlias

import trio

from ws_core import HandshakeError, Limits, Role

from ._endpoint import Address, Endpoint, listener_address
from ._opening import read_request
from ._request import WebSocketRequest
from ._settings import (
    DISCONN_TIMEOUT,
    MAX_MESSAGE_SIZE,
    MESSAGE_QUEUE_SIZE,
    SERVER_CONN_TIMEOUT,
    WRITE_TIMEOUT,
    Compression,
    Settings,
)
from ._streams import close_now, tune

logger = logging.getLogger("trio-websocket")

Handler: TypeAlias = Callable[[WebSocketRequest], Awaitable[object]]
ErrorHandler: TypeAlias = Callable[[Exception, WebSocketRequest], object]


def log_handler_error(error: Exception, request: WebSocketRequest) -> None:
    """For `on_handler_error`: log the exception with its traceback, and go on serving."""
    logger.error("handler of %r for %r failed", request.path, request.remote, exc_info=error)


async def serve_websocket(  # noqa: ASYNC128 - WebSocketServer.run does it
    handler: Handler,
    host: str | bytes | None,
    port: int,
    ssl_context: ssl.SSLContext | None,
    *,
    handler_nursery: trio.Nursery | None = None,
    message_queue_size: float = MESSAGE_QUEUE_SIZE,
    max_message_size: float = MAX_MESSAGE_SIZE,
    receive_buffer_size: int | None = None,
    connect_timeout: float = SERVER_CONN_TIMEOUT,
    disconnect_timeout: float = DISCONN_TIMEOUT,
    limits: Limits | None = None,
    write_timeout: float = WRITE_TIMEOUT,
    compression: Compression = None,
    on_handler_error: ErrorHandler | None = None,
    task_status: trio.TaskStatus[WebSocketServer] = trio.TASK_STATUS_IGNORED,
) -> NoReturn:
    """Serve WebSocket on a TCP port until cancelled.

    ``await nursery.start(serve_websocket, ...)`` returns the `WebSocketServer` once it listens.

    Args:
        handler: An async function that is called with each `WebSocketRequest`. When it returns, its
            connection is closed. A `ConnectionClosed` of its own connection is its normal end. Any
            other exception closes the connection with 1011, or answers 500, and then ends the
            server unless `on_handler_error` was given.
        host: The address to listen on; None for all.
        port: The TCP port; 0 for a free one, see `WebSocketServer.port`.
        ssl_context: How to speak TLS; None for none.
        handler_nursery: Where handlers run; by default in a nursery of the server's own.
        message_queue_size: How many received messages may wait on a connection before reading
            pauses; `math.inf` for no limit.
        max_message_size: Bytes of one incoming message at most; `math.inf` for no limit.
        receive_buffer_size: Bytes of one read at most; None for what suits best.
        connect_timeout: Seconds for TLS and the request; and for writing the answer. The handler's
            own time before it answers does not count.
        disconnect_timeout: Seconds for the whole of a closing.
        limits: All limits, in place of `max_message_size`.
        write_timeout: Seconds that a write may be without any progress.
        compression: "deflate", or a `Deflate` that says how, to compress messages with clients that
            can; None for not at all.
        on_handler_error: Called with the exception of a failed handler and its request; then the
            server goes on. `log_handler_error` serves well.
        task_status: For `trio.Nursery.start`.

    Raises:
        OSError: if it can't listen there.
        TypeError, ValueError: for arguments that can't be used.
    """
    if not (ssl_context is None or isinstance(ssl_context, ssl.SSLContext)):
        raise TypeError("ssl_context must be an ssl.SSLContext or None")
    listeners: Iterable[trio.abc.Listener[trio.abc.Stream]]
    if ssl_context is None:
        listeners = await trio.open_tcp_listeners(port, host=host)
    else:
        listeners = await trio.open_ssl_over_tcp_listeners(
            port, ssl_context, host=host, https_compatible=True
        )
    try:
        server = WebSocketServer(
            handler,
            listeners,
            handler_nursery=handler_nursery,
            message_queue_size=message_queue_size,
            max_message_size=max_message_size,
            receive_buffer_size=receive_buffer_size,
            connect_timeout=connect_timeout,
            disconnect_timeout=disconnect_timeout,
            limits=limits,
            write_timeout=write_timeout,
            compression=compression,
            on_handler_error=on_handler_error,
        )
    except (TypeError, ValueError):
        for listener in listeners:
            await close_now(listener)  # noqa: ASYNC120 - it has a shield
        raise
    await server.run(task_status=task_status)


class WebSocketServer:
    """Serves WebSocket on listeners.

    Args:
        handler: See `serve_websocket`.
        listeners: Any Trio listeners, at least one; they are closed when the server ends.

    The other arguments are those of `serve_websocket`.

    Raises:
        TypeError, ValueError: for arguments that can't be used.
    """

    def __init__(
        self,
        handler: Handler,
        listeners: Iterable[trio.abc.Listener[Any]],
        *,
        handler_nursery: trio.Nursery | None = None,
        message_queue_size: float = MESSAGE_QUEUE_SIZE,
        max_message_size: float = MAX_MESSAGE_SIZE,
        receive_buffer_size: int | None = None,
        connect_timeout: float = SERVER_CONN_TIMEOUT,
        disconnect_timeout: float = DISCONN_TIMEOUT,
        limits: Limits | None = None,
        write_timeout: float = WRITE_TIMEOUT,
        compression: Compression = None,
        on_handler_error: ErrorHandler | None = None,
    ) -> None:
        self._handler = handler
        self._listeners = list(listeners)
        if not self._listeners:
            raise ValueError("Listeners must contain at least one item.")
        self._handler_nursery = handler_nursery
        self._on_handler_error = _checked_error_handler(on_handler_error)
        self._settings = Settings.of(
            Role.SERVER,
            message_queue_size=message_queue_size,
            max_message_size=max_message_size,
            receive_buffer_size=receive_buffer_size,
            limits=limits,
            connect_timeout=connect_timeout,
            disconnect_timeout=disconnect_timeout,
            write_timeout=write_timeout,
            compression=compression,
        )
        self._settings.new_core()  # what it refuses is refused before there is a client

    @property
    def port(self) -> int:
        """The port, for a server with one TCP listener.

        Raises:
            RuntimeError: if there are several listeners, or the only one has no port.
        """
        addresses = self.listeners
        if len(addresses) > 1:
            raise RuntimeError("Cannot get port because this server has more than 1 listener.")
        match addresses[0]:
            case Endpoint(port=port):
                return port
            case other:
                raise RuntimeError(f"This listener has no port: {other}")

    @property
    def listeners(self) -> list[Address]:
        """What the server listens on: `Endpoint`, or a ``str`` where there is no IP address."""
        return [listener_address(listener) for listener in self._listeners]

    async def run(
        self, *, task_status: trio.TaskStatus[WebSocketServer] = trio.TASK_STATUS_IGNORED
    ) -> NoReturn:
        """Serve until cancelled.

        Args:
            task_status: For `trio.Nursery.start`, which returns this server once it listens.
        """
        async with trio.open_nursery() as nursery:
            serve = partial(
                trio.serve_listeners,
                self._serve_stream,
                self._listeners,
                handler_nursery=self._handler_nursery or nursery,
            )
            await nursery.start(serve)
            logger.debug("serving on %s", self.listeners)
            task_status.started(self)
            await trio.sleep_forever()
        raise AssertionError("unreachable")  # pragma: no cover - the nursery never ends by itself

    async def _serve_stream(self, stream: trio.abc.Stream) -> None:
        """Everything that happens on one stream."""
        tune(stream)
        try:
            opening = await read_request(stream, self._settings)
        except HandshakeError as refusal:
            logger.debug("no WebSocket request: %s", refusal)
            return
        failed, failure = False, None
        async with trio.open_nursery() as nursery:
            request = WebSocketRequest(opening, nursery, self._settings)
            try:
                await self._handler(request)
            except Exception as error:  # noqa: BLE001 - on_handler_error has the say
                if not request._is_normal_end(error):
                    failed = True
                    # Now: what follows may take its time, or be cancelled.
                    try:
                        self._on_handler_error(error, request)
                    except Exception as raised:  # noqa: BLE001 - raised when the client was told
                        failure = raised
            await request._finish(failed=failed)
        if failure is not None:
            raise failure


def _go_on(error: Exception, _: WebSocketRequest) -> None:
    """What becomes of an exception without `on_handler_error`: it goes on."""
    raise error


def _checked_error_handler(given: Any) -> ErrorHandler:
    if given is None:
        return _go_on
    if not callable(given) or iscoroutinefunction(given):
        raise TypeError("on_handler_error must be a plain function, which is not async")
    handler: ErrorHandler = given
    return handler
