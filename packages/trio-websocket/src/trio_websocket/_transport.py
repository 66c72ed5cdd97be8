"""The stream as a connection uses it: plain sockets the fast way, all others their own way."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

import trio

from ._descriptor import Buffers, Descriptor
from ._tcp import socket_stream
from ._tls import TlsStream

T = TypeVar("T")


class Transport(Protocol):
    """What a connection needs of a stream.

    The stream's own errors come out as `trio.BrokenResourceError` and `trio.ClosedResourceError`.
    """

    @property
    def stream(self) -> trio.abc.Stream:
        """The stream itself."""

    #: Bytes that are worth offering to one write.
    write_size: int
    #: Whether `try_write` can write at all.
    can_try: bool

    async def receive(self) -> bytes:
        """The next bytes; ``b""`` at the end of the stream."""

    async def receive_into(self, buffer: memoryview) -> int:
        """Put the next bytes into a buffer; how many, 0 at the end of the stream."""

    def try_write(self, buffers: Buffers) -> int:
        """Write what can be written without waiting; how many bytes that was."""

    async def write(self, buffers: Buffers) -> int:
        """Wait until something can be written, and write it; how many bytes that was.

        Cancelling it may leave an unknown part written, so nothing may be written afterwards.
        """

    async def send_eof(self) -> bool:
        """Say that nothing more comes; whether the stream can say so."""


def transport_for(stream: trio.abc.Stream, read_size: int) -> Transport:
    """The best way to use `stream`, reading at most `read_size` bytes at a time."""
    if isinstance(stream, TlsStream):
        return SocketTransport(stream, stream, read_size)
    if isinstance(stream, trio.SocketStream) and sys.platform != "win32":
        return SocketTransport(stream, Descriptor(stream), read_size)
    return StreamTransport(stream, read_size)


class StreamTransport:
    """Any `trio.abc.Stream`: only its documented methods are called."""

    # One TLS record. What a stream has taken of it can't be seen, so this much counts as progress.
    write_size = 16 * 2**10
    can_try = False

    def __init__(self, stream: trio.abc.Stream, read_size: int) -> None:
        self.stream = stream
        self._read_size = read_size

    async def receive(self) -> bytes:
        with _translated:
            return bytes(await self.stream.receive_some(self._read_size))

    async def receive_into(self, buffer: memoryview) -> int:
        with _translated:
            data = await self.stream.receive_some(min(len(buffer), self._read_size))
        buffer[: len(data)] = data
        return len(data)

    def try_write(self, buffers: Buffers) -> int:  # noqa: ARG002 - no stream writes without waiting
        return 0

    async def write(self, buffers: Buffers) -> int:
        data = b"".join(buffers)
        with _translated:
            await self.stream.send_all(data)
        return len(data)

    async def send_eof(self) -> bool:
        stream = self.stream
        if isinstance(stream, trio.SSLStream):
            # TLS has no half-close. As in HTTP, the end of the TCP stream stands for it.
            stream = stream.transport_stream
        if not isinstance(stream, trio.abc.HalfCloseableStream):
            return False
        with _translated:
            await stream.send_eof()
        return True


class _Translation:
    """Around a call: whatever a stream raises is one of the two errors that it is meant to raise.

    A class, as a context manager made of a generator costs some microseconds.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, Exception) and not isinstance(
            error, trio.BrokenResourceError | trio.ClosedResourceError
        ):
            raise trio.BrokenResourceError(f"the stream failed: {error!r}") from error


_translated = _Translation()


class Direct(Protocol):
    """What can be done at once: a `Descriptor`, or what looks like one."""

    @property
    def write_size(self) -> int:
        """Bytes that are worth offering to `try_send`."""

    @property
    def over(self) -> bool:
        """Whether the end is known, so that there is nothing to wait for."""

    def try_receive(self, size: int) -> bytes | None:
        """See `Descriptor.try_receive`."""

    def try_receive_into(self, room: memoryview) -> int | None:
        """See `Descriptor.try_receive_into`."""

    def try_send(self, buffers: Buffers) -> int:
        """See `Descriptor.try_send`."""

    def fileno(self) -> int:
        """See `Descriptor.fileno`."""


class SocketTransport:
    """A plain socket, or TLS over one: it is tried first, and waited for only if it has to be.

    Args:
        stream: The stream.
        direct: How to use it without waiting.
        read_size: Bytes that are read at a time, at most.
    """

    can_try = True

    def __init__(self, stream: trio.abc.Stream, direct: Direct, read_size: int) -> None:
        self.stream = stream
        self.write_size = direct.write_size
        self.try_write = direct.try_send
        self._direct = direct
        self._read_size = read_size
        # Whether the last read left something behind, as far as we can tell, be it the end, which
        # TLS may have read with it; so what comes behind the handshake of TLS may have been, too.
        self._more = isinstance(stream, TlsStream)

    async def receive(self) -> bytes:
        direct, size = self._direct, self._read_size
        data = await _at_once(partial(direct.try_receive, size)) if self._more else None
        while data is None:
            await trio.lowlevel.wait_readable(direct.fileno())
            data = direct.try_receive(size)
        self._more = len(data) == size or direct.over
        return data

    async def receive_into(self, buffer: memoryview) -> int:
        with buffer[: self._read_size] as room:
            receive = partial(self._direct.try_receive_into, room)
            count = await _at_once(receive) if self._more else None
            while count is None:
                await trio.lowlevel.wait_readable(self._direct.fileno())
                count = receive()
            self._more = count == len(room) or self._direct.over
        return count

    async def write(self, buffers: Buffers) -> int:
        await trio.lowlevel.wait_writable(self._direct.fileno())
        return self.try_write(buffers)

    async def send_eof(self) -> bool:
        bottom = socket_stream(self.stream)
        assert bottom is not None
        await bottom.send_eof()
        return True


async def _at_once(receive: Callable[[], T | None]) -> T | None:
    """Try to receive: if that gives something, it was a checkpoint."""
    await trio.lowlevel.checkpoint_if_cancelled()
    found = receive()
    if found is not None:
        await trio.lowlevel.cancel_shielded_checkpoint()
    return found
