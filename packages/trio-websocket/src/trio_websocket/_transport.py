"""The stream as a connection uses it: plain sockets the fast way, all others their own way."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeAlias

import trio

Buffers: TypeAlias = Sequence[memoryview]


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
        with _translated():
            return bytes(await self.stream.receive_some(self._read_size))

    def try_write(self, buffers: Buffers) -> int:  # noqa: ARG002 - no stream writes without waiting
        return 0

    async def write(self, buffers: Buffers) -> int:
        data = b"".join(buffers)
        with _translated():
            await self.stream.send_all(data)
        return len(data)

    async def send_eof(self) -> bool:
        stream = self.stream
        if isinstance(stream, trio.SSLStream):
            # TLS has no half-close. As in HTTP, the end of the TCP stream stands for it.
            stream = stream.transport_stream
        if not isinstance(stream, trio.abc.HalfCloseableStream):
            return False
        with _translated():
            await stream.send_eof()
        return True


@contextmanager
def _translated() -> Iterator[None]:
    """Whatever a stream raises, as one of the two errors that streams are meant to raise."""
    try:
        yield
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        raise
    except Exception as error:
        raise trio.BrokenResourceError(f"the stream failed: {error!r}") from error


class SocketTransport:
    """A plain socket: non-blocking calls on its descriptor, waiting only when the first try fails.

    The descriptor is asked for at each call: after a close its number may belong to a stranger.
    """

    write_size = 2**20
    can_try = True

    def __init__(self, stream: trio.SocketStream, read_size: int) -> None:
        self.stream = stream
        self._read_size = read_size

    async def receive(self) -> bytes:
        await trio.lowlevel.checkpoint_if_cancelled()
        data = self._try_read()
        if data is not None:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return data
        while data is None:
            await trio.lowlevel.wait_readable(self._fileno())
            data = self._try_read()
        return data

    def try_write(self, buffers: Buffers) -> int:
        try:
            return os.writev(self._fileno(), buffers)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise _broken(error) from error

    async def write(self, buffers: Buffers) -> int:
        while True:
            await trio.lowlevel.wait_writable(self._fileno())
            if written := self.try_write(buffers):
                return written

    async def send_eof(self) -> bool:
        await self.stream.send_eof()
        return True

    def _try_read(self) -> bytes | None:
        try:
            return os.read(self._fileno(), self._read_size)
        except BlockingIOError:
            return None
        except OSError as error:
            raise _broken(error) from error

    def _fileno(self) -> int:
        fileno = self.stream.socket.fileno()
        if fileno < 0:
            raise trio.ClosedResourceError("the stream was closed already")
        return fileno


def _broken(error: OSError) -> trio.BrokenResourceError:
    return trio.BrokenResourceError(f"socket connection broken: {error}")
