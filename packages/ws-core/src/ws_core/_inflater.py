"""What the peer compressed, inflated (RFC 7692 section 7.2.2), never more at a time than asked."""

from __future__ import annotations

import zlib

from ._close import CloseCode, ProtocolViolation
from ._deflate import Context
from ._window import Window

# What ends every compressed message, and was not sent; then a final block of our own, which zlib
# reaches only if the message did not stop short.
_TAIL = b"\x00\x00\xff\xff" + b"\x03\x00"
# Each end of a DEFLATE stream costs us a new inflater, and may cost the peer two bytes.
_BYTES_PER_STREAM = 64


class Inflater:
    """Inflates one message after the other, in steps.

    Between messages only the last window of what was inflated is kept, with which zlib starts anew:
    that takes a quarter of the memory, at the cost of a microsecond. And it is what is needed where
    a peer ends its DEFLATE stream, behind a message or within (RFC 7692 section 7.2.3.4): what
    follows may refer to what came before, which zlib then has forgotten.

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
        # Of the message that is coming: the bytes that were inflated, and the streams that ended.
        self._inflated = 0
        self._ends = 0
        #: Whether all is inflated that was fed.
        self.hungry = True

    def feed(self, data: bytes, *, last: bool) -> None:
        """Take in the next part of a message, when `hungry`.

        Args:
            data: The part.
            last: Whether it is the message's last one.
        """
        self._input = data
        self._last = last
        self.hungry = False

    def inflate(self, most: int) -> bytes:
        """The next bytes of the message, possibly none.

        Args:
            most: How many at most, at least 1.

        Raises:
            ProtocolViolation: 1007, if they are not DEFLATE or stop short; 1008, for too many final
                blocks.
        """
        output = self._inflate(most) if self._input or self._stream else b""
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
            raise _not_deflate() from None
        left = stream.unused_data if stream.eof else stream.unconsumed_tail
        self._inflated += len(self._input) - len(left)
        self._input = left
        self._stream = None if stream.eof else stream
        if stream.eof:
            self._count_end()
        return output

    def _count_end(self) -> None:
        self._ends += 1
        if self._ends > 1 + self._inflated // _BYTES_PER_STREAM:
            raise ProtocolViolation(
                CloseCode.POLICY_VIOLATION, "too many final blocks in a compressed message"
            )

    def _end_message(self) -> None:
        stream, self._stream = self._stream, None
        # Behind a final block, and in a message without a byte, there is nothing to end.
        if stream is not None and not _is_complete(stream):
            raise _not_deflate()
        self._inflated = self._ends = 0
        if self._takeover:
            self._window.compact()
        else:
            self._window = Window(1 << self._bits)


def _is_complete(stream: zlib._Decompress) -> bool:
    try:
        return not stream.decompress(_TAIL) and stream.eof and not stream.unused_data
    except zlib.error:
        return False


def _not_deflate() -> ProtocolViolation:
    return ProtocolViolation(CloseCode.INVALID_FRAME_PAYLOAD_DATA, "invalid compressed data")
