"""Addresses, of endpoints, listeners and streams of all kinds."""

from __future__ import annotations

import copy
import ipaddress
import pickle
from typing import Any

import pytest
import trio
import trio.testing

from trio_websocket import Endpoint, WebSocketRequest, WebSocketServer, open_websocket_url

from .helpers import HOST, MemoryListener, connect_pair, start_server, url_of


@pytest.mark.parametrize(
    ("address", "port", "is_ssl", "url"),
    [
        ("10.105.0.2", 80, False, "ws://10.105.0.2"),
        ("127.0.0.1", 8000, False, "ws://127.0.0.1:8000"),
        ("127.0.0.1", 443, False, "ws://127.0.0.1:443"),
        ("0.0.0.0", 443, True, "wss://0.0.0.0"),
        ("127.0.0.1", 80, True, "wss://127.0.0.1:80"),
        ("::1", 8000, False, "ws://[::1]:8000"),
        ("::1", 80, False, "ws://[::1]"),
        ("::1", 443, True, "wss://[::1]"),
    ],
)
def test_url(address: str, port: int, is_ssl: bool, url: str) -> None:
    assert Endpoint(address, port, is_ssl).url == url


def test_parts() -> None:
    endpoint = Endpoint("127.0.0.1", 80, False)
    assert endpoint.address == ipaddress.ip_address("127.0.0.1")
    assert endpoint.port == 80
    assert endpoint.is_ssl is False
    assert repr(endpoint) == 'Endpoint(address="127.0.0.1", port=80, is_ssl=False)'


def test_by_keyword() -> None:
    endpoint = Endpoint(address=ipaddress.ip_address("::1"), port=1, is_ssl=True)
    assert repr(endpoint) == 'Endpoint(address="::1", port=1, is_ssl=True)'


def test_zone_is_left_out() -> None:
    endpoint = Endpoint("fe80::1%eth0", 8000, False)
    assert endpoint.address == ipaddress.ip_address("fe80::1")
    assert endpoint.url == "ws://[fe80::1]:8000"


def test_no_ip_address() -> None:
    with pytest.raises(ValueError, match="localhost"):
        Endpoint("localhost", 80, False)


def test_equal_by_value() -> None:
    one, same = Endpoint("::1", 80, False), Endpoint("::1", 80, False)
    assert one == same
    assert hash(one) == hash(same)
    assert one != Endpoint("::1", 81, False)
    assert one != Endpoint("::1", 80, True)


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies(duplicate: Any) -> None:
    endpoint = Endpoint("::1", 80, False)
    assert duplicate(endpoint) == endpoint


# Connections.


async def test_ends_of_a_tcp_connection(nursery: trio.Nursery) -> None:
    ends: list[Any] = []

    async def handler(request: WebSocketRequest) -> None:
        ws = await request.accept()
        ends.extend([request.local, request.remote, ws.local, ws.remote])

    server = await start_server(nursery, handler)
    async with open_websocket_url(url_of(server)) as ws:
        assert isinstance(ws.local, Endpoint)
        assert ws.local.address == ipaddress.ip_address(HOST)
        assert ws.local.port != server.port
        assert ws.remote == Endpoint(HOST, server.port, False)
        local, remote = ws.local, ws.remote
    # Still known after the end.
    assert (ws.local, ws.remote) == (local, remote)
    assert ends == [remote, local, remote, local]


async def test_ends_of_another_stream_are_its_repr(nursery: trio.Nursery) -> None:
    streams = trio.testing.memory_stream_pair()
    client, server = await connect_pair(nursery, streams=streams)
    assert client.local == client.remote == repr(streams[0])
    assert server.local == server.remote == repr(streams[1])


async def test_client_that_left_already(nursery: trio.Nursery) -> None:
    """Asking for its address must not raise: `getpeername` does on some systems."""
    remotes: list[Any] = []
    left = trio.Event()

    async def handler(request: WebSocketRequest) -> None:
        await left.wait()
        remotes.append(request.remote)
        await request.reject(503)

    server = await start_server(nursery, handler)
    stream = await trio.open_tcp_stream(HOST, server.port)
    await stream.send_all(
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await trio.testing.wait_all_tasks_blocked(0.01)
    name = stream.socket.getsockname()
    await stream.aclose()
    await trio.testing.wait_all_tasks_blocked(0.01)
    left.set()
    await trio.testing.wait_all_tasks_blocked(0.01)
    assert remotes == [Endpoint(name[0], name[1], False)]


# Listeners.


async def _no_handler(request: WebSocketRequest) -> None:  # noqa: ASYNC124 - handlers are async
    raise AssertionError("nobody connects")


async def test_listeners_of_tcp() -> None:
    (listener,) = await trio.open_tcp_listeners(0, host=HOST)
    async with listener:
        server = WebSocketServer(_no_handler, [listener])
        port = listener.socket.getsockname()[1]
        assert server.port == port
        assert server.listeners == [Endpoint(HOST, port, False)]


async def test_listener_without_a_socket() -> None:
    listener = MemoryListener()
    server = WebSocketServer(_no_handler, [listener])
    assert server.listeners == [repr(listener)]
    with pytest.raises(RuntimeError, match="port"):
        _ = server.port
    await listener.aclose()
