"""What happens to us: the nouns that `Connection.next_event` hands out.

A message is no class of its own: it is the ``str`` or ``bytes`` itself.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ._close import CloseReason

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]


class Pause(enum.Enum):
    """Why there is no event now."""

    NEED_DATA = "NEED_DATA"
    NEXT_IS_DATA = "NEXT_IS_DATA"
    FRAGMENT = "FRAGMENT"


#: Nothing more can be known before more bytes arrive.
NEED_DATA: Final = Pause.NEED_DATA
#: Only control frames were asked for, and a message or the end comes next.
NEXT_IS_DATA: Final = Pause.NEXT_IS_DATA
#: A part of a message was taken in; ask again.
FRAGMENT: Final = Pause.FRAGMENT


@dataclass(frozen=True, slots=True)
class Requested:
    """A client asks for a connection: answer with `accept` or `reject`.

    Attributes:
        path: The target, with its query.
        headers: The headers, names in lower case, without the offers of subprotocols and
            extensions.
        subprotocols: What the client offers, in its order of preference.
    """

    path: str
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
    """The server answered the handshake with something other than 101.

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
    """The peer did not keep to the opening handshake.

    On servers an HTTP error answer waits to go out.

    Attributes:
        reason: What was wrong, for a person.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Pinged:
    """A ping came; its pong waits to go out unless we are closing."""

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
    """The peer broke the protocol or a limit: call `close`.

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
NoEvent: TypeAlias = Literal[Pause.NEED_DATA, Pause.NEXT_IS_DATA, Pause.FRAGMENT]
