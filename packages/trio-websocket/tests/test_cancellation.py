"""Cancelling anything at every checkpoint: the connection is usable or closed, the wire whole."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from trio_websocket import WebSocketConnection, wrap_client_stream, wrap_server_stream
from ws_core import Closed, Failed, Ponged, Role

from .peers import (
    REQUEST,
    TEXT,
    MakePair,
    Peer,
    cancelled_at,
    closed_error,
    connected,
    lockstep_pair,
    memory_pair,
    read_to_end,
    small_tcp_pair,
    tls_pair,
    tls_socket_pair,
    until,
)

BOTH = pytest.mark.parametrize("role", list(Role))
LATE = pytest.mark.parametrize("late", [False, True])
PAIRS = pytest.mark.parametrize("made", [memory_pair, small_tcp_pair, tls_pair, tls_socket_pair])
COMPRESSIONS = pytest.mark.parametrize("compression", [None, "deflate"])
# More than any buffer between the two holds, and nothing to compress.
AFTER = "small" * 30
BIG = random.Random(0).randbytes(300_000)


class Listener:
    """Reads all that comes to a peer, answers pings and close frames, and keeps the messages."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.messages: list[str | bytes] = []
        self.pongs: list[bytes] = []
        self.end: Closed | None = None

    async def run(self) -> None:
        while self.end is None:
            try:
                event = await self.peer.hear()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return
            assert not isinstance(event, Failed), event
            match event:
                case str() | bytes():
                    self.messages.append(event)
                case Ponged():
                    self.pongs.append(event.payload)
                case Closed():
                    self.end = event
            try:
                await self.peer.flush()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return
        if self.end.clean:
            await trio.aclose_forcefully(self.peer.stream)

    async def wait_for(self, message: str | bytes) -> None:
        with trio.fail_after(5):
            await until(lambda: message in self.messages)


async def works(connection: WebSocketConnection, listener: Listener) -> None:
    """The connection is usable in all ways."""
    with trio.fail_after(5):
        # Long enough to be compressed, where that was agreed on, with what was said before.
        await connection.send_message(AFTER)
        await listener.wait_for(AFTER)
        await connection.ping(b"after")
        await listener.peer.send_frame(TEXT, b"to you")
        assert await connection.get_message() == "to you"
    assert connection.closed is None


Operation = Callable[[WebSocketConnection], Awaitable[object]]


async def at_every_step(
    role: Role,
    made: MakePair,
    operation: Operation,
    *,
    late: bool,
    check: Callable[[WebSocketConnection, Listener, bool], Awaitable[None]],
    listen_first: bool = True,
    **settings: Any,
) -> None:
    """Cancel `operation` at its first step, its second, and so on; `check` looks at the result.

    Each time on a new connection. With `listen_first=False` the peer starts to read only
    afterwards, so that what is large is stuck on its way.
    """
    stuck = 0.1 if settings.get("compression") else 0.02  # compressing takes its time
    for step in range(1, 200):
        async with (
            connected(role, made, **settings) as (connection, peer),
            trio.open_nursery() as nursery,
        ):
            listener = Listener(peer)
            if listen_first:
                nursery.start_soon(listener.run)
            else:
                await trio.testing.wait_all_tasks_blocked()
            fired, caught = False, True
            with trio.move_on_after(5 if listen_first else stuck):
                fired, caught = await cancelled_at(step, partial(operation, connection), late=late)
            if not listen_first:
                nursery.start_soon(listener.run)
            await check(connection, listener, caught)
            nursery.cancel_scope.cancel()
        if not fired:
            assert step > 1
            return
    raise AssertionError("it never ends")


@BOTH
@LATE
@PAIRS
@COMPRESSIONS
@pytest.mark.parametrize("message", [BIG, "small" * 20])
async def test_sending(
    made: MakePair, role: Role, late: bool, message: str | bytes, compression: Any
) -> None:
    async def send(connection: WebSocketConnection) -> None:
        await connection.send_message(message)

    async def check(connection: WebSocketConnection, listener: Listener, hit: bool) -> None:
        await works(connection, listener)
        # Whole or not at all, and once.
        assert listener.messages in ([message, AFTER], [AFTER])
        if not hit:
            assert message in listener.messages

    await at_every_step(role, made, send, late=late, check=check, compression=compression)


