"""permessage-deflate (RFC 7692): how messages are to be compressed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

#: The window that both sides use where nothing else was said, in bits (RFC 7692 section 7.1.2).
FULL_WINDOW = 15
#: The window that is used where nobody asks for more: 4 KiB do nearly as well as 32 KiB.
LEAN_WINDOW = 12
#: RFC 7692 knows a window of 256 bytes, which zlib can inflate with but not compress.
UNCOMPRESSIBLE_WINDOW = 8

_FLAGS = ("server_no_context_takeover", "client_no_context_takeover")
# The least and the most; None is allowed where there is a default.
_RANGES: dict[str, tuple[int, int]] = {
    "server_max_window_bits": (8, 15),
    "client_max_window_bits": (8, 15),
    "level": (0, 9),
    "mem_level": (1, 9),
}
_MAY_BE_NONE = frozenset({"server_max_window_bits", "client_max_window_bits", "level"})


class Context(NamedTuple):
    """What one direction compresses with.

    Attributes:
        bits: The LZ77 window's size is 2 to the power of this many bytes.
        takeover: Whether a message may refer back to those before it.
    """

    bits: int
    takeover: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Deflate:
    """How messages are compressed: permessage-deflate (RFC 7692).

    The defaults are lean: 31 KiB a connection to compress, and 4 KiB to inflate (as much as the
    peer's window where it can't be asked for less), both taken with the first compressed message.

    Attributes:
        server_no_context_takeover: Whether the server compresses each message by itself, which
            costs it no memory between messages. On clients: demanded of the server.
        client_no_context_takeover: The same of the client. On servers: demanded of the client.
        server_max_window_bits: The server's window is 2 to the power of this many bytes, 8 to 15.
            A number is a bound that holds: a client demands it of the server. With None servers
            use 12 and clients take what the server uses.
        client_max_window_bits: The client's window, likewise. A server does not compress with a
            client that can't keep to the number. With None clients use 12 at most, and servers
            ask for 12 those clients that can be asked.
        level: zlib's level, 0 (fast) to 9 (small); None for zlib's own choice.
        mem_level: zlib's memory level for compressing, 1 to 9: each step doubles a part of it.
        threshold: Messages of fewer bytes go out as they are; text counts in UTF-8.

    Raises:
        TypeError: if a value is of another type.
        ValueError: if it is out of range.
    """

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int | None = None
    client_max_window_bits: int | None = None
    level: int | None = None
    mem_level: int = 4
    threshold: float = 64

    def __post_init__(self) -> None:
        for name in _FLAGS:
            if not isinstance(value := getattr(self, name), bool):
                raise TypeError(f"Deflate.{name} must be a bool, not {type(value).__name__}")
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if value is None and name in _MAY_BE_NONE:
                continue
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f"Deflate.{name} must be an int, not {type(value).__name__}")
            if not least <= value <= most:
                raise ValueError(f"Deflate.{name} must be {least} to {most}, not {value}")
        if isinstance(self.threshold, bool) or not isinstance(self.threshold, int | float):
            raise TypeError(
                f"Deflate.threshold must be a number, not {type(self.threshold).__name__}"
            )
        if not self.threshold >= 0:  # also refuses NaN
            raise ValueError(f"Deflate.threshold must be at least 0, not {self.threshold}")


def context_of(agreed: Deflate, *, client: bool) -> Context:
    """What the client, or the server, compresses with.

    Args:
        agreed: What both agreed on: no window is None.
        client: Whose context is asked for.
    """
    if client:
        bits, no_takeover = agreed.client_max_window_bits, agreed.client_no_context_takeover
    else:
        bits, no_takeover = agreed.server_max_window_bits, agreed.server_no_context_takeover
    assert bits is not None
    return Context(bits, not no_takeover)
