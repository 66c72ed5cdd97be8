"""Pieces become messages."""

from __future__ import annotations

import codecs

from ._close import CloseCode, ProtocolViolation
from ._frames import Opcode, Piece

# Smaller payloads are put together, so that memory follows the bytes and not their number.
_PART = 4 * 2**10
# Bytes of text that are checked at once: decoded, they take four times as much where one character
# lies beyond U+FFFF.
_CHECKED = 2 * 2**10


class Assembler:
    """Puts the pieces of one message together.

    Text is checked as it arrives (RFC 6455 section 8.1), so bad UTF-8 is found at its first byte.
    """

    def __init__(self) -> None:
        self._opcode: int | None = None
        # Large payloads as they came, then small ones; no room is taken ahead of what comes.
        self._parts: list[bytes] = []
        self._rest = bytearray()
        # The start of a character that is not complete.
        self._unchecked = b""

    def add(self, piece: Piece) -> str | bytes | None:
        """Take in the next piece; the message if that was its last one.

        Raises:
            ProtocolViolation: 1007, if a text message is not UTF-8.
        """
        if self._opcode is None:
            if piece.fin:
                return _decode(piece.payload) if piece.opcode == Opcode.TEXT else piece.payload
            self._opcode = piece.opcode
        self._keep(piece.payload)
        if piece.fin:
            return self._message()
        if self._opcode == Opcode.TEXT and (self._unchecked or not piece.payload.isascii()):
            for start in range(0, len(piece.payload), _CHECKED):
                self._check_text(piece.payload[start : start + _CHECKED])
        return None

    def _keep(self, payload: bytes) -> None:
        small = len(payload) < _PART
        if small:
            self._rest += payload
        if self._rest and not (small and len(self._rest) < _PART):
            self._parts.append(bytes(self._rest))
            self._rest.clear()
        if not small:
            self._parts.append(payload)

    def _message(self) -> str | bytes:
        data = b"".join((*self._parts, self._rest))
        text = self._opcode == Opcode.TEXT
        self._parts, self._rest, self._unchecked = [], bytearray(), b""
        self._opcode = None
        return _decode(data) if text else data

    def _check_text(self, payload: bytes) -> None:
        unchecked = self._unchecked + payload
        try:
            _, valid = codecs.utf_8_decode(unchecked, "strict", False)
        except UnicodeDecodeError:
            raise _bad_text() from None
        rest = unchecked[valid:]
        # The decoder waits for the third byte of an encoded surrogate; the second one tells.
        if rest[:1] == b"\xed" and rest[1:] > b"\x9f":
            raise _bad_text()
        self._unchecked = rest


def _decode(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _bad_text() from None


def _bad_text() -> ProtocolViolation:
    return ProtocolViolation(
        CloseCode.INVALID_FRAME_PAYLOAD_DATA, "invalid UTF-8 in a text message"
    )
