"""What was said and not yet written."""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

from ._codec import apply_mask

Buffers: TypeAlias = list[bytes | memoryview]

# Buffers in one gathered write, well below any system's IOV_MAX.
_GATHER = 64
# A long payload is masked as it is written, so many bytes at a time: a copy of the whole would cost
# more than the masking. So few that they are still in the cache when they are written.
_MASKED_AT_ONCE = 60 * 2**10


class _Unmasked:
    """A payload that is still to be masked."""

    __slots__ = ("_key", "_payload")

    def __init__(self, payload: bytes, key: bytes) -> None:
        self._payload = memoryview(payload)
        self._key = key

    def __len__(self) -> int:
        return len(self._payload)

    def masked(self, start: int, limit: int) -> bytes:
        """Bytes of it as they go over the wire, at most `limit`."""
        turned = start % 4
        key = self._key[turned:] + self._key[:turned]
        return apply_mask(self._payload[start : start + min(limit, _MASKED_AT_ONCE)], key)


class Outgoing:
    """The bytes that wait to be written, in the order in which they were said.

    Look at them with `peek`, and tell `Connection.written` how many of them were written.
    """

    def __init__(self) -> None:
        self._pieces: deque[bytes | _Unmasked] = deque()
        self._head_offset = 0
        # Where each waiting control frame ends in the stream, and its size, if any waits.
        self._control: deque[tuple[int, int]] | None = None
        #: How many of the waiting bytes belong to control frames.
        self.control_size = 0
        #: How many bytes were ever said, and how many of them were written.
        self.said = 0
        self.written = 0

    def __len__(self) -> int:
        return self.said - self.written

    def append(self, data: bytes, key: bytes = b"") -> None:
        """Say something.

        Args:
            data: What to write.
            key: What to mask it with, from its first byte on, if it is to be masked.
        """
        self._pieces.append(_Unmasked(data, key) if key else data)
        self.said += len(data)

    def append_control(self, frame: bytes) -> None:
        """Say a control frame."""
        self.append(frame)
        size = len(frame)
        if self._control is None:
            self._control = deque()
        self._control.append((self.said, size))
        self.control_size += size

    def peek(self, limit: int) -> Buffers:
        """The next bytes to write, as buffers for one gathered write; empty if none wait.

        There may be more of them: at most `limit` bytes are given out, in 64 buffers at most.
        """
        pieces, offset = self._pieces, self._head_offset
        if len(pieces) == 1 and not offset and type(pieces[0]) is bytes and len(pieces[0]) <= limit:
            return [pieces[0]]
        buffers: Buffers = []
        for piece in pieces:
            if limit <= 0 or len(buffers) == _GATHER:
                break
            if isinstance(piece, _Unmasked):
                buffers.append(piece.masked(offset, limit))
                break
            whole = not offset and len(piece) <= limit
            buffers.append(piece if whole else memoryview(piece)[offset : offset + limit])
            limit -= len(piece) - offset
            offset = 0
        return buffers

    def advance(self, count: int) -> None:
        """Note that the first `count` bytes were written.

        Raises:
            ValueError: if so many do not wait.
        """
        waiting = self.said - self.written
        if not 0 <= count <= waiting:
            raise ValueError(f"{count} bytes were not written: {waiting} wait")
        self.written += count
        pieces = self._pieces
        if count == waiting:
            pieces.clear()
            self._control = None
            self._head_offset = self.control_size = 0
            return
        count += self._head_offset
        while count >= len(pieces[0]):
            count -= len(pieces.popleft())
        self._head_offset = count
        while self._control and self._control[0][0] <= self.written:
            self.control_size -= self._control.popleft()[1]
