"""A client's request, and what a server answers to it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import trio

from ws_core import (
    CloseCode,
    ExtraHeaders,
    Limits,
    Role,
    State,
)

from ._connection import WebSocketConnection
from ._endpoint import Address, StreamEnds
from ._exchange import write_all
from ._heartbeat import Heartbeat
from ._opening import Opening, answer_and_hang_up, read_request
from ._settings import (
    DISCONN_TIMEOUT,
    MAX_MESSAGE_SIZE,
    MESSAGE_QUEUE_SIZE,
    SERVER_CONN_TIMEOUT,
    WRITE_TIMEOUT,
    Compression,
    Settings,
)
from ._tcp import one_try


class WebSocketRequest:
    """A client asks for a connection: `accept` or `reject` it, once."""

    def __init__(
        self,
        opening: Opening,
        nursery: trio.Nursery,
        settings: Settings,
        on_accept: Callable[[WebSocketConnection], None] | None = None,
    ) -> None:
        """Not for applications: handlers and `wrap_server_stream` are given requests."""
        self._opening = opening
        self._requested = opening.requested
        self._nursery = nursery
        self._settings = settings
        self._on_accept = on_accept
        self._ends = StreamEnds(opening.transport.stream)
        self._connection: WebSocketConnection | None = None

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The request's headers, names in lower case, without the offers.

        Those of subprotocols are in `proposed_subprotocols`.
        """
        return list(self._requested.headers)

    @property
    def path(self) -> str:
        """The path and query that the client asks for, percent-encoded as it sent them."""
        return self._requested.resource

    @property
    def host(self) -> str:
        """The Host header: which server the client means to talk to."""
        host = self._header(b"host")
        assert host is not None
        return host

    @property
    def origin(self) -> str | None:
        """The Origin header: browsers say whose page asks; other clients say what they like."""
        return self._header(b"origin")

    @property
    def proposed_subprotocols(self) -> tuple[str, ...]:
        """The subprotocols that the client offers, in its order of preference."""
        return self._requested.subprotocols

    @property
    def local(self) -> Address:
        """Our end of the connection: an `Endpoint`, or a ``str`` where there is no IP address."""
        return self._ends.local

    @property
    def remote(self) -> Address:
        """The client's end of the connection, like `local`."""
        return self._ends.remote

    async def accept(
        self,
        *,
        subprotocol: str | None = None,
        extra_headers: ExtraHeaders | None = None,
    ) -> WebSocketConnection:
        """Accept the request.

        A call that is cancelled before it has answered changes nothing; later, it closes the
        connection.

        Args:
            subprotocol: One of `proposed_subprotocols`.
            extra_headers: More headers for the answer.

        Raises:
            ConnectionClosed: if the client has left, or does not take our answer.
            LocalProtocolError: if the request was answered already, or the client did not offer
                the subprotocol.
            TypeError, ValueError: for headers that can't be sent.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        core, transport = self._opening.core, self._opening.transport
        core.accept(subprotocol=subprotocol, extra_headers=extra_headers)
        answer_ends = core.outgoing.said
        connection = self._connection = WebSocketConnection(
            core,
            transport,
            self._nursery,
            self._settings,
            ends=self._ends,
            path=self.path,
            handshake_headers=self._requested.headers,
            request=self,
        )
        if self._on_accept is not None:
            self._on_accept(connection)
        await connection._wait_answered(answer_ends, self._settings.connect_timeout)
        return connection

    async def reject(
        self,
        status_code: int,
        *,
        extra_headers: ExtraHeaders | None = None,
        body: bytes | bytearray | memoryview | None = None,
    ) -> None:
        """Refuse the request, and close the stream once the client has had time to read why.

        Whether the client took the answer, or has left, is no matter.

        Args:
            status_code: The HTTP status, 200 to 599.
            extra_headers: More headers for the answer.
            body: The answer's body; its length is added to the headers.

        Raises:
            LocalProtocolError: if the request was answered already, or for a status that can't be
                sent.
            TypeError, ValueError: for headers that can't be sent.
        """
        self._opening.core.reject(status_code, extra_headers=extra_headers, body=body)
        await answer_and_hang_up(self._opening.core, self._opening.transport, self._settings)

    def _is_normal_end(self, error: Exception) -> bool:
        """Whether `error` says only that the handler's own connection is closed."""
        if isinstance(error, ExceptionGroup):
            return all(map(self._is_normal_end, error.exceptions))
        return self._connection is not None and self._connection._is_about_us(error)

    async def _finish(self, *, failed: bool) -> None:
        """Do what the handler left to do."""
        # Who needs the connection still has it; here it would be a cycle.
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.aclose(
                CloseCode.INTERNAL_ERROR if failed else CloseCode.NORMAL_CLOSURE
            )
        elif self._opening.core.state is State.CONNECTING:
            await self.reject(500)

    async def _answer_at_once(self, status_code: int) -> None:
        """We are cancelled: answer a client that still waits, as far as that takes no waiting."""
        opening = self._opening
        if opening.core.state is State.CONNECTING:
            opening.core.reject(status_code)
            with trio.move_on_after(one_try(opening.transport.stream), shield=True):
                with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    await write_all(opening.core, opening.transport)

    def _header(self, name: bytes) -> str | None:
        for found, value in self._requested.headers:
            if found == name:
                return value.decode("latin-1")
        return None


async def wrap_server_stream(
    nursery: trio.Nursery,
    stream: trio.abc.Stream,
    message_queue_size: float = MESSAGE_QUEUE_SIZE,
    max_message_size: float = MAX_MESSAGE_SIZE,
    receive_buffer_size: int | None = None,
    *,
    limits: Limits | None = None,
    connect_timeout: float = SERVER_CONN_TIMEOUT,
    disconnect_timeout: float = DISCONN_TIMEOUT,
    write_timeout: float = WRITE_TIMEOUT,
    compression: Compression = None,
    heartbeat: Heartbeat | None = None,
) -> WebSocketRequest:
    """Read a client's request from a stream that the caller has.

    A request that is none is answered with an HTTP error, and the stream is closed.

    Args:
        nursery: Where the connection's tasks will run.
        stream: Any Trio stream; the request, or its connection, will close it.

    The other arguments are those of `serve_websocket`.

    Raises:
        ConnectionTimeout: if there was no complete request in time.
        HandshakeError: if it is none that can be accepted, or the stream fails.
    """
    settings = Settings.of(
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
    return WebSocketRequest(await read_request(stream, settings), nursery, settings)
