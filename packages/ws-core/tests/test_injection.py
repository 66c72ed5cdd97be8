"""Text that would break out of its place in a head is refused before anything is said."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ws_core import Connection, LocalProtocolError, Role

from .two_ends import REQUEST, REQUEST_HEADERS, head, hear, said

BREAKING = ["\r", "\n", "\r\n", "\0", "\x01", "\x0b", "\x7f", "\r\nX-Evil: 1"]
OURS = [
    *("Connection", "CONTENT-LENGTH", "Sec-WebSocket-Accept", "sec-websocket-extensions"),
    *("Sec-WebSocket-Key", "Sec-WebSocket-Protocol", "Sec-WebSocket-Version"),
    *("Transfer-Encoding", "upgrade"),
]
REFUSED = (ValueError, TypeError, LocalProtocolError)


def new_client() -> Connection:
    return Connection(Role.CLIENT)


def asked_server() -> Connection:
    server = Connection(Role.SERVER)
    assert len(hear(server, head(b"GET / HTTP/1.1", REQUEST_HEADERS, b"Sec-WebSocket-Protocol: a")))
    return server


# Every place where a caller's text goes into a head, and a text that may stand there.
PLACES: dict[str, tuple[Callable[[], Connection], Callable[[Connection, str], None], str]] = {
    "host": (new_client, lambda end, text: end.request(text), "host"),
    "resource": (new_client, lambda end, text: end.request("host", "/" + text), "path"),
    "subprotocol offer": (
        new_client,
        lambda end, text: end.request("host", subprotocols=["b", text]),
        "chat",
    ),
    "request header name": (
        new_client,
        lambda end, text: end.request("host", extra_headers=[(text, "x")]),
        "X-Name",
    ),
    "request header value": (
        new_client,
        lambda end, text: end.request("host", extra_headers=[("X", text)]),
        "value",
    ),
    "request Host header": (
        new_client,
        lambda end, text: end.request("host", extra_headers=[("Host", text)]),
        "host",
    ),
    "chosen subprotocol": (asked_server, lambda end, text: end.accept(subprotocol=text), "a"),
    "acceptance header name": (
        asked_server,
        lambda end, text: end.accept(extra_headers=[(text, "x")]),
        "X-Name",
    ),
    "acceptance header value": (
        asked_server,
        lambda end, text: end.accept(extra_headers=[("X", text)]),
        "value",
    ),
    "rejection header name": (
        asked_server,
        lambda end, text: end.reject(403, extra_headers=[(text, "x")]),
        "X-Name",
    ),
    "rejection header value": (
        asked_server,
        lambda end, text: end.reject(403, extra_headers=[("X", text)]),
        "value",
    ),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("breaking", BREAKING, ids=ascii)
def test_breaking_text_is_refused_before_anything_is_said(place: str, breaking: str) -> None:
    make, say, good = PLACES[place]
    for text in (good + breaking, breaking + good, good + breaking + good):
        end = make()
        before = end.state
        with pytest.raises(REFUSED):
            say(end, text)
        assert not len(end.outgoing)
        assert end.state is before
        # Nothing changed: the same verb works with a good text.
        say(end, good)
        assert b"X-Evil" not in said(end)


@pytest.mark.parametrize("place", [place for place in PLACES if "name" in place])
@pytest.mark.parametrize("name", ["", " ", "a b", "a:", ":", "a,", "ä", "(a)", *OURS])
def test_header_names_are_tokens_and_none_of_the_handshakes_own(place: str, name: str) -> None:
    make, say, _ = PLACES[place]
    # A rejection is free to say these.
    if place.startswith("rejection") and name in {"Connection", "Sec-WebSocket-Version", "upgrade"}:
        return
    end = make()
    with pytest.raises(ValueError, match="header"):
        say(end, name)
    assert not len(end.outgoing)


@pytest.mark.parametrize("place", PLACES)
def test_text_beyond_ascii_never_goes_out_as_it_is(place: str) -> None:
    make, say, good = PLACES[place]
    end = make()
    if place in {"host", "resource"}:
        say(end, good + "ä")
        assert said(end).isascii()
        return
    with pytest.raises(REFUSED):
        say(end, good + "ä")
    assert not len(end.outgoing)


@pytest.mark.parametrize("subprotocol", ["", " ", "a b", "a,b", "ä", 'a"', "b"])
def test_subprotocol_offers_are_different_tokens(subprotocol: str) -> None:
    client = new_client()
    with pytest.raises(ValueError, match="subprotocol"):
        client.request("host", subprotocols=["b", subprotocol])
    assert not len(client.outgoing)


@pytest.mark.parametrize("subprotocols", ["chat", [b"chat"], [5], [None]])
def test_subprotocol_offers_are_a_list_of_str(subprotocols: object) -> None:
    client = new_client()
    with pytest.raises(TypeError, match="subprotocol"):
        client.request("host", subprotocols=subprotocols)  # type: ignore[arg-type]  # the point
    assert not len(client.outgoing)


@pytest.mark.parametrize("pair", [(5, "x"), ("x", 5), (None, "x"), ("x", None), ("x", ["y"])])
def test_header_names_and_values_are_text(pair: tuple[str, str]) -> None:
    client, server = new_client(), asked_server()
    complaint = r"header (name|value) must be str or bytes"
    with pytest.raises(TypeError, match=complaint):
        client.request("host", extra_headers=[pair])
    with pytest.raises(TypeError, match=complaint):
        server.accept(extra_headers=[pair])
    with pytest.raises(TypeError, match=complaint):
        server.reject(403, extra_headers=[pair])
    assert not len(client.outgoing)
    assert not len(server.outgoing)


def test_host_is_given_once() -> None:
    client = new_client()
    with pytest.raises(ValueError, match="'Host' is given twice"):
        client.request("host", extra_headers=[("Host", "a"), (b"host", b"b")])
    assert not len(client.outgoing)


@pytest.mark.parametrize(("host", "resource"), [(b"host", "/"), ("host", b"/"), ("host", None)])
def test_host_and_resource_are_str(host: object, resource: object) -> None:
    client = new_client()
    with pytest.raises(TypeError):
        client.request(host, resource)  # type: ignore[arg-type]  # the point
    assert not len(client.outgoing)


def test_acceptance_and_rejection_belong_to_servers_and_requests_to_clients() -> None:
    client, server = new_client(), Connection(Role.SERVER)
    with pytest.raises(LocalProtocolError, match="no request to answer: this client is connecting"):
        client.accept()
    with pytest.raises(LocalProtocolError, match="no request to answer: this client is connecting"):
        client.reject(403)
    with pytest.raises(LocalProtocolError, match="can't be sent: this server is connecting"):
        server.request("host")
    assert not len(client.outgoing)
    assert not len(server.outgoing)
    assert len(hear(server, REQUEST)) == 1
