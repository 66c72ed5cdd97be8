"""What goes wrong in time, beside the exceptions of ws-core."""

from __future__ import annotations

from ws_core import HandshakeError


class ConnectionTimeout(HandshakeError):
    """The opening handshake was not over within `connect_timeout` seconds."""


class DisconnectionTimeout(HandshakeError):
    """The server did not answer our close within `disconnect_timeout` seconds."""


class TrioWebsocketInternalError(Exception):
    """Several things failed at once inside of the library; the cause is a group of them."""
