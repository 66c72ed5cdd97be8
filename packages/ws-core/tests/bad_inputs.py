"""A program that prints what our ends make of thousands of bad inputs.

It is run with and without assert statements, so it has none of its own.
"""

from __future__ import annotations

import base64
import hashlib
import random
import sys

from ws_core import PIECE, Connection, Deflate, Event, Failed, Pause, Requested, Role

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
REQUEST = (
    b"GET /chat?a=b HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)
TOKEN = b"@" * 28
ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: " + TOKEN + b"\r\nSec-WebSocket-Protocol: a\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=12\r\n\r\n"
)
ODD = b"\x00\x01\t\n\r !,-/0:;=A\\a\x7f\x80\xc3\xed\xff"
FIRST_BYTES = b"\x01\x02\x00\x80\x81\x82\x88\x89\x8a\xc1\xc2\xf0\x83\x08"


def heard(end: Connection, data: bytes) -> list[Event]:
    """What happens when `data` arrives, and nothing more."""
    end.receive_data(data)
    end.receive_eof()
    found: list[Event] = []
    while not isinstance(event := end.next_event(), Pause) or event is PIECE:
        if not isinstance(event, Pause):
            found.append(event)
        if isinstance(event, Requested):
            end.accept(subprotocol="a" if "a" in event.subprotocols else None)
        if isinstance(event, Failed):
            end.close()
    return found


def said(end: Connection) -> bytes:
    """What is to be written."""
    data = b"".join(end.outgoing.peek(2**30))
    end.written(len(data))
    return data


def answered(answer: bytes) -> list[Event]:
    """What happens at a client that is answered like that, with the right token where it may be."""
    client = Connection(Role.CLIENT, deflate=Deflate())
    client.request("localhost", subprotocols=["a", "b"])
    key = said(client).partition(b"Key: ")[2][:24]
    token = base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())
    return heard(client, answer.replace(TOKEN, token))


def spoilt(data: bytes, source: random.Random) -> bytes:
    """`data` with some of its bytes replaced."""
    changed = bytearray(data)
    for _ in range(source.choice((1, 1, 1, 3))):
        changed[source.randrange(len(changed))] = source.choice(ODD)
    return bytes(changed)


def frames(source: random.Random, *, masked: bool) -> bytes:
    """Some frames, most of which should not be."""
    data = b""
    for _ in range(source.randrange(1, 8)):
        payload = source.randbytes(source.choice((0, 1, 2, 5, 125, 126)))
        size = bytes((len(payload),)) if len(payload) < 126 else b"\x7e\x00\x7e"
        wrong = source.random() < 0.05
        size = bytes((size[0] | 0x80 * (masked is not wrong),)) + size[1:]
        key = source.randbytes(4) if masked is not wrong else b""
        data += bytes((source.choice(FIRST_BYTES),)) + size + key + payload
    return data


def main(count: int) -> None:
    """Print what comes of so many inputs of each kind."""
    source = random.Random(1)
    for _ in range(count):
        server = Connection(Role.SERVER, deflate=Deflate())
        found = heard(server, spoilt(REQUEST, source))
        sys.stdout.write(f"{found} {said(server)!r}\n")
        sys.stdout.write(f"{answered(spoilt(ANSWER, source))}\n")
        server = Connection(Role.SERVER, deflate=Deflate())
        found = heard(server, REQUEST + frames(source, masked=True))
        sys.stdout.write(f"{found} {said(server)!r}\n")
        sys.stdout.write(f"{answered(ANSWER + frames(source, masked=False))}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
