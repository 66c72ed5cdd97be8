"""The heartbeat finds a lost peer in time, and never takes a busy one for lost."""

from __future__ import annotations

import math
import socket
import sys
from contextlib import suppress
from typing import Any

import pytest
import trio
import trio.testing

from trio_websocket import ConnectionClosed, Heartbeat, Limits
from trio_websocket._streams import tune
from trio_websocket._tcp import unacknowledged
from ws_core import Pinged, Role

from .peers import (
    BINARY,
    PONG,
    TEXT,
    MakePair,
    Pair,
    Peer,
    connected,
    frame,
    lockstep_pair,
    memory_pair,
    reset,
    small_tcp_pair,
    tcp_pair,
    tls_pair,
    tls_socket_pair,
    until,
)

BOTH = pytest.mark.parametrize("role", list(Role))
PAIRS = pytest.mark.parametrize("made", [memory_pair, lockstep_pair, tls_pair])
Clock = trio.testing.MockClock
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells")

TIMES = [(20, 20), (20, 5), (5, 30), (0.5, 0.5)]


async def answer(peer: Peer) -> None:
    """Answer all pings."""
    while True:
        await peer.hear()
        await peer.flush()


async def swallow(peer: Peer) -> None:
    """Read, and say nothing."""
    while await peer.stream.receive_some(65536):
        pass


@BOTH
@PAIRS
@pytest.mark.parametrize(("interval", "patience"), TIMES)
async def test_silent_peer_is_found_on_the_dot(
    interval: float, patience: float, role: Role, made: MakePair, autojump_clock: Clock
) -> None:
    heartbeat = Heartbeat(interval=interval, timeout=patience)
    async with connected(role, made, heartbeat=heartbeat) as (connection, peer):
        begin = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(swallow, peer)
            with pytest.raises(ConnectionClosed) as caught:
                await connection.get_message()
            assert trio.current_time() - begin == pytest.approx(interval + patience)
            nursery.cancel_scope.cancel()
    error = caught.value
    assert error.reason is not None
    assert (error.reason.code, error.initiator, error.clean) == (1006, "local", False)
    assert error.reason.detail == (
        f"no sign of life came from the {role.peer.value} within {patience} seconds after a ping "
        "(heartbeat)"
    )
    assert isinstance(error.__cause__, trio.TooSlowError)
    assert str(error.__cause__) == error.reason.detail


@BOTH
@PAIRS
async def test_peer_that_stops_answering_is_found(
    role: Role, made: MakePair, autojump_clock: Clock
) -> None:
    heartbeat = Heartbeat(interval=20, timeout=10)
    async with connected(role, made, heartbeat=heartbeat) as (connection, peer):
        begin = trio.current_time()
        async with trio.open_nursery() as nursery:
            with trio.move_on_after(210):
                await answer(peer)
            assert connection.closed is None
            nursery.start_soon(swallow, peer)
            reason = await connection.wait_closed()
            # The ping of second 200 was answered, that of 220 was not.
            assert trio.current_time() - begin == pytest.approx(230)
            nursery.cancel_scope.cancel()
    assert reason.code == 1006


@BOTH
async def test_peer_that_does_not_read_is_found(role: Role, autojump_clock: Clock) -> None:
    """The ping does not even go out, and the write would have more time."""
    heartbeat = Heartbeat(interval=10, timeout=5)
    async with connected(role, lockstep_pair, heartbeat=heartbeat) as (connection, _):
        begin = trio.current_time()
        with pytest.raises(ConnectionClosed) as caught:
            await connection.send_message(b"x" * 1000)
        assert trio.current_time() - begin == pytest.approx(15)
    assert "heartbeat" in str(caught.value)


@BOTH
@PAIRS
async def test_pings_go_out_once_an_interval(
    role: Role, made: MakePair, autojump_clock: Clock
) -> None:
    heartbeat = Heartbeat(interval=20, timeout=10)
    async with connected(role, made, heartbeat=heartbeat) as (connection, peer):
        begin = trio.current_time()
        found: list[float] = []
        payloads = set()
        while len(found) < 5:
            event = await peer.hear()
            assert isinstance(event, Pinged)
            found.append(trio.current_time() - begin)
            payloads.add(event.payload)
            await trio.sleep(0.25)
            await peer.flush()
        assert found == pytest.approx([20, 40, 60, 80, 100])
        assert len(payloads) == 5
        await trio.testing.wait_all_tasks_blocked()
        assert connection.latency == pytest.approx(0.25)


