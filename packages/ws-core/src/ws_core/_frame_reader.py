"""Incoming bytes become frames, each checked before any of its payload is taken in."""

from __future__ import annotations

from ._close import CloseCode, ProtocolViolation, message_too_big
from ._events import HELD_BACK, NEED_DATA, Pause
from ._frames import CONTROL_PAYLOAD, RSV1, Opcode, Piece
from ._masking import apply_mask


def _first_byte_fault(first: int, compressible: frozenset[int]) -> str | None:
    """What is wrong with the first byte of a frame, whatever comes before and after it."""
    opcode = first & 0x0F
    if first & (0x30 if opcode in compressible else 0x70):
        return "reserved bits are set"
    if opcode not in frozenset(Opcode):
        return "unknown opcode"
    if opcode >= Opcode.CLOSE and not first & 0x80:
        return "fragmented control frame"
    return None


def _faults(*compressible: int) -> tuple[str | None, ...]:
    return tuple(_first_byte_fault(first, frozenset(compressible)) for first in range(256))


# RFC 6455 section 5.2, as a table: None where the byte may stand.
_FAULTS = _faults()
# RFC 7692 section 6.1: only the first frame of a message says that it is compressed.
_DEFLATE_FAULTS = _faults(Opcode.TEXT, Opcode.BINARY)
# Length bytes that announce a longer length: how many bytes follow, and the least they may say.
_EXTENDED = {126: (2, 126), 127: (8, 1 << 16)}
# How many bytes a compressed message may have beyond its share.
_COMPRESSED_MORE = 64 * 2**10
# A piece of a compressed message is small, as it may become a thousand times as large.
_COMPRESSED_PIECE = 8 * 2**10


class FrameReader:
    """Takes frames off the front of a buffer, a data frame as its payload arrives.

    Args:
        buffer: The bytes that came and were not taken yet.
        masked: Whether frames must be masked: they must on servers and must not on clients
            (RFC 6455 section 5.1).
        max_message: Bytes of one message, over all its fragments, at most.

    Attributes:
        max_message: See above.
    """

    def __init__(self, buffer: bytearray, *, masked: bool, max_message: float) -> None:
        self.max_message = max_message
        self._buffer = buffer
        self._masked = masked
        self._faults = _FAULTS
        self._in_message = False
        self._compressed = False
        self._message_size = 0
        # Of the data frame whose payload is arriving: what to call the next piece of it, whether
        # it ends its message, the masking key turned to the next byte, and the bytes to come.
        self._opcode = 0
        self._fin = False
        self._key = b""
        self._missing = 0

    def allow_compressed(self) -> None:
        """Take compressed messages as well from now on; they are not inflated here."""
        self._faults = _DEFLATE_FAULTS

    def next_piece(self, *, pings_only: bool = False) -> Piece | Pause:
        """The next control frame or piece of a message, one at a time.

        Args:
            pings_only: Pings and pongs alone: leave others where they are and return HELD_BACK.

        Raises:
            ProtocolViolation: if the peer breaks RFC 6455 section 5 or the message limit; for a
                message that is too long already when its header says so.
        """
        if self._missing:
            return HELD_BACK if pings_only else self._rest_of_frame()
        buffer = self._buffer
        if len(buffer) < 2:
            return NEED_DATA
        first, second = buffer[0], buffer[1]
        opcode = first & 0x0F
        if pings_only and opcode not in (Opcode.PING, Opcode.PONG):
            return HELD_BACK
        self._check_start(first, opcode, second)
        size = second & 0x7F
        start = 2
        if size in _EXTENDED:
            width, least = _EXTENDED[size]
            start += width
            if len(buffer) < start:
                return NEED_DATA
            size = int.from_bytes(buffer[2:start], "big")
            # RFC 6455 section 5.2: the shortest form, and the most significant bit is 0.
            if size < least or size >> 63:
                raise ProtocolViolation(CloseCode.PROTOCOL_ERROR, "invalid frame length")
        if opcode >= Opcode.CLOSE:
            return self._control_frame(opcode, start, size)
        return self._data_frame(first, start, size)

    def _check_start(self, first: int, opcode: int, second: int) -> None:
        fault = self._faults[first]
        if fault is None:
            if (second >= 0x80) is not self._masked:
                fault = "frame is not masked" if self._masked else "frame is masked"
            elif opcode >= Opcode.CLOSE:
                if second & 0x7F > CONTROL_PAYLOAD:
                    fault = "control frame is too long"
            elif (opcode == Opcode.CONTINUATION) is not self._in_message:
                fault = "message is not finished" if self._in_message else "nothing to continue"
        if fault is not None:
            raise ProtocolViolation(CloseCode.PROTOCOL_ERROR, fault)

    def _control_frame(self, opcode: int, start: int, size: int) -> Piece | Pause:
        if self._masked:
            start += 4
        end = start + size
        if len(self._buffer) < end:
            return NEED_DATA
        payload = bytes(self._buffer[start:end])
        if self._masked:
            payload = apply_mask(payload, bytes(self._buffer[start - 4 : start]))
        del self._buffer[:end]
        return Piece(opcode, True, payload)

    def _data_frame(self, first: int, start: int, size: int) -> Piece | Pause:
        if not self._in_message:
            self._compressed = first & RSV1 != 0
        message_size = self._message_size + size
        if self._compressed:
            self._check_compressed(message_size)
        elif message_size > self.max_message:
            raise message_too_big(f"{self.max_message:.0f} bytes")
        if self._masked:
            if len(self._buffer) < start + 4:
                return NEED_DATA
            self._key = bytes(self._buffer[start : start + 4])
            start += 4
        del self._buffer[:start]
        self._opcode = first & 0x0F
        self._fin = first >= 0x80
        self._in_message = not self._fin
        self._message_size = message_size if self._in_message else 0
        if not size:
            return Piece(self._opcode, self._fin, b"", self._compressed)
        self._missing = size
        return self._rest_of_frame()

    def _check_compressed(self, size: int) -> None:
        # There is input that inflates to nothing. But what does not lend itself to compression
        # grows, in the code of RFC 1951 section 3.2.6 by an eighth.
        if 8 * (size - _COMPRESSED_MORE) > 9 * self.max_message:
            most = self.max_message * 9 // 8 + _COMPRESSED_MORE
            raise message_too_big(f"{most:.0f} bytes, compressed")

    def _rest_of_frame(self) -> Piece | Pause:
        if not self._buffer:
            return NEED_DATA
        size = min(self._missing, _COMPRESSED_PIECE) if self._compressed else self._missing
        payload = bytes(self._buffer[:size])
        del self._buffer[: len(payload)]
        if self._masked:
            turned = len(payload) % 4
            payload, self._key = (
                apply_mask(payload, self._key),
                self._key[turned:] + self._key[:turned],
            )
        self._missing -= len(payload)
        fin = self._fin and not self._missing
        piece = Piece(self._opcode, fin, payload, self._compressed)
        self._opcode = 0  # the next one continues it
        return piece
