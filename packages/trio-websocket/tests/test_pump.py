"""One connection from its opening to its end: reading, failing, closing, and letting go."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

import pytest
import trio
import trio.testing

from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream
from ws_core import Ponged, Role

from .peers import (
    BINARY,
    CLOSE,
    PING,
    REQUEST,
    TEXT,
    MakePair,
    Peer,
    close_frame,
    closed_error,
    connected,
    descriptors,
    direct_tls_pair,
    frame,
    lockstep_pair,
    memory_pair,
    open_ours,
    other,
    plain,
    read_to_end,
    reset,
    small_tcp_pair,
    tasks,
    tcp_pair,
    tls_pair,
)

BOTH = pytest.mark.parametrize("role", list(Role))
PAIRS = pytest.mark.parametrize(
    "made", [memory_pair, lockstep_pair, tcp_pair, tls_pair, direct_tls_pair]
)


# What came before the end is delivered and can be answered.


@BOTH
@PAIRS
async def test_good_messages_ahead_of_an_error_are_answered_first(
    made: MakePair, role: Role
) -> None:
    """The answers go out, then the close frame."""
    async with connected(role, made) as (connection, peer), trio.open_nursery() as nursery:

        async def echo() -> None:
            while True:
                try:
                    message = await connection.get_message()
                except Exception:  # noqa: BLE001 - its kind is tested elsewhere
                    return
                await trio.lowlevel.checkpoint()
                await connection.send_message(message)

        nursery.start_soon(echo)
        good = b"".join(frame(TEXT, b"%d" % n, to=role) for n in range(5))
        nursery.start_soon(peer.send, good + frame(PING, b"!", to=role) + b"\xff\xff")
        heard = await peer.hear_all()
        assert heard[-1] == ("closed", 1002, "clean")
        assert [event for event in heard if isinstance(event, str)] == list("01234")
        assert ("pong", b"!") in heard


@BOTH
async def test_answer_of_one_receiver_is_waited_for_although_another_waits(
    role: Role, autojump_clock: trio.testing.MockClock
) -> None:
    """Who waits since before the good message has not asked for the next one."""
    async with connected(role) as (connection, peer):

        async def work() -> None:
            with suppress(ConnectionClosed):
                while True:
                    message = await connection.get_message()
                    await trio.sleep(0.01)
                    await connection.send_message(message)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
            nursery.start_soon(work)
            await trio.testing.wait_all_tasks_blocked()
            await peer.send(frame(TEXT, b"good", to=role) + b"\xff\xff")
            assert await peer.hear_all() == ["good", ("closed", 1002, "clean")]
            await peer.stream.aclose()


@BOTH
async def test_everything_ahead_of_a_close_and_fin_is_delivered(role: Role) -> None:
    """The order is m0 m1 ping ping m2 m3 close, then TCP is closed."""
    async with connected(role, tcp_pair) as (connection, peer):
        ping = frame(PING, b"!", to=role)
        script = [frame(TEXT, b"m%d" % n, to=role) for n in range(4)]
        script.insert(2, ping * 2)
        await peer.send(b"".join(script) + close_frame(1001, to=role))
        await peer.stream.aclose()
        assert [await connection.get_message() for _ in range(4)] == ["m0", "m1", "m2", "m3"]
        error = await closed_error(connection.get_message())
        assert error.reason is not None
        assert error.reason.code == 1001


@BOTH
@pytest.mark.parametrize("count", [1, 10])
async def test_messages_that_arrived_before_a_reset_are_delivered(role: Role, count: int) -> None:
    async with connected(role, tcp_pair, message_queue_size=100) as (connection, peer):
        ping = frame(PING, b"!", to=role)
        await peer.send(b"".join(frame(TEXT, b"m", to=role) + ping for _ in range(count)))
        await trio.testing.wait_all_tasks_blocked(0.001)
        reset(peer.stream)
        for _ in range(count):
            assert await connection.get_message() == "m"
        error = await closed_error(connection.get_message())
        assert error.reason is not None
        assert error.reason.code == 1006
        assert error.__cause__ is not None


@BOTH
async def test_messages_are_still_read_when_writing_fails(role: Role) -> None:
    """The peer does not read any more, but what it said is there."""
    near_out, far_in = trio.testing.memory_stream_one_way_pair()
    far_out, near_in = trio.testing.memory_stream_one_way_pair()

    async def pair() -> tuple[trio.abc.Stream, trio.abc.Stream]:
        await trio.lowlevel.checkpoint()
        ours, theirs = trio.StapledStream(near_out, near_in), trio.StapledStream(far_out, far_in)
        return (ours, theirs) if role is Role.CLIENT else (theirs, ours)

    async with connected(role, pair, disconnect_timeout=0.05) as (connection, peer):
        for number in range(3):
            await peer.send_frame(TEXT, b"%d" % number)
        await far_in.aclose()
        error = await closed_error(connection.send_message("lost"))
        assert isinstance(error.__cause__, trio.BrokenResourceError)
        assert [await connection.get_message() for _ in range(3)] == ["0", "1", "2"]
        error = await closed_error(connection.get_message())
        assert error.reason is not None
        assert error.reason.code == 1006
        assert isinstance(error.__cause__, trio.BrokenResourceError)


@BOTH
async def test_end_after_half_a_close(role: Role) -> None:
    """Half-close, then data: our side may go on until it sees the end."""
    async with connected(role, tcp_pair) as (connection, peer):
        assert isinstance(peer.stream, trio.SocketStream)
        await peer.send(frame(BINARY, b"last", to=role))
        await peer.stream.send_eof()
        assert await connection.get_message() == b"last"
        error = await closed_error(connection.get_message())
        assert error.reason is not None
        assert error.reason.code == 1006
        # RFC 6455 section 7.1.1: nothing more is sent.
        assert await peer.at_end()


@BOTH
@PAIRS
async def test_what_comes_behind_a_close_is_ignored(made: MakePair, role: Role) -> None:
    async with connected(role, made) as (connection, peer), trio.open_nursery() as nursery:

        async def send() -> None:
            late = frame(TEXT, b"late", to=role) + frame(PING, b"late", to=role)
            try:
                await peer.send(close_frame(4000, "bye", to=role) + late + b"\xff\xff")
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

        nursery.start_soon(send)
        error = await closed_error(connection.get_message())
        assert error.reason is not None
        assert (error.reason.code, error.reason.reason) == (4000, "bye")
        assert await peer.hear_all() == [("closed", 4000, "clean")]
        await trio.aclose_forcefully(peer.stream)
        await connection.wait_closed()


@BOTH
@PAIRS
async def test_both_sides_close_at_once(made: MakePair, role: Role) -> None:
    async with connected(role, made) as (connection, peer), trio.open_nursery() as nursery:
        nursery.start_soon(connection.aclose, 4001)
        nursery.start_soon(peer.say, "close", 4002)
        await trio.testing.wait_all_tasks_blocked()  # until both have said it
        assert (await peer.hear_all())[-1] == ("closed", 4001, "clean")
        await trio.testing.wait_all_tasks_blocked(0.001)
        await trio.aclose_forcefully(peer.stream)
        assert (await connection.wait_closed()).code == 4002


# Nothing is left.


@BOTH
@PAIRS
@pytest.mark.parametrize("ending", ["aclose", "close", "error", "eof"])
async def test_nothing_is_left_after_the_end(made: MakePair, role: Role, ending: str) -> None:
    at_rest, open_at_rest = tasks(), descriptors()
    async with connected(role, made, disconnect_timeout=0.05) as (connection, peer):
        async with trio.open_nursery() as nursery:
            match ending:
                case "aclose":
                    nursery.start_soon(connection.aclose)
                case "close":
                    nursery.start_soon(peer.send_frame, CLOSE)
                case "error":
                    nursery.start_soon(peer.send, b"\xff\xff")
                case "eof":
                    await trio.aclose_forcefully(peer.stream)
            await connection.wait_closed()
            nursery.cancel_scope.cancel()
        await trio.testing.wait_all_tasks_blocked(0.001)
        # Ours and its nursery are still here, with no task in it.
        assert tasks() == at_rest
        await trio.aclose_forcefully(peer.stream)
        assert descriptors() == open_at_rest
        await connection.aclose()


async def test_dropped_request_gives_a_resource_warning_and_nothing_more() -> None:
    ours, theirs = await tcp_pair()
    async with trio.open_nursery() as nursery:
        await theirs.send_all(REQUEST)
        asked = await wrap_server_stream(nursery, ours)
        with pytest.warns(ResourceWarning) as caught:  # noqa: PT031 - all of it is the dropping
            del asked, ours
            gc.collect()
        assert len(caught) == 1
        # The kernel tells the peer.
        with trio.fail_after(1), suppress(trio.BrokenResourceError):
            assert await read_to_end(theirs) == b""
    await theirs.aclose()


# Somebody else interferes.


@BOTH
@pytest.mark.parametrize("made", [memory_pair, tcp_pair, tls_pair, direct_tls_pair])
async def test_stream_that_somebody_else_closes(made: MakePair, role: Role) -> None:
    pair = await made()

    async def same() -> tuple[trio.abc.Stream, trio.abc.Stream]:
        await trio.lowlevel.checkpoint()
        return pair

    ours = pair[0 if role is Role.CLIENT else 1]
    async with connected(role, same) as (connection, _peer):
        errors = []

        async def receive() -> None:
            errors.append(await closed_error(connection.get_message()))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive)
            await trio.testing.wait_all_tasks_blocked(0.001)
            with trio.fail_after(1):
                await ours.aclose()
        assert errors[0].reason is not None
        assert errors[0].reason.code == 1006
        error = await closed_error(connection.send_message("late"))
        assert isinstance(error.__cause__, trio.ClosedResourceError | trio.BrokenResourceError)
        with trio.fail_after(1):
            await connection.aclose()


@pytest.mark.skipif(sys.platform == "win32", reason="numbers of handles are not reused there")
@BOTH
async def test_descriptor_of_a_stranger_is_not_touched(role: Role) -> None:
    """After a close the number belongs to the next one who opens something."""
    pair = await tcp_pair()

    async def same() -> tuple[trio.abc.Stream, trio.abc.Stream]:
        await trio.lowlevel.checkpoint()
        return pair

    ours = pair[0 if role is Role.CLIENT else 1]
    async with connected(role, same) as (connection, _peer):
        await trio.testing.wait_all_tasks_blocked(0.001)
        number = ours.socket.fileno()
        ours.socket.close()
        stranger, friend = await tcp_pair()
        assert number in (stranger.socket.fileno(), friend.socket.fileno())
        await closed_error(connection.send_message("not for you"))
        await connection.wait_closed()
        await friend.send_all(b"private")
        assert await stranger.receive_some() == b"private"
        with trio.move_on_after(0.01):
            raise AssertionError(await friend.receive_some())
        await stranger.aclose()
        await friend.aclose()


async def test_clean_close_has_no_cause() -> None:
    """A reset while we wait for the server to hang up tells nothing about the conversation."""
    async with connected(Role.CLIENT, tcp_pair) as (connection, peer):
        await peer.send(close_frame(1000, "bye", to=Role.CLIENT))
        assert await peer.hear_all() == [("closed", 1000, "clean")]
        reset(peer.stream)
        await connection.wait_closed()
        error = await closed_error(connection.get_message())
        assert error.__cause__ is None
        assert error.reason is not None
        assert error.reason.code == 1000


class OddError(Exception):
    """What no stream should raise."""


class OddStream(trio.abc.Stream):
    """A stream that can be told to fail, with no `send_eof`."""

    def __init__(self, bottom: trio.abc.Stream) -> None:
        self._bottom = bottom
        self.fails: dict[str, Callable[[], None]] = {}
        self.asked: list[int | None] = []

    def _maybe(self, method: str) -> None:
        self.fails.get(method, lambda: None)()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self._maybe("send_all")
        await self._bottom.send_all(data)
        self._maybe("after send_all")

    async def wait_send_all_might_not_block(self) -> None:
        raise AssertionError("not to be called")

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        self.asked.append(max_bytes)
        data = await self._bottom.receive_some(max_bytes)
        self._maybe("receive_some")
        return bytearray(data)

    async def aclose(self) -> None:
        try:
            await self._bottom.aclose()
        finally:
            self._maybe("aclose")


def odd_pair(role: Role) -> tuple[OddStream, MakePair]:
    """Our end, and how to connect it."""
    near, far = trio.testing.memory_stream_pair()
    odd = OddStream(near)

    async def pair() -> tuple[trio.abc.Stream, trio.abc.Stream]:
        await trio.lowlevel.checkpoint()
        return (odd, far) if role is Role.CLIENT else (far, odd)

    return odd, pair


def odd() -> None:
    raise OddError("odd")


@BOTH
async def test_odd_stream_works(role: Role) -> None:
    """Without `send_eof`, and with `bytearray` for data."""
    _, pair = odd_pair(role)
    async with connected(role, pair) as (connection, peer), trio.open_nursery() as nursery:
        await peer.send_frame(BINARY, b"data")
        message = await connection.get_message()
        assert message == b"data"
        assert type(message) is bytes
        await connection.send_message("answer")
        assert await peer.hear() == "answer"
        await peer.send(b"\xff\xff")
        nursery.start_soon(connection.wait_closed)
        assert await peer.hear_all() == [("closed", 1002, "clean")]


@BOTH
async def test_read_size_is_an_upper_bound(role: Role) -> None:
    for size, most in ((None, 131_000), (100, 100), (1, 1)):
        ours, pair = odd_pair(role)
        async with connected(role, pair, receive_buffer_size=size) as (connection, peer):
            await peer.send_frame(TEXT, b"x" * 1_000)
            assert await connection.get_message() == "x" * 1_000
            assert max(asked or 0 for asked in ours.asked) == most


@BOTH
@pytest.mark.parametrize("method", ["receive_some", "send_all", "aclose"])
async def test_odd_errors_of_a_stream(role: Role, method: str) -> None:
    """They end the connection, never the program."""
    ours, pair = odd_pair(role)
    async with connected(role, pair, disconnect_timeout=0.05) as (connection, peer):
        ours.fails[method] = odd
        await peer.send_frame(PING, b"!")
        if method == "aclose":
            await peer.send_frame(CLOSE)
        with trio.fail_after(1):
            error = await closed_error(connection.get_message())
            await connection.aclose()
        assert error.reason is not None
        if method != "aclose":
            assert error.reason.code == 1006
            assert isinstance(error.__cause__, trio.BrokenResourceError)
            assert isinstance(error.__cause__.__cause__, OddError)


@BOTH
async def test_keyboard_interrupt_in_the_pump_lets_everybody_go(role: Role) -> None:
    """It leaves through the nursery, and the stream is closed."""
    ours, pair = odd_pair(role)
    ended = []

    async def receive(connection: WebSocketConnection) -> None:
        ended.append(await closed_error(connection.get_message()))

    def interrupt() -> None:
        raise KeyboardInterrupt

    client, server = await pair()
    peer = Peer(server if role is Role.CLIENT else client, other(role))
    with pytest.raises(BaseExceptionGroup) as caught:  # noqa: PT012 - the nursery raises
        async with trio.open_nursery() as others, trio.open_nursery() as nursery:
            others.start_soon(peer.open)
            connection = await open_ours(nursery, ours, role)
            others.start_soon(receive, connection)
            await trio.testing.wait_all_tasks_blocked()
            ours.fails["receive_some"] = interrupt
            await peer.send_frame(TEXT, b"x")
    assert caught.group_contains(KeyboardInterrupt)
    assert connection.closed is not None
    assert connection.closed.code == 1006


@BOTH
def test_interrupt_while_a_message_is_written(role: Role) -> None:
    """Control-C between a write and our note of it: nothing goes out twice."""
    heard: list[object] = []

    async def order(connection: WebSocketConnection) -> None:
        await connection.send_message("one pizza")
        await trio.sleep_forever()

    async def main() -> None:
        ours, pair = odd_pair(role)

        def interrupt() -> None:
            ours.fails.clear()
            signal.raise_signal(signal.SIGINT)

        async with connected(role, pair) as (connection, peer):
            ours.fails["after send_all"] = interrupt
            with pytest.raises(KeyboardInterrupt):
                await order(connection)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(connection.aclose)
                heard.extend(await peer.hear_all())
                await peer.flush()
                await peer.stream.aclose()

    trio.run(main)
    assert heard == ["one pizza", ("closed", 1000, "clean")]


@BOTH
async def test_closing_a_connection_that_can_not_be_written_to(role: Role) -> None:
    """There is nobody to wait for, and it is no failure of the closing."""
    ours, pair = odd_pair(role)
    async with connected(role, pair, disconnect_timeout=1_000) as (connection, _peer):
        ours.fails["send_all"] = odd
        error = await closed_error(connection.send_message("x"))
        assert isinstance(error.__cause__, trio.BrokenResourceError)
        with trio.fail_after(1):
            await connection.aclose()
        assert connection.closed is not None
        assert connection.closed.code == 1006


@BOTH
@pytest.mark.parametrize("made", [memory_pair, tcp_pair])
async def test_every_ping_of_one_read_is_answered(made: MakePair, role: Role) -> None:
    """Pongs are merged only when the transport does not take them."""
    payloads = [b"%03d" % number + b"x" * 122 for number in range(64)]
    async with connected(role, made) as (connection, peer):
        await peer.send(b"".join(frame(PING, payload, to=role) for payload in payloads))
        for payload in payloads:
            assert await peer.hear() == Ponged(payload, ())
        assert connection.closed is None


@BOTH
def test_interrupt_while_a_message_is_handed_over(role: Role) -> None:
    """Control-C at a message: the program ends with KeyboardInterrupt, the message is not torn."""
    taken = []

    async def main() -> None:
        ours, pair = odd_pair(role)
        async with connected(role, pair) as (connection, peer):
            ours.fails["receive_some"] = lambda: signal.raise_signal(signal.SIGINT)
            await peer.send_frame(TEXT, b"x")
            while True:
                taken.append(await connection.get_message())

    with pytest.raises((KeyboardInterrupt, BaseExceptionGroup)) as caught:
        trio.run(main)
    assert isinstance(caught.value, KeyboardInterrupt) or caught.group_contains(KeyboardInterrupt)
    assert taken in ([], ["x"])


# Fairness.


@BOTH
async def test_flood_of_tiny_messages_lets_others_have_turns(role: Role) -> None:
    """One read holds thousands of frames."""
    async with connected(role, memory_pair, message_queue_size=10**6) as (_connection, peer):
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await trio.lowlevel.checkpoint()
                turns += 1

        async with trio.open_nursery() as nursery:
            await peer.send(frame(TEXT, b"x", to=role) * 15_000)
            nursery.start_soon(count)
            await peer.send_frame(PING, b"!")
            assert plain(await peer.hear()) == ("pong", b"!")
            nursery.cancel_scope.cancel()
        assert turns > 100


@BOTH
async def test_pings_in_a_flood_are_answered_before_it_is_over(role: Role) -> None:
    async with connected(role, small_tcp_pair, message_queue_size=10**6) as (_, peer):
        script = frame(PING, b"!", to=role) + frame(TEXT, b"x", to=role) * 30_000

        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.send, script)
            assert plain(await peer.hear()) == ("pong", b"!")
            nursery.cancel_scope.cancel()
