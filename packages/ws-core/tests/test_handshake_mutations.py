"""Every byte of a typical request and answer, replaced: only events, never an exception."""

from __future__ import annotations

import re

import pytest

from ws_core import Accepted, Connection, HandshakeFailed, Rejected, Requested, Role, State

from .two_ends import REQUEST_HEADERS, answer, events, head, said

INTERESTING = b"\x00\x01\t\n\r !,-/0:;=A\\a\x7f\x80\xc3\xed\xff"
REQUEST = head(
    b"GET /chat?a=b HTTP/1.1",
    REQUEST_HEADERS | {b"Origin": b"http://example.com"},
    b"Sec-WebSocket-Protocol: a, b",
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    b"Content-Length: 0",
)
STATUS_LINE = re.compile(rb"HTTP/1\.1 (101|400|405|426|431|505) ")


def mutants(data: bytes, at: int) -> list[bytes]:
    """`data` with its byte at `at` replaced, doubled, and left out."""
    replaced = [data[:at] + bytes((octet,)) + data[at + 1 :] for octet in INTERESTING]
    return [*replaced, data[: at + 1] + data[at:], data[:at] + data[at + 1 :]]


@pytest.mark.parametrize("at", range(len(REQUEST)))
def test_server_survives_any_request(at: int) -> None:
    for request in mutants(REQUEST, at):
        server = Connection(Role.SERVER)
        server.receive_data(request)
        found = events(server)
        if not found:
            server.receive_eof()
            found = events(server)
        (event,) = found
        if isinstance(event, Requested):
            server.accept()
            answered = said(server)
        else:
            assert isinstance(event, HandshakeFailed)
            assert event.reason.isprintable()
            assert server.state is State.CLOSED
            answered = said(server)
        # A request that never ended is not answered.
        if answered or isinstance(event, Requested):
            assert STATUS_LINE.match(answered)
            assert answered.count(b"\r\n\r\n") == 1


def new_client() -> tuple[Connection, bytes]:
    """A client, and the answer that accepts its request."""
    client = Connection(Role.CLIENT)
    client.request("server.example.com", "/chat", subprotocols=["a", "b"])
    more = (b"Sec-WebSocket-Protocol: b", b"Content-Length: 0", b"Set-Cookie: a=b")
    return client, answer(said(client), *more)


@pytest.mark.parametrize("at", range(len(new_client()[1])))
def test_client_survives_any_answer(at: int) -> None:
    for i in range(len(mutants(b"x", 0))):
        client, accepted = new_client()
        client.receive_data(mutants(accepted, at)[i])
        found = events(client)
        if not found:
            client.receive_eof()
            found = events(client)
        (event, *rest) = found
        assert isinstance(event, Accepted | HandshakeFailed | Rejected)
        if isinstance(event, HandshakeFailed):
            assert event.reason.isprintable()
            assert not rest
            assert client.state is State.CLOSED
        assert not len(client.outgoing)
