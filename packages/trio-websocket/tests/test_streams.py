"""What can be asked of a stream's socket, and of streams that have none."""

from __future__ import annotations

import sys

import pytest
import trio
import trio.testing

from trio_websocket._streams import tune
from trio_websocket._tcp import one_try, tcp_info, unacknowledged

from .peers import (
    MakePair,
    memory_pair,
    reset,
    small_tcp_pair,
    tcp_pair,
    tls_pair,
    tls_socket_pair,
    until,
)

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone knows")


@on_linux
@pytest.mark.parametrize("made", [small_tcp_pair, tls_socket_pair])
async def test_bytes_that_the_peer_has_not_taken(made: MakePair) -> None:
    client, server = await made()
    bottom = client.transport_stream if isinstance(client, trio.SSLStream) else client
    assert unacknowledged(client) == 0
    with trio.move_on_after(0.05):
        await bottom.send_all(bytes(1_000_000))
    waiting = unacknowledged(client)
    assert waiting > 1000
    other = server.transport_stream if isinstance(server, trio.SSLStream) else server
    assert await other.receive_some(100_000)
    for stream in (client, server):
        await trio.aclose_forcefully(stream)


@on_linux
async def test_how_a_connection_does() -> None:
    client, server = await tcp_pair()
    await client.send_all(bytes(1234))
    with trio.fail_after(5):
        await until(lambda: (info := tcp_info(server)) is not None and info.received == 1234)
    before = tcp_info(server)
    assert before is not None
    assert (before.over, before.in_flight) == (False, 0)
    await client.send_eof()
    assert await server.receive_some() == bytes(1234)
    assert await server.receive_some() == b""
    after = tcp_info(server)
    assert after is not None
    assert after.segments > before.segments
    assert not after.over
    for stream in (client, server):
        await stream.aclose()


@on_linux
async def test_reset_is_known_without_reading() -> None:
    client, server = await tcp_pair()
    reset(server)
    with trio.fail_after(5):
        await until(lambda: (info := tcp_info(client)) is not None and info.over)
    await client.aclose()


@pytest.mark.parametrize("made", [memory_pair, tls_pair])
async def test_streams_without_a_socket_know_nothing(made: MakePair) -> None:
    client, _ = await made()
    tune(client)
    assert unacknowledged(client) == 0
    assert tcp_info(client) is None


async def test_unix_sockets_know_less() -> None:
    ours, theirs = (trio.SocketStream(end) for end in trio.socket.socketpair())
    assert tcp_info(ours) is None
    assert unacknowledged(ours) == 0
    for stream in (ours, theirs):
        await stream.aclose()


@pytest.mark.parametrize("made", [small_tcp_pair, tls_socket_pair])
async def test_who_takes_bytes_now_has_a_turn(made: MakePair) -> None:
    client, server = await made()
    assert one_try(client) == 1
    bottom = client.transport_stream if isinstance(client, trio.SSLStream) else client
    with trio.move_on_after(0.05):
        await bottom.send_all(bytes(1_000_000))
    assert one_try(client) == 0.1
    for stream in (client, server):
        await trio.aclose_forcefully(stream)
    assert one_try(client) == 0.1
    assert one_try((await memory_pair())[0]) == 0.1


async def test_closed_sockets_know_nothing() -> None:
    client, server = await tcp_pair()
    await client.aclose()
    await server.aclose()
    assert unacknowledged(client) == 0
    assert tcp_info(client) is None
