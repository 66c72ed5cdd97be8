"""Frames (RFC 6455 section 5): how they look, and how ours are made."""

from __future__ import annotations

import enum
import os
from typing import NamedTuple

from ._masking import apply_mask

#: RFC 6455 section 5.5: the longest payload of a control frame, in bytes.
CONTROL_PAYLOAD = 125
#: The bit of a frame's first byte that says that a message is compressed (RFC 7692 section 6).
RSV1 = 0x40


class Opcode(enum.IntEnum):
    """What a frame is (RFC 6455 section 5.2)."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


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


def checked_message(message: str | bytes | bytearray | memoryview) -> tuple[Opcode, bytes]:
    """What a caller wants to send as a message: which kind, and its bytes.

    Raises:
        ValueError: for anything else, and for text that has no UTF-8.
    """
    if isinstance(message, str):
        return Opcode.TEXT, message.encode()
    if isinstance(message, bytes | bytearray | memoryview):
        return Opcode.BINARY, bytes(message)
    raise ValueError("message must be str or bytes")


def encode_frame(
    opcode: Opcode, payload: bytes, *, masked: bool, rsv1: bool = False
) -> tuple[bytes, bytes]:
    """The header and the payload of a final frame as they go over the wire.

    Args:
        opcode: What the frame is.
        payload: The bytes to carry.
        masked: Whether to mask them, as clients must (RFC 6455 section 5.3), with a fresh key.
        rsv1: Whether they are compressed (RFC 7692 section 6).
    """
    size = len(payload)
    first = 0x80 | RSV1 | opcode if rsv1 else 0x80 | opcode
    mask_bit = 0x80 if masked else 0
    if size <= 125:
        header = bytes((first, mask_bit | size))
    elif size <= 0xFFFF:
        header = bytes((first, mask_bit | 126)) + size.to_bytes(2, "big")
    else:
        header = bytes((first, mask_bit | 127)) + size.to_bytes(8, "big")
    if not masked:
        return header, payload
    # RFC 6455 section 10.3: the key must come from a strong source of entropy.
    key = os.urandom(4)
    return header + key, apply_mask(payload, key)
