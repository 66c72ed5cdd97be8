"""What the tests share: two ends, a way to move bytes between them, and heads and frames by hand.

Nothing here uses ws-core's own encoder, so a fault in it can't hide itself.
"""

from __future__ import annotations

import base64
import hashlib
import re

from ws_core import (
    PIECE,
    Accepted,
    Connection,
    Deflate,
    Event,
    Failed,
    Limits,
    Pause,
    Requested,
    Role,
)

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

# RFC 6455 section 1.3.
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

# RFC 6455 section 5.7: the masking key of its examples.
MASK = b"\x37\xfa\x21\x3d"

REQUEST_HEADERS = {
    b"Host": b"server.example.com",
    b"Upgrade": b"websocket",
    b"Connection": b"Upgrade",
    b"Sec-WebSocket-Key": KEY,
    b"Sec-WebSocket-Version": b"13",
}


def head(start: bytes, headers: dict[bytes, bytes], *more: bytes) -> bytes:
    """The head of an HTTP message; `more` are further lines as they are."""
    lines = [b"%s: %s" % header for header in headers.items()]
    return b"\r\n".join([start, *lines, *more, b"", b""])


REQUEST = head(b"GET /chat HTTP/1.1", REQUEST_HEADERS)


def accept_token(request: bytes) -> bytes:
    """What a server must answer to the key in `request`."""
    key = re.search(rb"Sec-WebSocket-Key: (.*)\r\n", request)
    assert key is not None
    return base64.b64encode(hashlib.sha1(key[1] + _GUID, usedforsecurity=False).digest())


def answer_headers(request: bytes) -> dict[bytes, bytes]:
    """The headers with which a server accepts `request`."""
    return {
        b"Upgrade": b"websocket",
        b"Connection": b"Upgrade",
        b"Sec-WebSocket-Accept": accept_token(request),
    }


def answer(request: bytes, *more: bytes) -> bytes:
    """The answer of a server that accepts `request`; `more` are further header lines."""
    return head(b"HTTP/1.1 101 Switching Protocols", answer_headers(request), *more)


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    to: Role,
    fin: bool = True,
    rsv1: bool = False,
    mask: bytes = MASK,
) -> bytes:
    """A frame as the peer of `to` sends it."""
    size, masked = len(payload), to is Role.SERVER
    if size < 126:
        length, extended = size, b""
    elif size < 65536:
        length, extended = 126, size.to_bytes(2, "big")
    else:
        length, extended = 127, size.to_bytes(8, "big")
    header = bytes((fin << 7 | rsv1 << 6 | opcode, masked << 7 | length)) + extended
    return header + mask + xor(payload, mask) if masked else header + payload


def close_frame(code: int, reason: str = "", *, to: Role) -> bytes:
    """A close frame as the peer of `to` sends it."""
    return frame(CLOSE, code.to_bytes(2, "big") + reason.encode(), to=to)


def xor(payload: bytes, mask: bytes) -> bytes:
    """Masking as RFC 6455 section 5.3 words it."""
    return bytes(octet ^ mask[i % 4] for i, octet in enumerate(payload))


def said(end: Connection) -> bytes:
    """Everything that `end` wants written, as if it were written now."""
    data = b""
    while len(end.outgoing):
        part = b"".join(end.outgoing.peek(2**30))
        end.written(len(part))
        data += part
    return data


def events(end: Connection) -> list[Event]:
    """All that happened at `end`."""
    found: list[Event] = []
    while not isinstance(event := end.next_event(), Pause) or event is PIECE:
        if not isinstance(event, Pause):
            found.append(event)
    return found


def hear(end: Connection, data: bytes) -> list[Event]:
    """What happens at `end` when it is given `data`."""
    end.receive_data(data)
    return events(end)


def hear_bytewise(end: Connection, data: bytes) -> list[Event]:
    """What happens at `end` when it is given `data` one byte at a time."""
    return [event for octet in data for event in hear(end, bytes([octet]))]


def deliver(sender: Connection, receiver: Connection) -> list[Event]:
    """Move what `sender` wants written to `receiver`, and tell what happens there."""
    return hear(receiver, said(sender))


def open_pair(
    limits: Limits | None = None, deflate: Deflate | None = None
) -> tuple[Connection, Connection]:
    """A client and a server that are connected to each other."""
    client = Connection(Role.CLIENT, limits=limits, deflate=deflate)
    server = Connection(Role.SERVER, limits=limits, deflate=deflate)
    client.request("server.example.com", "/chat")
    (requested,) = deliver(client, server)
    assert isinstance(requested, Requested)
    server.accept()
    assert deliver(server, client) == [Accepted(None, ())]
    return client, server


def open_end(
    role: Role, limits: Limits | None = None, deflate: Deflate | None = None
) -> Connection:
    """One end of a connection; the test itself is the other."""
    client, server = open_pair(limits, deflate)
    return client if role is Role.CLIENT else server


def failure(found: list[Event]) -> int:
    """The close code of the only event, which is a failure."""
    (event,) = found
    assert isinstance(event, Failed)
    return event.reason.code
