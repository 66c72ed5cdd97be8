"""What our system knows of a connection that it does not tell with the bytes."""

from __future__ import annotations

import select
import struct
import sys
from dataclasses import dataclass

import trio

from ._tls import TlsStream

if sys.platform == "linux":
    import fcntl
    import termios

# The start of Linux's struct tcp_info, with those of its fields that are looked at.
_TCP_INFO = struct.Struct("=B 23x I 100x Q 4x I")
_CLOSED = 7  # TCP_CLOSE
# Seconds for a write that should not wait, where that can't be seen; and where it can, and there
# may be thousands that only want their turn.
_ONE_TRY = 0.1
_ONE_TURN = 1.0


@dataclass(frozen=True, slots=True)
class TcpInfo:
    """How a TCP connection does.

    Attributes:
        over: Whether it is over in both directions.
        in_flight: Segments that we have sent and that the peer's system has not acknowledged.
        received: Bytes that came.
        segments: Segments that came, those without any bytes as well.
    """

    over: bool
    in_flight: int
    received: int
    segments: int


def socket_stream(stream: trio.abc.Stream) -> trio.SocketStream | None:
    """The socket that a stream goes over, if it goes over one."""
    if isinstance(stream, trio.SSLStream | TlsStream):
        stream = stream.transport_stream
    return stream if isinstance(stream, trio.SocketStream) else None


def tcp_info(stream: trio.abc.Stream) -> TcpInfo | None:
    """How the TCP connection below a stream does; None where there is none, or nobody tells."""
    bottom = socket_stream(stream)
    if bottom is None or sys.platform != "linux":
        return None
    try:
        found = bottom.socket.getsockopt(
            trio.socket.IPPROTO_TCP, trio.socket.TCP_INFO, _TCP_INFO.size
        )
    except OSError:  # it is no TCP, or was closed
        return None
    if len(found) < _TCP_INFO.size:  # an old system tells less
        return None
    state, in_flight, received, segments = _TCP_INFO.unpack(found)
    return TcpInfo(state == _CLOSED, in_flight, received, segments)


def unacknowledged(stream: trio.abc.Stream) -> int:
    """Bytes that wait in our system because the peer's has not taken them; 0 if nobody knows."""
    bottom = socket_stream(stream)
    if bottom is None or sys.platform != "linux":
        return 0
    try:
        answer = fcntl.ioctl(bottom.socket.fileno(), termios.TIOCOUTQ, bytes(4))
    except (OSError, ValueError):  # the socket was closed
        return 0
    return int.from_bytes(answer, sys.byteorder)


def one_try(stream: trio.abc.Stream) -> float:
    """Seconds for a write that should not wait."""
    bottom = socket_stream(stream)
    return _ONE_TURN if bottom is not None and _is_writable(bottom) else _ONE_TRY


def _is_writable(bottom: trio.SocketStream) -> bool:
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    try:
        poll.register(bottom.socket.fileno(), select.POLLOUT)
    except ValueError:  # the socket was closed
        return False
    return bool(poll.poll(0))
