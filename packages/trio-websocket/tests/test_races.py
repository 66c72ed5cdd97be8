"""Several things at once, in any order: the end is the same, whoever comes first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
import trio
import trio.testing

from trio_websocket import ConnectionClosed, WebSocketConnection
from ws_core import Role

from .helpers import connect_pair
from .peers import (
    MakePair,
    close_frame,
    closed_error,
    connected,
    lockstep_pair,
    memory_pair,
    tasks,
    tls_pair,
)

BOTH = pytest.mark.parametrize("role", list(Role))
PAIRS = pytest.mark.parametrize("made", [memory_pair, lockstep_pair, tls_pair])
# Trio runs what is ready in an order that is up to chance.
ROUNDS = range(25)


async def until_closed(call: Callable[[], Awaitable[object]]) -> None:
    """Do something again and again until the connection is closed."""
    with suppress(ConnectionClosed):
        while True:
            await call()


async def pause(number: int) -> None:
    """Let others go first, or not."""
    for _ in range(number % 5):
        await trio.lowlevel.checkpoint()


@PAIRS
async def test_senders_and_pings_on_both_sides(made: MakePair) -> None:
    for _ in ROUNDS:
        async with trio.open_nursery() as nursery:
            pair = await connect_pair(nursery, streams=await made())
            sent = [f"{sender} {number}" for sender in range(4) for number in range(5)]
            received: dict[WebSocketConnection, list[str | bytes]] = {ws: [] for ws in pair}

            async def send(ws: WebSocketConnection, sender: int) -> None:
                for number in range(5):
                    await ws.send_message(f"{sender} {number}")

            async def receive(
                ws: WebSocketConnection, received: dict[WebSocketConnection, list[str | bytes]]
            ) -> None:
                while len(received[ws]) < 20:
                    received[ws].append(await ws.get_message())

            async with trio.open_nursery() as talking:
                for ws in pair:
                    talking.start_soon(receive, ws, received)
                    talking.start_soon(ws.ping)
                    for sender in range(4):
                        talking.start_soon(send, ws, sender)
            for messages in received.values():
                assert sorted(map(str, messages)) == sent
                for sender in range(4):  # each sender's own are in order
                    own = [text for text in map(str, messages) if text[0] == str(sender)]
                    assert own == sorted(own)
            async with trio.open_nursery() as closing:
                for ws in pair:
                    closing.start_soon(ws.aclose)


@PAIRS
async def test_closing_while_everybody_talks(made: MakePair) -> None:
    """Either side, or both, closes while both send, receive and ping."""
    for number in ROUNDS:
        at_rest = tasks()
        async with trio.open_nursery() as nursery:
            pair = await connect_pair(nursery, streams=await made())
            async with trio.open_nursery() as talking:
                for ws in pair:
                    for call in (ws.get_message, ws.ping, ws.wait_pong):
                        talking.start_soon(until_closed, call)
                    talking.start_soon(until_closed, lambda ws=ws: ws.send_message("talk"))
                await pause(number)
                for ws in pair[number % 2 :]:
                    talking.start_soon(ws.aclose, 4000)
            for ws in pair:
                reason = await ws.wait_closed()
                assert (reason.code, reason.clean) == (4000, True)
        assert tasks() == at_rest


@BOTH
@PAIRS
async def test_closing_and_a_fault_of_the_peer(
    role: Role, made: MakePair, autojump_clock: trio.testing.MockClock
) -> None:
    """Whichever comes first is what the close frame says, and everybody is let go."""
    for number in ROUNDS:
        async with connected(role, made) as (connection, peer):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(closed_error, connection.get_message())
                nursery.start_soon(closed_error, connection.ping())

                async def fail() -> None:
                    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                        await peer.send(b"\xff\xff")

                async def hang_up() -> None:
                    heard = await peer.hear_all()
                    good, bad = (("closed", code, "clean") for code in (1000, 1002))
                    assert [heard.count(good), heard.count(bad)] in ([1, 0], [0, 1])
                    await trio.aclose_forcefully(peer.stream)

                nursery.start_soon(fail)
                nursery.start_soon(hang_up)
                await pause(number)
                nursery.start_soon(connection.aclose)
            assert connection.closed is not None
            assert not connection.closed.clean


@BOTH
@PAIRS
async def test_closing_by_both_sides_and_the_end_of_the_stream(role: Role, made: MakePair) -> None:
    for number in ROUNDS:
        async with connected(role, made) as (connection, peer):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(connection.aclose)
                nursery.start_soon(connection.aclose, 4001)

                async def close() -> None:
                    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                        await peer.send(close_frame(4002, to=role))
                    await trio.aclose_forcefully(peer.stream)

                await pause(number)
                nursery.start_soon(close)
            assert connection.closed is not None
            assert connection.closed.code in {4002, 1006}
