"""What adversaries put on the wire, and how they read what comes back.

The bytes are those of the other tests, which do not come from ws-core's encoder.
"""

from __future__ import annotations

import zlib
from itertools import groupby
from typing import NamedTuple

from ws_core import Role

from ..peers import (  # noqa: TID252 - the bytes of all tests here
    BINARY,
    CLOSE,
    CONTINUATION,
    MASK,
    PING,
    PONG,
    REQUEST,
    TEXT,
    frame,
    request,
)

__all__ = [
    "BINARY",
    "CLOSE",
    "CONTINUATION",
    "DEFLATE",
    "KIB",
    "MASK",
    "MIB",
    "NO_REQUEST",
    "PING",
    "PONG",
    "REQUEST",
    "TEXT",
    "Heard",
    "Hearing",
    "close",
    "deflated",
    "header",
    "in_words",
    "request",
    "to_server",
]

KIB, MIB = 2**10, 2**20
#: A request that offers to compress.
DEFLATE = request(b"Sec-WebSocket-Extensions: permessage-deflate")
#: A request that no server accepts.
NO_REQUEST = request(sec_websocket_key=b"short")


def to_server(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv1: bool = False, mask: bytes = MASK
) -> bytes:
    """A client's frame."""
    return frame(opcode, payload, to=Role.SERVER, fin=fin, rsv1=rsv1, mask=mask)


def close(code: int = 1000, reason: bytes = b"") -> bytes:
    """A client's close frame."""
    return to_server(CLOSE, code.to_bytes(2, "big") + reason)


def header(size: int, *, first: int = 0x80 | BINARY) -> bytes:
    """The header of a client's frame with a 64-bit length, whatever it may be."""
    return bytes((first, 0xFF)) + size.to_bytes(8, "big") + MASK


def deflated(data: bytes, *, flush: int = zlib.Z_SYNC_FLUSH, before: bytes = b"") -> bytes:
    """The payload of a compressed message, without its tail (RFC 7692 section 7.2.1).

    Args:
        data: The message.
        flush: How it ends, in zlib's terms.
        before: What was sent before, to which it may refer.
    """
    stream = zlib.compressobj(wbits=-15, zdict=before)
    compressed = stream.compress(data) + stream.flush(flush)
    return compressed.removesuffix(b"\x00\x00\xff\xff")


class Heard(NamedTuple):
    """Something that the server said.

    Attributes:
        kind: "HTTP", or what the frame is.
        code: The status, or the close code.
        payload: What the frame carries; of a close frame the reason.
        compressed: Whether RSV1 is set.
    """

    kind: str
    code: int | None = None
    payload: bytes = b""
    compressed: bool = False


_KINDS = {TEXT: "text", BINARY: "binary", CLOSE: "close", PING: "ping", PONG: "pong"}


class Hearing:
    """Takes apart what a server says: the head of its answer, then frames."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._accepted = False
        self._refused = False

    def next(self) -> Heard | None:
        """The next thing it said, or None if there is not enough of it."""
        if self._refused:
            return None
        return self._frame() if self._accepted else self._answer()

    def _answer(self) -> Heard | None:
        head, end, _ = self.data.partition(b"\r\n\r\n")
        if not end:
            return None
        del self.data[: len(head) + 4]
        status = int(head.split()[1])
        self._accepted = status == 101
        self._refused = not self._accepted
        return Heard("HTTP", status, bytes(head))

    def _frame(self) -> Heard | None:
        data = self.data
        if len(data) < 2:
            return None
        more = {126: 2, 127: 8}.get(data[1], 0)
        start = 2 + more
        size = int.from_bytes(data[2:start], "big") if more else data[1]
        if len(data) < start + size:
            return None
        first, payload = data[0], bytes(data[start : start + size])
        del data[: start + size]
        assert first & 0xB0 == 0x80, f"a server of ours does not send frames like {first:#x}"
        kind = _KINDS[first & 0x0F]
        if kind == "close":
            return Heard(kind, int.from_bytes(payload[:2], "big") or None, payload[2:])
        return Heard(kind, None, payload, bool(first & 0x40))


def in_words(heard: list[Heard]) -> str:
    """What was said: "2 x text, close 1000", for instance."""
    words = []
    for (kind, code), run in groupby((one.kind, one.code) for one in heard):
        count = len(list(run))
        if kind in {"HTTP", "close"}:
            words += [f"{kind} {code}" if code else f"{kind} without a code"] * count
        else:
            words.append(f"{count} x {kind}")
    return ", ".join(words) or "nothing"
