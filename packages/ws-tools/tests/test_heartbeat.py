from __future__ import annotations

import math

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    wrap_client_stream,
    wrap_server_stream,
)
from ws_core import NEED_DATA, Connection, Pinged, Requested, Role
from ws_tools import heartbeat


class Peer:
    """A server that answers so many pings and then only reads; it notes when pings came.

    Its pongs take `delay` seconds.
    """

    def __init__(self, answers: float = math.inf, delay: float = 0) -> None:
        self.pinged_at: list[float] = []
        self._delay = delay
        self._answers = answers
        self._core = Connection(Role.SERVER)

    async def serve(self, stream: trio.abc.Stream) -> None:
        async for data in stream:
            self._core.receive_data(bytes(data))
            while len(self.pinged_at) < self._answers and self._one_event():
                pass
            await trio.sleep(self._delay if self.pinged_at else 0)
            while len(self._core.outgoing):
                answer = b"".join(self._core.outgoing.peek(2**16))
                self._core.written(len(answer))
                await stream.send_all(answer)

    def _one_event(self) -> bool:
        event = self._core.next_event()
        if isinstance(event, Requested):
            self._core.accept()
        elif isinstance(event, Pinged):
            self.pinged_at.append(trio.current_time())
        return event is not NEED_DATA


async def connect(nursery: trio.Nursery, peer: Peer) -> WebSocketConnection:
    ours, theirs = memory_stream_pair()
    nursery.start_soon(peer.serve, theirs)
    return await wrap_client_stream(nursery, ours, "localhost", "/")


async def both_ends(nursery: trio.Nursery) -> tuple[WebSocketConnection, WebSocketConnection]:
    ours, theirs = memory_stream_pair()
    server: list[WebSocketConnection] = []

    async def accept() -> None:
        request = await wrap_server_stream(nursery, theirs)
        server.append(await request.accept())

    async with trio.open_nursery() as opening:
        opening.start_soon(accept)
        client = await wrap_client_stream(nursery, ours, "localhost", "/")
    return client, server[0]


async def test_pings_once_every_interval_for_ever(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    peer = Peer()
    ws = await connect(nursery, peer)
    with trio.move_on_after(100):
        await heartbeat(ws, 5, 20)
    assert peer.pinged_at == pytest.approx([0, 20, 40, 60, 80], abs=1e-6)
    assert ws.closed is None


async def test_a_peer_that_stops_answering_is_too_slow(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    ws = await connect(nursery, Peer(answers=3))
    with pytest.raises(trio.TooSlowError, match="no pong came within 5 seconds"):
        await heartbeat(ws, 5, 20)
    assert trio.current_time() == pytest.approx(3 * 20 + 5)
    assert ws.closed is None


async def test_a_pong_that_takes_longer_than_the_interval_puts_the_next_ping_off(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    peer = Peer(delay=3)
    ws = await connect(nursery, peer)
    with trio.move_on_after(10):
        await heartbeat(ws, 5, 1)
    assert peer.pinged_at == pytest.approx([0, 3, 6, 9], abs=1e-6)


async def test_messages_go_on_beside_it(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    client, server = await both_ends(nursery)
    async with trio.open_nursery() as work:
        work.start_soon(heartbeat, client, 1, 1)
        for number in range(5):
            await trio.sleep(0.7)
            await client.send_message(str(number))
            assert await server.get_message() == str(number)
        work.cancel_scope.cancel()


async def test_a_connection_that_is_closed_raises_with_the_next_ping(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    client, server = await both_ends(nursery)

    async def close_in_between() -> None:
        await trio.sleep(30)
        await server.aclose(4000, "enough")

    nursery.start_soon(close_in_between)
    with pytest.raises(ConnectionClosed) as caught:
        await heartbeat(client, 5, 20)
    assert caught.value.reason is not None
    assert caught.value.reason.code == 4000
    assert trio.current_time() == pytest.approx(40)


async def test_a_connection_that_is_lost_raises_at_once_when_a_ping_waits(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    ours, theirs = memory_stream_pair()
    peer = Peer(answers=1)
    nursery.start_soon(peer.serve, theirs)
    ws = await wrap_client_stream(nursery, ours, "localhost", "/")

    async def hang_up() -> None:
        await trio.sleep(22)
        await theirs.send_eof()

    nursery.start_soon(hang_up)
    with pytest.raises(ConnectionClosed, match="1006"):
        await heartbeat(ws, 5, 20)
    assert trio.current_time() == pytest.approx(22)


@pytest.mark.parametrize(
    ("late", "interval", "name"),
    [(0, 1, "timeout"), (1, 0, "interval"), (-1, 1, "timeout"), (1, math.nan, "interval")],
)
async def test_times_that_are_none(
    nursery: trio.Nursery, late: float, interval: float, name: str
) -> None:
    ws = await connect(nursery, Peer())
    with pytest.raises(ValueError, match=f"{name} must be more than 0 seconds"):
        await heartbeat(ws, late, interval)
