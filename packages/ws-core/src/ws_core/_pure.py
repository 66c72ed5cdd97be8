"""What is done to every byte of every message, in Python.

`_accelerator` has the same names and does the same in C, only faster; `_codec` chooses.
"""

from __future__ import annotations

import functools
import os

# Below this many bytes one XOR of two big integers is faster than four translations.
_TRANSLATE_FROM = 1024
# The room that a payload gets at first: more follows as the bytes come, never far ahead of them.
_FIRST_ROOM = 4 * 2**10
# RFC 6455 section 5.2: the first bytes of whole messages that are not compressed.
_WHOLE_TEXT, _WHOLE_BINARY = 0x81, 0x82


@functools.cache
def _table(byte: int) -> bytes:
    return bytes(byte ^ other for other in range(256))


def apply_mask(data: bytes | bytearray | memoryview, key: bytes) -> bytes:
    """XOR `data` with the four bytes of `key`, over and over (RFC 6455 section 5.3).

    Masking and unmasking are the same.
    """
    size = len(data)
    if size < _TRANSLATE_FROM:
        pattern = (key * (size // 4 + 1))[:size]
        xored = int.from_bytes(data, "little") ^ int.from_bytes(pattern, "little")
        return xored.to_bytes(size, "little")
    plain, masked = bytes(data), bytearray(size)
    for lane in range(4):
        masked[lane::4] = plain[lane::4].translate(_table(key[lane]))
    return bytes(masked)


def new_key() -> bytes:
    """A masking key; RFC 6455 section 10.3: from a strong source of entropy."""
    return os.urandom(4)


def encode_header(first: int, size: int, key: bytes) -> bytes:
    """The header of a frame, its length in the shortest form (RFC 6455 section 5.2).

    Args:
        first: The first byte: FIN, the reserved bits and the opcode.
        size: Bytes of the payload.
        key: The masking key; empty for a frame that is not masked.
    """
    mask_bit = 0x80 if key else 0
    if size <= 125:
        return bytes((first, mask_bit | size)) + key
    if size <= 0xFFFF:
        return bytes((first, mask_bit | 126)) + size.to_bytes(2, "big") + key
    return bytes((first, mask_bit | 127)) + size.to_bytes(8, "big") + key


def encode_frame(first: int, payload: bytes, masked: bool) -> bytes:
    """A frame as it goes over the wire, masked with a new key if it is to be.

    Args:
        first: The first byte: FIN, the reserved bits and the opcode.
        payload: What it carries.
        masked: Whether to mask it, as clients must (RFC 6455 section 5.1).
    """
    if not masked:
        return encode_header(first, len(payload), b"") + payload
    key = new_key()
    return encode_header(first, len(payload), key) + apply_mask(payload, key)


def take_messages(buffer: bytearray, masked: bool, max_size: int, most: int) -> list[str | bytes]:
    """Take the messages off the front of `buffer` that are whole and plain.

    Plain are unfragmented, uncompressed messages that break no rule and no limit. Anything else is
    left where it is, with all that follows.

    Args:
        buffer: Incoming bytes, from the start of a frame on.
        masked: Whether frames must be masked.
        max_size: Bytes of one message at most.
        most: How many messages to take at most.
    """
    messages: list[str | bytes] = []
    start, end = 0, len(buffer)
    mask_bit, key_size = (0x80, 4) if masked else (0, 0)
    while len(messages) < most and end - start >= 2:
        first = buffer[start]
        size = buffer[start + 1] - mask_bit
        if first not in (_WHOLE_TEXT, _WHOLE_BINARY) or not 0 <= size <= 127:
            break
        at = start + 2
        if size > 125:
            width, least = (2, 126) if size == 126 else (8, 0x10000)
            at += width
            size = int.from_bytes(buffer[start + 2 : at], "big")
            if at > end or size < least:
                break
        at += key_size
        if size > max_size or size > end - at:
            break
        payload = bytes(buffer[at : at + size])
        if masked:
            payload = apply_mask(payload, bytes(buffer[at - 4 : at]))
        if first == _WHOLE_TEXT:
            try:
                messages.append(payload.decode())
            except UnicodeDecodeError:
                break
        else:
            messages.append(payload)
        start = at + size
    del buffer[:start]
    return messages


class Payload:
    """A buffer of its own for one long payload, filled as the bytes come.

    Args:
        size: Bytes that will come.
        key: The masking key; empty if they are not masked.
    """

    def __init__(self, size: int, key: bytes) -> None:
        self._size = size
        self._key = key
        self._filled = 0
        self._buffer = bytearray(min(size, _FIRST_ROOM))

    @property
    def missing(self) -> int:
        """Bytes that are still to come."""
        return self._size - self._filled

    def room(self) -> memoryview:
        """Where to put the next bytes, some of those that are missing at least.

        Release it, and tell `filled`, before it is used for anything else.

        Raises:
            BufferError: if an earlier one was not released. The accelerator always finds that, and
                in `filled` too; here it is found where the memory has to move.
        """
        room = len(self._buffer)
        if room == self._filled < self._size:
            self._buffer += bytes(min(room, self._size - room))
        return memoryview(self._buffer)[self._filled :]

    def filled(self, count: int) -> None:
        """Note that `count` bytes were put into the room.

        Raises:
            ValueError: if it is not so large.
        """
        if not 0 <= count <= len(self._buffer) - self._filled:
            raise ValueError(f"there is no room for {count} bytes")
        start, self._filled = self._filled, self._filled + count
        if self._key:
            turned = start % 4
            key = self._key[turned:] + self._key[:turned]
            came = self._buffer[start : self._filled]
            self._buffer[start : self._filled] = apply_mask(came, key)

    def take(self) -> bytes:
        """The payload, when nothing is missing; once.

        Raises:
            BufferError: if the room was not released.
            ValueError: if bytes are missing.
        """
        if self.missing:
            raise ValueError(f"{self.missing} bytes are missing")
        taken = bytes(self._buffer)
        self._buffer.clear()
        return taken
