"""TLS over a plain socket, without waiting where there is nothing to wait for."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TypeAlias

import trio

from ._descriptor import Buffers, Descriptor

# Bytes that are read from the socket at a time.
_READ = 128_000
_NOTHING = memoryview(b"")


class TlsStream(trio.abc.Stream):
    """TLS over a `trio.SocketStream`: `trio.SSLStream` with ``https_compatible=True``, but faster.

    That one can only wait: each of its calls takes locks and checkpoints, and a cancelled one
    leaves it broken. To encrypt and to decrypt takes no waiting, so here all that the socket has,
    or takes, goes through at once, as with a `Descriptor`. It is for one reader and one writer, and
    not for a peer that wants to renegotiate (TLS 1.2).

    Args:
        transport_stream: What it goes over.
        context: How to speak TLS.
        server_side: Which end we are.
        server_hostname: On clients, whom the certificate must name.
    """

    #: Bytes that are worth offering to `try_send`.
    write_size = 64 * 2**10

    def __init__(
        self,
        transport_stream: trio.SocketStream,
        context: ssl.SSLContext,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
    ) -> None:
        self.transport_stream = transport_stream
        self._socket = Descriptor(transport_stream)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=server_hostname
        )
        #: Whether the end is known, so that there is nothing to wait for.
        self.over = False
        # Why it is over, if it did not just end.
        self._failure: ssl.SSLError | None = None
        # What was encrypted and not written, and how many bytes of a message are in it.
        self._sealed = _NOTHING
        self._sealed_size = 0

    async def do_handshake(self) -> None:
        """Shake hands; before anything else.

        Raises:
            trio.BrokenResourceError: if it fails; the cause says why.
        """
        done = False
        while not done:
            try:
                self._tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    self._try_flush()  # an alert, which says why
                raise trio.BrokenResourceError from error
            if self._outgoing.pending:
                await self.transport_stream.send_all(self._outgoing.read())
            if not done:
                came = await self.transport_stream.receive_some(_READ)
                if came:
                    self._incoming.write(came)
                else:
                    self._incoming.write_eof()

    # At once.

    def try_receive(self, size: int) -> bytes | None:
        """See `Descriptor.try_receive`."""
        parts: list[bytes] = []
        # Each part is one record: 16 KiB at most.
        while size and (part := self._try_read(size, fill=not parts)):
            parts.append(part)
            size -= len(part)
        if not parts:
            if self._failure is not None:
                raise trio.BrokenResourceError from self._failure
            return part
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def try_receive_into(self, room: memoryview) -> int | None:
        """See `Descriptor.try_receive_into`."""
        data = self.try_receive(len(room))
        if data is None:
            return None
        room[: len(data)] = data
        return len(data)

    def try_send(self, buffers: Buffers) -> int:
        """See `Descriptor.try_send`; what was not taken must come first in the next call.

        It may be encrypted already, and be written in part.
        """
        if not self._sealed_size:
            data = buffers[0] if len(buffers) == 1 else b"".join(buffers)
            try:
                self._sealed_size = self._tls.write(data)
            except ssl.SSLError as error:
                raise trio.BrokenResourceError from error
        if not self._try_flush():
            return 0
        sent, self._sealed_size = self._sealed_size, 0
        return sent

    def fileno(self) -> int:
        """See `Descriptor.fileno`."""
        return self._socket.fileno()

    # As any stream.

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """See `trio.abc.ReceiveStream.receive_some`."""
        await trio.lowlevel.checkpoint()
        self.fileno()  # once we are closed, not even what waits here is given out
        while (data := self.try_receive(max_bytes or _READ)) is None:
            await trio.lowlevel.wait_readable(self.fileno())
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """See `trio.abc.SendStream.send_all`."""
        await trio.lowlevel.checkpoint()
        self.fileno()
        left = memoryview(data)
        while left:
            if not (sent := self.try_send([left[: self.write_size]])):
                await trio.lowlevel.wait_writable(self.fileno())
            left = left[sent:]

    async def wait_send_all_might_not_block(self) -> None:
        """See `trio.abc.SendStream.wait_send_all_might_not_block`."""
        await self.transport_stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the connection, without a word of TLS: WebSocket has its own goodbye."""
        await self.transport_stream.aclose()

    # Inside.

    def _try_read(self, size: int, *, fill: bool) -> bytes | None:
        """What the next record holds, else as `try_receive`; a failure is an end like others.

        Args:
            size: How many bytes at most.
            fill: Whether to read from the socket for that.
        """
        if self.over:
            return b""
        data = None
        if self._incoming.pending or self._tls.pending():
            data = self._decrypt(size)
        # Once: a peer that floods us with records that hold nothing must not keep others waiting.
        if data is None and fill and (came := self._socket.try_receive(_READ)) is not None:
            if not came:
                # The peer has hung up without a word of TLS, as many do. TLS is not told: it would
                # take that for an error, say so to a peer that may still listen, and write no more.
                self.over = True
                return b""
            self._incoming.write(came)
            data = self._decrypt(size)
        return data

    def _decrypt(self, size: int) -> bytes | None:
        """What the next record holds; ``b""`` at the end; None if not all of it has come."""
        data = b""
        try:
            data = self._tls.read(size)
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLError as error:
            self._failure = error.with_traceback(None)  # which would keep us alive
        finally:
            if self._outgoing.pending:  # TLS has something to answer
                # If that fails, what was read is no worse for it; who writes is told.
                with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    self._try_flush()
        self.over = not data
        return data

    def _try_flush(self) -> bool:
        """Write what is encrypted, as far as that takes no waiting; whether that was all."""
        while self._sealed or self._outgoing.pending:
            if not self._sealed:
                self._sealed = memoryview(self._outgoing.read())
            written = self._socket.try_send([self._sealed])
            if not written:
                return False
            # An empty slice would keep all of it in memory for as long as nobody speaks.
            rest = written < len(self._sealed)
            self._sealed = self._sealed[written:] if rest else _NOTHING
        return True


