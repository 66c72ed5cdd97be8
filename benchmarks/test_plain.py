from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Thread

import pytest
from plain import StreamClient, WebSocketClient, message
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage

HEAD = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
PING = b"\x89\x03abc"
PONG = bytes.fromhex("8a83 37fa213d 569842")


@contextmanager
def server(*said: bytes, hears: bytes = b"") -> Iterator[int]:
    """Say these things to a client, each in answer to what it says; then wait until it is gone."""
    heard = bytearray()

    def serve() -> None:
        connection = listener.accept()[0]
        with connection:
            for words in said:
                heard[:] = connection.recv(4096)
                connection.sendall(words)
            connection.shutdown(socket.SHUT_WR)
            while data := connection.recv(4096):
                heard.extend(data)

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()
    assert heard.endswith(hears)


@pytest.mark.parametrize(("size", "fragments"), [(0, 1), (125, 1), (70_000, 1), (1000, 7), (3, 5)])
def test_fragments_are_a_message(size: int, fragments: int) -> None:
    peer = Connection(ConnectionType.SERVER)
    peer.receive_data(message(size, fragments))
    events = list(peer.events())
    assert all(isinstance(event, BytesMessage) for event in events)
    assert sum(len(event.data) for event in events if isinstance(event, BytesMessage)) == size
    ends = [event.message_finished for event in events if isinstance(event, BytesMessage)]
    assert ends == [False] * (fragments - 1) + [True]


@pytest.mark.parametrize("size", [5, 200, 70_000])
def test_a_message_comes_back(size: int) -> None:
    length = {5: b"\x05", 200: b"\x7e\x00\xc8", 70_000: b"\x7f" + (70_000).to_bytes(8, "big")}
    answer = b"\x82" + length[size] + bytes(size)
    with server(HEAD, answer) as port, closing(WebSocketClient(port, size)) as client:
        client.send()
        client.receive()


def test_a_ping_before_the_answer_is_answered() -> None:
    with (
        server(HEAD, PING + PING + b"\x82\x01x", hears=PONG + PONG) as port,
        closing(WebSocketClient(port, 1)) as client,
    ):
        client.send()
        client.receive()


def test_a_server_that_hangs_up_is_an_error() -> None:
    with server(HEAD, b"\x82") as port, closing(WebSocketClient(port, 1)) as client:
        client.send()
        with pytest.raises(ConnectionError, match="hung up"):
            client.receive()


def test_what_is_no_answer_is_an_error() -> None:
    with (
        server(HEAD, b"\x88\x02\x03\xe8") as port,
        closing(WebSocketClient(port, 1, answer=2)) as client,
    ):
        client.send()
        with pytest.raises(ConnectionError, match="the server sent"):
            client.receive()


def test_a_server_that_refuses_is_an_error() -> None:
    with (
        server(b"HTTP/1.1 503 Service Unavailable\r\n\r\n") as port,
        pytest.raises(ConnectionError, match="503"),
    ):
        WebSocketClient(port, 1)


def test_a_stream_needs_no_handshake() -> None:
    with server(bytes(9)) as port, closing(StreamClient(port, 9)) as client:
        client.send()
        client.receive()
