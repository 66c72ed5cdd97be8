"""What went over a connection, read from its bytes alone.

No library of either side is asked, so none can say what is not so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

# RFC 6455 section 5.2.
_FIN, _RSV1, _OPCODE, _MASK, _LENGTH = 0x80, 0x40, 0x0F, 0x80, 0x7F
_LENGTH_BYTES = {126: 2, 127: 8}
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
_DATA = (CONTINUATION, TEXT, BINARY)


class Frame(NamedTuple):
    """The header of a frame; the length is that of its payload, in bytes."""

    fin: bool
    rsv1: bool
    opcode: int
    length: int

    @property
    def is_data(self) -> bool:
        """Whether it belongs to a message."""
        return self.opcode in _DATA


@dataclass(frozen=True)
class Direction:
    """What one side sent, as it came."""

    sent: bytearray = field(default_factory=bytearray)

    @property
    def head(self) -> str:
        """The request or answer of the opening handshake, in lower case."""
        return self.sent.partition(b"\r\n\r\n")[0].decode("latin-1").lower()

    @property
    def frames(self) -> list[Frame]:
        """The frames after it; one that did not come whole is left out."""
        rest = memoryview(self.sent.partition(b"\r\n\r\n")[2])
        frames = []
        while (end := _end(rest)) is not None and end <= len(rest):
            frames.append(_frame(rest))
            rest = rest[end:]
        return frames

    @property
    def data_frames(self) -> list[Frame]:
        """The frames of messages."""
        return [frame for frame in self.frames if frame.is_data]


@dataclass(frozen=True)
class Wire:
    """What both sides sent."""

    by_client: Direction = field(default_factory=Direction)
    by_server: Direction = field(default_factory=Direction)


def _frame(data: memoryview) -> Frame:
    length, _ = _payload(data)
    return Frame(bool(data[0] & _FIN), bool(data[0] & _RSV1), data[0] & _OPCODE, length)


def _end(data: memoryview) -> int | None:
    """Where the first frame ends; None if its header is not complete."""
    if len(data) < 2 or len(data) < _payload(data)[1]:
        return None
    length, start = _payload(data)
    return start + length


def _payload(data: memoryview) -> tuple[int, int]:
    """The length of the first frame's payload, and where it starts."""
    short = data[1] & _LENGTH
    more = _LENGTH_BYTES.get(short, 0)
    length = int.from_bytes(data[2 : 2 + more]) if more else short
    return length, 2 + more + (4 if data[1] & _MASK else 0)
