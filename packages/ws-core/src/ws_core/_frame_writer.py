"""What we say becomes frames."""

from __future__ import annotations

from ._close import CloseReason, close_payload
from ._frames import Opcode, encode_frame
from ._outgoing import Outgoing

# RFC 6455 section 5.5.3 lets us answer only the latest ping: done beyond this many unwritten bytes.
_CONTROL_BUFFER = 4 * 2**10


class FrameWriter:
    """Appends frames to what waits to be written.

    Args:
        outgoing: Where they go.
        masked: Whether to mask them, as clients must (RFC 6455 section 5.1).
    """

    def __init__(self, outgoing: Outgoing, *, masked: bool) -> None:
        self._outgoing = outgoing
        self._masked = masked
        self._postponed_pong: bytes | None = None

    def message(self, opcode: Opcode, payload: bytes, *, rsv1: bool = False) -> None:
        """Say a message, in one frame.

        Args:
            opcode: TEXT or BINARY.
            payload: The message, or what it was compressed to.
            rsv1: Whether it is compressed.
        """
        self._outgoing.append(*encode_frame(opcode, payload, masked=self._masked, rsv1=rsv1))

    def ping(self, payload: bytes) -> None:
        """Say a ping."""
        self._control(Opcode.PING, payload)

    def pong(self, payload: bytes) -> None:
        """Say a pong."""
        self._control(Opcode.PONG, payload)

    def close(self, reason: CloseReason) -> None:
        """Say goodbye: the last frame."""
        self.drop_pong()
        self._control(Opcode.CLOSE, close_payload(reason))

    def answer_ping(self, payload: bytes) -> None:
        """Say a pong now, or, if too much waits already, once that is written."""
        if self._outgoing.control_size < _CONTROL_BUFFER:
            self.pong(payload)
        else:
            self._postponed_pong = payload

    def drop_pong(self) -> None:
        """Say no pong any more that waits for its time."""
        self._postponed_pong = None

    def written(self, count: int) -> None:
        """Note that the first `count` bytes of what waited were written."""
        self._outgoing.advance(count)
        if self._postponed_pong is not None and self._outgoing.control_size < _CONTROL_BUFFER:
            payload, self._postponed_pong = self._postponed_pong, None
            self.pong(payload)

    def _control(self, opcode: Opcode, payload: bytes) -> None:
        self._outgoing.append_control(*encode_frame(opcode, payload, masked=self._masked))
