"""Clients of plain blocking sockets, for what must cost next to nothing beside the server.

They know just enough of RFC 6455 to talk to a server that means well.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing
from typing import Protocol

_REQUEST = (
    b"GET / HTTP/1.1\r\n"
    b"Host: 127.0.0.1\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)
_CONTINUATION, _BINARY, _PING, _PONG = 0x0, 0x2, 0x9, 0xA
_FIN = 0x80
_PING_HEAD = bytes([_FIN | _PING])
# Any but zeros, which a server might notice and take the easy way.
_MASKING_KEY = b"\x37\xfa\x21\x3d"


class Client(Protocol):
    """A connection that sends and receives messages of one size."""

    def send(self) -> None:
        """Send the message."""

    def receive(self) -> None:
        """Wait until it is back."""

    def close(self) -> None:
        """Drop the connection."""


class StreamClient:
    """No WebSocket at all: the bytes of the message."""

    def __init__(self, port: int, size: int) -> None:
        self._socket = _dial(port)
        self._message = bytes(size)

    def send(self) -> None:
        """See `Client`."""
        self._socket.sendall(self._message)

    def receive(self) -> None:
        """See `Client`."""
        _read(self._socket, len(self._message))

    def close(self) -> None:
        """See `Client`."""
        self._socket.close()


class WebSocketClient:
    """A WebSocket connection.

    Args:
        port: Where the server listens.
        size: Bytes of a message.
        fragments: In how many frames it is sent.
        answer: Bytes of the messages that come back; as large as those sent, if not given.

    Raises:
        ConnectionError: if the server answers with anything but 101.
    """

    def __init__(
        self, port: int, size: int, *, fragments: int = 1, answer: int | None = None
    ) -> None:
        with ExitStack() as stack:
            self._socket = stack.enter_context(closing(_dial(port)))
            self._shake_hands()
            stack.pop_all()
        self._message = message(size, fragments)
        answer = size if answer is None else answer
        self._head = bytes([_FIN | _BINARY]) + _length(answer)
        self._answer = len(self._head) + answer

    def send(self) -> None:
        """See `Client`."""
        self._socket.sendall(self._message)

    def receive(self) -> None:
        """See `Client`.

        Raises:
            ConnectionError: if something else came than the answer.
        """
        data = _some(self._socket, self._answer)
        while data[:1] == _PING_HEAD:
            data = self._answer_ping(data) or _some(self._socket, self._answer)
        data += _read(self._socket, self._answer - len(data))
        if not data.startswith(self._head):
            raise ConnectionError(f"the server sent {data[:20]!r} and more")

    def close(self) -> None:
        """See `Client`."""
        self._socket.close()

    def _shake_hands(self) -> None:
        self._socket.sendall(_REQUEST)
        head = b""
        while not head.endswith(b"\r\n\r\n"):  # nothing comes behind it: none speaks first
            head += _some(self._socket, 4096)
        if not head.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(f"the server answered {head!r}")

    def _answer_ping(self, data: bytes) -> bytes:
        """Answer the ping that these bytes begin with; what is behind it."""
        data += _read(self._socket, max(0, 2 - len(data)))
        length = 2 + data[1]
        data += _read(self._socket, max(0, length - len(data)))
        self._socket.sendall(_frame(_FIN | _PONG, data[2:length]))
        return data[length:]


def message(size: int, fragments: int) -> bytes:
    """The frames of one message as a client sends it, each with its share of the bytes."""
    share, rest = divmod(size, fragments)
    frames = bytearray()
    for number in range(fragments):
        opcode = _CONTINUATION if number else _BINARY
        fin = _FIN if number == fragments - 1 else 0
        frames += _frame(fin | opcode, bytes(share + (number < rest)))
    return bytes(frames)


def _frame(first: int, payload: bytes) -> bytes:
    length = bytearray(_length(len(payload)))
    length[0] |= 0x80  # masked
    repeated = _MASKING_KEY * (len(payload) // 4 + 1)
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(repeated[: len(payload)], "big")
    return bytes([first]) + length + _MASKING_KEY + masked.to_bytes(len(payload), "big")


def _length(size: int) -> bytes:
    if size < 126:
        return bytes([size])
    if size < 2**16:
        return b"\x7e" + size.to_bytes(2, "big")
    return b"\x7f" + size.to_bytes(8, "big")


def _dial(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += _some(connection, size - len(data))
    return data


def _some(connection: socket.socket, size: int) -> bytes:
    data = connection.recv(size)
    if not data:
        raise ConnectionError("the server has hung up")
    return data
