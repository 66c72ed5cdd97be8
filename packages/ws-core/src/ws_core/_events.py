"""What happens to us: the nouns that `Connection.next_event` hands out.

A message is no class of its own: it is the ``str`` or ``bytes`` itself.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final, TypeAlias

from ._close import CloseReason

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]


class Pause(enum.Enum):
    """Why there is no event now."""

    NEED_DATA = "NEED_DATA"
    PIECE = "PIECE"
    HELD_BACK = "HELD_BACK"
    OVER = "OVER"


#: Nothing more can be known before more bytes arrive, or the end of the stream.
NEED_DATA: Final = Pause.NEED_DATA
#: A piece of a message was taken in; ask again.
PIECE: Final = Pause.PIECE
#: Only pings and pongs were asked for, and something else comes next.
HELD_BACK: Final = Pause.HELD_BACK
#: Nothing will come any more; after `Failed` not before `Connection.close` was called.
OVER: Final = Pause.OVER


@dataclass(frozen=True, slots=True)
class Requested:
    """A client asks for a connection: answer with `accept` or `reject`.

    Attributes:
        resource: What the client asks for: path and query, percent-encoded as it sent them.
        headers: The headers, names in lower case, without the offers of subprotocols and
            extensions.
        subprotocols: What the client offers, in its order of preference.
    """

    resource: str
    headers: Headers
    subprotocols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The server accepted: the connection is open.

    Attributes:
        subprotocol: The one that the server chose, if any.
        headers: The answer's headers, names in lower case, without those of the handshake itself.
    """

    subprotocol: str | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Rejected:
    """The server answered the handshake with something other than 101; nothing more comes.

    Attributes:
        status_code: The HTTP status code.
        headers: The response's headers, names in lower case.
        body: The response's body, cut at `Limits.rejection_body` bytes.
    """

    status_code: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class HandshakeFailed:
    """The peer did not keep to the opening handshake; nothing more comes.

    Attributes:
        reason: What was wrong, for a person.
        status_code: On servers the status of the HTTP answer that waits to go out; None if there
            is none, as the client has left.
    """

    reason: str
    status_code: int | None = None


@dataclass(frozen=True, slots=True)
class Pinged:
    """A ping came.

    Its pong waits to go out, unless we are closing. When too many wait already, it is put off, and
    the answer to a later ping may take its place (RFC 6455 section 5.5.3).
    """

    payload: bytes


@dataclass(frozen=True, slots=True)
class Ponged:
    """A pong came.

    Attributes:
        payload: What it carries.
        settled: The payloads of our pings that it answers, the earliest first.
    """

    payload: bytes
    settled: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """The peer broke the protocol or a limit: call `close`, which brings `Closed`.

    What came before may be answered first.

    Attributes:
        reason: What `close` will say, whatever it is called with.
    """

    reason: CloseReason


@dataclass(frozen=True, slots=True)
class Closed:
    """The conversation is over: nothing more comes in, and nothing more can be said.

    Attributes:
        reason: The code and text of the peer's close frame, 1006 if there was none, or ours if we
            failed the connection.
        clean: Whether both sides sent a close frame.
    """

    reason: CloseReason
    clean: bool


Event: TypeAlias = (
    str
    | bytes
    | Requested
    | Accepted
    | Rejected
    | HandshakeFailed
    | Pinged
    | Ponged
    | Failed
    | Closed
)
