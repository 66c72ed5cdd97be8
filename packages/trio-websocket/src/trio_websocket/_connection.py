"""The connection as applications use it."""

from __future__ import annotations

import itertools
import math
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from ws_core import (
    CloseCode,
    CloseReason,
    Connection,
    ConnectionClosed,
    Role,
)

from ._endpoint import Address, StreamEnds
from ._pongs import Ping
from ._pump import Pump
from ._settings import Settings
from ._transport import Transport

if TYPE_CHECKING:
    from ._request import WebSocketRequest

# RFC 6455 section 7.4.1: the codes that say that all is well, none at all included.
_GOOD_ENDS = frozenset({CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY, CloseCode.NO_STATUS_RCVD})

# Bytes, or characters, that are compressed without giving other tasks a chance.
_AT_ONCE = 16 * 2**10


class WebSocketConnection(trio.abc.AsyncResource):
    """A WebSocket connection.

    Get one from `open_websocket_url` and its relatives, or from `WebSocketRequest.accept`. Any
    number of tasks may send and receive at the same time.

    Iterating over it yields messages until the peer closes it for a good reason (1000, 1001, or
    none at all); any other end raises `ConnectionClosed`::

        async for message in connection:
            ...
    """

    CONNECTION_ID = itertools.count()

    def __init__(
        self,
        core: Connection,
        transport: Transport,
        nursery: trio.Nursery,
        settings: Settings,
        *,
        ends: StreamEnds,
        path: str,
        handshake_headers: tuple[tuple[bytes, bytes], ...],
        request: WebSocketRequest | None = None,
    ) -> None:
        """Not for applications: see the class."""
        self._id = next(self.CONNECTION_ID)
        self._core = core
        self._ends = ends
        self._path = path
        self._handshake_headers = handshake_headers
        self._request = request
        self._pump = Pump(str(self), core, transport, nursery, settings)

    # Facts.

    @property
    def closed(self) -> CloseReason | None:
        """Why the connection is closed or closing, or None while it is open.

        While our side is closing it is what `aclose` was called with; then what the peer answered,
        or 1006 if it did not answer.
        """
        return self._pump.ending.reason

    @property
    def is_client(self) -> bool:
        """Whether this is the client's end."""
        return self._core.role is Role.CLIENT

    @property
    def is_server(self) -> bool:
        """Whether this is the server's end."""
        return self._core.role is Role.SERVER

    @property
    def local(self) -> Address:
        """Our end of the connection: an `Endpoint`, or a ``str`` where there is no IP address."""
        return self._ends.local

    @property
    def remote(self) -> Address:
        """The peer's end of the connection, like `local`."""
        return self._ends.remote

    @property
    def path(self) -> str:
        """The path and query that the client asked for."""
        return self._path

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that both sides agreed on, if any."""
        return self._core.subprotocol

    @property
    def handshake_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers that the peer sent in the opening handshake, names in lower case.

        On clients without those of the handshake itself.
        """
        return self._handshake_headers

    @property
    def request(self) -> WebSocketRequest | None:
        """On servers the request that led to this connection."""
        return self._request

    @property
    def latency(self) -> float | None:
        """Seconds from the last answered ping to its pong; None before the first."""
        return self._pump.pongs.latency

    def __str__(self) -> str:
        return f"{self._core.role.value}-{self._id}"

    # Messages.

    async def get_message(self) -> str | bytes:
        """The next message: ``str`` for text, ``bytes`` for binary.

        A cancelled call has taken no message.

        Raises:
            ConnectionClosed: if there is none and there will be none. Messages that arrived before
                the peer closed the connection are still returned; `aclose` discards them.
        """
        try:
            return await self._pump.inbox.get()
        except trio.EndOfChannel:
            self._pump.ending.raise_closed()

    async def send_message(
        self, message: str | bytes | bytearray | memoryview, *, compress: bool | None = None
    ) -> None:
        """Send a text message (``str``) or a binary one, and wait until it was written.

        A call that is cancelled before its turn came, or while a long message is being compressed,
        has sent nothing; after that the message is still sent whole.

        Args:
            message: What to send.
            compress: Where both sides agreed to compress messages, whether to compress this one;
                None leaves it to `Deflate.threshold`.

        Raises:
            ConnectionClosed: if the connection is closed, or ends before the message was written.
            ValueError: if the message is neither ``str`` nor bytes-like.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        core = self._core
        writer = self._pump.writer
        if core.deflate is None:
            await writer.say(core.send_message, message)
        elif compress is False or not _takes_long(message):
            await writer.say(partial(core.send_message, message, compress=compress))
        else:
            await writer.say_in_steps(core.send_message_in_steps(message, compress=compress))

    def __aiter__(self) -> WebSocketConnection:
        return self

    async def __anext__(self) -> str | bytes:
        try:
            return await self.get_message()
        except ConnectionClosed as error:
            if error.reason is not None and error.reason.code in _GOOD_ENDS:
                raise StopAsyncIteration from None
            raise

    # Pings and pongs.

    async def ping(self, payload: bytes | bytearray | memoryview | None = None) -> float:
        """Send a ping, and wait for its pong.

        Args:
            payload: Up to 125 bytes; four random ones if None.

        Returns:
            Seconds from the ping to its pong.

        Raises:
            ConnectionClosed: if the connection is closed, or ends before the pong.
            TypeError: if the payload is not bytes-like.
            ValueError: if it is too long, a ping with it is unanswered, or too many pings are.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        pongs, ping = self._pump.pongs, Ping(payload)
        try:
            await self._pump.writer.say(pongs.send, ping)
            await ping.answered.wait()
        finally:
            pongs.forget(ping)
        if ping.latency is None:
            self._pump.ending.raise_closed()
        return ping.latency

    async def pong(self, payload: bytes | bytearray | memoryview | None = None) -> None:
        """Send a pong that nobody asked for: a heartbeat in one direction (RFC 6455 section 5.5.3).

        Args:
            payload: Up to 125 bytes; none if None.

        Raises:
            ConnectionClosed: if the connection is closed, or ends before it was written.
            TypeError: if the payload is not bytes-like.
            ValueError: if it is too long.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        await self._pump.writer.say(self._core.pong, b"" if payload is None else payload)

    async def wait_pong(self) -> bytes:
        """The payload of the newest pong that no call has returned yet, or else of the next one.

        All who wait get the pong.

        Raises:
            ConnectionClosed: if there is none and there will be none.
        """
        try:
            return await self._pump.pongs.wait()
        except trio.EndOfChannel:
            self._pump.ending.raise_closed()

    # The end.

    async def aclose(self, code: int = 1000, reason: str | None = None) -> None:
        """Close the connection: the closing handshake, then the stream.

        Unread messages are discarded. It takes `disconnect_timeout` seconds at most, then the
        stream is closed and `closed` becomes 1006. A call while the connection is closing already
        waits for its end. If it is cancelled, the stream is closed at once.

        Args:
            code: The close code: 1000 to 1003, 1007 to 1014 or 3000 to 4999.
            reason: The close reason, cut at a character boundary if it is longer than 123 bytes.

        Raises:
            TypeError: if the code is no int or the reason no str.
            ValueError: if the code may not be sent.
        """
        pump = self._pump
        pump.close(code, reason)
        try:
            await pump.finished.wait()
        finally:
            if not pump.finished.is_set():
                pump.abort()
                with trio.CancelScope(shield=True):
                    await pump.finished.wait()

    async def wait_closed(self) -> CloseReason:
        """Wait until the connection has ended and its stream is closed, without closing it.

        Returns:
            The same as `closed`.
        """
        await self._pump.finished.wait()
        assert self._pump.ending.reason is not None
        return self._pump.ending.reason

    async def __aexit__(self, *_: object) -> None:
        """Close: with 1000, or with 1001 if we are being cancelled."""
        cancelled = trio.current_effective_deadline() == -math.inf
        code = CloseCode.GOING_AWAY if cancelled else CloseCode.NORMAL_CLOSURE
        await self.aclose(code)  # noqa: ASYNC102 - cancelled, it closes the stream at once

    # Inside.

    @property
    def _timed_out(self) -> bool:
        """Whether the peer did not answer our close in time."""
        return self._pump.ending.timed_out

    def _start_closing(self, goodbye: CloseReason) -> None:
        """Start to close, without waiting for anything; messages that came can still be taken."""
        self._pump.close(goodbye.code, goodbye.reason, discard=False)

    def _abort(self) -> None:
        """Close the stream without waiting for anything."""
        self._pump.abort()

    async def _wait_answered(self, position: int, seconds: float) -> None:
        """Wait until our answer to the opening handshake, which ends at `position`, is written.

        Raises:
            ConnectionClosed: if that takes longer, or the connection ends before.
        """
        self._pump.writer.flush()
        if self._core.outgoing.written >= position:
            # No deadline where there is nothing to wait for.
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        written = False
        try:
            with trio.move_on_after(seconds), suppress(trio.ClosedResourceError):
                await self._pump.writer.wait_written(position)
                written = True
        finally:
            if not written:
                self._abort()
        if not written:
            await self.wait_closed()
            self._pump.ending.raise_closed()

    def _is_about_us(self, error: Exception) -> bool:
        """Whether `error` says that this very connection is closed."""
        if not isinstance(error, ConnectionClosed):
            return False
        # The very objects: another connection's reason may well say the same.
        return any(error.reason is reason for reason in self._pump.ending.reasons)


def _takes_long(message: Any) -> bool:
    """Whether compressing it at once would keep other tasks waiting."""
    return isinstance(message, str | bytes | bytearray | memoryview) and len(message) > _AT_ONCE
