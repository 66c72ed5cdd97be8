"""What the peer compressed, inflated (RFC 7692 section 7.2.2), never more at a time than asked."""

from __future__ import annotations

import zlib

from ._close import CloseCode, ProtocolViolation
from ._deflate import Context
from ._window import Window

# What ends every compressed message, and was not sent.
_TAIL = b"\x00\x00\xff\xff"
# Each end of a DEFLATE stream costs us a new inflater, and may cost the peer two bytes.
_BYTES_PER_STREAM = 64


class Inflater:
    """Inflates one message after the other, in steps.

    Between messages only the last window of what was inflated is kept, with which zlib starts anew:
    that takes a quarter of the memory, at the cost of two microseconds. And it is what is needed
    where a peer ends its DEFLATE stream, at the end of a message or in the middle (RFC 7692 section
    7.2.3.4): what follows may refer to what came before, which zlib then has forgotten.

    Args:
        context: What the peer compresses with.
    """

    def __init__(self, context: Context) -> None:
        self._bits, self._takeover = context
        self._window = Window(1 << self._bits)
        # None between messages, and behind a final block.
        self._stream: zlib._Decompress | None = None
        self._input = b""
        self._last = False
        # Of the message that is coming: its compressed bytes so far, and the streams that ended.
        self._size = 0
        self._ends = 0
        #: Whether all is inflated that was fed.
        self.hungry = True

    def feed(self, data: bytes, *, last: bool) -> None:
        """Take in the next part of a message, when `hungry`.

        Args:
            data: The part.
            last: Whether it is the message's last one.
        """
        self._size += len(data)
        self._input = data + _TAIL if last else data
        self._last = last
        self.hungry = False

    def inflate(self, most: int) -> bytes:
        """The next bytes of the message, possibly none.

        Args:
            most: How many at most, at least 1.

        Raises:
            ProtocolViolation: 1007, if they are not DEFLATE; 1008, for too many final blocks.
        """
        if self._stream is None and self._input == (_TAIL if self._last else b""):
            # A message without a byte, or nothing behind a final block: there is nothing to end.
            self._input, output = b"", b""
        else:
            output = self._inflate(most)
            self._window.add(output)
        if not self._input and len(output) < most:
            self.hungry = True
            if self._last:
                self._end_message()
        return output

    def _inflate(self, most: int) -> bytes:
        stream = self._stream or zlib.decompressobj(-self._bits, bytes(self._window))
        try:
            output = stream.decompress(self._input, most)
        except zlib.error:
            raise ProtocolViolation(
                CloseCode.INVALID_FRAME_PAYLOAD_DATA, "invalid compressed data"
            ) from None
        if stream.eof:
            self._stream, self._input = None, stream.unused_data
            self._count_end()
        else:
            self._stream, self._input = stream, stream.unconsumed_tail
        return output

    def _count_end(self) -> None:
        self._ends += 1
        if self._ends > 1 + self._size // _BYTES_PER_STREAM:
            raise ProtocolViolation(
                CloseCode.POLICY_VIOLATION, "too many final blocks in a compressed message"
            )

    def _end_message(self) -> None:
        self._stream = None
        self._size = self._ends = 0
        if self._takeover:
            self._window.compact()
        else:
            self._window = Window(1 << self._bits)
