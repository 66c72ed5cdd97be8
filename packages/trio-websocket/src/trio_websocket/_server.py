"""Servers: listeners, and a handler for each request."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Awaitable, Callable, Iterable
from collections.abc import Set as AbstractSet
from inspect import iscoroutinefunction
from typing import Any, TypeAlias

import trio

from ws_core import CloseCode, Limits, Role, checked_reason

from ._admission import Admission, AllowedOrigins, Rules
from ._connection import WebSocketConnection
from ._endpoint import Address, Endpoint, listener_address
from ._heartbeat import Heartbeat
from ._listener import accept_streams
from ._log import cut, log
from ._opening import Opening
from ._request import WebSocketRequest
from ._sessions import Sessions
from ._settings import (
    DISCONN_TIMEOUT,
    MAX_HANDSHAKES,
    MAX_MESSAGE_SIZE,
    MESSAGE_QUEUE_SIZE,
    SERVER_CONN_TIMEOUT,
    WRITE_TIMEOUT,
    Compression,
    Settings,
    at_least,
)
from ._streams import close_now, tune
from ._tls import open_tls_listeners
from ._unwrap import parted

Handler: TypeAlias = Callable[[WebSocketRequest], Awaitable[object]]
ErrorHandler: TypeAlias = Callable[[Exception, WebSocketRequest], object]


def log_handler_error(error: Exception, request: WebSocketRequest) -> None:
    """For `on_handler_error`: log the exception with its traceback, and go on serving."""
    text = "handler of %r for %r failed"
    log(logging.ERROR, text, cut(request.path), request.remote, cause=error)


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
    heartbeat: Heartbeat | None = None,
    origins: AllowedOrigins = None,
    max_connections: int | None = None,
    max_handshakes: int | None = MAX_HANDSHAKES,
    on_handler_error: ErrorHandler | None = None,
    task_status: trio.TaskStatus[WebSocketServer] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve WebSocket on a TCP port until cancelled, or until `WebSocketServer.shutdown`.

    Cancelled, it tells its clients 1001 as far as that takes no waiting.

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
        heartbeat: How to find out that a client is gone; None for not at all.
        origins: Which pages may connect, as `Origins` takes them: the others are answered 403.
            `SAME_ORIGIN` for those of this very server. None for every client.
        max_connections: Requests and connections at the same time; more are answered 503. None
            for no limit.
        max_handshakes: Clients that are still in their opening handshake at the same time; when
            there are more, the oldest is dropped. None for no limit.
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
        listeners = await open_tls_listeners(port, ssl_context, host=host)
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
            heartbeat=heartbeat,
            origins=origins,
            max_connections=max_connections,
            max_handshakes=max_handshakes,
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
        heartbeat: Heartbeat | None = None,
        origins: AllowedOrigins = None,
        max_connections: int | None = None,
        max_handshakes: int | None = MAX_HANDSHAKES,
        on_handler_error: ErrorHandler | None = None,
    ) -> None:
        self._handler = handler
        self._listeners = list(listeners)
        if not self._listeners:
            raise ValueError("Listeners must contain at least one item.")
        # Now: nobody can ask them when they are closed.
        self._addresses = [listener_address(listener) for listener in self._listeners]
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
            heartbeat=heartbeat,
        )
        self._settings.new_core()  # what it refuses is refused before there is a client
        rules = Rules.of(
            origins=origins, max_connections=max_connections, max_handshakes=max_handshakes
        )
        self._admission = Admission(rules, self._settings)
        self._sessions = Sessions()
        self._accepting = trio.CancelScope()
        self._ran = False

    @property
    def port(self) -> int:
        """The port, for a server with one TCP listener.

        Raises:
            RuntimeError: if there are several listeners, or the only one has no port.
        """
        addresses = self._addresses
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
        return list(self._addresses)

    @property
    def connections(self) -> AbstractSet[WebSocketConnection]:
        """The connections that were accepted and whose handlers have not ended.

        It is a view, which changes as they come and go: make a list of it to await something while
        going through it.
        """
        return self._sessions.connections.keys()

    async def run(
        self, *, task_status: trio.TaskStatus[WebSocketServer] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve until cancelled, or until `shutdown` is over.

        Args:
            task_status: For `trio.Nursery.start`, which returns this server once it listens.
        """
        self._ran = True
        async with trio.open_nursery() as nursery:
            await nursery.start(self._accept, self._handler_nursery or nursery)
            task_status.started(self)
        await self._sessions.wait_others()

    async def shutdown(
        self, *, grace: float, code: int = CloseCode.GOING_AWAY, reason: str | None = None
    ) -> None:
        """Stop serving, and part from all clients; then `run` returns.

        At once nothing more is accepted, and every client is told `code` and `reason`: a handler
        can still take the messages that came before, and then finds its connection closed. Requests
        that are complete within a second are answered 503. Handlers have `grace` seconds to finish,
        then they are cancelled. If `shutdown` is cancelled itself, so are they, at once. Calling it
        again, with another grace, is fine. Called by a handler it waits for all others.

        Args:
            grace: Seconds; `math.inf` to wait for as long as it takes.
            code: The close code.
            reason: The close reason, cut at a character boundary if it is longer than 123 bytes.

        Raises:
            TypeError, ValueError: for a code or reason that can't be sent, or a grace below 0,
                before anything happens.
        """
        at_least(0, "grace", grace)
        goodbye = checked_reason(code, reason)
        self._accepting.cancel()
        self._admission.close()
        self._sessions.close_all(goodbye)
        try:
            with trio.move_on_after(grace):
                await self._sessions.wait_others()
            if not self._ran:
                for listener in self._listeners:
                    await close_now(listener)
        finally:
            self._sessions.cancel_others()
        await self._sessions.wait_others()

    async def _accept(self, nursery: trio.Nursery, *, task_status: trio.TaskStatus[object]) -> None:
        """Accept streams until cancelled, and serve each in a task of its own."""

        def serve(stream: trio.abc.Stream) -> None:
            self._sessions.expect()
            nursery.start_soon(self._serve_stream, stream)

        with self._accepting:
            log(logging.DEBUG, "serving on %s", self.listeners)
            async with trio.open_nursery() as accepting:
                for one in self._listeners:
                    accepting.start_soon(accept_streams, one, serve, self._admission.make_room)
                task_status.started()

    async def _serve_stream(self, stream: trio.abc.Stream) -> None:
        """Everything that happens on one stream."""
        try:
            tune(stream)
            with self._sessions.session() as (scope, on_accept):
                opening = await self._admission.receive(stream, scope)
                if opening is not None:
                    try:
                        await self._serve(opening, on_accept)
                    finally:
                        self._admission.leave()
        finally:
            await close_now(stream)  # noqa: ASYNC102 - it never waits

    async def _serve(
        self, opening: Opening, on_accept: Callable[[WebSocketConnection], None]
    ) -> None:
        """Have the handler answer a request, and clean up behind it."""
        failed, failure, rest = False, None, None
        try:
            async with trio.open_nursery() as nursery:
                request = WebSocketRequest(opening, nursery, self._settings, on_accept)
                try:
                    await self._handler(request)
                except BaseException as error:  # noqa: ASYNC103, BLE001 - `rest` is raised
                    failed, failure = self._hear_of(parted(error, Exception)[0], request)
                    rest = parted(error, Exception)[1]
                if rest is not None:
                    await request._answer_at_once(503)
                    raise rest
                await request._finish(failed=failed)
        except BaseException as error:  # noqa: ASYNC103 - raised, or `failure` is
            if failure is None or parted(error, trio.Cancelled)[1] is not None:
                raise
        finally:
            del rest  # no cycle through this frame
        try:
            if failure is not None:
                raise failure
        finally:
            del failure  # as above

    def _hear_of(
        self, error: BaseException | None, request: WebSocketRequest
    ) -> tuple[bool, Exception | None]:
        """Whether the handler has failed, and what is to be raised once the client was told."""
        if not isinstance(error, Exception) or request._is_normal_end(error):
            return False, None
        # Now: what follows may take its time, or be cancelled.
        try:
            self._on_handler_error(error, request)
        except Exception as raised:  # noqa: BLE001 - the caller raises it
            return True, raised
        return True, None


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
