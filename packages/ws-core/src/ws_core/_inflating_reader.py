"""Pieces of compressed messages become pieces of plain ones."""

from __future__ import annotations

from ._close import message_too_big
from ._events import HELD_BACK, Pause
from ._frame_reader import FrameReader
from ._frames import Opcode, Piece
from ._inflater import Inflater

# One byte may become a thousand: so many are inflated before the caller can take a breath.
_STEP = 16 * 2**10


class InflatingReader:
    """Reads as a `FrameReader` does, and inflates what is compressed.

    Args:
        reader: Where the frames come from. Its limit holds for what they are inflated to.
        inflater: What inflates them.
    """

    def __init__(self, reader: FrameReader, inflater: Inflater) -> None:
        reader.allow_compressed()
        self._reader = reader
        self._inflater = inflater
        # Of the message that is coming: whether it is compressed, what to call the next piece of
        # it, whether its last frame has come, and its size so far.
        self._compressed = False
        self._opcode = 0
        self._fin = False
        self._size = 0

    def messages(self) -> list[str | bytes]:
        """Whole messages that are not compressed, as `FrameReader.messages` has them."""
        return self._reader.messages() if self._inflater.hungry else []

    def next_piece(self, *, pings_only: bool = False) -> Piece | Pause:
        """The next control frame or piece of a message, as `FrameReader.next_piece` has it.

        Raises:
            ProtocolViolation: also if what is compressed can't be inflated, or becomes too long.
        """
        if not self._inflater.hungry:
            return HELD_BACK if pings_only else self._next_step()
        piece = self._reader.next_piece(pings_only=pings_only)
        if not isinstance(piece, Piece) or piece.opcode >= Opcode.CLOSE:
            return piece
        if piece.opcode != Opcode.CONTINUATION:
            self._compressed, self._opcode, self._size = piece.compressed, piece.opcode, 0
        if not self._compressed:
            return piece
        self._fin = piece.fin
        self._inflater.feed(piece.payload, last=piece.fin)
        return self._next_step()

    def _next_step(self) -> Piece:
        limit = self._reader.max_message
        most = min(_STEP, limit - self._size + 1)
        output = self._inflater.inflate(int(most))
        self._size += len(output)
        if self._size > limit:
            raise message_too_big(f"{limit:.0f} bytes")
        piece = Piece(self._opcode, self._fin and self._inflater.hungry, output)
        self._opcode = 0  # the next one continues it
        return piece
