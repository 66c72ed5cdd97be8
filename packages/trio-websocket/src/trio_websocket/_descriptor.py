"""A plain socket, without waiting: calls on its descriptor that do at once what can be done."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeAlias

import trio

Buffers: TypeAlias = Sequence[bytes | memoryview]


class Descriptor:
    """The descriptor of a `trio.SocketStream`.

    It is asked for at each call: after a close its number may belong to a stranger.

    The calls raise `trio.BrokenResourceError` if the connection breaks, and
    `trio.ClosedResourceError` once the stream was closed.
    """

    #: Bytes that are worth offering to one write.
    write_size = 2**20
    #: Whether the end is known, so that there is nothing to wait for: only the system knows it.
    over = False

    def __init__(self, stream: trio.SocketStream) -> None:
        self._ask_fileno = stream.socket.fileno

    def try_receive(self, size: int) -> bytes | None:
        """The next bytes; ``b""`` at the end of the stream; None if we would have to wait."""
        try:
            return os.read(self._ask_fileno(), size)
        except BlockingIOError:
            return None
        except OSError as error:
            raise self._failure(error) from error

    def try_receive_into(self, room: memoryview) -> int | None:
        """Put the next bytes into a buffer; how many, else as `try_receive`."""
        try:
            return os.readv(self._ask_fileno(), (room,))
        except BlockingIOError:
            return None
        except OSError as error:
            raise self._failure(error) from error

    def try_send(self, buffers: Buffers) -> int:
        """Send the start of what the buffers hold; how many bytes, 0 if we would have to wait."""
        try:
            if len(buffers) == 1:
                return os.write(self._ask_fileno(), buffers[0])
            return os.writev(self._ask_fileno(), buffers)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._failure(error) from error

    def fileno(self) -> int:
        """The descriptor, to wait for it."""
        fileno = self._ask_fileno()
        if fileno < 0:
            raise trio.ClosedResourceError("the stream was closed already")
        return fileno

    def _failure(self, error: OSError) -> trio.BrokenResourceError:
        self.fileno()
        return trio.BrokenResourceError(f"socket connection broken: {error}")
