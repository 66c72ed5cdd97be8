"""Frames (RFC 6455 section 5): what they are, and what they may carry."""

from __future__ import annotations

from typing import Final, NamedTuple

#: The bit of a frame's first byte that says that it ends its message.
FIN = 0x80
#: RFC 6455 section 5.5: the longest payload of a control frame, in bytes.
CONTROL_PAYLOAD = 125
#: The bit of a frame's first byte that says that a message is compressed (RFC 7692 section 6).
RSV1 = 0x40


class Opcode:
    """What a frame is (RFC 6455 section 5.2).

    Plain numbers: every frame is held against them, and to look up a member of an enumeration takes
    as long as all the rest.
    """

    CONTINUATION: Final = 0x0
    TEXT: Final = 0x1
    BINARY: Final = 0x2
    CLOSE: Final = 0x8
    PING: Final = 0x9
    PONG: Final = 0xA


OPCODES = frozenset(
    {
        Opcode.CONTINUATION,
        Opcode.TEXT,
        Opcode.BINARY,
        Opcode.CLOSE,
        Opcode.PING,
        Opcode.PONG,
    }
)


class Piece(NamedTuple):
    """A control frame, or a piece of a message: as much of a data frame as has arrived.

    Attributes:
        opcode: What it is; CONTINUATION for every piece of a message but the first.
        fin: Whether it ends its message.
        payload: The unmasked bytes.
        compressed: Whether it belongs to a compressed message (RFC 7692 section 6).
    """

    opcode: int
    fin: bool
    payload: bytes
    compressed: bool = False


def checked_payload(payload: bytes | bytearray | memoryview) -> bytes:
    """What a caller wants a control frame to carry.

    Raises:
        TypeError: if it is not bytes-like.
        ValueError: if it is longer than 125 bytes.
    """
    if not isinstance(payload, bytes | bytearray | memoryview):
        raise TypeError(f"payload must be bytes, not {type(payload).__name__}")
    payload = bytes(payload)
    if len(payload) > CONTROL_PAYLOAD:
        raise ValueError(
            f"payload is {len(payload)} bytes long, and a control frame carries at most "
            f"{CONTROL_PAYLOAD}"
        )
    return payload


def checked_message(message: str | bytes | bytearray | memoryview) -> tuple[int, bytes]:
    """What a caller wants to send as a message: its opcode, and its bytes.

    Raises:
        ValueError: for anything else, and for text that has no UTF-8.
    """
    if type(message) is bytes:
        return Opcode.BINARY, message
    if isinstance(message, str):
        return Opcode.TEXT, message.encode()
    if isinstance(message, bytes | bytearray | memoryview):
        return Opcode.BINARY, bytes(message)
    raise ValueError("message must be str or bytes")
