"""Pings, pongs, and who waits for them."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from ws_core import Pinged, Role

from .peers import (
    PING,
    PONG,
    TEXT,
    MakePair,
    closed_error,
    connected,
    frame,
    lockstep_pair,
    memory_pair,
    open_ours,
    plain,
    small_tcp_pair,
    takes,
    tls_pair,
    until,
)

BOTH = pytest.mark.parametrize("role", list(Role))
PAIRS = pytest.mark.parametrize("made", [memory_pair, lockstep_pair, small_tcp_pair, tls_pair])


@PAIRS
async def test_both_sides_ping_and_send_at_once(made: MakePair) -> None:
    """This was a deadlock."""
    client_end, server_end = await made()
    connections = {}
    async with trio.open_nursery() as nursery:

        async def connect(role: Role, stream: trio.abc.Stream) -> None:
            connections[role] = await open_ours(nursery, stream, role)

        async with trio.open_nursery() as opening:
            opening.start_soon(connect, Role.CLIENT, client_end)
            opening.start_soon(connect, Role.SERVER, server_end)
        client, server = connections[Role.CLIENT], connections[Role.SERVER]
        with trio.fail_after(5):
            async with trio.open_nursery() as pinging:
                for connection in (client, server):
                    for _ in range(10):
                        pinging.start_soon(connection.ping)
                    pinging.start_soon(connection.send_message, "x" * 200_000)
            assert len(await client.get_message()) == len(await server.get_message()) == 200_000
            await client.aclose()
            await server.wait_closed()


@BOTH
async def test_ping_tells_the_time_it_took(
    role: Role, autojump_clock: trio.testing.MockClock
) -> None:
    async with connected(role) as (connection, peer):
        assert connection.latency is None

        async def answer() -> None:
            assert isinstance(await peer.hear(), Pinged)
            await trio.sleep(1.5)
            await peer.flush()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer)
            with takes(1.5):
                assert await connection.ping() == pytest.approx(1.5)
        assert connection.latency == pytest.approx(1.5)


@BOTH
async def test_pong_settles_earlier_pings_too(role: Role) -> None:
    async with connected(role) as (connection, peer):
        settled = []

        async def ping(payload: bytes) -> None:
            await connection.ping(payload)
            settled.append(payload)

        async with trio.open_nursery() as nursery:
            for payload in (b"a", b"b", b"c"):
                nursery.start_soon(ping, payload)
                await trio.testing.wait_all_tasks_blocked()
            await peer.send_frame(PONG, b"b")
            await trio.testing.wait_all_tasks_blocked()
            assert sorted(settled) == [b"a", b"b"]
            await peer.send_frame(PONG, b"c")


@BOTH
async def test_odd_pongs_settle_nothing(role: Role) -> None:
    """Before the ping, with another payload, and several for one."""
    async with connected(role) as (connection, peer):
        await peer.send_frame(PONG, b"payload")
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(2):
            with trio.fail_after(1):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(connection.ping, b"payload")
                    await trio.testing.wait_all_tasks_blocked()
                    await peer.send_frame(PONG, b"other")
                    await trio.testing.wait_all_tasks_blocked()
                    assert nursery.child_tasks
                    await peer.send(frame(PONG, b"payload", to=role) * 3)
            await trio.testing.wait_all_tasks_blocked()
        await peer.send_frame(TEXT, b"fine")
        assert await connection.get_message() == "fine"


@BOTH
async def test_pings_that_are_refused_change_nothing(role: Role) -> None:
    async with connected(role) as (connection, peer):
        with pytest.raises(ValueError, match="126 bytes"):
            await connection.ping(b"x" * 126)
        with pytest.raises(TypeError):
            await connection.ping("text")  # type: ignore[arg-type]  # the point
        with pytest.raises(TypeError):
            await connection.ping(5)  # type: ignore[arg-type]  # the point
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.ping, b"twice")
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(ValueError, match="unanswered"):
                await connection.ping(b"twice")
            assert await peer.hear() == Pinged(b"twice")
            await peer.flush()


@BOTH
async def test_pending_pings_are_limited(role: Role) -> None:
    async with connected(role) as (connection, peer), trio.open_nursery() as nursery:
        for _ in range(64):
            nursery.start_soon(connection.ping)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(ValueError, match="pending_pings"):
            await connection.ping()
        for _ in range(64):
            await peer.hear()
        await peer.flush()


@BOTH
async def test_payload_may_be_changed_while_the_ping_waits(role: Role) -> None:
    payload = bytearray(b"before")
    async with connected(role) as (connection, peer), trio.open_nursery() as nursery:
        nursery.start_soon(connection.ping, payload)
        await trio.testing.wait_all_tasks_blocked()
        payload[:] = b"after!"
        assert await peer.hear() == Pinged(b"before")
        with trio.fail_after(1):
            await peer.flush()
            await until(lambda: not nursery.child_tasks)


@BOTH
@PAIRS
async def test_every_ping_is_answered_in_order(made: MakePair, role: Role) -> None:
    async with connected(role, made) as (_, peer), trio.open_nursery() as nursery:

        async def send() -> None:
            for number in range(200):
                await peer.send_frame(PING, b"%d" % number)

        nursery.start_soon(send)
        for number in range(200):
            assert plain(await peer.hear()) == ("pong", b"%d" % number)


@BOTH
async def test_pongs_are_merged_only_when_nobody_takes_them(role: Role) -> None:
    """A bounded number of pongs, the first ones and the newest."""
    async with connected(role, lockstep_pair) as (_, peer):
        for number in range(10_000):
            await peer.send_frame(PING, b"%06d" % number)
        heard = [plain(await peer.hear())]
        while heard[-1] != ("pong", b"009999"):
            heard.append(plain(await peer.hear()))
        assert 250 < len(heard) < 1_000
        assert heard[:200] == [("pong", b"%06d" % number) for number in range(200)]


@BOTH
async def test_messages_are_sent_between_pongs_that_nobody_takes(role: Role) -> None:
    async with connected(role, lockstep_pair) as (connection, peer):
        for number in range(1_000):
            await peer.send_frame(PING, b"%06d" % number)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.send_message, "message")
            while plain(await peer.hear()) != "message":
                pass


@BOTH
async def test_wait_pong(role: Role) -> None:
    async with connected(role) as (connection, peer):
        await peer.send_frame(PONG, b"old")
        await peer.send_frame(PONG, b"new")
        await trio.testing.wait_all_tasks_blocked()
        assert await connection.wait_pong() == b"new"
        heard = []

        async def wait() -> None:
            heard.append(await connection.wait_pong())

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            assert not heard
            await peer.send(frame(PONG, b"one", to=role) + frame(PONG, b"two", to=role))
        assert heard == [b"one"] * 3
        assert await connection.wait_pong() == b"two"


@BOTH
async def test_pong_says_what_nobody_asked_for(role: Role) -> None:
    async with connected(role) as (connection, peer):
        await connection.pong()
        await connection.pong(b"payload")
        assert [plain(await peer.hear()) for _ in range(2)] == [("pong", b""), ("pong", b"payload")]
        with pytest.raises(ValueError, match="126"):
            await connection.pong(b"x" * 126)


@BOTH
@PAIRS
async def test_end_lets_all_who_wait_for_pongs_go(made: MakePair, role: Role) -> None:
    async with connected(role, made) as (connection, peer):
        errors = []

        async def ping() -> None:
            errors.append(await closed_error(connection.ping()))

        async def wait() -> None:
            errors.append(await closed_error(connection.wait_pong()))

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(ping)
                nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked(0.001)
            await trio.aclose_forcefully(peer.stream)
        assert len(errors) == 6
        assert {error.reason.code for error in errors if error.reason} == {1006}
        await closed_error(connection.ping())
        await closed_error(connection.wait_pong())
