"""Servers that end: by `shutdown`, or because they are cancelled."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    WebSocketConnection,
    WebSocketRequest,
    WebSocketServer,
    connect_websocket_url,
    open_websocket_url,
    serve_websocket,
    wrap_client_stream,
)
from trio_websocket._unwrap import parted
from ws_core import Role

from .helpers import HOST, MemoryListener, echo, start_server, url_of
from .peers import (
    REQUEST,
    TEXT,
    MakePair,
    Peer,
    connected,
    lockstep_pair,
    memory_pair,
    open_ours,
    read_to_end,
    small_tcp_pair,
    tcp_pair,
    tls_contexts,
    tls_pair,
    tls_socket_pair,
    until,
)

Clock = trio.testing.MockClock
BOTH = pytest.mark.parametrize("role", list(Role))


class Serving:
    """A server on memory streams, and what became of it."""

    def __init__(self, nursery: trio.Nursery, handler: Any = echo, **options: Any) -> None:
        self.listener = MemoryListener()
        self.server = WebSocketServer(handler, [self.listener], **options)
        self.ended: float | None = None
        self._nursery = nursery

    async def start(self) -> None:
        await self._nursery.start(self._run)

    async def _run(  # noqa: ASYNC128 - WebSocketServer.run does it
        self, *, task_status: trio.TaskStatus[object]
    ) -> None:
        await self.server.run(task_status=task_status)
        self.ended = trio.current_time()

    async def client(self, **options: Any) -> WebSocketConnection:
        stream = self.listener.connect()
        return await wrap_client_stream(self._nursery, stream, HOST, "/", **options)


async def code_of(connection: WebSocketConnection) -> tuple[int, str | None]:
    """What the peer closed a connection with."""
    with pytest.raises(ConnectionClosed) as caught:
        await connection.get_message()
    assert caught.value.reason is not None
    assert (caught.value.initiator, caught.value.clean) == ("remote", True)
    return caught.value.reason.code, caught.value.reason.reason


async def test_everyone_is_told_and_the_server_ends_at_once(
    nursery: trio.Nursery, autojump_clock: Clock
) -> None:
    serving = Serving(nursery)
    await serving.start()
    clients = [await serving.client() for _ in range(5)]
    begin = trio.current_time()
    async with trio.open_nursery() as listening:
        codes: list[tuple[int, str | None]] = []

        async def hear(client: WebSocketConnection) -> None:
            codes.append(await code_of(client))

        for client in clients:
            listening.start_soon(hear, client)
        await serving.server.shutdown(grace=60)
    assert codes == [(1001, None)] * 5
    assert trio.current_time() == begin
    await trio.testing.wait_all_tasks_blocked()
    assert serving.ended == begin
    assert not serving.server.connections


async def test_code_and_reason(nursery: trio.Nursery, autojump_clock: Clock) -> None:
    serving = Serving(nursery)
    await serving.start()
    client = await serving.client()
    nursery.start_soon(
        partial(serving.server.shutdown, grace=5, code=1012, reason="back in a minute")
    )
    assert await code_of(client) == (1012, "back in a minute")


async def test_handlers_have_the_grace_and_no_more(
    nursery: trio.Nursery, autojump_clock: Clock
) -> None:
    ends: dict[str, tuple[str, float]] = {}

    async def handler(request: WebSocketRequest) -> None:
        try:
            connection = await request.accept()
            name = await connection.get_message()
            with pytest.raises(ConnectionClosed):
                await connection.get_message()
            await trio.sleep(float(name))
            ends[str(name)] = ("finished", trio.current_time() - begin)
        except trio.Cancelled:
            ends[str(name)] = ("cancelled", trio.current_time() - begin)
            raise

    serving = Serving(nursery, handler)
    await serving.start()
    for name in ("1", "4", "6", "100"):
        await (await serving.client()).send_message(name)
    await trio.testing.wait_all_tasks_blocked()
    begin = trio.current_time()
    await serving.server.shutdown(grace=5)
    assert trio.current_time() - begin == 5
    assert ends == {
        "1": ("finished", 1),
        "4": ("finished", 4),
        "6": ("cancelled", 5),
        "100": ("cancelled", 5),
    }


@pytest.mark.parametrize("grace", [0, 3, math.inf])
async def test_grace_ends_when_the_last_handler_does(
    grace: float, nursery: trio.Nursery, autojump_clock: Clock
) -> None:
    async def handler(request: WebSocketRequest) -> None:
        await request.accept()
        await trio.sleep(2)

    serving = Serving(nursery, handler)
    await serving.start()
    await serving.client()
    begin = trio.current_time()
    await serving.server.shutdown(grace=grace)
    assert trio.current_time() - begin == min(grace, 2)


async def test_peer_that_does_not_answer_is_waited_for_no_longer_than_the_grace(
    nursery: trio.Nursery, autojump_clock: Clock
) -> None:
    serving = Serving(nursery, disconnect_timeout=60)
    await serving.start()
    peer = Peer(serving.listener.connect(), Role.CLIENT)
    await peer.open()
    begin = trio.current_time()
    await serving.server.shutdown(grace=7)
    assert trio.current_time() - begin == 7
    assert (await peer.hear_all())[-1] == ("closed", 1001, "clean")


async def test_nothing_more_is_accepted(nursery: trio.Nursery) -> None:
    server = await start_server(nursery)
    port = server.port
    await server.shutdown(grace=1)
    with pytest.raises(OSError, match="all attempts to connect"):
        await trio.open_tcp_stream(HOST, port)


async def test_handshakes_in_flight_are_answered_503(
    nursery: trio.Nursery, autojump_clock: Clock
) -> None:
    serving = Serving(nursery)
    await serving.start()
    half, silent = serving.listener.connect(), serving.listener.connect()
    await half.send_all(REQUEST[:20])
    await trio.testing.wait_all_tasks_blocked()
    begin = trio.current_time()
    nursery.start_soon(partial(serving.server.shutdown, grace=30))
    await trio.testing.wait_all_tasks_blocked()
    await half.send_all(REQUEST[20:])
    answer = await read_to_end(half)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert answer.endswith(b"\r\n\r\nthe server is shutting down\n")
    await half.aclose()
    # Who says nothing does not hold the server up.
    assert await read_to_end(silent) == b""
    assert trio.current_time() - begin == 1
    await trio.testing.wait_all_tasks_blocked()
    assert serving.ended == begin + 1


async def test_request_that_is_accepted_too_late_is_closed_at_once(
    nursery: trio.Nursery, autojump_clock: Clock
) -> None:
    async def handler(request: WebSocketRequest) -> None:
        await trio.sleep(2)
        connection = await request.accept()
        assert connection.closed is not None
        with pytest.raises(ConnectionClosed):
            await connection.send_message("x")

    serving = Serving(nursery, handler)
    await serving.start()
    nursery.start_soon(after(1, partial(serving.server.shutdown, grace=30)))
    client = await serving.client()
    assert await code_of(client) == (1001, None)


def after(seconds: float, call: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
    """To call something later."""

    async def wait_and_call() -> None:
        await trio.sleep(seconds)
        await call()

    return wait_and_call


async def test_shutdown_that_is_cancelled_cancels_handlers(
    nursery: trio.Nursery, autojump_clock: Clock
) -> None:
    async def handler(request: WebSocketRequest) -> None:
        await request.accept()
        await trio.sleep_forever()

    serving = Serving(nursery, handler)
    await serving.start()
    await serving.client()
    begin = trio.current_time()
    with trio.move_on_after(3):
        await serving.server.shutdown(grace=60)
    await trio.testing.wait_all_tasks_blocked()
    assert serving.ended == begin + 3


async def test_second_shutdown_may_be_shorter(nursery: trio.Nursery, autojump_clock: Clock) -> None:
    async def handler(request: WebSocketRequest) -> None:
        await request.accept()
        await trio.sleep_forever()

    serving = Serving(nursery, handler)
    await serving.start()
    await serving.client()
    begin = trio.current_time()
    async with trio.open_nursery() as stopping:
        stopping.start_soon(partial(serving.server.shutdown, grace=60))
        stopping.start_soon(after(2, partial(serving.server.shutdown, grace=1)))
    assert trio.current_time() - begin == 3
    await serving.server.shutdown(grace=60)
    assert trio.current_time() - begin == 3


async def test_handlers_in_a_nursery_of_ones_own(
    nursery: trio.Nursery, autojump_clock: Clock
) -> None:
    async def handler(request: WebSocketRequest) -> None:
        await request.accept()
        await trio.sleep_forever()

    serving = Serving(nursery, handler, handler_nursery=nursery)
    await serving.start()
    await serving.client()
    begin = trio.current_time()
    await serving.server.shutdown(grace=4)
    await trio.testing.wait_all_tasks_blocked()
    assert serving.ended == begin + 4
    assert not nursery.cancel_scope.cancel_called


async def test_failing_handler_is_no_way_out_of_a_shutdown(
    nursery: trio.Nursery, autojump_clock: Clock
) -> None:
    seen: list[Exception] = []

    async def handler(request: WebSocketRequest) -> None:
        connection = await request.accept()
        try:
            await connection.get_message()
        finally:
            raise ValueError

    serving = Serving(nursery, handler, on_handler_error=lambda error, _: seen.append(error))
    await serving.start()
    clients = [await serving.client() for _ in range(3)]
    await serving.server.shutdown(grace=4)
    assert [type(error) for error in seen] == [ValueError] * 3
    for client in clients:
        assert await code_of(client) == (1001, None)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"grace": -1}, ValueError),
        ({"grace": math.nan}, ValueError),
        ({"grace": "1"}, TypeError),
        ({"grace": 1, "code": 1006}, ValueError),
        ({"grace": 1, "code": "1001"}, TypeError),
        ({"grace": 1, "reason": b"bye"}, TypeError),
        ({}, TypeError),
    ],
)
async def test_shutdown_that_can_not_be(
    arguments: dict[str, Any], error: type[Exception], nursery: trio.Nursery
) -> None:
    serving = Serving(nursery)
    await serving.start()
    with pytest.raises(error):
        await serving.server.shutdown(**arguments)
    client = await serving.client()
    await client.send_message("still there")
    assert await client.get_message() == "still there"
    nursery.cancel_scope.cancel()


async def test_server_that_was_shut_down_before_it_ran(
    nursery: trio.Nursery, autojump_clock: Clock
) -> None:
    serving = Serving(nursery)
    await serving.server.shutdown(grace=0)
    await serving.start()
    await trio.testing.wait_all_tasks_blocked()
    assert serving.ended is not None
    with pytest.raises(trio.ClosedResourceError):
        await serving.listener.accept()


async def test_over_tls_and_tcp(nursery: trio.Nursery) -> None:
    client_context, server_context = tls_contexts()
    server = await start_server(nursery, ssl_context=server_context)
    url = f"wss://localhost:{server.port}"
    async with open_websocket_url(url, client_context) as client:
        nursery.start_soon(partial(server.shutdown, grace=5, reason="TLS"))
        assert await code_of(client) == (1001, "TLS")


async def test_serve_websocket_returns(nursery: trio.Nursery) -> None:
    async with trio.open_nursery() as serving:
        server = await serving.start(partial(serve_websocket, echo, HOST, 0, None))
        await server.shutdown(grace=1)


@pytest.mark.parametrize("grace", [0, 5])
@pytest.mark.parametrize("tls", [False, True])
async def test_everyone_is_told_however_short_the_grace(
    grace: float, tls: bool, nursery: trio.Nursery
) -> None:
    client_context, server_context = tls_contexts()
    server = await start_server(nursery, ssl_context=server_context if tls else None)
    url = f"wss://localhost:{server.port}" if tls else url_of(server)
    codes: list[tuple[int, str | None]] = []

    async def client(*, task_status: trio.TaskStatus[None]) -> None:
        async with open_websocket_url(url, client_context if tls else None) as ws:
            task_status.started()
            codes.append(await code_of(ws))

    async with trio.open_nursery() as clients:
        for _ in range(10):
            await clients.start(client)
        await server.shutdown(grace=grace)
    assert codes == [(1001, None)] * 10


async def test_messages_that_came_can_still_be_taken(
    nursery: trio.Nursery, autojump_clock: Clock
) -> None:
    taken: list[str | bytes] = []

    async def handler(request: WebSocketRequest) -> None:
        connection = await request.accept()
        await trio.sleep(1)
        taken.extend([message async for message in connection])

    serving = Serving(nursery, handler, message_queue_size=10)
    await serving.start()
    client = await serving.client()
    for number in range(5):
        await client.send_message(str(number))
    await trio.testing.wait_all_tasks_blocked()
    await serving.server.shutdown(grace=5)
    assert taken == ["0", "1", "2", "3", "4"]


async def test_by_a_handler(nursery: trio.Nursery, autojump_clock: Clock) -> None:
    """It waits for all others, and then goes on."""
    ended: list[float] = []

    async def handler(request: WebSocketRequest) -> None:
        connection = await request.accept()
        async for message in connection:
            if message == "stop":
                # In a task below the handler's.
                async with trio.open_nursery() as below:  # noqa: ASYNC112 - as said
                    below.start_soon(partial(serving.server.shutdown, grace=math.inf))
                ended.append(trio.current_time())
        await trio.sleep(3)

    serving = Serving(nursery, handler)
    await serving.start()
    clients = [await serving.client() for _ in range(3)]
    begin = trio.current_time()
    await clients[0].send_message("stop")
    for client in clients:
        assert await code_of(client) == (1001, None)
    await trio.sleep(10)
    assert ended == [begin + 3]
    assert serving.ended == begin + 6


async def test_request_that_is_still_unanswered_when_the_grace_is_over(
    nursery: trio.Nursery, autojump_clock: Clock
) -> None:
    async def handler(request: WebSocketRequest) -> None:
        await trio.sleep_forever()

    serving = Serving(nursery, handler)
    await serving.start()
    client = serving.listener.connect()
    await client.send_all(REQUEST)
    await trio.testing.wait_all_tasks_blocked()
    await serving.server.shutdown(grace=3)
    assert (await read_to_end(client)).startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize("grace", [0, 5])
@pytest.mark.parametrize("how", ["shutdown", "cancel"])
async def test_handlers_of_several_tasks_end_quietly(
    grace: float, how: str, nursery: trio.Nursery, autojump_clock: Clock
) -> None:
    """One is told that its connection is closed while another is cancelled."""
    heard: list[Exception] = []

    async def handler(request: WebSocketRequest) -> None:
        connection = await request.accept()
        async with trio.open_nursery() as tasks:
            tasks.start_soon(connection.get_message)
            tasks.start_soon(trio.sleep_forever)

    for _ in range(10):  # who runs first is up to chance
        serving = Serving(nursery, handler, on_handler_error=lambda error, _: heard.append(error))
        await serving.start()
        await serving.client()
        if how == "shutdown":
            await serving.server.shutdown(grace=grace)
        else:
            with trio.move_on_after(grace):
                await serving.server.shutdown(grace=math.inf)
        await trio.testing.wait_all_tasks_blocked()
        assert serving.ended is not None
    assert heard == []


@pytest.mark.parametrize("told", [False, True])
async def test_error_in_a_group_with_a_cancellation_is_heard(
    told: bool, nursery: trio.Nursery, autojump_clock: Clock
) -> None:
    heard: list[Exception] = []

    async def handler(request: WebSocketRequest) -> None:
        connection = await request.accept()
        async with trio.open_nursery() as tasks:
            tasks.start_soon(trio.sleep_forever)
            try:
                await connection.get_message()
            finally:
                raise KeyError("mine")

    options = {"on_handler_error": lambda error, _: heard.append(error)} if told else {}
    errors: list[BaseException] = []
    try:
        async with trio.open_nursery() as inner:
            serving = Serving(inner, handler, **options)
            await serving.start()
            await serving.client()
            await serving.server.shutdown(grace=0)
    except BaseExceptionGroup as group:
        errors.append(group)
    assert len(heard) == told
    assert len(errors) == (not told)
    for error in [*heard, *errors]:
        assert parted(error, KeyError)[1] is None


async def test_streams_that_nobody_serves_yet_are_waited_for(
    nursery: trio.Nursery, autojump_clock: Clock
) -> None:
    """They were accepted in the moment of the shutdown."""
    for _ in range(10):
        serving = Serving(nursery, handler_nursery=nursery)
        await serving.start()
        before = len(nursery.child_tasks)
        stream = serving.listener.connect()
        await serving.server.shutdown(grace=30)
        with trio.fail_after(0.1):
            assert await read_to_end(stream) == b""
        await trio.testing.wait_all_tasks_blocked()
        assert len(nursery.child_tasks) < before


async def test_shutdown_is_a_checkpoint(nursery: trio.Nursery) -> None:
    serving = Serving(nursery)
    with trio.testing.assert_checkpoints():
        await serving.server.shutdown(grace=1)
    with pytest.raises(trio.ClosedResourceError):  # it closes what it never served
        await serving.listener.accept()


# The view.


async def test_connections_are_those_with_a_handler(
    nursery: trio.Nursery, autojump_clock: Clock
) -> None:
    leave = trio.Event()

    async def handler(request: WebSocketRequest) -> None:
        await request.accept()
        await leave.wait()

    serving = Serving(nursery, handler)
    await serving.start()
    connections = serving.server.connections
    assert len(connections) == 0
    await serving.client()
    await serving.client()
    assert len(connections) == 2
    for connection in connections:
        assert isinstance(connection, WebSocketConnection)
        assert connection.is_server
        assert connection in connections
    assert not hasattr(connections, "add")
    leave.set()
    await trio.testing.wait_all_tasks_blocked()
    assert len(connections) == 0


async def test_broadcast(nursery: trio.Nursery, autojump_clock: Clock) -> None:
    serving = Serving(nursery)
    await serving.start()
    clients = [await serving.client() for _ in range(3)]
    for connection in list(serving.server.connections):
        await connection.send_message("to all")
    for client in clients:
        assert await client.get_message() == "to all"
    nursery.cancel_scope.cancel()


async def test_rejected_requests_are_no_connections(nursery: trio.Nursery) -> None:
    async def handler(request: WebSocketRequest) -> None:
        await request.reject(404)

    serving = Serving(nursery, handler)
    await serving.start()
    with pytest.raises(ConnectionRejected):
        await serving.client()
    assert not serving.server.connections
    nursery.cancel_scope.cancel()


# Cancelled.


PAIRS = pytest.mark.parametrize(
    "made", [memory_pair, lockstep_pair, tcp_pair, small_tcp_pair, tls_pair, tls_socket_pair]
)


@asynccontextmanager
async def cancelled(
    role: Role, made: MakePair
) -> AsyncIterator[tuple[WebSocketConnection, Peer, trio.Nursery]]:
    """A connection in a nursery that is cancelled at the end of the block, and its peer."""
    client_end, server_end = await made()
    ours, theirs = (client_end, server_end) if role is Role.CLIENT else (server_end, client_end)
    peer = Peer(theirs, role.peer)
    connections: list[WebSocketConnection] = []
    async with trio.open_nursery() as nursery:

        async def connect() -> None:
            connections.append(await open_ours(nursery, ours, role))

        async with trio.open_nursery() as opening:
            opening.start_soon(peer.open)
            opening.start_soon(connect)
        yield connections[0], peer, nursery
        nursery.cancel_scope.cancel()


@BOTH
@PAIRS
async def test_cancelled_connection_says_that_it_goes_away(
    role: Role, made: MakePair, nursery: trio.Nursery
) -> None:
    heard: list[object] = []
    async with cancelled(role, made) as (connection, peer, _):

        async def hear() -> None:
            heard.extend(await peer.hear_all())
            await peer.stream.aclose()

        nursery.start_soon(hear)
        await trio.testing.wait_all_tasks_blocked(0.01)
    with trio.fail_after(2):
        await until(lambda: bool(heard))
    assert heard == [("closed", 1001, "clean")]
    assert connection.closed is not None
    assert (connection.closed.code, connection.closed.initiator) == (1006, "local")


@BOTH
@pytest.mark.parametrize("made", [small_tcp_pair, tls_socket_pair])
async def test_half_a_message_is_followed_by_nothing(role: Role, made: MakePair) -> None:
    """What is stuck on its way can't be overtaken."""
    async with cancelled(role, made) as (connection, peer, nursery):
        nursery.start_soon(connection.send_message, bytes(3_000_000))
        await trio.testing.wait_all_tasks_blocked(0.01)
    with trio.fail_after(5), suppress(trio.BrokenResourceError):
        assert await peer.hear_all() == [("closed", 1006, "not clean")]
    await trio.aclose_forcefully(peer.stream)


