"""Incoming bytes become messages and control frames."""

from __future__ import annotations

from ._assembler import Assembler
from ._events import PIECE, Pause
from ._frame_reader import FrameReader
from ._frames import Opcode, Piece
from ._inflater import Inflater
from ._inflating_reader import InflatingReader


class Intake:
    """What came from the peer and was not taken yet.

    Args:
        masked: Whether frames must be masked.
        max_message: Bytes of one message at most.

    Attributes:
        buffer: The bytes of it; the opening handshake takes heads off its front, then frames are
            taken.
        messages: Those that were decoded together with one that was taken, the next one last.
    """

    def __init__(self, *, masked: bool, max_message: float) -> None:
        self.buffer = bytearray()
        self.messages: list[str | bytes] = []
        self._frames = FrameReader(self.buffer, masked=masked, max_message=max_message)
        self._reader: FrameReader | InflatingReader = self._frames
        self._assembler = Assembler()

    def inflate_with(self, inflater: Inflater) -> None:
        """Take compressed messages as well from now on."""
        self._reader = InflatingReader(self._frames, inflater)

    def get_buffer(self) -> memoryview | None:
        """The room of a long payload that is arriving, if one is."""
        payload = self._frames.payload
        if payload is None or self.buffer or not payload.missing:
            return None
        return payload.room()

    def buffer_updated(self, count: int) -> None:
        """Note that `count` bytes were put there."""
        self._frames.filled(count)

    def next(self, *, pings_only: bool) -> str | bytes | Piece | Pause:
        """What comes next when there are no `messages`, or why there is nothing.

        Args:
            pings_only: Pings and pongs alone: leave others where they are and return HELD_BACK.

        Raises:
            ProtocolViolation: if the peer breaks the protocol or a limit.
        """
        if self.buffer and not pings_only and (taken := self._reader.messages()):
            taken.reverse()
            self.messages = taken
            return taken.pop()
        piece = self._reader.next_piece(pings_only=pings_only)
        if not isinstance(piece, Piece) or piece.opcode >= Opcode.CLOSE:
            return piece
        message = self._assembler.add(piece)
        return PIECE if message is None else message

    def forget(self) -> None:
        """Drop everything: nothing more is listened to."""
        self.buffer.clear()
        self.messages.clear()
        self._frames.forget()
        self._assembler, self._reader = Assembler(), self._frames
