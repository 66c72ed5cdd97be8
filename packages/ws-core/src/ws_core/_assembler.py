"""Pieces become messages."""

from __future__ import annotations

import codecs

from ._close import CloseCode, ProtocolViolation
from ._frames import Opcode, Piece


class Assembler:
    """Puts the pieces of one message together.

    However small they are, they are kept in one buffer: memory follows the bytes, not their number.
    Text is checked as it arrives (RFC 6455 section 8.1), so bad UTF-8 is found at its first byte.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._opcode: int | None = None
        self._checked = 0

    def add(self, piece: Piece) -> str | bytes | None:
        """Take in the next piece; the message if that was its last one.

        Raises:
            ProtocolViolation: 1007, if a text message is not UTF-8.
        """
        if self._opcode is None:
            if piece.fin:
                return _decode(piece.payload) if piece.opcode == Opcode.TEXT else piece.payload
            self._opcode = piece.opcode
        self._buffer += piece.payload
        text = self._opcode == Opcode.TEXT
        if piece.fin:
            message = _decode(self._buffer) if text else bytes(self._buffer)
            # A new buffer: a cleared one would keep the room of the largest message so far.
            self._buffer, self._opcode, self._checked = bytearray(), None, 0
            return message
        if text:
            self._check_text()
        return None

    def _check_text(self) -> None:
        with memoryview(self._buffer) as view, view[self._checked :] as unchecked:
            try:
                _, valid = codecs.utf_8_decode(unchecked, "strict", False)
            except UnicodeDecodeError:
                raise _bad_text() from None
            rest = bytes(unchecked[valid:])
        # The decoder waits for the third byte of an encoded surrogate; the second one tells.
        if rest[:1] == b"\xed" and rest[1:] > b"\x9f":
            raise _bad_text()
        self._checked += valid


def _decode(data: bytes | bytearray) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _bad_text() from None


def _bad_text() -> ProtocolViolation:
    return ProtocolViolation(
        CloseCode.INVALID_FRAME_PAYLOAD_DATA, "invalid UTF-8 in a text message"
    )
