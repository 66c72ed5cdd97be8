"""What a connection is told once, and what it is told by default."""

from __future__ import annotations

from dataclasses import dataclass

from ws_core import Limits

# Seconds. A client waits for a server that may be busy, a server for a request that is due now.
CONN_TIMEOUT = 60
SERVER_CONN_TIMEOUT = 10
DISCONN_TIMEOUT = 10
WRITE_TIMEOUT = 30

MESSAGE_QUEUE_SIZE = 1
MAX_MESSAGE_SIZE = 2**20
# Just under 128 KiB, from where on glibc takes fresh pages from the kernel for each read.
READ_SIZE = 131_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The arguments that every connection takes, checked."""

    message_queue_size: float
    limits: Limits
    read_size: int
    connect_timeout: float
    disconnect_timeout: float
    write_timeout: float

    @classmethod
    def of(
        cls,
        *,
        message_queue_size: float,
        max_message_size: float,
        receive_buffer_size: int | None,
        limits: Limits | None,
        connect_timeout: float,
        disconnect_timeout: float,
        write_timeout: float,
    ) -> Settings:
        """Check the arguments as callers give them.

        Raises:
            TypeError: if one is no number.
            ValueError: if one is negative, or `max_message_size` and `limits` are both given.
        """
        if limits is None:
            limits = Limits(message=max_message_size)
        elif not isinstance(limits, Limits):
            raise TypeError(f"limits must be Limits, not {type(limits).__name__}")
        elif max_message_size != MAX_MESSAGE_SIZE:
            raise ValueError("give max_message_size or limits, not both")
        if receive_buffer_size is None:
            receive_buffer_size = READ_SIZE
        read_size = min(READ_SIZE, _at_least(1, "receive_buffer_size", receive_buffer_size))
        return cls(
            message_queue_size=_at_least(0, "message_queue_size", message_queue_size),
            limits=limits,
            read_size=int(read_size),
            connect_timeout=_at_least(0, "connect_timeout", connect_timeout),
            disconnect_timeout=_at_least(0, "disconnect_timeout", disconnect_timeout),
            write_timeout=_at_least(0, "write_timeout", write_timeout),
        )


def _at_least(least: float, name: str, value: float) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}")
    if not value >= least:  # also refuses NaN
        raise ValueError(f"{name} must be at least {least}, not {value}")
    return value