@BOTH
@PAIRS
@COMPRESSIONS
async def test_sending_what_is_stuck(made: MakePair, role: Role, compression: Any) -> None:
    """The first bytes are out when it is cancelled: the rest follows before anything else."""

    async def send(connection: WebSocketConnection) -> None:
        await connection.send_message(BIG)

    async def check(connection: WebSocketConnection, listener: Listener, hit: bool) -> None:
        await works(connection, listener)
        assert listener.messages in ([BIG, AFTER], [AFTER])

    await at_every_step(
        role, made, send, late=False, check=check, listen_first=False, compression=compression
    )


@BOTH
@COMPRESSIONS
@pytest.mark.parametrize("made", [lockstep_pair, small_tcp_pair, tls_socket_pair])
async def test_cancelled_while_waiting_for_its_turn_it_has_said_nothing(
    made: MakePair, role: Role, compression: Any
) -> None:
    async with (
        connected(role, made, compression=compression) as (connection, peer),
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(connection.send_message, BIG * 20)
        await trio.testing.wait_all_tasks_blocked(0.001)
        for number in range(5):
            with trio.move_on_after(0.001) as scope:
                await connection.send_message(f"never {number}" * 20)
            assert scope.cancelled_caught
            with trio.move_on_after(0.001) as scope:
                await connection.ping(b"never")
            assert scope.cancelled_caught
        listener = Listener(peer)
        nursery.start_soon(listener.run)
        await works(connection, listener)
        assert listener.messages == [BIG * 20, AFTER]
        nursery.cancel_scope.cancel()


@BOTH
@LATE
@PAIRS
async def test_pings_can_be_repeated(made: MakePair, role: Role, late: bool) -> None:
    async def ping(connection: WebSocketConnection) -> None:
        await connection.ping(b"payload")

    async def check(connection: WebSocketConnection, listener: Listener, hit: bool) -> None:
        with trio.fail_after(5):
            await connection.ping(b"payload")
            await connection.ping(b"payload")
        await works(connection, listener)

    await at_every_step(role, made, ping, late=late, check=check)


@BOTH
async def test_cancelled_pings_do_not_count(role: Role) -> None:
    """2D 32: two hundred are more than may be pending."""
    async with connected(role) as (connection, peer):
        for _ in range(200):
            with trio.move_on_after(0) as scope:
                await connection.ping()
            assert scope.cancelled_caught
        for _ in range(200):
            with trio.CancelScope():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(connection.ping)
                    await trio.testing.wait_all_tasks_blocked()
                    nursery.cancel_scope.cancel()
        async with trio.open_nursery() as nursery:
            listener = Listener(peer)
            nursery.start_soon(listener.run)
            await works(connection, listener)
            nursery.cancel_scope.cancel()


@BOTH
@LATE
@PAIRS
async def test_receiving_loses_nothing(made: MakePair, role: Role, late: bool) -> None:
    """Whatever the step, a cancelled call has taken no message."""
    for step in range(1, 50):
        async with connected(role, made) as (connection, peer), trio.open_nursery() as nursery:
            taken: list[str | bytes] = []

            async def receive(
                connection: WebSocketConnection = connection, taken: list[str | bytes] = taken
            ) -> None:
                taken.append(await connection.get_message())

            async def send(peer: Peer = peer) -> None:
                for number in range(5):
                    await peer.send_frame(TEXT, b"%d" % number)

            nursery.start_soon(send)
            with trio.fail_after(5):
                fired, caught = await cancelled_at(step, receive, late=late)
                assert caught is not bool(taken)
                while len(taken) < 5:
                    await receive()
            assert taken == ["0", "1", "2", "3", "4"]
        if not fired:
            return
    raise AssertionError("it never ends")


@BOTH
@LATE
async def test_receivers_that_are_cancelled_leave_the_message_to_others(
    role: Role, late: bool
) -> None:
    for step in range(1, 10):
        async with connected(role) as (connection, peer):
            taken: list[str | bytes] = []

            async def receive(
                connection: WebSocketConnection = connection,
                taken: list[str | bytes] = taken,
            ) -> None:
                taken.append(await connection.get_message())

            async with trio.open_nursery() as nursery:

                async def first() -> None:
                    await cancelled_at(step, receive, late=late)  # noqa: B023 - within this round

                nursery.start_soon(first)
                await trio.testing.wait_all_tasks_blocked()
                nursery.start_soon(receive)
                await trio.testing.wait_all_tasks_blocked()
                await peer.send_frame(TEXT, b"one")
                await peer.send_frame(TEXT, b"two")
                await trio.testing.wait_all_tasks_blocked()
            rest = 2 - len(taken)
            for _ in range(rest):
                await receive()
            assert taken == ["one", "two"]


@BOTH
@LATE
@PAIRS
async def test_closing_that_is_cancelled_closes_the_stream(
    made: MakePair, role: Role, late: bool
) -> None:
    async def close(connection: WebSocketConnection) -> None:
        await connection.aclose(1001, "bye")

    async def check(connection: WebSocketConnection, listener: Listener, hit: bool) -> None:
        assert connection.closed is not None
        assert connection.closed.code in (1001, 1006)
        with trio.fail_after(0.1):
            await connection.wait_closed()
        await closed_error(connection.send_message("late"))
        await closed_error(connection.get_message())

    await at_every_step(role, made, close, late=late, check=check)


@BOTH
@LATE
async def test_waiting_for_a_pong_loses_none(role: Role, late: bool) -> None:
    for step in range(1, 50):
        async with connected(role) as (connection, peer), trio.open_nursery() as nursery:
            taken: list[bytes] = []

            async def wait(
                connection: WebSocketConnection = connection, taken: list[bytes] = taken
            ) -> None:
                taken.append(await connection.wait_pong())

            nursery.start_soon(peer.send_frame, 0xA, b"one")
            with trio.fail_after(5):
                fired, _ = await cancelled_at(step, wait, late=late)
                if not taken:
                    await wait()
            assert taken == [b"one"]
        if not fired:
            return
    raise AssertionError("it never ends")


@LATE
@PAIRS
async def test_accepting(made: MakePair, late: bool) -> None:
    """Afterwards there is a connection, or the client sees the stream's end."""
    for step in range(1, 50):
        client, server = await made()
        connections: list[WebSocketConnection] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send_all, REQUEST)
            asked = await wrap_server_stream(nursery, server)

            async def accept() -> None:
                connections.append(await asked.accept())  # noqa: B023 - within this round

            answer = bytearray()

            async def read() -> None:
                with suppress(trio.BrokenResourceError):
                    while data := await client.receive_some():  # noqa: B023 - within this round
                        answer.extend(data)  # noqa: B023 - within this round

            nursery.start_soon(read)
            with trio.fail_after(5):
                fired, caught = await cancelled_at(step, accept, late=late)
            assert caught is not bool(connections)
            if connections:
                await connections[0].send_message("works")
                await until(lambda: answer.endswith(b"\x81\x05works"))  # noqa: B023 - see above
                nursery.cancel_scope.cancel()
        # Without a connection, nothing was left to be cancelled.
        await trio.aclose_forcefully(client)
        if not fired:
            assert answer.startswith(b"HTTP/1.1 101 ")
            return
    raise AssertionError("it never ends")


