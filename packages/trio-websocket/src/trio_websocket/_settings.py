"""What a connection is told once, and what it is told by default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ws_core import Connection, Deflate, Limits, Role

from ._heartbeat import Heartbeat

#: How messages are to be compressed.
Compression: TypeAlias = Literal["deflate"] | Deflate | None

# Seconds. A client waits for a server that may be busy, a server for a request that is due now.
CONN_TIMEOUT = 60
SERVER_CONN_TIMEOUT = 10
DISCONN_TIMEOUT = 10
WRITE_TIMEOUT = 30

MESSAGE_QUEUE_SIZE = 1
MAX_MESSAGE_SIZE = 2**20
_DEFAULT_LIMITS = Limits(message=MAX_MESSAGE_SIZE)
MAX_HANDSHAKES = 1000
# Just under 128 KiB, from where on glibc takes fresh pages from the kernel for each read.
READ_SIZE = 131_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The arguments that every connection takes, checked."""

    role: Role
    message_queue_size: float
    limits: Limits
    deflate: Deflate | None
    read_size: int
    connect_timeout: float
    disconnect_timeout: float
    write_timeout: float
    heartbeat: Heartbeat | None

    @classmethod
    def of(
        cls,
        role: Role,
        *,
        message_queue_size: float,
        max_message_size: float,
        receive_buffer_size: int | None,
        limits: Limits | None,
        connect_timeout: float,
        disconnect_timeout: float,
        write_timeout: float,
        compression: Compression,
        heartbeat: Heartbeat | None,
    ) -> Settings:
        """Check the arguments as callers give them.

        Raises:
            TypeError: if one is of the wrong type.
            ValueError: if one is negative, `max_message_size` and `limits` are both given, or
                `compression` is unknown.
        """
        if limits is None:
            default = max_message_size == MAX_MESSAGE_SIZE
            limits = _DEFAULT_LIMITS if default else Limits(message=max_message_size)
        elif not isinstance(limits, Limits):
            raise TypeError(f"limits must be Limits, not {type(limits).__name__}")
        elif max_message_size != MAX_MESSAGE_SIZE:
            raise ValueError("give max_message_size or limits, not both")
        if not (heartbeat is None or isinstance(heartbeat, Heartbeat)):
            raise TypeError(f"heartbeat must be Heartbeat or None, not {type(heartbeat).__name__}")
        if receive_buffer_size is None:
            receive_buffer_size = READ_SIZE
        read_size = min(READ_SIZE, at_least(1, "receive_buffer_size", receive_buffer_size))
        return cls(
            role=role,
            message_queue_size=at_least(0, "message_queue_size", message_queue_size),
            limits=limits,
            deflate=_deflate(compression),
            read_size=int(read_size),
            connect_timeout=at_least(0, "connect_timeout", connect_timeout),
            disconnect_timeout=at_least(0, "disconnect_timeout", disconnect_timeout),
            write_timeout=at_least(0, "write_timeout", write_timeout),
            heartbeat=heartbeat,
        )

    def new_core(self) -> Connection:
        """The protocol's side of a new connection.

        Raises:
            ValueError: if `compression` wants what this role can't do.
        """
        return Connection(self.role, limits=self.limits, deflate=self.deflate)


def _deflate(compression: Compression) -> Deflate | None:
    if compression is None or isinstance(compression, Deflate):
        return compression
    if not isinstance(compression, str):
        raise TypeError(
            f'compression must be "deflate", Deflate or None, not {type(compression).__name__}'
        )
    if compression != "deflate":
        raise ValueError(f'compression must be "deflate", Deflate or None, not {compression!r}')
    return Deflate()


def at_least(least: float, name: str, value: float) -> float:
    """A number that is no less than `least`.

    Raises:
        TypeError: if it is no number.
        ValueError: if it is less.
    """
    if not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}")
    if not value >= least:  # also refuses NaN
        raise ValueError(f"{name} must be at least {least}, not {value}")
    return value
