"""Messages from the wire to whoever asks for them."""

from __future__ import annotations

import math
import random

import pytest
import trio
import trio.testing

from ws_core import Role

from .peers import (
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    MakePair,
    closed_error,
    connected,
    direct_tls_pair,
    frame,
    lockstep_pair,
    memory_pair,
    plain,
    tcp_pair,
    tls_pair,
)

BOTH = pytest.mark.parametrize("role", list(Role))
PAIRS = pytest.mark.parametrize(
    "made", [memory_pair, lockstep_pair, tcp_pair, tls_pair, direct_tls_pair]
)


@BOTH
@PAIRS
async def test_messages_come_in_order(made: MakePair, role: Role) -> None:
    async with connected(role, made) as (connection, peer), trio.open_nursery() as nursery:

        async def send() -> None:
            for number in range(50):
                await peer.send_frame(TEXT, str(number).encode())

        nursery.start_soon(send)
        assert [await connection.get_message() for _ in range(50)] == [str(n) for n in range(50)]


@BOTH
async def test_receivers_are_served_in_order_of_arrival(role: Role) -> None:
    async with connected(role) as (connection, peer):
        taken: dict[int, str | bytes] = {}

        async def receive(number: int) -> None:
            taken[number] = await connection.get_message()

        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(receive, number)
                await trio.testing.wait_all_tasks_blocked()
            # In one read.
            await peer.send(b"".join(frame(TEXT, b"%d" % n, to=role) for n in range(5)))
        assert taken == {number: str(number) for number in range(5)}


@BOTH
@pytest.mark.parametrize("size", [0, 1, 2, 5])
async def test_reading_stops_when_the_queue_is_full(role: Role, size: int) -> None:
    """One more is in the pump's hand; pings and pongs up to the next message are still read."""
    async with connected(role, message_queue_size=size) as (connection, peer):
        for number in range(size + 1):
            await peer.send_frame(TEXT, b"%d" % number)
        for number in range(3):
            await peer.send_frame(PING, b"in time %d" % number)
        await peer.send_frame(TEXT, b"too much")
        await peer.send_frame(PING, b"later")
        assert [plain(await peer.hear()) for _ in range(3)] == [
            ("pong", b"in time %d" % number) for number in range(3)
        ]
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(0.01):
            raise AssertionError(await peer.hear())
        assert await connection.get_message() == "0"
        assert plain(await peer.hear()) == ("pong", b"later")


@BOTH
async def test_full_queue_pushes_back(role: Role) -> None:
    async with connected(role, lockstep_pair) as (connection, peer):
        sent = 0

        async def send() -> None:
            nonlocal sent
            while True:
                await peer.send_frame(TEXT, b"x" * 100_000)
                sent += 1

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            await trio.testing.wait_all_tasks_blocked()
            assert sent <= 4
            for _ in range(10):
                await connection.get_message()
            await trio.testing.wait_all_tasks_blocked()
            assert 10 <= sent <= 14
            nursery.cancel_scope.cancel()


@BOTH
async def test_full_queue_still_takes_pongs(role: Role) -> None:
    """Pings of ours while the application does not receive."""
    async with connected(role, message_queue_size=0) as (connection, peer):
        await peer.send_frame(TEXT, b"unread")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.ping)
            assert plain(await peer.hear()) != "unread"
            await peer.flush()
        assert await connection.get_message() == "unread"


@BOTH
async def test_full_queue_hides_the_close_and_nothing_is_lost(role: Role) -> None:
    async with connected(role) as (connection, peer):
        for number in range(10):
            await peer.send_frame(TEXT, b"%d" % number)
        await peer.send_frame(CLOSE, (1001).to_bytes(2, "big"))
        await trio.testing.wait_all_tasks_blocked()
        assert connection.closed is None
        assert [await connection.get_message() for _ in range(10)] == [str(n) for n in range(10)]
        error = await closed_error(connection.get_message())
        assert error.reason is not None
        assert error.reason.code == 1001


@BOTH
async def test_queue_without_limit(role: Role) -> None:
    async with connected(role, message_queue_size=math.inf) as (connection, peer):
        await peer.send(frame(TEXT, b"x", to=role) * 5_000)
        await peer.send_frame(CLOSE)
        await peer.hear_all()
        assert connection.closed is not None
        assert [await connection.get_message() for _ in range(5_000)] == ["x"] * 5_000


@BOTH
async def test_local_close_discards_and_lets_receivers_go(role: Role) -> None:
    async with connected(role) as (connection, peer), trio.open_nursery() as nursery:
        for _ in range(5):
            await peer.send_frame(TEXT, b"unread")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(connection.aclose)
        await trio.testing.wait_all_tasks_blocked()
        error = await closed_error(connection.get_message())
        assert error.reason is not None
        assert error.reason.code == 1000
        assert await peer.hear_all() == [("closed", 1000, "clean")]
        await peer.flush()
        await peer.stream.aclose()


@BOTH
@PAIRS
async def test_end_lets_all_receivers_go(made: MakePair, role: Role) -> None:
    async with connected(role, made) as (connection, peer):
        errors = []

        async def receive() -> None:
            errors.append(await closed_error(connection.get_message()))

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(receive)
            await trio.testing.wait_all_tasks_blocked(0.001)
            nursery.start_soon(peer.send_frame, CLOSE)
            await peer.hear_all()
            await peer.stream.aclose()
        assert [error.reason.code for error in errors if error.reason] == [1005] * 5


