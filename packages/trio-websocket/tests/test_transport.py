"""Sockets the fast way, other streams their own way; the same to who uses them."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

import pytest
import trio
import trio.testing

from trio_websocket._streams import close_now
from trio_websocket._transport import Transport, transport_for
from ws_core import Role

from .peers import (
    BINARY,
    CONTINUATION,
    PING,
    MakePair,
    Pair,
    connected,
    direct_tls_pair,
    frame,
    lockstep_pair,
    memory_pair,
    plain,
    read_to_end,
    reset,
    small_direct_tls_pair,
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
    [
        memory_pair,
        lockstep_pair,
        tcp_pair,
        small_tcp_pair,
        unix_pair,
        tls_pair,
        tls_socket_pair,
        direct_tls_pair,
        small_direct_tls_pair,
    ],
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
@pytest.mark.parametrize(
    "made", [small_tcp_pair, unix_pair, tls_socket_pair, small_direct_tls_pair]
)
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


# The transport by itself.

SOCKETS = pytest.mark.parametrize("made", [tcp_pair, unix_pair, direct_tls_pair])
Receive: TypeAlias = Callable[[Transport, int], Awaitable[bytes]]


async def receive(transport: Transport, _size: int) -> bytes:
    return await transport.receive()


async def receive_into(transport: Transport, size: int) -> bytes:
    room = bytearray(size)
    count = await transport.receive_into(memoryview(room))
    return bytes(room[:count])


EACH = pytest.mark.parametrize("take", [receive, receive_into])


@asynccontextmanager
async def transport_over(
    made: MakePair, read_size: int
) -> AsyncIterator[tuple[Transport, trio.abc.Stream]]:
    """A transport, and the stream at its other end."""
    ours, theirs = await made()
    yield transport_for(ours, read_size), theirs
    await close_now(ours)
    await close_now(theirs)


@SOCKETS
@EACH
async def test_full_read_is_followed_by_another_try(made: MakePair, take: Receive) -> None:
    """Also the end of the stream is found, and where there is nothing more, that is waited for."""
    async with transport_over(made, 5) as (transport, peer):
        await peer.send_all(b"abcdefghij")
        await trio.testing.wait_all_tasks_blocked(0.001)
        assert [await take(transport, 100), await take(transport, 100)] == [b"abcde", b"fghij"]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.send_all, b"klm")
            assert await take(transport, 100) == b"klm"
        await close_now(peer)
        assert [await take(transport, 100), await take(transport, 100)] == [b"", b""]


@SOCKETS
@EACH
async def test_neither_the_read_size_nor_the_room_is_exceeded(
    made: MakePair, take: Receive
) -> None:
    async with transport_over(made, 700) as (transport, peer):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.send_all, MESSAGE[:20_000])
            found, sizes = b"", set()
            while len(found) < 20_000:
                found += (part := await take(transport, 900))
                sizes.add(len(part))
            assert max(sizes) == 700
        assert found == MESSAGE[:20_000]
        if take is receive_into:
            await peer.send_all(b"abcdef")
            assert [await take(transport, 4), await take(transport, 4)] == [b"abcd", b"ef"]


@pytest.mark.parametrize("made", [tcp_pair, direct_tls_pair])
@EACH
async def test_reset_is_a_failure(made: MakePair, take: Receive) -> None:
    async with transport_over(made, 100) as (transport, peer):
        reset(peer)
        with pytest.raises(trio.BrokenResourceError) as caught:
            await take(transport, 100)
        assert isinstance(caught.value.__cause__, ConnectionResetError)
        with pytest.raises(trio.BrokenResourceError):
            await transport.write([b"too late"])


@SOCKETS
@EACH
async def test_closed_by_another_task(made: MakePair, take: Receive) -> None:
    async with transport_over(made, 100) as (transport, _peer):
        async with trio.open_nursery() as nursery:

            async def wait() -> None:
                with pytest.raises(trio.ClosedResourceError):
                    await take(transport, 100)

            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked(0.001)
            await close_now(transport.stream)
        for call in (take(transport, 100), transport.write([b"x"])):
            with pytest.raises(trio.ClosedResourceError):
                await call
        with pytest.raises(trio.ClosedResourceError):
            transport.try_write([b"x"])


@SOCKETS
@EACH
async def test_closed_while_there_is_more(made: MakePair, take: Receive) -> None:
    async with transport_over(made, 5) as (transport, peer):
        await peer.send_all(b"abcde")
        assert await take(transport, 5) == b"abcde"
        await close_now(transport.stream)
        with pytest.raises(trio.ClosedResourceError):
            await take(transport, 5)


@BOTH
@ALL
async def test_long_payloads_in_pieces_with_pings_and_a_close_among_them(
    made: MakePair, role: Role
) -> None:
    async with connected(role, made) as (connection, peer), trio.open_nursery() as nursery:

        async def send() -> None:
            for _ in range(2):
                await peer.send_frame(BINARY, MESSAGE[:600_000], fin=False)
                await peer.send_frame(PING, b"between")
                await peer.send_frame(CONTINUATION, MESSAGE[600_000:])
            whole = frame(BINARY, MESSAGE, to=role)
            await peer.send(whole[:200_000])
            started.set()
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await peer.send(whole[200_000:])

        started = trio.Event()
        heard: list[object] = []

        async def hear() -> None:
            heard.extend(await peer.hear_all())
            await peer.flush()
            await trio.aclose_forcefully(peer.stream)

        nursery.start_soon(send)
        nursery.start_soon(hear)
        for _ in range(2):
            assert await connection.get_message() == MESSAGE
        await started.wait()
        await connection.aclose(1001)
        assert connection.closed is not None
        assert connection.closed.code == 1001
    assert heard == [("pong", b"between")] * 2 + [("closed", 1001, "clean")]
