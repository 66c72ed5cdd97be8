"""A client in a process of its own, which has a server echo small messages all the time.

It is run as a program: the port, and for TLS the file of the authority to trust. It writes a line
when the first message came back, and after a line on standard input how long each of them took.
It knows nothing of Trio or our packages, so that its times are those of the server.
"""

from __future__ import annotations

import json
import select
import socket
import ssl
import sys
import time

_EVERY = 0.02
_PATIENCE = 20
_PING = 0x89
_REQUEST = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def dial(port: int, authority: str) -> socket.socket:
    """A socket to the server."""
    plain = socket.create_connection(("127.0.0.1", port), _PATIENCE)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not authority:
        return plain
    context = ssl.create_default_context(cafile=authority)
    return context.wrap_socket(plain, server_hostname="localhost")


def read(connection: socket.socket, size: int) -> bytes:
    """So many bytes."""
    found = b""
    while len(found) < size:
        data = connection.recv(size - len(found))
        if not data:
            raise ConnectionError("the server has hung up")
        found += data
    return found


def open_websocket(connection: socket.socket) -> None:
    """The opening handshake."""
    connection.sendall(_REQUEST)
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += read(connection, 1)
    if not answer.startswith(b"HTTP/1.1 101 "):
        raise ConnectionError(answer.decode("latin-1"))


def next_message(connection: socket.socket) -> bytes:
    """The next frame that is no ping: the server can see that we are alive."""
    while True:
        head = read(connection, 2)
        payload = read(connection, head[1])
        if head[0] != _PING:
            return head + payload


def echoed(connection: socket.socket, number: int) -> float:
    """The seconds that one message takes to come back."""
    payload = number.to_bytes(4, "big")
    start = time.perf_counter()
    # A masking key of zeros leaves the payload as it is.
    connection.sendall(b"\x82\x84" + bytes(4) + payload)
    answer = next_message(connection)
    taken = time.perf_counter() - start
    if answer != b"\x82\x04" + payload:
        raise ConnectionError(f"{answer!r} came back for message {number}")
    return taken


def main(port: str, authority: str = "") -> None:
    """Send and receive until told to stop, and once more after that."""
    with dial(int(port), authority) as connection:
        open_websocket(connection)
        echoed(connection, 0)
        sys.stdout.write("true\n")
        sys.stdout.flush()
        times: list[float] = []
        while not select.select([sys.stdin], [], [], _EVERY)[0]:
            times.append(echoed(connection, len(times)))
        times.append(echoed(connection, len(times)))
    sys.stdout.write(json.dumps(times) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
