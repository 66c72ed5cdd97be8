"""Sockets the fast way, other streams their own way; the same to who uses them."""

from __future__ import annotations

import os
import socket

import pytest
import trio
import trio.testing

from ws_core import Role

from .peers import (
    BINARY,
    MakePair,
    Pair,
    connected,
    lockstep_pair,
    memory_pair,
    plain,
    read_to_end,
    small_tcp_pair,
    tcp_pair,
    tls_pair,
    tls_socket_pair,
)

BOTH = pytest.mark.parametrize("role", list(Role))
MESSAGE = os.urandom(2**20)


async def unix_pair() -> Pair:
    """A pair of Unix sockets with small buffers."""
    await trio.lowlevel.checkpoint()
    pair = trio.socket.socketpair()
    for end in pair:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return trio.SocketStream(pair[0]), trio.SocketStream(pair[1])


ALL = pytest.mark.parametrize(
    "made",
    [memory_pair, lockstep_pair, tcp_pair, small_tcp_pair, unix_pair, tls_pair, tls_socket_pair],
)


@BOTH
@ALL
async def test_large_messages_both_ways_at_once(made: MakePair, role: Role) -> None:
    async with connected(role, made) as (connection, peer), trio.open_nursery() as nursery:
        heard: list[object] = []

        async def hear() -> None:
            heard.append(plain(await peer.hear()))

        nursery.start_soon(connection.send_message, MESSAGE)
        nursery.start_soon(peer.send_frame, BINARY, MESSAGE)
        nursery.start_soon(hear)
        assert await connection.get_message() == MESSAGE
    assert heard == [MESSAGE]


@BOTH
@pytest.mark.parametrize("made", [small_tcp_pair, unix_pair, tls_socket_pair])
@pytest.mark.parametrize("take", [1, 1_000, 100_000])
async def test_message_that_was_cancelled_half_way_is_finished(
    made: MakePair, role: Role, take: int
) -> None:
    """After the cancellation the rest comes first, however little was read before."""
    async with connected(role, made) as (connection, peer):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.send_message, MESSAGE)
            await trio.testing.wait_all_tasks_blocked(0.001)
            peer.core.receive_data(bytes(await peer.stream.receive_some(take)))
            nursery.cancel_scope.cancel()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.send_message, "next")
            assert await peer.hear() == MESSAGE
            assert await peer.hear() == "next"
        # Reading was not hurt either.
        await peer.send_frame(BINARY, MESSAGE)
        assert await connection.get_message() == MESSAGE


@BOTH
@ALL
async def test_last_bytes_arrive_although_much_is_unread(made: MakePair, role: Role) -> None:
    """The linger: unread bytes must not make the kernel send a reset ahead of our close frame."""
    async with connected(role, made) as (connection, peer), trio.open_nursery() as nursery:

        async def send() -> None:
            try:
                await peer.send(b"\xff\xff" + bytes(300_000))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

        nursery.start_soon(send)
        if made is not lockstep_pair:
            await trio.testing.wait_all_tasks_blocked(0.001)
        assert await peer.hear_all() == [("closed", 1002, "clean")]
        await trio.aclose_forcefully(peer.stream)
        assert (await connection.wait_closed()).code == 1002


@BOTH
async def test_only_the_end_of_a_stream_is_its_end(role: Role) -> None:
    """Bytes one at a time, with pauses in which nothing can be read."""
    async with connected(role, tcp_pair) as (connection, peer):
        header_and_payload = b"\x82\x03abc" if role is Role.CLIENT else b"\x82\x83\0\0\0\0abc"
        for octet in header_and_payload:
            await peer.send(bytes([octet]))
            await trio.testing.wait_all_tasks_blocked(0.0005)
        assert await connection.get_message() == b"abc"
        assert connection.closed is None


async def test_tls_without_half_close_says_why_it_ends() -> None:
    async with connected(Role.SERVER, tls_socket_pair) as (connection, peer):
        await peer.send(b"\xff\xff")
        assert await peer.hear_all() == [("closed", 1002, "clean")]
        assert await read_to_end(peer.stream) == b""
        await trio.aclose_forcefully(peer.stream)
        await connection.wait_closed()