@BOTH
@PAIRS
async def test_message_ahead_of_the_cancellation_is_whole(
    role: Role, made: MakePair, nursery: trio.Nursery
) -> None:
    heard: list[object] = []
    async with cancelled(role, made) as (connection, peer, inner):

        async def hear() -> None:
            heard.extend(await peer.hear_all())
            await peer.stream.aclose()

        nursery.start_soon(hear)
        inner.start_soon(connection.send_message, "whole")
        await trio.lowlevel.checkpoint()
    with trio.fail_after(5):
        await until(lambda: bool(heard))
    assert heard in (["whole", ("closed", 1001, "clean")], [("closed", 1001, "clean")])


@BOTH
async def test_peer_that_takes_nothing_holds_nothing_up(role: Role, autojump_clock: Clock) -> None:
    """There is one try, and it does not wait."""
    async with connected(role, lockstep_pair) as (connection, _):
        begin = trio.current_time()
    assert trio.current_time() - begin <= 0.1
    assert connection.closed is not None
    assert connection.closed.code == 1006
    assert connection.closed.detail == "our side was cancelled"


async def test_client_that_is_cancelled_says_that_it_goes_away(nursery: trio.Nursery) -> None:
    """From within its context manager as well."""
    found: list[tuple[int, str | None]] = []
    over = trio.Event()

    async def handler(request: WebSocketRequest) -> None:
        found.append(await code_of(await request.accept()))
        over.set()

    server = await start_server(nursery, handler)
    with trio.CancelScope() as scope:
        async with open_websocket_url(url_of(server)):
            scope.cancel()
            await trio.sleep_forever()
    with trio.fail_after(2):
        await over.wait()
    assert found == [(1001, None)]