class TlsListener(trio.abc.Listener[TlsStream]):
    """Accepts `TlsStream`s, which have not shaken hands yet.

    Args:
        transport_listener: Where they come from.
        context: How to speak TLS.
    """

    def __init__(self, transport_listener: trio.SocketListener, context: ssl.SSLContext) -> None:
        self.transport_listener = transport_listener
        self._context = context

    async def accept(self) -> TlsStream:
        """See `trio.abc.Listener.accept`."""
        return TlsStream(await self.transport_listener.accept(), self._context, server_side=True)

    async def aclose(self) -> None:
        """See `trio.abc.AsyncResource.aclose`."""
        await self.transport_listener.aclose()


Secured: TypeAlias = "TlsStream | trio.SSLStream[trio.SocketStream]"
Listeners: TypeAlias = "Sequence[TlsListener | trio.SSLListener[trio.SocketStream]]"


def speak_tls(
    stream: trio.SocketStream, context: ssl.SSLContext, *, server_hostname: str
) -> Secured:
    """The client's end of TLS over a socket, in the best way that the system has."""
    if sys.platform == "win32":  # sockets have no descriptors there
        return trio.SSLStream(
            stream, context, server_hostname=server_hostname, https_compatible=True
        )
    return TlsStream(stream, context, server_hostname=server_hostname)


async def open_tls_listeners(
    port: int, context: ssl.SSLContext, *, host: str | bytes | None
) -> Listeners:
    """Listeners for TLS, in the best way that the system has.

    Raises:
        OSError: if they can't listen there.
    """
    if sys.platform == "win32":
        return await trio.open_ssl_over_tcp_listeners(
            port, context, host=host, https_compatible=True
        )
    listeners = await trio.open_tcp_listeners(port, host=host)
    return [TlsListener(listener, context) for listener in listeners]
