"""Which end of a connection we are, and where it is in its life."""

from __future__ import annotations

import enum


class Role(enum.Enum):
    """Which end of the connection we are."""

    CLIENT = "client"
    SERVER = "server"

    @property
    def peer(self) -> Role:
        """The other end."""
        return Role.SERVER if self is Role.CLIENT else Role.CLIENT


class State(enum.Enum):
    """Where a connection is in its life."""

    #: The opening handshake is going on.
    CONNECTING = "connecting"
    #: Both sides may send messages.
    OPEN = "open"
    #: The peer broke the protocol; what came before may still be answered.
    FAILING = "failing"
    #: We sent a close frame and wait for the peer's.
    CLOSING = "closing"
    #: Nothing more can be said or heard.
    CLOSED = "closed"
