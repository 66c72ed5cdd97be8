"""WebSocket clients and servers for Trio."""

from importlib import import_module as _import_module
from types import ModuleType as _ModuleType

from ws_core import (
    SAME_ORIGIN,
    CloseCode,
    CloseReason,
    ConnectionClosed,
    ConnectionRejected,
    Deflate,
    HandshakeError,
    Limits,
    LocalProtocolError,
)

from ._client import (
    connect_websocket,
    connect_websocket_url,
    open_websocket,
    open_websocket_url,
    wrap_client_stream,
)
from ._connection import WebSocketConnection
from ._endpoint import Endpoint
from ._exceptions import ConnectionTimeout, DisconnectionTimeout
from ._heartbeat import Heartbeat
from ._request import WebSocketRequest, wrap_server_stream
from ._server import WebSocketServer, log_handler_error, serve_websocket
from ._version import __version__

__all__ = [
    "SAME_ORIGIN",
    "CloseCode",
    "CloseReason",
    "ConnectionClosed",
    "ConnectionRejected",
    "ConnectionTimeout",
    "Deflate",
    "DisconnectionTimeout",
    "Endpoint",
    "HandshakeError",
    "Heartbeat",
    "Limits",
    "LocalProtocolError",
    "WebSocketConnection",
    "WebSocketRequest",
    "WebSocketServer",
    "__version__",
    "connect_websocket",
    "connect_websocket_url",
    "log_handler_error",
    "open_websocket",
    "open_websocket_url",
    "serve_websocket",
    "wrap_client_stream",
    "wrap_server_stream",
]


def __getattr__(name: str) -> _ModuleType:
    # Programs say `trio_websocket._impl.ConnectionClosed` without importing it.
    if name == "_impl":
        return _import_module(f"{__name__}._impl")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