@pytest.mark.parametrize("tls", [False, True])
async def test_handler_that_is_cancelled_in_a_block_of_its_connection(
    tls: bool, nursery: trio.Nursery
) -> None:
    async def handler(request: WebSocketRequest) -> None:
        async with await request.accept() as connection:
            async for _ in connection:
                pass

    client_context, server_context = tls_contexts()
    async with trio.open_nursery() as serving:
        server = await start_server(serving, handler, ssl_context=server_context if tls else None)
        url = f"wss://localhost:{server.port}" if tls else url_of(server)
        client = await connect_websocket_url(nursery, url, client_context if tls else None)
        serving.cancel_scope.cancel()
    assert await code_of(client) == (1001, None)


@BOTH
async def test_block_of_a_connection_closes_it(role: Role, autojump_clock: Clock) -> None:
    async with connected(role) as (connection, peer), trio.open_nursery() as nursery:

        async def hear() -> None:
            assert await peer.hear_all() == [("closed", 1000, "clean")]
            await peer.flush()
            await peer.stream.aclose()

        nursery.start_soon(hear)
        async with connection:
            pass
        assert connection.closed is not None
        assert connection.closed.code == 1000


async def test_failing_connection_tells_the_fault_when_it_is_cancelled() -> None:
    """The grace, in which good messages ahead of the fault may be answered, is not over."""
    async with cancelled(Role.SERVER, tcp_pair) as (_, peer, _):
        await peer.send_frame(TEXT, b"good")
        await peer.send(b"\xf0\x80")
        await trio.testing.wait_all_tasks_blocked(0.01)
    assert await peer.hear_all() == [("closed", 1002, "clean")]
    await peer.stream.aclose()
