"""What we say, compressed (RFC 7692 section 7.2.1)."""

from __future__ import annotations

import zlib
from collections.abc import Generator

from ._deflate import UNCOMPRESSIBLE_WINDOW, Context, Deflate
from ._errors import LocalProtocolError

# What ends every compressed message, and is not sent.
_TAIL_SIZE = len(b"\x00\x00\xff\xff")
# Bytes compressed at once: 0.2 milliseconds for most texts, 3 for those that are made to take long.
_STEP = 16 * 2**10


class Compressor:
    """Compresses one message after the other, with the window that was agreed on.

    zlib's memory is taken when it is needed first.

    Args:
        deflate: What was agreed on.
        context: What our side compresses with.
    """

    def __init__(self, deflate: Deflate, context: Context) -> None:
        self._context = context
        self._level = -1 if deflate.level is None else deflate.level
        self._mem_level = deflate.mem_level
        self._threshold = deflate.threshold
        # What the next message goes on with, and what the one that is being said will leave.
        self._window: zlib._Compress | None = None
        self._next_window: zlib._Compress | None = None
        self._busy = False

    def wants(self, payload: bytes, compress: bool | None) -> bool:
        """Whether a message is to be compressed.

        Args:
            compress: What the application says about it; None leaves it to the threshold.
        """
        if compress is None:
            compress = len(payload) >= self._threshold
        # zlib says nothing at all about nothing, and has no window of 256 bytes.
        return compress and bool(payload) and self._context.bits != UNCOMPRESSIBLE_WINDOW

    def compress(self, payload: bytes) -> Generator[None, None, bytes]:
        """Compress a message in steps; call `said` once it is sure to reach the peer.

        Without that, or if this is not taken to its end, the next message starts afresh: the peer's
        window never lacks what ours has.

        Returns:
            The payload of its frame.

        Raises:
            LocalProtocolError: if another message is being compressed.
        """
        if self._busy:
            raise LocalProtocolError("a message can't be sent: another one is being compressed")
        self._busy = True
        try:
            return (yield from self._compress(payload))
        finally:
            self._busy = False

    def said(self) -> None:
        """Note that the message compressed last is on its way."""
        self._window, self._next_window = self._next_window, None

    def _compress(self, payload: bytes) -> Generator[None, None, bytes]:
        window, self._window = self._window, None
        if window is None:
            window = zlib.compressobj(
                self._level, zlib.DEFLATED, -self._context.bits, self._mem_level
            )
        compressed = [window.compress(payload[:_STEP])]
        for start in range(_STEP, len(payload), _STEP):
            yield
            compressed.append(window.compress(payload[start : start + _STEP]))
        rest = window.flush(zlib.Z_SYNC_FLUSH)
        self._next_window = window if self._context.takeover else None
        return b"".join((*compressed, memoryview(rest)[:-_TAIL_SIZE]))
