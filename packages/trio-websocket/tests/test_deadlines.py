"""Every deadline of the design, to the second on the mock clock; no peer can put one off."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial

import pytest
import trio
import trio.testing

from trio_websocket import (
    ConnectionClosed,
    ConnectionTimeout,
    HandshakeError,
    WebSocketRequest,
    wrap_client_stream,
    wrap_server_stream,
)
from ws_core import Role

from .peers import (
    CLOSE,
    PING,
    REQUEST,
    TEXT,
    MakePair,
    Peer,
    arena,
    close_frame,
    closed_error,
    connected,
    frame,
    keep_sending,
    lockstep_pair,
    memory_pair,
    read_to_end,
    request,
    secured,
    small_tcp_pair,
    takes,
    tls_pair,
)

Clock = trio.testing.MockClock
BOTH = pytest.mark.parametrize("role", list(Role))
PAIRS = pytest.mark.parametrize("made", [memory_pair, lockstep_pair, tls_pair])


async def lockstep_tls_pair() -> tuple[trio.abc.Stream, trio.abc.Stream]:
    """TLS over streams that hold nothing."""
    await trio.lowlevel.checkpoint()
    return secured(trio.testing.lockstep_stream_pair())


# connect_timeout on servers.


@pytest.mark.parametrize("seconds", [10, 3, 0.5])
async def test_server_waits_so_long_for_a_request(seconds: float, autojump_clock: Clock) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        await theirs.send_all(REQUEST[:-1])
        with takes(seconds), pytest.raises(ConnectionTimeout, match="connect_timeout"):
            await wrap_server_stream(nursery, ours, connect_timeout=seconds)
        assert await read_to_end(theirs) == b""


async def test_server_waits_so_long_for_tls(autojump_clock: Clock) -> None:
    near, theirs = trio.testing.memory_stream_pair()
    _, ours = secured((theirs, near))
    async with trio.open_nursery() as nursery:
        await theirs.send_all(b"\x16\x03\x01")
        with takes(10), pytest.raises(ConnectionTimeout):
            await wrap_server_stream(nursery, ours)
        await read_to_end(theirs)


@pytest.mark.parametrize("made", [memory_pair, lockstep_pair])
async def test_a_refused_request_has_no_more_time_than_any(
    made: MakePair, autojump_clock: Clock
) -> None:
    """The answer and the wait for the client to leave are paid from the same budget."""
    ours, theirs = await made()
    async with trio.open_nursery() as nursery:

        async def refused() -> None:
            await trio.sleep(9)
            await theirs.send_all(b"POST / HTTP/1.1\r\n\r\n")

        nursery.start_soon(refused)
        with takes(10), pytest.raises(HandshakeError, match="405"):
            await wrap_server_stream(nursery, ours)


async def test_request_in_good_time_is_taken(autojump_clock: Clock) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:

        async def slowly() -> None:
            await theirs.send_all(REQUEST[:50])
            await trio.sleep(9.9)
            await theirs.send_all(REQUEST[50:])

        nursery.start_soon(slowly)
        with takes(9.9):
            asked = await wrap_server_stream(nursery, ours)
        await asked.reject(404)


async def test_writing_the_acceptance_is_limited(autojump_clock: Clock) -> None:
    ours, theirs = trio.testing.lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(theirs.send_all, REQUEST)
        asked = await wrap_server_stream(nursery, ours, connect_timeout=7)
        # The handler's own time does not count.
        await trio.sleep(100)
        with takes(7), pytest.raises(ConnectionClosed) as caught:
            await asked.accept()
        assert caught.value.reason is not None
        assert caught.value.reason.code == 1006


async def test_writing_the_acceptance_is_limited_while_the_peer_floods(
    autojump_clock: Clock,
) -> None:
    ours, theirs = trio.testing.lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(theirs.send_all, REQUEST)
        asked = await wrap_server_stream(nursery, ours, connect_timeout=7)
        ping = frame(PING, b"x" * 100, to=Role.SERVER)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(keep_sending, lambda: theirs.send_all(ping))
        with takes(7), pytest.raises(ConnectionClosed):
            await asked.accept()


async def test_acceptance_that_was_written_stands_however_the_peer_floods(
    autojump_clock: Clock,
) -> None:
    ours, theirs = trio.testing.lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(theirs.send_all, REQUEST)
        asked = await wrap_server_stream(nursery, ours, connect_timeout=7)
        ping = frame(PING, b"x" * 100, to=Role.SERVER)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(keep_sending, lambda: theirs.send_all(ping))

        async def read() -> None:
            assert await theirs.receive_some(10)

        nursery.start_soon(partial(keep_sending, read, every=0.01))
        # As long as a hundred bytes take: what comes behind the answer is not waited for.
        with takes(0, at_most=0.2):
            connection = await asked.accept()
        assert connection.closed is None
        nursery.cancel_scope.cancel()


async def test_writing_a_rejection_is_limited(autojump_clock: Clock) -> None:
    ours, theirs = trio.testing.lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(theirs.send_all, REQUEST)
        asked = await wrap_server_stream(nursery, ours, connect_timeout=7, disconnect_timeout=3)
        with takes(7):
            await asked.reject(404)
        with pytest.raises(trio.BrokenResourceError):
            await theirs.send_all(b"x")


async def test_a_client_that_takes_no_rejection_is_not_waited_for(autojump_clock: Clock) -> None:
    """Over a stream that could say that nothing more comes."""
    ours, theirs = await small_tcp_pair()
    async with trio.open_nursery() as nursery:
        await theirs.send_all(REQUEST)
        asked = await wrap_server_stream(nursery, ours, connect_timeout=7, disconnect_timeout=3)
        with takes(7):
            await asked.reject(404, body=bytes(2**24))
        await theirs.aclose()


async def test_lingering_after_a_rejection_is_limited(autojump_clock: Clock) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        await theirs.send_all(REQUEST)
        asked = await wrap_server_stream(nursery, ours, disconnect_timeout=3)
        nursery.start_soon(keep_sending, lambda: theirs.send_all(b"more"))
        with takes(3):
            await asked.reject(404)
        assert (await read_to_end(theirs)).startswith(b"HTTP/1.1 404 ")


async def test_rejection_that_is_taken_costs_no_time(autojump_clock: Clock) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        await theirs.send_all(REQUEST)
        asked = await wrap_server_stream(nursery, ours)

        async def leave() -> None:
            await read_to_end(theirs)
            await theirs.aclose()

        nursery.start_soon(leave)
        with takes(0):
            await asked.reject(404)


async def test_unanswered_request_does_not_time_out_before_its_handler(
    autojump_clock: Clock,
) -> None:
    async def think(asked: WebSocketRequest) -> None:
        if asked.path == "/think":
            await trio.sleep(1_000)
        await asked.reject(404) if asked.path == "/think" else await asked.accept()

    async with arena(think) as server:
        stream = await server.dial()
        with takes(1_000):
            await stream.send_all(request(start=b"GET /think HTTP/1.1"))
            assert (await read_to_end(stream)).startswith(b"HTTP/1.1 404 ")
        await stream.aclose()


# connect_timeout on clients.


@pytest.mark.parametrize("seconds", [60, 3])
@PAIRS
async def test_client_waits_so_long_for_an_answer(
    made: MakePair, seconds: float, autojump_clock: Clock
) -> None:
    ours, theirs = await made()
    async with trio.open_nursery() as nursery:
        with takes(seconds), pytest.raises(ConnectionTimeout, match="connect_timeout"):
            await wrap_client_stream(nursery, ours, "localhost", "/", connect_timeout=seconds)
        await trio.aclose_forcefully(theirs)


async def test_client_takes_an_answer_in_good_time(autojump_clock: Clock) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:

        async def answer() -> None:
            await trio.sleep(59.9)
            await Peer(theirs, Role.SERVER).open()

        nursery.start_soon(answer)
        with takes(59.9):
            await wrap_client_stream(nursery, ours, "localhost", "/")
        nursery.cancel_scope.cancel()


async def test_failing_handshake_waits_for_nothing(autojump_clock: Clock) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        await theirs.send_all(b"HTTP/1.1 101 x\r\n\r\n")
        with takes(0), pytest.raises(HandshakeError):
            await wrap_client_stream(nursery, ours, "localhost", "/")


# disconnect_timeout.


@BOTH
@PAIRS
@pytest.mark.parametrize("seconds", [10, 3, 0])
async def test_closing_takes_so_long_at_most(
    made: MakePair, role: Role, seconds: float, autojump_clock: Clock
) -> None:
    async with connected(role, made, disconnect_timeout=seconds) as (connection, _peer):
        with takes(seconds):
            await connection.aclose(1001)
        assert connection.closed is not None
        assert connection.closed.code == 1006


@BOTH
@pytest.mark.parametrize("made", [memory_pair, lockstep_pair])
@pytest.mark.parametrize("opcode", [PING, TEXT])
async def test_peer_that_keeps_sending_does_not_put_off_the_end(
    made: MakePair, role: Role, opcode: int, autojump_clock: Clock
) -> None:
    async with connected(role, made) as (connection, peer), trio.open_nursery() as nursery:
        nursery.start_soon(keep_sending, lambda: peer.send_frame(opcode, b"x" * 50))
        await trio.sleep(1)
        with takes(10):
            await connection.aclose()


@BOTH
async def test_closing_with_a_full_queue_takes_no_longer(role: Role, autojump_clock: Clock) -> None:
    async with connected(role) as (connection, peer):
        for _ in range(10):
            await peer.send_frame(TEXT, b"unread")
        await trio.testing.wait_all_tasks_blocked()
        with takes(10):
            await connection.aclose()


@BOTH
async def test_second_close_waits_for_the_first_and_no_longer(
    role: Role, autojump_clock: Clock
) -> None:
    async with connected(role) as (connection, _peer):

        async def close(after: float) -> None:
            await trio.sleep(after)
            with takes(10 - after):
                await connection.aclose()

        async with trio.open_nursery() as nursery:
            for after in (0, 3, 9):
                nursery.start_soon(close, after)


@BOTH
async def test_lingering_counts(role: Role, autojump_clock: Clock) -> None:
    """The whole closing has one budget: the answer comes late, and then nobody hangs up."""
    async with connected(role) as (connection, peer), trio.open_nursery() as nursery:

        async def answer_late() -> None:
            await trio.sleep(6)
            assert await peer.hear_all() == [("closed", 1000, "clean")]
            await peer.flush()

        nursery.start_soon(answer_late)
        # RFC 6455 section 7.1.1: the server hangs up first.
        with takes(10 if role is Role.CLIENT else 6):
            await connection.aclose()


@BOTH
async def test_failed_connection_lingers_so_long(role: Role, autojump_clock: Clock) -> None:
    async with connected(role, disconnect_timeout=4) as (connection, peer):
        await peer.send(b"\xff\xff")
        nudge = frame(TEXT, b"more", to=role)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_sending, lambda: peer.send(nudge))
            with takes(4.25):
                await connection.wait_closed()
        assert connection.closed is not None
        assert connection.closed.code == 1002


@BOTH
async def test_failed_connection_does_not_linger_over_much_data(
    role: Role, autojump_clock: Clock
) -> None:
    async with connected(role, lockstep_pair) as (_connection, peer):
        sent = 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read_to_end, peer.stream)
            await peer.send(b"\xff\xff")
            await trio.sleep(0.3)

            async def send() -> None:
                nonlocal sent
                assert sent < 2**21
                await peer.send(bytes(2**16))
                sent += 2**16

            with takes(0):
                await keep_sending(send, every=0)
        assert sent > 2**19


@BOTH
async def test_failed_connection_whose_peer_does_not_read(
    role: Role, autojump_clock: Clock
) -> None:
    async with connected(role, lockstep_pair) as (connection, peer):
        await peer.send(b"\xff\xff")
        with takes(10.25):
            await connection.wait_closed()


@BOTH
@PAIRS
async def test_closing_by_the_peer_is_limited_too(
    made: MakePair, role: Role, autojump_clock: Clock
) -> None:
    """The peer closes, and then neither reads our answer nor hangs up."""
    async with connected(role, made) as (connection, peer):
        await peer.send_frame(CLOSE)
        await trio.testing.wait_all_tasks_blocked()
        with takes(0, at_most=10):
            await connection.wait_closed()
        assert connection.closed is not None
        assert connection.closed.code == 1005


@BOTH
async def test_closing_while_a_large_message_is_stuck(role: Role, autojump_clock: Clock) -> None:
    async with connected(role, lockstep_pair, disconnect_timeout=3) as (connection, _peer):
        errors = []

        async def send() -> None:
            errors.append(await closed_error(connection.send_message(bytes(2**20))))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            await trio.testing.wait_all_tasks_blocked()
            with takes(3):
                await connection.aclose()
        assert len(errors) == 1


class StubbornEnd(trio.abc.SendStream):
    """Its `aclose` waits for something that never comes, as TLS may, unless it is cancelled."""

    def __init__(self, bottom: trio.abc.SendStream) -> None:
        self._bottom = bottom

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._bottom.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._bottom.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            await trio.aclose_forcefully(self._bottom)


async def stubborn_pair() -> tuple[trio.abc.Stream, trio.abc.Stream]:
    """Streams whose server end is closed with difficulty."""
    await trio.lowlevel.checkpoint()
    client, server = trio.testing.memory_stream_pair()
    return client, trio.StapledStream(StubbornEnd(server.send_stream), server.receive_stream)


async def test_closing_the_stream_itself_counts(autojump_clock: Clock) -> None:
    async with connected(Role.SERVER, stubborn_pair, disconnect_timeout=3) as (connection, peer):
        with takes(3):
            await peer.send(close_frame(1000, to=Role.SERVER))
            assert await peer.hear_all() == [("closed", 1000, "clean")]
            await connection.wait_closed()


async def test_cancelled_close_does_not_wait_for_the_stream(autojump_clock: Clock) -> None:
    async with connected(Role.SERVER, stubborn_pair) as (connection, peer):
        await peer.send(close_frame(1000, to=Role.SERVER))
        await trio.sleep(1)
        with takes(1), trio.move_on_after(1):
            await connection.aclose()
        with takes(0):
            await connection.wait_closed()


async def test_cancelled_nursery_does_not_wait_for_the_stream(autojump_clock: Clock) -> None:
    client, server = await stubborn_pair()
    peer = Peer(client, Role.CLIENT)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer.open)
        asked = await wrap_server_stream(nursery, server)
        await asked.accept()
        await peer.send(close_frame(1000, to=Role.SERVER))
        await trio.sleep(1)
        start = trio.current_time()
        nursery.cancel_scope.cancel()
    assert trio.current_time() == start


# write_timeout.


@BOTH
@pytest.mark.parametrize("made", [lockstep_pair, lockstep_tls_pair])
@pytest.mark.parametrize("seconds", [30, 4])
async def test_write_without_progress_takes_so_long(
    made: MakePair, role: Role, seconds: float, autojump_clock: Clock
) -> None:
    async with connected(role, made, write_timeout=seconds) as (connection, _peer):
        with takes(seconds):
            error = await closed_error(connection.send_message(bytes(100_000)))
        assert error.reason is not None
        assert error.reason.code == 1006
        assert isinstance(error.__cause__, trio.TooSlowError)
        assert "write_timeout" in str(error.__cause__)
        with takes(0):
            assert (await connection.wait_closed()).code == 1006


@BOTH
async def test_peer_that_keeps_sending_does_not_put_off_the_write_timeout(
    role: Role, autojump_clock: Clock
) -> None:
    async with connected(role, lockstep_pair) as (connection, peer), trio.open_nursery() as nursery:
        nursery.start_soon(keep_sending, lambda: peer.send_frame(PING, b"!"))
        with takes(30):
            await closed_error(connection.send_message("x" * 1_000))


@BOTH
async def test_everybody_is_let_go_when_a_write_takes_too_long(
    role: Role, autojump_clock: Clock
) -> None:
    async with connected(role, lockstep_pair, write_timeout=4) as (connection, _peer):
        errors: list[ConnectionClosed] = []

        async def note(awaitable: Awaitable[object]) -> None:
            errors.append(await closed_error(awaitable))

        with takes(4):
            async with trio.open_nursery() as nursery:
                for number in range(3):
                    nursery.start_soon(note, connection.send_message(bytes(70_000 + number)))
                nursery.start_soon(note, connection.ping())
                nursery.start_soon(note, connection.get_message())
                nursery.start_soon(note, connection.wait_pong())
        assert len(errors) == 6
        assert all(isinstance(error.__cause__, trio.TooSlowError) for error in errors)


@BOTH
async def test_cancelled_send_is_still_limited(role: Role, autojump_clock: Clock) -> None:
    async with connected(role, lockstep_pair, write_timeout=4) as (connection, _peer):
        with takes(4):
            with trio.move_on_after(1):
                await connection.send_message("stuck")
            await connection.wait_closed()


@BOTH
async def test_pong_that_is_not_taken_is_limited(role: Role, autojump_clock: Clock) -> None:
    async with connected(role, lockstep_pair, write_timeout=4) as (connection, peer):
        await peer.send_frame(PING, b"!")
        with takes(4):
            await connection.wait_closed()


@BOTH
async def test_slow_peer_is_no_lost_peer(role: Role, autojump_clock: Clock) -> None:
    """There is progress, if slow: 64 KiB in each read, shortly before it would be too late."""
    async with connected(role, lockstep_pair, write_timeout=4) as (connection, peer):
        async with trio.open_nursery() as nursery:

            async def read() -> None:
                while peer.core.next_event() != bytes(500_000):
                    await trio.sleep(3.9)
                    peer.core.receive_data(await peer.stream.receive_some(2**16))

            nursery.start_soon(read)
            await connection.send_message(bytes(500_000))
        assert connection.closed is None


# The grace before a failure.


@BOTH
async def test_protocol_error_waits_so_long_for_answers(role: Role, autojump_clock: Clock) -> None:
    async with connected(role) as (connection, peer):
        await peer.send_frame(TEXT, b"good")
        await peer.send(b"\xff\xff")
        # The application is busy and asks for nothing.
        with takes(0.25):
            assert await peer.hear_all() == [("closed", 1002, "clean")]
        assert await connection.get_message() == "good"


@BOTH
async def test_protocol_error_waits_no_longer_than_for_the_next_question(
    role: Role, autojump_clock: Clock
) -> None:
    async with connected(role) as (connection, peer):
        await peer.send_frame(TEXT, b"good")
        await peer.send(b"\xff\xff")
        with takes(0.1):
            assert await connection.get_message() == "good"
            await trio.sleep(0.1)
            await connection.send_message("answer")
            error = await closed_error(connection.get_message())
            assert error.reason is not None
            assert error.reason.code == 1002
            assert await peer.hear_all() == ["answer", ("closed", 1002, "clean")]


@BOTH
async def test_closing_ends_the_grace(role: Role, autojump_clock: Clock) -> None:
    async with connected(role) as (connection, peer):
        await peer.send(b"\xff\xff")
        await trio.sleep(0.1)
        with takes(0):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(connection.aclose)
                assert await peer.hear_all() == [("closed", 1002, "clean")]
                await peer.stream.aclose()


# No deadline.


@BOTH
async def test_waiting_for_messages_and_pongs_has_no_deadline(
    role: Role, autojump_clock: Clock
) -> None:
    async with connected(role) as (connection, _peer):
        calls = (connection.get_message, connection.ping, connection.wait_pong)
        for call in calls:
            with takes(100_000), trio.move_on_after(100_000) as scope:
                await call()
            assert scope.cancelled_caught
        assert connection.closed is None
