"""What a connection takes in at most."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one connection takes in, or keeps waiting, at most.

    `math.inf` means no limit.

    Attributes:
        message: Bytes of one incoming message, over all its fragments; text counts in UTF-8.
        head: Bytes of the head of an HTTP request or response.
        header_lines: Lines of such a head, the first one included.
        rejection_body: Bytes of the body of a rejected handshake; the rest is cut off.
        pending_pings: Pings that wait for their pongs at the same time.
        write_buffer: Bytes that may wait to be written before the next speaker has to wait, for
            those who do the I/O: the core itself takes what is said.

    Raises:
        TypeError: if a value is no number.
        ValueError: if a value is below 1 (below 0 for `message`).
    """

    message: float = 2**20
    head: float = 16 * 2**10
    header_lines: float = 128
    rejection_body: float = 64 * 2**10
    pending_pings: float = 64
    write_buffer: float = 64 * 2**10

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int | float):
                raise TypeError(f"Limits.{field.name} must be a number, not {type(value).__name__}")
            least = 0 if field.name == "message" else 1
            if not value >= least:  # also refuses NaN
                raise ValueError(f"Limits.{field.name} must be at least {least}, not {value}")
