"""Who speaks when, and that all of it goes out whole and in that order."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_websocket._descriptor import Buffers
from trio_websocket._ending import Ending
from trio_websocket._writer import Writer
from ws_core import Connection, Limits, Role

from .peers import (
    MakePair,
    closed_error,
    connected,
    lockstep_pair,
    memory_pair,
    reset,
    small_direct_tls_pair,
    small_tcp_pair,
    tasks,
    tcp_pair,
    tls_pair,
    tls_socket_pair,
)

BOTH = pytest.mark.parametrize("role", list(Role))
SLOW = pytest.mark.parametrize(
    "made", [lockstep_pair, small_tcp_pair, tls_socket_pair, small_direct_tls_pair]
)
ALL = pytest.mark.parametrize(
    "made",
    [memory_pair, lockstep_pair, small_tcp_pair, tls_pair, tls_socket_pair, small_direct_tls_pair],
)
STUCK = bytes(8 * 2**20)  # more than a small socket takes, and than the write buffer


async def quiet() -> None:
    """Wait until everybody waits; a little longer, for sockets."""
    await trio.testing.wait_all_tasks_blocked(0.001)


@BOTH
@SLOW
async def test_speakers_have_their_turns_in_order_of_arrival(made: MakePair, role: Role) -> None:
    async with connected(role, made) as (connection, peer):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.send_message, STUCK)
            await quiet()
            for number in range(20):
                # Of all sizes: small ones do not overtake.
                message = f"{number} " + "x" * (number % 3 * 40_000)
                nursery.start_soon(connection.send_message, message)
                await quiet()
            assert await peer.hear() == STUCK
            heard = [await peer.hear() for _ in range(20)]
        assert [str(message).split()[0] for message in heard] == [str(n) for n in range(20)]


@BOTH
@SLOW
async def test_cancelled_speakers_leave_their_turn_to_the_next(made: MakePair, role: Role) -> None:
    async with connected(role, made) as (connection, peer):
        scopes = [trio.CancelScope() for _ in range(10)]

        async def send(number: int) -> None:
            with scopes[number]:
                await connection.send_message(str(number))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.send_message, STUCK)
            await quiet()
            for number in range(10):
                nursery.start_soon(send, number)
                await quiet()
            for scope in scopes[::3]:
                scope.cancel()
            await quiet()
            assert await peer.hear() == STUCK
            heard = [await peer.hear() for _ in range(6)]
        assert heard == ["1", "2", "4", "5", "7", "8"]


@BOTH
@SLOW
async def test_speaker_with_a_bad_message_does_not_hold_up_the_next(
    made: MakePair, role: Role
) -> None:
    async with connected(role, made) as (connection, peer):

        async def send_bad() -> None:
            with pytest.raises(ValueError, match="must be str or bytes"):
                await connection.send_message(5)  # type: ignore[arg-type]  # the point

        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.send_message, STUCK)
            await quiet()
            nursery.start_soon(send_bad)
            await quiet()
            nursery.start_soon(connection.send_message, "next")
            assert await peer.hear() == STUCK
            assert await peer.hear() == "next"


@BOTH
@SLOW
async def test_what_waits_to_be_written_is_bounded(made: MakePair, role: Role) -> None:
    """Beyond `Limits.write_buffer`, who has not had a turn has said nothing."""
    async with connected(role, made) as (connection, peer):
        async with trio.open_nursery() as nursery:
            for _ in range(300):
                nursery.start_soon(connection.send_message, bytes(10_000))
            await quiet()
            nursery.cancel_scope.cancel()
        # Cancelled, and so what was said is known to be all there is.
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.send_message, "last")
            count = 0
            while await peer.hear() != "last":
                count += 1
        assert 7 <= count < 60


@BOTH
async def test_write_buffer_is_a_limit_to_choose(role: Role) -> None:
    limits = Limits(write_buffer=1)
    async with connected(role, lockstep_pair, limits=limits) as (connection, peer):
        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(connection.send_message, str(number))
                await quiet()
            nursery.cancel_scope.cancel()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.send_message, "last")
            assert [await peer.hear(), await peer.hear()] == ["0", "last"]


@BOTH
@ALL
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def test_large_messages_arrive_whole(
    made: MakePair, role: Role, kind: type[bytes | bytearray | memoryview]
) -> None:
    message = bytes(range(256)) * 2_000
    async with connected(role, made) as (connection, peer), trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(connection.send_message, kind(message))
        for _ in range(3):
            assert await peer.hear() == message


@BOTH
@ALL
async def test_many_speakers_at_once(made: MakePair, role: Role) -> None:
    async with connected(role, made) as (connection, peer):

        async def speak(name: int) -> None:
            for number in range(20):
                await connection.send_message(f"{name} {number} " + "x" * (name * 997))

        heard: dict[str, list[int]] = {}
        async with trio.open_nursery() as nursery:
            for name in range(8):
                nursery.start_soon(speak, name)
            for _ in range(160):
                message = await peer.hear()
                assert isinstance(message, str)
                name_, number_ = message.split()[:2]
                assert message.count("x") == int(name_) * 997
                heard.setdefault(name_, []).append(int(number_))
        assert list(heard.values()) == [list(range(20))] * 8


@BOTH
@SLOW
@pytest.mark.parametrize("size", [100, 100_000, 4 * 2**20])
async def test_message_may_be_changed_after_a_cancelled_send(
    made: MakePair, role: Role, size: int
) -> None:
    message = bytearray(b"a" * size)
    async with connected(role, made) as (connection, peer):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.send_message, message)
            await quiet()
            nursery.cancel_scope.cancel()
        message[:] = b"b" * size
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.send_message, "next")
            assert await peer.hear() == b"a" * size
            assert await peer.hear() == "next"


@BOTH
async def test_flusher_exists_only_while_bytes_wait(role: Role) -> None:
    async with connected(role, lockstep_pair) as (connection, peer):
        await quiet()
        at_rest = tasks()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.send_message, "stuck")
            await quiet()
            assert tasks() == at_rest + 2  # the speaker and the flusher
            nursery.cancel_scope.cancel()
        await quiet()
        assert tasks() == at_rest + 1
        assert await peer.hear() == "stuck"
        await quiet()
        assert tasks() == at_rest


@BOTH
@SLOW
async def test_closing_lets_waiting_speakers_go(made: MakePair, role: Role) -> None:
    async with connected(role, made, disconnect_timeout=0.05) as (connection, _peer):
        errors = []

        async def send(message: str | bytes) -> None:
            errors.append(await closed_error(connection.send_message(message)))

        async with trio.open_nursery() as nursery:
            for message in (STUCK, "one", "two"):
                nursery.start_soon(send, message)
                await quiet()
            await connection.aclose()
        assert len(errors) == 3
        assert all(error.reason is not None and error.reason.code == 1006 for error in errors)


@BOTH
@pytest.mark.parametrize("made", [small_tcp_pair, tls_socket_pair, small_direct_tls_pair])
async def test_reset_lets_speakers_go(made: MakePair, role: Role) -> None:
    async with connected(role, made) as (connection, peer):
        errors = []

        async def send() -> None:
            errors.append(await closed_error(connection.send_message(STUCK)))

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(send)
            await quiet()
            reset(peer.stream)
        for error in errors:
            assert error.reason is not None
            assert error.reason.code == 1006
            assert error.__cause__ is not None


@BOTH
async def test_speaking_on_and_on_gives_way_to_others(role: Role) -> None:
    """Each send is a checkpoint, also when the socket takes everything at once."""
    async with connected(role, tcp_pair) as (connection, _peer):
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await trio.lowlevel.checkpoint()
                turns += 1

        async with trio.open_nursery() as nursery:
            nursery.start_soon(count)
            for _ in range(50):
                await connection.send_message("x")
            nursery.cancel_scope.cancel()
        assert turns >= 40


class Bottomless:
    """A transport that takes everything at once."""

    write_size = 2**20
    can_try = True

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.taken: list[int] = []

    async def receive(self) -> bytes:
        raise AssertionError("nobody reads here")

    async def receive_into(self, buffer: memoryview) -> int:
        raise AssertionError("nobody reads here")

    def try_write(self, buffers: Buffers) -> int:
        return sum(map(len, buffers))

    async def write(self, buffers: Buffers) -> int:
        await trio.lowlevel.checkpoint()
        self.taken.append(self.try_write(buffers))
        return self.taken[-1]

    async def send_eof(self) -> bool:
        raise AssertionError("nobody ends here")


async def test_a_message_without_end_leaves_others_their_turn() -> None:
    client, server = Connection(Role.CLIENT), Connection(Role.SERVER)
    client.request("localhost")
    server.receive_data(b"".join(client.outgoing.peek(2**20)))
    server.next_event()
    server.accept()
    transport = Bottomless((await memory_pair())[0])
    failures: list[Exception] = []
    async with trio.open_nursery() as nursery:
        ending = Ending("server", Role.SERVER)
        writer = Writer(
            server, transport, nursery, ending=ending, timeout=1, on_failure=failures.append
        )
        await writer.say(server.send_message, bytes(8 * 2**20))
    assert not server.outgoing
    assert not failures
    # Two MiB were written by the speaker, and all others between checkpoints.
    assert len(transport.taken) >= 6
