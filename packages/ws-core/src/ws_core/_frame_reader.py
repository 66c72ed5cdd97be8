"""Incoming bytes become frames, each checked before any of its payload is taken in."""

from __future__ import annotations

import sys

from ._close import CloseCode, ProtocolViolation, message_too_big
from ._codec import Payload, apply_mask, take_messages
from ._events import HELD_BACK, NEED_DATA, Pause
from ._frames import CONTROL_PAYLOAD, OPCODES, RSV1, Opcode, Piece


def _first_byte_fault(first: int, compressible: frozenset[int]) -> str | None:
    """What is wrong with the first byte of a frame, whatever comes before and after it."""
    opcode = first & 0x0F
    if first & (0x30 if opcode in compressible else 0x70):
        return "reserved bits are set"
    if opcode not in OPCODES:
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
# A payload of so many bytes is taken whole if it is there. A piece of a compressed message is never
# larger, as it may become a thousand times as large.
_SHORT = 8 * 2**10
# Messages that are taken in one go: the others stay bytes, which take less room than objects.
_MESSAGES_AT_ONCE = 64
# Payloads from this many bytes on get a buffer of their own, if they come in pieces.
_OWN_BUFFER = 32 * 2**10


class FrameReader:
    """Takes frames off the front of a buffer, a data frame as its payload arrives.

    Args:
        buffer: The bytes that came and were not taken yet.
        masked: Whether frames must be masked: they must on servers and must not on clients
            (RFC 6455 section 5.1).
        max_message: Bytes of one message, over all its fragments, at most.

    Attributes:
        max_message: See above.
        payload: The buffer of its own that a long payload is arriving in, if one is.
    """

    def __init__(self, buffer: bytearray, *, masked: bool, max_message: float) -> None:
        self.max_message = max_message
        self._buffer = buffer
        self._masked = masked
        self._faults = _FAULTS
        self._max_plain = int(min(max_message, sys.maxsize))
        # Of the message that is coming: whether its last frame has not come, and its size so far.
        self._in_message = False
        self._compressed = False
        self._message_size = 0
        # Of the data frame whose payload is arriving: what to call the next piece of it, whether
        # it ends its message, the masking key turned to the next byte, and the bytes to come.
        self._opcode = 0
        self._fin = False
        self._key = b""
        self._missing = 0
        self.payload: Payload | None = None

    def allow_compressed(self) -> None:
        """Take compressed messages as well from now on; they are not inflated here."""
        self._faults = _DEFLATE_FAULTS

    def messages(self) -> list[str | bytes]:
        """Whole messages, if nothing else comes before them: some, in the order they came.

        If there are none, `next_piece` tells what comes next.
        """
        if self._in_message or self._missing or self.payload is not None:
            return []
        return take_messages(self._buffer, self._masked, self._max_plain, _MESSAGES_AT_ONCE)

    def filled(self, count: int) -> None:
        """Note that `count` bytes were put into the room of the payload."""
        assert self.payload is not None
        self.payload.filled(count)
        self._missing -= count

    def forget(self) -> None:
        """Let go of what has come of a payload: nothing more is taken."""
        self.payload = None

    def next_piece(self, *, pings_only: bool = False) -> Piece | Pause:
        """The next control frame or piece of a message, one at a time.

        Args:
            pings_only: Pings and pongs alone: leave others where they are and return HELD_BACK.

        Raises:
            ProtocolViolation: if the peer breaks RFC 6455 section 5 or the message limit; for a
                message that is too long already when its header says so.
        """
        if self.payload is not None:
            return HELD_BACK if pings_only else self._rest_of_payload(self.payload)
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
        if len(self._buffer) < start + size:
            return NEED_DATA
        return Piece(opcode, True, self._take(start, size))

    def _take(self, start: int, size: int) -> bytes:
        """Take the frame at the front, all of which is there; its payload."""
        end = start + size
        payload = bytes(self._buffer[start:end])
        if self._masked and payload:
            payload = apply_mask(payload, bytes(self._buffer[start - 4 : start]))
        del self._buffer[:end]
        return payload

    def _data_frame(self, first: int, start: int, size: int) -> Piece | Pause:
        if not self._in_message:
            self._compressed = first & RSV1 != 0
        message_size = self._message_size + size
        if self._compressed:
            self._check_compressed(message_size)
        elif message_size > self.max_message:
            raise message_too_big(f"{self.max_message:.0f} bytes")
        if self._masked:
            start += 4
            if len(self._buffer) < start:
                return NEED_DATA
        opcode, fin = first & 0x0F, first >= 0x80
        self._in_message = not fin
        self._message_size = 0 if fin else message_size
        if size <= _SHORT and len(self._buffer) >= start + size:
            return Piece(opcode, fin, self._take(start, size), self._compressed)
        if self._masked:
            self._key = bytes(self._buffer[start - 4 : start])
        del self._buffer[:start]
        self._opcode, self._fin, self._missing = opcode, fin, size
        # Fragments are put together anyway, text is checked and what is compressed inflated as it
        # comes.
        whole = fin and opcode == Opcode.BINARY and not self._compressed
        if not whole or not _OWN_BUFFER <= size <= sys.maxsize:
            return self._rest_of_frame()
        self.payload = Payload(size, self._key if self._masked else b"")
        return self._rest_of_payload(self.payload)

    def _check_compressed(self, size: int) -> None:
        # There is input that inflates to nothing. But what does not lend itself to compression
        # grows, in the code of RFC 1951 section 3.2.6 by an eighth.
        if 8 * (size - _COMPRESSED_MORE) > 9 * self.max_message:
            most = self.max_message * 9 // 8 + _COMPRESSED_MORE
            raise message_too_big(f"{most:.0f} bytes, compressed")

    def _rest_of_frame(self) -> Piece | Pause:
        if not self._buffer:
            return NEED_DATA
        size = min(self._missing, _SHORT) if self._compressed else self._missing
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

    def _rest_of_payload(self, payload: Payload) -> Piece | Pause:
        while self._buffer and payload.missing:
            with payload.room() as room, memoryview(self._buffer) as came:
                count = min(len(room), len(came))
                room[:count] = came[:count]
            del self._buffer[:count]
            self.filled(count)
        if payload.missing:
            return NEED_DATA
        self.payload = None
        return Piece(self._opcode, self._fin, payload.take())