@BOTH
async def test_pongs_of_the_heartbeat_are_nobody_elses(role: Role, autojump_clock: Clock) -> None:
    heartbeat = Heartbeat(interval=20, timeout=10)
    async with (
        connected(role, heartbeat=heartbeat) as (connection, peer),
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(answer, peer)
        with trio.move_on_after(100) as waiting:
            await connection.wait_pong()
        assert waiting.cancelled_caught
        await connection.ping(b"mine")
        assert await connection.wait_pong() == b"mine"
        nursery.cancel_scope.cancel()


@BOTH
async def test_any_byte_is_life(role: Role, autojump_clock: Clock) -> None:
    """A large frame trickles in, and the pongs stay behind it, for ten times the timeout."""
    heartbeat = Heartbeat(interval=4, timeout=2)
    async with connected(role, heartbeat=heartbeat) as (connection, peer):
        for byte in frame(TEXT, b"x" * 20, to=role):
            await trio.sleep(1.5)
            await peer.send(bytes([byte]))
        assert await connection.get_message() == "x" * 20
        assert connection.closed is None


@BOTH
async def test_slow_consumer_is_not_lost(role: Role, autojump_clock: Clock) -> None:
    """The queue is full, so nothing is read: pongs are not expected, and pings still go out."""
    heartbeat = Heartbeat(interval=4, timeout=2)
    async with connected(role, heartbeat=heartbeat) as (connection, peer):
        for _ in range(5):
            await peer.send_frame(TEXT, b"take me")
        begin = trio.current_time()
        pings = 0
        with trio.move_on_after(40):
            while True:
                pings += isinstance(await peer.hear(), Pinged)
        assert trio.current_time() - begin == 40
        assert pings in (9, 10)
        assert connection.closed is None
        for _ in range(5):
            assert await connection.get_message() == "take me"
        # Now pongs are expected again: the last ping was sent 40 seconds after the beginning.
        reason = await connection.wait_closed()
        assert reason.code == 1006
        assert 42 <= trio.current_time() - begin <= 42 + 0.25


@BOTH
async def test_peer_that_answers_with_messages_only_is_alive(
    role: Role, autojump_clock: Clock
) -> None:
    heartbeat = Heartbeat(interval=4, timeout=2)
    async with connected(role, message_queue_size=math.inf, heartbeat=heartbeat) as (
        connection,
        peer,
    ):
        for _ in range(50):
            await trio.sleep(1.9)
            await peer.send_frame(TEXT, b"I am busy")
        assert connection.closed is None


@BOTH
async def test_pings_of_the_application_do_not_keep_the_heartbeat_from_finding_out(
    role: Role, autojump_clock: Clock
) -> None:
    """It takes no place from them, nor they from it."""
    heartbeat = Heartbeat(interval=4, timeout=2)
    async with connected(role, heartbeat=heartbeat) as (connection, peer):

        async def ping() -> None:
            with pytest.raises(ConnectionClosed):
                await connection.ping()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(swallow, peer)
            for _ in range(64):
                nursery.start_soon(ping)
            begin = trio.current_time()
            await connection.wait_closed()
            assert trio.current_time() - begin == pytest.approx(6)
            nursery.cancel_scope.cancel()


@BOTH
async def test_no_heartbeat_while_closing(role: Role, autojump_clock: Clock) -> None:
    heartbeat = Heartbeat(interval=1, timeout=1)
    async with connected(role, heartbeat=heartbeat, disconnect_timeout=7) as (connection, peer):
        begin = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(swallow, peer)
            await connection.aclose()
            assert trio.current_time() - begin == pytest.approx(7)
            assert connection.closed is not None
            assert connection.closed.detail is not None
            assert "disconnect_timeout" in connection.closed.detail
            nursery.cancel_scope.cancel()


@BOTH
async def test_closing_in_the_moment_of_a_ping(role: Role, autojump_clock: Clock) -> None:
    """The heartbeat is awake already when it is stopped."""
    heartbeat = Heartbeat(interval=1, timeout=1)
    for _ in range(20):  # whether it runs before or after is up to chance
        async with (
            connected(role, heartbeat=heartbeat) as (connection, peer),
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(swallow, peer)
            await trio.sleep(1)
            with trio.move_on_after(0):
                await connection.aclose()
            nursery.cancel_scope.cancel()


@BOTH
async def test_failing_in_the_moment_of_a_ping(role: Role, autojump_clock: Clock) -> None:
    heartbeat = Heartbeat(interval=1, timeout=1)
    for events in range(28, 36):  # one of them makes the pump take a breath behind the failure
        async with connected(role, heartbeat=heartbeat) as (connection, peer):
            await trio.sleep(0.75)
            await peer.send(frame(PONG, b"", to=role) * events + b"\xf0\x80")
            await connection.wait_closed()
            assert trio.current_time() % 1 < 0.5
            await trio.sleep(1)


async def test_one_task_more_and_none_at_the_end(autojump_clock: Clock) -> None:
    async def living(**settings: Any) -> int:
        async with connected(Role.SERVER, **settings) as (connection, peer):
            await trio.testing.wait_all_tasks_blocked()
            count = trio.lowlevel.current_statistics().tasks_living
            async with trio.open_nursery() as nursery:
                nursery.start_soon(connection.aclose)
                await peer.hear()
                await peer.flush()
                await peer.stream.aclose()
            await trio.testing.wait_all_tasks_blocked()
            gone = trio.lowlevel.current_statistics().tasks_living
            assert gone == count - 1 - ("heartbeat" in settings)
            return count

    without = await living()
    assert await living(heartbeat=Heartbeat(interval=5, timeout=5)) == without + 1


class SlowLine(trio.abc.Stream):
    """A stream on which every write takes a moment."""

    def __init__(self, bottom: trio.abc.Stream) -> None:
        self._bottom = bottom

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.sleep(0.05)
        await self._bottom.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._bottom.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._bottom.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._bottom.aclose()


async def slow_pair() -> Pair:
    """Two slow lines in memory."""
    client, server = await memory_pair()
    return SlowLine(client), SlowLine(server)


@BOTH
@pytest.mark.parametrize(("interval", "patience"), [(30, 20), (20, 20), (5, 20)])
async def test_line_that_moves_proves_nothing_beyond_the_ping(
    interval: float, patience: float, role: Role, autojump_clock: Clock
) -> None:
    """A process hangs; its system goes on taking what we go on sending, ahead of later pings."""
    heartbeat = Heartbeat(interval=interval, timeout=patience)
    async with (
        connected(role, slow_pair, heartbeat=heartbeat) as (connection, peer),
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(swallow, peer)
        begin = trio.current_time()
        while connection.closed is None:
            with suppress(ConnectionClosed):
                await connection.send_message(bytes(30_000))
        assert trio.current_time() - begin <= (interval + patience) * 1.1
        nursery.cancel_scope.cancel()


@BOTH
async def test_our_own_lateness_is_not_the_peers(role: Role, mock_clock: Clock) -> None:
    """We were busy for long, or our process was stopped; its pong waits to be read."""
    heartbeat = Heartbeat(interval=20, timeout=5)
    for _ in range(20):  # who runs first is up to chance
        async with connected(role, heartbeat=heartbeat) as (connection, peer):
            await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(20)
            assert isinstance(await peer.hear(), Pinged)
            await peer.flush()
            mock_clock.jump(1000)
            await trio.testing.wait_all_tasks_blocked()
            assert connection.closed is None


@BOTH
async def test_round_trip_that_takes_longer_than_the_interval(
    role: Role, autojump_clock: Clock
) -> None:
    async with (
        connected(role, heartbeat=Heartbeat(interval=1, timeout=10)) as (connection, peer),
        trio.open_nursery() as nursery,
    ):

        async def answer_late() -> None:
            while True:
                await peer.hear()
                await trio.sleep(3)
                await peer.flush()

        nursery.start_soon(answer_late)
        await trio.sleep(30)
        assert connection.latency == pytest.approx(3)
        assert connection.closed is None
        nursery.cancel_scope.cancel()


@BOTH
async def test_ping_that_found_no_place_is_not_waited_for(
    role: Role, autojump_clock: Clock
) -> None:
    heartbeat, limits = Heartbeat(interval=10, timeout=5), Limits(pending_pings=1)
    async with (
        connected(role, heartbeat=heartbeat, limits=limits) as (connection, peer),
        trio.open_nursery() as nursery,
    ):
        await trio.sleep(9.9)
        nursery.start_soon(connection.ping)
        await trio.sleep(0.2)
        nursery.start_soon(answer, peer)
        await trio.sleep(100)
        assert connection.closed is None
        nursery.cancel_scope.cancel()


# Real sockets, whose time jumps when nothing has happened for a moment.


@pytest.fixture
def patient_clock(autojump_clock: Clock) -> Clock:
    """A clock that gives the kernel time before it jumps."""
    autojump_clock.autojump_threshold = 0.01
    return autojump_clock


async def lopsided_pair() -> tuple[trio.SocketStream, trio.SocketStream]:
    """Sockets that take much to send, and hold little that was received."""
    pair = await tcp_pair(buffer=4096)
    for stream in pair:
        tune(stream)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1_000_000)
    return pair


async def read_slowly(peer: Peer, rate: int, seconds: float) -> None:
    """Take up to `rate` bytes a second for so long, and answer nothing."""
    with trio.move_on_after(seconds):
        while True:
            await peer.stream.receive_some(rate)
            await trio.sleep(1)


@BOTH
@pytest.mark.parametrize("made", [small_tcp_pair, tls_socket_pair])
async def test_handler_that_only_sends_to_a_slow_peer(
    role: Role, made: MakePair, patient_clock: Clock
) -> None:
    """The ping waits behind bytes that the peer takes, slowly, for ten times the timeout."""
    heartbeat = Heartbeat(interval=10, timeout=5)
    async with (
        connected(role, made, heartbeat=heartbeat) as (connection, peer),
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(connection.send_message, bytes(1_000_000))
        await read_slowly(peer, 10_000, 60)
        assert connection.closed is None
        nursery.cancel_scope.cancel()


@BOTH
async def test_burst_that_waits_in_the_kernel(role: Role, patient_clock: Clock) -> None:
    """All is written, so no write makes progress; the peer takes it from our kernel, slowly."""
    client, server = await lopsided_pair()

    async def made() -> Pair:
        await trio.lowlevel.checkpoint()
        return client, server

    heartbeat = Heartbeat(interval=10, timeout=5)
    async with connected(role, made, heartbeat=heartbeat) as (connection, peer):
        await connection.send_message(bytes(200_000))
        assert unacknowledged(client if role is Role.CLIENT else server) > 100_000
        await read_slowly(peer, 2_000, 60)
        assert connection.closed is None


@BOTH
@pytest.mark.parametrize("size", [200_000, 3_000_000], ids=["in the kernel", "stuck"])
async def test_peer_that_takes_nothing_more_is_found(
    role: Role, size: int, patient_clock: Clock
) -> None:
    heartbeat = Heartbeat(interval=10, timeout=5)
    async with (
        connected(role, lopsided_pair, heartbeat=heartbeat, write_timeout=math.inf) as (
            connection,
            peer,
        ),
        trio.open_nursery() as nursery,
    ):
        begin = trio.current_time()

        async def send() -> None:
            with suppress(ConnectionClosed):
                await connection.send_message(bytes(size))

        nursery.start_soon(send)
        await read_slowly(peer, 5_000, 22)
        reason = await connection.wait_closed()
        # The last byte was read in second 22, but the kernel has a clock of its own.
        assert 20 < trio.current_time() - begin < 60
        assert reason.detail is not None
        assert "heartbeat" in reason.detail


@BOTH
@pytest.mark.parametrize("made", [tcp_pair, tls_socket_pair])
async def test_reset_is_found_while_nothing_is_read(
    role: Role, made: MakePair, patient_clock: Clock
) -> None:
    heartbeat = Heartbeat(interval=10, timeout=5)
    async with connected(role, made, heartbeat=heartbeat) as (connection, peer):
        for _ in range(5):
            await peer.send_frame(TEXT, b"take me")
        begin = trio.current_time()
        while not isinstance(await peer.hear(), Pinged):
            pass
        stream = peer.stream
        reset(stream.transport_stream if isinstance(stream, trio.SSLStream) else stream)
        await until(lambda: connection.closed is not None, every=0.1)
        assert trio.current_time() - begin == pytest.approx(10.5, abs=0.3)
        assert await connection.get_message() == "take me"
        assert connection.closed is not None
        assert (connection.closed.code, connection.closed.initiator) == (1006, None)


@BOTH
async def test_system_that_takes_bytes_for_a_process_that_hangs(
    role: Role, patient_clock: Clock
) -> None:
    """We go on sending, and its kernel goes on taking: that is no sign of life."""
    heartbeat = Heartbeat(interval=10, timeout=5)
    async with connected(role, tcp_pair, heartbeat=heartbeat) as (connection, _):
        begin = trio.current_time()
        while connection.closed is None:
            await connection.send_message(bytes(100))
            await trio.sleep(0.3)
        assert trio.current_time() - begin == pytest.approx(15, abs=1.5)


@on_linux
@BOTH
async def test_peer_that_talks_and_takes_nothing_is_alive(role: Role, patient_clock: Clock) -> None:
    """Its window is closed, so no ping can reach it; but what it says can be heard."""
    heartbeat = Heartbeat(interval=10, timeout=5)
    async with (
        connected(role, small_tcp_pair, heartbeat=heartbeat, write_timeout=math.inf) as (
            connection,
            peer,
        ),
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(connection.send_message, bytes(3_000_000))
        for _ in range(50):
            await peer.send_frame(TEXT, b"I am here")
            assert await connection.get_message() == "I am here"
            await trio.sleep(2)
        assert connection.closed is None
        nursery.cancel_scope.cancel()


@on_linux
@BOTH
async def test_two_that_take_nothing_from_each_other_are_alive(
    role: Role, patient_clock: Clock
) -> None:
    """Both windows are closed, and both systems say so: nothing is lost, and nothing is due."""
    heartbeat = Heartbeat(interval=10, timeout=5)
    async with (
        connected(role, small_tcp_pair, heartbeat=heartbeat, write_timeout=math.inf) as (
            connection,
            peer,
        ),
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(connection.send_message, bytes(3_000_000))
        nursery.start_soon(peer.send, frame(TEXT, b"take me", to=role) * 100_000)
        await trio.sleep(100)
        assert connection.closed is None
        nursery.cancel_scope.cancel()


@on_linux
async def test_tls_record_that_trickles_in(patient_clock: Clock) -> None:
    """It is read only when it is whole, but its bytes arrive all the time."""
    client, server = await tls_socket_pair()
    assert isinstance(client, trio.SSLStream)

    async def made() -> Pair:
        await trio.lowlevel.checkpoint()
        return client, server

    heartbeat = Heartbeat(interval=4, timeout=2)
    async with connected(Role.SERVER, made, heartbeat=heartbeat) as (connection, peer):
        tcp = client.transport_stream
        client.transport_stream = recorder = Recorder()
        await peer.send_frame(BINARY, bytes(4000))
        client.transport_stream = tcp
        for start in range(0, len(recorder.data), 100):
            await tcp.send_all(recorder.data[start : start + 100])
            await trio.sleep(1)
        assert await connection.get_message() == bytes(4000)


class Recorder(trio.abc.Stream):
    """Keeps what is sent to it."""

    def __init__(self) -> None:
        self.data = b""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        self.data += bytes(data)

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        raise NotImplementedError

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


# What a heartbeat may be.


@pytest.mark.parametrize("name", ["interval", "timeout"])
@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan])
def test_no_such_heartbeat(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"Heartbeat\.{name} must be more than 0 seconds"):
        Heartbeat(**{"interval": 1, "timeout": 1, name: value})


@pytest.mark.parametrize("name", ["interval", "timeout"])
@pytest.mark.parametrize("value", ["1", None])
def test_heartbeat_of_the_wrong_type(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=rf"Heartbeat\.{name} must be a number, not "):
        Heartbeat(**{"interval": 1, "timeout": 1, name: value})


def test_heartbeat_is_told_by_name() -> None:
    with pytest.raises(TypeError):
        Heartbeat(20, 20)  # type: ignore[call-arg]  # which would be which?
