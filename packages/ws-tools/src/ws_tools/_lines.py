"""The lines of the standard input, read where waiting for them blocks nobody."""

from __future__ import annotations

import io
import sys
from collections import deque
from typing import BinaryIO

import trio

_READ_SIZE = 65536


class Lines:
    """Lines without their ends, decoded from UTF-8; a last one without an end is one, too.

    Waiting for a line can be cancelled. The thread that reads is left behind then, and what it
    reads is lost.

    Args:
        source: An unbuffered binary file. A buffered one has a lock, which the thread that is left
            behind would still hold when Python ends.
    """

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._ready: deque[bytes] = deque()
        self._pieces: list[bytes] = []
        self._at_end = False
        #: How many lines there were up to now.
        self.number = 0

    def __aiter__(self) -> Lines:
        return self

    async def __anext__(self) -> str:
        """The next line.

        Raises:
            UnicodeDecodeError: if it is not UTF-8.
            OSError: if it can't be read.
        """
        while not self._ready:
            if self._at_end:
                raise StopAsyncIteration
            self._take(await self._read())
        self.number += 1
        return self._ready.popleft().removesuffix(b"\r").decode()

    async def _read(self) -> bytes:
        return await trio.to_thread.run_sync(self._source.read, _READ_SIZE, abandon_on_cancel=True)

    def _take(self, chunk: bytes) -> None:
        # A line may come in many pieces; they are joined only once.
        piece, *more = chunk.split(b"\n")
        self._pieces.append(piece)
        if more:
            self._ready.append(b"".join(self._pieces))
            self._ready.extend(more[:-1])
            self._pieces = more[-1:]
        elif not chunk:
            self._at_end = True
            if rest := b"".join(self._pieces):
                self._ready.append(rest)


def standard_input() -> BinaryIO:
    """The standard input, unbuffered; an empty file where there is none."""
    if sys.stdin is None:
        return io.BytesIO()
    return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
