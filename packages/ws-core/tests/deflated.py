"""What the tests of compression share: an end that inflates, and what its peer may send it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from ws_core import (
    Connection,
    Deflate,
    Limits,
    Role,
)

from .two_ends import (
    BINARY,
    CONTINUATION,
    frame,
    open_end,
)

DEFLATE = Deflate(threshold=0)
TAIL = b"\x00\x00\xff\xff"
# RFC 7692 section 7.2.3: "Hello", in the ways that its examples send it.
HELLO = bytes.fromhex("f2 48 cd c9 c9 07 00")
HELLO_AGAIN = bytes.fromhex("f2 00 11 00 00")
HELLO_STORED = bytes.fromhex("00 05 00 fa ff 48 65 6c 6c 6f 00")
HELLO_FINAL = bytes.fromhex("f3 48 cd c9 c9 07 00 00")
HELLO_IN_TWO_BLOCKS = bytes.fromhex("f2 48 05 00 00 00 ff ff ca c9 c9 07 00")
EMPTY_FINAL = b"\x03\x00"
NOT_DEFLATE = "invalid compressed data"


def end_of(role: Role = Role.SERVER, *, limit: float = 2**20) -> Connection:
    """An end that inflates."""
    return open_end(role, Limits(message=limit), DEFLATE)


def compressed(
    payload: bytes, to: Role = Role.SERVER, *, opcode: int = BINARY, fin: bool = True
) -> bytes:
    """The first frame of a compressed message."""
    return frame(opcode, payload, to=to, fin=fin, rsv1=True)


def in_frames(
    payloads: Iterable[bytes], to: Role = Role.SERVER, opcode: int = BINARY
) -> list[bytes]:
    """A compressed message in several frames."""
    parts = list(payloads)
    last = len(parts) - 1
    return [
        frame(CONTINUATION if i else opcode, part, to=to, fin=i == last, rsv1=not i)
        for i, part in enumerate(parts)
    ]


def deflate(data: bytes, *, final: bool = False) -> bytes:
    """What a message with `data` carries; with a final block at its end if it is `final`."""
    compressor = zlib.compressobj(wbits=-15)
    body = compressor.compress(data)
    if final:
        return body + compressor.flush(zlib.Z_FINISH) + b"\x00"
    return (body + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


def zeros(size: int) -> bytes:
    """A message of so many zero bytes, a thousandth as long."""
    compressor = zlib.compressobj(9, wbits=-15)
    block = bytes(2**20)
    data = b"".join(compressor.compress(block) for _ in range(size // 2**20))
    data += compressor.compress(bytes(size % 2**20))
    return (data + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)