@BOTH
async def test_receiving_is_a_checkpoint_also_when_messages_wait(role: Role) -> None:
    async with connected(role, message_queue_size=100) as (connection, peer):
        for _ in range(20):
            await peer.send_frame(TEXT, b"x")
        await trio.testing.wait_all_tasks_blocked()
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await trio.lowlevel.checkpoint()
                turns += 1

        async with trio.open_nursery() as nursery:
            nursery.start_soon(count)
            for _ in range(20):
                await connection.get_message()
            nursery.cancel_scope.cancel()
        assert turns >= 15


@BOTH
@PAIRS
@pytest.mark.parametrize("seed", range(5))
async def test_reading_goes_on_whatever_the_pace(made: MakePair, role: Role, seed: int) -> None:
    """Reading that was stopped for a full queue must not be forgotten."""
    source = random.Random(seed)
    sizes = [source.choice((0, 1, 100, 5_000, 70_000)) for _ in range(60)]
    capacity = source.randrange(4)
    async with (
        connected(role, made, message_queue_size=capacity) as (connection, peer),
        trio.open_nursery() as nursery,
    ):

        async def send() -> None:
            for size in sizes:
                await peer.send_frame(TEXT, b"x" * size, fin=False)
                await peer.send_frame(PING)
                await peer.send_frame(CONTINUATION)
                for _ in range(source.randrange(3)):
                    await trio.lowlevel.checkpoint()

        nursery.start_soon(send)
        nursery.start_soon(peer.hear_all)
        with trio.fail_after(20):
            for size in sizes:
                assert await connection.get_message() == "x" * size
                for _ in range(source.choice((0, 1, 10))):
                    await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()


class Steps(trio.abc.Instrument):
    """Counts how often a connection's pump goes on."""

    def __init__(self) -> None:
        self.count = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += task.name.startswith("WebSocket pump")


@BOTH
@PAIRS
@pytest.mark.parametrize("size", [0, 1, 5, math.inf])
async def test_messages_in_one_read(made: MakePair, role: Role, size: float) -> None:
    async with connected(role, made, message_queue_size=size) as (connection, peer):
        data = b"".join(frame(TEXT, b"%d" % number, to=role) for number in range(100))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.send, data + frame(CLOSE, to=role))
            nursery.start_soon(peer.hear_all)
            await trio.testing.wait_all_tasks_blocked(0.001)
            taken = [message async for message in connection]
        assert taken == [str(number) for number in range(100)]


@BOTH
@pytest.mark.parametrize("size", [0, 1, 5])
async def test_pump_is_not_woken_for_each_message(role: Role, size: int) -> None:
    async with connected(role, message_queue_size=size) as (connection, peer):
        await peer.send(frame(TEXT, b"x", to=role) * 1_000)
        await trio.testing.wait_all_tasks_blocked()
        steps = Steps()
        trio.lowlevel.add_instrument(steps)
        assert [await connection.get_message() for _ in range(1_000)] == ["x"] * 1_000
        trio.lowlevel.remove_instrument(steps)
        assert steps.count < 50  # as many as decode them, some dozens at a time


@BOTH
@pytest.mark.parametrize("size", [0, 1, 5])
async def test_ping_is_answered_when_its_turn_has_come(role: Role, size: int) -> None:
    async with connected(role, message_queue_size=size) as (connection, peer):
        messages = [frame(TEXT, b"%d" % number, to=role) for number in range(10)]
        await peer.send(b"".join([*messages, frame(PING, b"behind", to=role)]))
        for number in range(10 - size - 1):
            assert await connection.get_message() == str(number)
            with trio.move_on_after(0.001):
                raise AssertionError(await peer.hear())
        # The last messages have their places in the queue now.
        assert await connection.get_message() == str(10 - size - 1)
        assert plain(await peer.hear()) == ("pong", b"behind")
        rest = [await connection.get_message() for _ in range(size)]
        assert rest == [str(number) for number in range(10 - size, 10)]


@BOTH
@pytest.mark.parametrize("size", [0, 1, 5])
async def test_failure_in_the_middle_of_what_was_read(role: Role, size: int) -> None:
    """What came before it is taken, what comes behind it is not."""
    async with connected(role, message_queue_size=size) as (connection, peer):
        good = [frame(TEXT, b"%d" % number, to=role) for number in range(20)]
        await peer.send(b"".join([*good, b"\xff\xff", *good]))
        await trio.testing.wait_all_tasks_blocked()
        assert [await connection.get_message() for _ in range(20)] == [str(n) for n in range(20)]
        error = await closed_error(connection.get_message())
        assert error.reason is not None
        assert error.reason.code == 1002


@BOTH
@pytest.mark.parametrize("size", [0, 1, 5])
async def test_close_in_the_middle_of_what_was_read(role: Role, size: int) -> None:
    """Ours: nothing more is given out, be it in the queue or decoded only."""
    async with (
        connected(role, message_queue_size=size) as (connection, peer),
        trio.open_nursery() as nursery,
    ):
        await peer.send(frame(TEXT, b"x", to=role) * 20)
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(7):
            assert await connection.get_message() == "x"
        nursery.start_soon(connection.aclose)
        await trio.testing.wait_all_tasks_blocked()
        await closed_error(connection.get_message())
        assert await peer.hear_all() == [("closed", 1000, "clean")]
        await peer.flush()
        await peer.stream.aclose()
