"""Masking and unmasking of payloads (RFC 6455 section 5.3)."""

from __future__ import annotations

import functools

# Below this many bytes one XOR of two big integers is faster than four translations.
_TRANSLATE_FROM = 1024


@functools.cache
def _table(byte: int) -> bytes:
    return bytes(byte ^ other for other in range(256))


def apply_mask(data: bytes | bytearray, key: bytes) -> bytes:
    """XOR `data` with the four bytes of `key`, over and over.

    Masking and unmasking are the same.
    """
    size = len(data)
    if size < _TRANSLATE_FROM:
        pattern = (key * (size // 4 + 1))[:size]
        xored = int.from_bytes(data, "little") ^ int.from_bytes(pattern, "little")
        return xored.to_bytes(size, "little")
    masked = bytearray(size)
    for lane in range(4):
        masked[lane::4] = data[lane::4].translate(_table(key[lane]))
    return bytes(masked)
