"""The WebSocket protocol (RFC 6455) without I/O: bytes in, events out; verbs in, bytes out."""

from ._close import CloseCode, CloseReason, Initiator, checked_reason
from ._codec import ACCELERATED
from ._connection import Connection
from ._deflate import Deflate
from ._errors import ConnectionClosed, ConnectionRejected, HandshakeError, LocalProtocolError
from ._events import (
    HELD_BACK,
    NEED_DATA,
    OVER,
    PIECE,
    Accepted,
    Closed,
    Event,
    Failed,
    HandshakeFailed,
    Pause,
    Pinged,
    Ponged,
    Rejected,
    Requested,
)
from ._headers import ExtraHeaders
from ._host import host_header, normalize_host
from ._limits import Limits
from ._origins import SAME_ORIGIN, Origins, SameOrigin
from ._outgoing import Outgoing
from ._state import Role, State
from ._url import WebSocketURL, normalize_resource
from ._version import __version__

__all__ = [
    "ACCELERATED",
    "HELD_BACK",
    "NEED_DATA",
    "OVER",
    "PIECE",
    "SAME_ORIGIN",
    "Accepted",
    "CloseCode",
    "CloseReason",
    "Closed",
    "Connection",
    "ConnectionClosed",
    "ConnectionRejected",
    "Deflate",
    "Event",
    "ExtraHeaders",
    "Failed",
    "HandshakeError",
    "HandshakeFailed",
    "Initiator",
    "Limits",
    "LocalProtocolError",
    "Origins",
    "Outgoing",
    "Pause",
    "Pinged",
    "Ponged",
    "Rejected",
    "Requested",
    "Role",
    "SameOrigin",
    "State",
    "WebSocketURL",
    "__version__",
    "checked_reason",
    "host_header",
    "normalize_host",
    "normalize_resource",
]
