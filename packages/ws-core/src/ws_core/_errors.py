"""What goes wrong, as exceptions.

ws-core itself raises `LocalProtocolError` alone; the others are for those who do the I/O, so that
they all speak of the same.
"""

from __future__ import annotations

from typing import Any

from wsproto.utilities import LocalProtocolError

from ._close import CloseReason, Initiator

__all__ = ["ConnectionClosed", "ConnectionRejected", "HandshakeError", "LocalProtocolError"]


class HandshakeError(Exception):
    """The opening handshake did not lead to a connection; the text says why."""


class ConnectionRejected(HandshakeError):
    """The server answered the opening handshake with something other than 101.

    Attributes:
        status_code: The HTTP status code.
        headers: The response's headers, names in lower case.
        body: The response's body, cut at ``Limits.rejection_body`` bytes.
    """

    def __init__(
        self,
        status_code: int,
        headers: tuple[tuple[bytes, bytes], ...],
        body: bytes | None,
    ) -> None:
        super().__init__(status_code, headers, body)
        self.status_code = status_code
        self.headers = headers
        self.body = body

    def __str__(self) -> str:
        return f"the server rejected the connection with HTTP status {self.status_code}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}<status_code={self.status_code}>"


class ConnectionClosed(Exception):
    """The connection is closed, or closing, so the operation can't be done.

    Attributes:
        reason: The close code and reason, or None where none is known.
        initiator: Who started to close: "local" for our side, "remote" for the peer; None if the
            connection was lost, or it is not known.
        clean: Whether both sides sent a close frame.
    """

    reason: CloseReason | None = None
    initiator: Initiator | None = None
    clean: bool = False

    # Programs subclass it, with and without calling this, and some give words for a reason.
    def __init__(self, reason: CloseReason | None = None, *args: Any) -> None:
        super().__init__(reason, *args)
        self.reason = reason
        if isinstance(reason, CloseReason):
            self.initiator, self.clean = reason.initiator, reason.clean

    def __str__(self) -> str:
        if self.reason is None:
            return "the connection is closed"
        return str(getattr(self.reason, "report", self.reason))

    def __repr__(self) -> str:
        return f"{type(self).__name__}<{self.reason!r}>"
