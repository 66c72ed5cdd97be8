"""What we say becomes frames."""

from __future__ import annotations

from ._close import CloseReason, close_payload
from ._codec import encode_frame, encode_header, new_key
from ._frames import FIN, RSV1, Opcode
from ._outgoing import Outgoing

# RFC 6455 section 5.5.3 lets us answer only the latest ping: done beyond this many unwritten bytes.
_CONTROL_BUFFER = 4 * 2**10
# A header is joined with a payload below this many bytes; above, the copy would cost more.
_JOIN_BELOW = 64 * 2**10


class FrameWriter:
    """Appends frames to what waits to be written.

    Args:
        outgoing: Where they go.
        masked: Whether to mask them, as clients must (RFC 6455 section 5.1).

    Attributes:
        postponed_pong: The payload of a pong that waits for its time, if one does.
    """

    def __init__(self, outgoing: Outgoing, *, masked: bool) -> None:
        self._outgoing = outgoing
        self._masked = masked
        self.postponed_pong: bytes | None = None

    def message(self, opcode: int, payload: bytes, *, rsv1: bool = False) -> None:
        """Say a message, in one frame.

        Args:
            opcode: TEXT or BINARY.
            payload: The message, or what it was compressed to.
            rsv1: Whether it is compressed.
        """
        first = FIN | RSV1 | opcode if rsv1 else FIN | opcode
        if len(payload) < _JOIN_BELOW:
            self._outgoing.append(encode_frame(first, payload, self._masked))
        else:
            key = new_key() if self._masked else b""
            self._outgoing.append(encode_header(first, len(payload), key))
            self._outgoing.append(payload, key)

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
            self.postponed_pong = payload

    def drop_pong(self) -> None:
        """Say no pong any more that waits for its time."""
        self.postponed_pong = None

    def pong_at_last(self) -> None:
        """Say the pong that was put off, if its time has come."""
        if self.postponed_pong is not None and self._outgoing.control_size < _CONTROL_BUFFER:
            payload, self.postponed_pong = self.postponed_pong, None
            self.pong(payload)

    def _control(self, opcode: int, payload: bytes) -> None:
        self._outgoing.append_control(encode_frame(FIN | opcode, payload, self._masked))
