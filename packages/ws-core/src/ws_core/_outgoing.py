"""What was said and not yet written."""

from __future__ import annotations

from collections import deque

# A header is joined with a payload below this many bytes; above, the copy would cost more.
_JOIN_BELOW = 64 * 2**10
# Buffers in one gathered write, well below any system's IOV_MAX.
_GATHER = 64


class Outgoing:
    """The bytes that wait to be written, in the order in which they were said.

    Look at them with `peek`, and tell `Connection.written` how many of them were written.
    """

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._head_offset = 0
        # Where each waiting control frame ends in the stream, and its size.
        self._control: deque[tuple[int, int]] = deque()
        #: How many of the waiting bytes belong to control frames.
        self.control_size = 0
        #: How many bytes were ever said, and how many of them were written.
        self.said = 0
        self.written = 0

    def __len__(self) -> int:
        return self.said - self.written

    def append(self, header: bytes, payload: bytes = b"") -> None:
        """Say something."""
        if len(payload) < _JOIN_BELOW:
            self._pieces.append(header + payload)
        else:
            self._pieces += (header, payload)
        self.said += len(header) + len(payload)

    def append_control(self, header: bytes, payload: bytes) -> None:
        """Say a control frame."""
        self.append(header, payload)
        size = len(header) + len(payload)
        self._control.append((self.said, size))
        self.control_size += size

    def peek(self, limit: int) -> list[memoryview]:
        """The next bytes to write, as buffers for one gathered write; empty if none wait.

        There may be more of them: at most `limit` bytes are given out, in 64 buffers at most.
        """
        buffers: list[memoryview] = []
        offset = self._head_offset
        for piece in self._pieces:
            if limit <= 0 or len(buffers) == _GATHER:
                break
            buffer = memoryview(piece)[offset : offset + limit]
            buffers.append(buffer)
            limit -= len(buffer)
            offset = 0
        return buffers

    def advance(self, count: int) -> None:
        """Note that the first `count` bytes were written.

        Raises:
            ValueError: if so many do not wait.
        """
        if not 0 <= count <= len(self):
            raise ValueError(f"{count} bytes were not written: {len(self)} wait")
        self.written += count
        self._head_offset += count
        while self._pieces and self._head_offset >= len(self._pieces[0]):
            self._head_offset -= len(self._pieces.popleft())
        while self._control and self._control[0][0] <= self.written:
            self.control_size -= self._control.popleft()[1]
