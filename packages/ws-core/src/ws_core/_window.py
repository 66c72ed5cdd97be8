"""The last of what was inflated."""

from __future__ import annotations

# More parts than these are put together, lest many small ones cost more than their bytes.
_PARTS = 32


class Window:
    """The last bytes of a stream, to which what follows may refer.

    They are kept as they came, without copying, until `compact` is called.

    Args:
        size: How many bytes.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._parts: list[bytes] = []
        self._held = 0

    def __bytes__(self) -> bytes:
        return b"".join(self._parts)[-self._size :]

    def add(self, data: bytes) -> None:
        """Take in what the stream goes on with."""
        self._parts.append(data)
        self._held += len(data)
        while self._held - len(self._parts[0]) >= self._size:
            self._held -= len(self._parts.pop(0))
        if len(self._parts) > _PARTS:
            self.compact()

    def compact(self) -> None:
        """Keep nothing but the bytes of the window."""
        contents = bytes(self)
        self._parts = [contents]
        self._held = len(contents)
