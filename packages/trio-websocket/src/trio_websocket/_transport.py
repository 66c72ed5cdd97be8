"""The stream as a connection uses it: plain sockets the fast way, all others their own way."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, TypeAlias, TypeVar

import trio

T = TypeVar("T")

Buffers: TypeAlias = Sequence[bytes | memoryview]


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
        """Write something; how many bytes that was.

        Cancelling it may leave an unknown part written, so nothing may be written afterwards.
        """

    async def send_eof(self) -> bool:
        """Say that nothing more comes; whether the stream can say so."""


def transport_for(stream: trio.abc.Stream, read_size: int) -> Transport:
    """The best way to use `stream`, reading at most `read_size` bytes at a time."""
    if isinstance(stream, trio.SocketStream) and sys.platform != "win32":
        return SocketTransport(stream, read_size)
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


class SocketTransport:
    """A plain socket: non-blocking calls on its descriptor, waiting only when the first try fails.

    The descriptor is asked for at each call: after a close its number may belong to a stranger.
    """

    write_size = 2**20
    can_try = True

    def __init__(self, stream: trio.SocketStream, read_size: int) -> None:
        self.stream = stream
        self._read_size = read_size
        self._ask_fileno = stream.socket.fileno
        # Whether the last read left something behind, as far as we can tell.
        self._more = False

    async def receive(self) -> bytes:
        data = await self._try_first(self._try_read) if self._more else None
        while data is None:
            await trio.lowlevel.wait_readable(self._fileno())
            data = self._try_read()
        self._more = len(data) == self._read_size
        return data

    async def receive_into(self, buffer: memoryview) -> int:
        with buffer[: self._read_size] as room:
            read = partial(self._try_read_into, room)
            count = await self._try_first(read) if self._more else None
            while count is None:
                await trio.lowlevel.wait_readable(self._fileno())
                count = read()
            self._more = count == len(room)
        return count

    def try_write(self, buffers: Buffers) -> int:
        try:
            if len(buffers) == 1:
                return os.write(self._ask_fileno(), buffers[0])
            return os.writev(self._ask_fileno(), buffers)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._failure(error) from error

    async def write(self, buffers: Buffers) -> int:
        while True:
            await trio.lowlevel.wait_writable(self._fileno())
            if written := self.try_write(buffers):
                return written

    async def send_eof(self) -> bool:
        await self.stream.send_eof()
        return True

    async def _try_first(self, read: Callable[[], T | None]) -> T | None:
        """Try to read: if that gives something, it was a checkpoint."""
        await trio.lowlevel.checkpoint_if_cancelled()
        found = read()
        if found is not None:
            await trio.lowlevel.cancel_shielded_checkpoint()
        return found

    def _try_read(self) -> bytes | None:
        try:
            return os.read(self._ask_fileno(), self._read_size)
        except BlockingIOError:
            return None
        except OSError as error:
            raise self._failure(error) from error

    def _try_read_into(self, room: memoryview) -> int | None:
        try:
            return os.readv(self._ask_fileno(), (room,))
        except BlockingIOError:
            return None
        except OSError as error:
            raise self._failure(error) from error

    def _fileno(self) -> int:
        fileno = self._ask_fileno()
        if fileno < 0:
            raise trio.ClosedResourceError("the stream was closed already")
        return fileno

    def _failure(self, error: OSError) -> trio.BrokenResourceError:
        self._fileno()
        return trio.BrokenResourceError(f"socket connection broken: {error}")
