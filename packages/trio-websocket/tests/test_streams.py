"""What can be asked of a stream's socket, and of streams that have none."""

from __future__ import annotations

import sys

import pytest
import trio
import trio.testing

from trio_websocket._streams import give_up_after, has_hung_up, tune, unacknowledged

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
async def test_reset_is_known_without_reading() -> None:
    client, server = await tcp_pair()
    assert not has_hung_up(client)
    reset(server)
    with trio.fail_after(5):
        await until(lambda: has_hung_up(client))
    await client.aclose()


async def test_end_of_the_peers_side_is_no_end() -> None:
    client, server = await tcp_pair()
    await server.send_eof()
    assert await client.receive_some() == b""
    assert not has_hung_up(client)
    await client.aclose()
    await server.aclose()


@pytest.mark.parametrize("made", [memory_pair, tls_pair])
async def test_streams_without_a_socket_know_nothing(made: MakePair) -> None:
    client, _ = await made()
    tune(client)
    give_up_after(client, 5)
    assert unacknowledged(client) == 0
    assert not has_hung_up(client)


async def test_closed_sockets_know_that_they_are() -> None:
    client, server = await tcp_pair()
    await client.aclose()
    await server.aclose()
    give_up_after(client, 5)
    assert unacknowledged(client) == 0
    assert has_hung_up(client) == (sys.platform == "linux")