class SlowToCancel(trio.abc.Stream):
    """A stream that takes a moment to stop reading, and in time never takes what is written."""

    def __init__(self, bottom: trio.abc.Stream) -> None:
        self._bottom = bottom
        self.stuck = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if self.stuck:
            await trio.sleep_forever()
        await self._bottom.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._bottom.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        try:
            return await self._bottom.receive_some(max_bytes)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(0.01)

    async def aclose(self) -> None:
        await self._bottom.aclose()


async def test_sender_outside_of_a_cancelled_nursery(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The flusher is gone before the pump is: the sender learns that the connection has ended."""
    client, server = trio.testing.memory_stream_pair()
    stream = SlowToCancel(server)
    errors = []
    async with trio.open_nursery() as outside:
        async with trio.open_nursery() as nursery:
            outside.start_soon(client.send_all, REQUEST)
            connection = await (await wrap_server_stream(nursery, stream)).accept()
            stream.stuck = True

            async def send() -> None:
                errors.append(await closed_error(connection.send_message("x")))

            outside.start_soon(send)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await client.aclose()
    assert [error.reason.code for error in errors if error.reason] == [1006]


@LATE
@PAIRS
async def test_rejecting(made: MakePair, late: bool) -> None:
    for step in range(1, 400):
        client, server = await made()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send_all, REQUEST)
            asked = await wrap_server_stream(nursery, server)

            async def reject() -> None:
                await asked.reject(404, body=BIG)  # noqa: B023 - within this round

            async def read() -> None:
                with suppress(trio.BrokenResourceError):
                    await read_to_end(client)  # noqa: B023 - within this round
                await trio.aclose_forcefully(client)  # noqa: B023 - within this round

            nursery.start_soon(read)
            with trio.fail_after(5):
                fired, _ = await cancelled_at(step, reject, late=late)
            with pytest.raises(trio.ClosedResourceError):
                await server.send_all(b"x")
        if not fired:
            return
    raise AssertionError("it never ends")


@LATE
@PAIRS
async def test_opening_as_a_client(made: MakePair, late: bool) -> None:
    for step in range(1, 100):
        client, server = await made()
        opened: list[WebSocketConnection] = []
        peer = Peer(server, Role.SERVER)
        async with trio.open_nursery() as nursery, trio.open_nursery() as peers:

            async def serve() -> None:
                try:
                    await peer.open()  # noqa: B023 - within this round
                except (trio.BrokenResourceError, trio.ClosedResourceError, AssertionError):
                    return

            async def connect() -> None:
                opened.append(  # noqa: B023 - within this round
                    await wrap_client_stream(nursery, client, "localhost", "/")  # noqa: B023 - within this round
                )

            peers.start_soon(serve)
            with trio.fail_after(5):
                fired, caught = await cancelled_at(step, connect, late=late)
            assert caught is not bool(opened)
            if opened:
                peers.start_soon(opened[0].send_message, "works")
                assert await peer.hear() == "works"
                nursery.cancel_scope.cancel()
            else:
                assert not nursery.child_tasks
                with pytest.raises(trio.ClosedResourceError):
                    await client.send_all(b"x")
        await trio.aclose_forcefully(server)
        if not fired:
            assert opened
            return
    raise AssertionError("it never ends")


@LATE
@PAIRS
async def test_reading_a_request(made: MakePair, late: bool) -> None:
    for step in range(1, 100):
        client, server = await made()
        peer = Peer(client, Role.CLIENT)
        taken = []
        async with trio.open_nursery() as nursery, trio.open_nursery() as peers:

            async def ask() -> None:
                peer.core.request("localhost")  # noqa: B023 - within this round
                try:
                    await peer.flush()  # noqa: B023 - within this round
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    return

            async def wrap() -> None:
                taken.append(await wrap_server_stream(nursery, server))  # noqa: B023 - within this round

            peers.start_soon(ask)
            with trio.fail_after(5):
                fired, caught = await cancelled_at(step, wrap, late=late)
            assert caught is not bool(taken)
            if not taken:
                with pytest.raises(trio.ClosedResourceError):
                    await server.send_all(b"x")
            await trio.aclose_forcefully(client)
        await trio.aclose_forcefully(server)
        if not fired:
            return
    raise AssertionError("it never ends")


@BOTH
@pytest.mark.parametrize("made", [memory_pair, lockstep_pair, small_tcp_pair, tls_socket_pair])
async def test_cancelling_the_nursery_lets_everybody_go(made: MakePair, role: Role) -> None:
    """Also those who wait in other nurseries."""
    async with connected(role, made) as (connection, _peer):
        errors = []

        async def note(awaitable: Awaitable[object]) -> None:
            errors.append(await closed_error(awaitable))

        async with trio.open_nursery() as others:
            others.start_soon(note, connection.get_message())
            others.start_soon(note, connection.ping())
            others.start_soon(note, connection.wait_pong())
            await trio.testing.wait_all_tasks_blocked(0.001)
            connection_nursery = pump_nursery()
            connection_nursery.cancel_scope.cancel()
        assert [error.reason.code for error in errors if error.reason] == [1006] * 3


def pump_nursery() -> trio.Nursery:
    """The nursery in which the pump of the only connection runs."""
    root = trio.lowlevel.current_root_task()
    assert root is not None
    found = [root]
    for task in found:
        for nursery in task.child_nurseries:
            for child in nursery.child_tasks:
                if "WebSocket pump" in child.name:
                    return nursery
                found.append(child)
    raise AssertionError("there is no pump")
