"""Servers: where they listen, what becomes of handlers, and that one client can't end them."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from trio_websocket import (
    CloseReason,
    ConnectionClosed,
    ConnectionRejected,
    Endpoint,
    Limits,
    LocalProtocolError,
    WebSocketConnection,
    WebSocketRequest,
    WebSocketServer,
    log_handler_error,
    open_websocket_url,
    serve_websocket,
    wrap_client_stream,
)

from .helpers import (
    HOST,
    Handler,
    MemoryListener,
    echo,
    start_memory_server,
    start_server,
    url_of,
)

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Oops(Exception):
    """What handlers raise here."""


async def fail_early(request: WebSocketRequest) -> None:  # noqa: ASYNC124 - handlers are async
    raise Oops


def reason_of(connection: WebSocketConnection) -> tuple[int, str | None]:
    """The code and text with which a connection was closed."""
    assert connection.closed is not None
    return connection.closed.code, connection.closed.reason


async def end_of(connection: WebSocketConnection) -> tuple[int, str | None]:
    """The code and text with which the peer closes a connection."""
    with pytest.raises(ConnectionClosed):
        await connection.get_message()
    return reason_of(connection)


async def alive(server: WebSocketServer, resource: str = "/") -> bool:
    """Whether a server still takes connections."""
    async with open_websocket_url(url_of(server, resource)) as ws:
        return ws.closed is None


def leaves(error: BaseException) -> list[BaseException]:
    """The exceptions in a group, whatever the nesting."""
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [leaf for inner in error.exceptions for leaf in leaves(inner)]


async def what_ends_it(
    handler: Handler, talk: Callable[[WebSocketServer], Awaitable[object]], **options: Any
) -> list[BaseException]:
    """Serve, and talk to the server; the exceptions that end it."""
    found: list[BaseException] = []
    try:
        async with trio.open_nursery() as nursery:
            server = await start_server(nursery, handler, **options)
            with trio.CancelScope(shield=True):
                await talk(server)
            with trio.fail_after(5):
                await trio.sleep_forever()
    except BaseExceptionGroup as group:
        found = leaves(group)
    return found


# Starting.


async def test_start_returns_the_server(nursery: trio.Nursery) -> None:
    server: WebSocketServer = await nursery.start(serve_websocket, echo, HOST, 0, None)
    assert isinstance(server, WebSocketServer)
    assert server.port > 0
    assert server.listeners == [Endpoint(HOST, server.port, False)]
    assert await alive(server)


async def test_start_soon(nursery: trio.Nursery) -> None:
    (free,) = await trio.open_tcp_listeners(0, host=HOST)
    port: int = free.socket.getsockname()[1]
    await free.aclose()
    nursery.start_soon(partial(serve_websocket, echo, HOST, port, ssl_context=None))
    await trio.testing.wait_all_tasks_blocked()
    async with open_websocket_url(f"ws://{HOST}:{port}") as ws:
        await ws.send_message("x")
        assert await ws.get_message() == "x"


async def test_handler_may_be_a_partial(nursery: trio.Nursery) -> None:
    async def handler(text: str, request: WebSocketRequest) -> None:
        ws = await request.accept()
        await ws.send_message(text)

    server = await start_server(nursery, partial(handler, "from partial"))
    async with open_websocket_url(url_of(server)) as ws:
        assert await ws.get_message() == "from partial"


async def test_port_in_use(nursery: trio.Nursery) -> None:
    server = await start_server(nursery)
    with pytest.raises(OSError, match="in use"):
        await serve_websocket(echo, HOST, server.port, None)


async def test_cancelling_frees_the_port(nursery: trio.Nursery) -> None:
    async with trio.open_nursery() as inner:
        server = await start_server(inner)
        port = server.port
        inner.cancel_scope.cancel()
    # A listener that stayed open would still accept.
    with pytest.raises(OSError, match="all attempts to connect"):
        await trio.open_tcp_stream(HOST, port)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"message_queue_size": -1}, ValueError),
        ({"max_message_size": None}, TypeError),
        ({"receive_buffer_size": 0}, ValueError),
        ({"connect_timeout": "1"}, TypeError),
        ({"disconnect_timeout": math.nan}, ValueError),
        ({"write_timeout": -1}, ValueError),
        ({"limits": Limits(), "max_message_size": 5}, ValueError),
        ({"limits": 1000}, TypeError),
        ({"on_handler_error": "log it"}, TypeError),
        ({"on_handler_error": fail_early}, TypeError),
    ],
)
async def test_bad_options(options: dict[str, Any], error: type[Exception]) -> None:
    """No listener is left open either: that would be a ResourceWarning, thus an error."""
    with pytest.raises(error):
        await serve_websocket(echo, HOST, 0, None, **options)
    listener = MemoryListener()
    with pytest.raises(error):
        WebSocketServer(echo, [listener], **options)
    await listener.aclose()


async def test_ssl_context_is_none_or_a_context() -> None:
    with pytest.raises(TypeError, match=r"ssl_context must be an ssl\.SSLContext or None"):
        await serve_websocket(echo, HOST, 0, True)  # type: ignore[arg-type]  # the point


# Listeners and ports.


def test_no_listeners() -> None:
    with pytest.raises(ValueError, match=r"^Listeners must contain at least one item\.$"):
        WebSocketServer(echo, [])


async def test_two_listeners(nursery: trio.Nursery) -> None:
    first, second = [(await trio.open_tcp_listeners(0, host=HOST))[0] for _ in range(2)]
    server = WebSocketServer(echo, [first, second])
    with pytest.raises(RuntimeError, match="more than 1 listener"):
        _ = server.port
    assert await nursery.start(server.run) is server
    for endpoint in server.listeners:
        assert isinstance(endpoint, Endpoint)
        async with open_websocket_url(endpoint.url) as ws:
            await ws.send_message("x")
            assert await ws.get_message() == "x"


async def test_any_listener(nursery: trio.Nursery) -> None:
    listener = MemoryListener()
    server = WebSocketServer(echo, [listener])
    assert server.listeners == [repr(listener)]
    with pytest.raises(RuntimeError, match="no port"):
        _ = server.port
    assert await nursery.start(server.run) is server
    ws = await wrap_client_stream(nursery, listener.connect(), HOST, "/")
    await ws.send_message("x")
    assert await ws.get_message() == "x"


async def test_listeners_may_be_any_iterable(nursery: trio.Nursery) -> None:
    listener = MemoryListener()
    server = WebSocketServer(echo, iter([listener]))
    await nursery.start(server.run)
    assert server.listeners == [repr(listener)]


# What becomes of a handler.


async def test_return_closes_with_1000(nursery: trio.Nursery) -> None:
    async def handler(request: WebSocketRequest) -> None:
        await request.accept()

    server = await start_server(nursery, handler)
    async with open_websocket_url(url_of(server)) as ws:
        assert await end_of(ws) == (1000, None)


async def test_return_after_closing_keeps_the_code(nursery: trio.Nursery) -> None:
    async def handler(request: WebSocketRequest) -> None:
        ws = await request.accept()
        await ws.aclose(4000, "own words")

    server = await start_server(nursery, handler)
    async with open_websocket_url(url_of(server)) as ws:
        assert await end_of(ws) == (4000, "own words")


async def test_return_without_an_answer_is_500(nursery: trio.Nursery) -> None:
    async def handler(request: WebSocketRequest) -> None:
        pass

    server = await start_server(nursery, handler)
    for _ in range(2):
        with pytest.raises(ConnectionRejected) as raised:
            async with open_websocket_url(url_of(server)):
                pass
        assert raised.value.status_code == 500


async def fail_late(request: WebSocketRequest) -> None:
    ws = await request.accept()
    await ws.get_message()
    raise Oops


async def fail_after_accepting(request: WebSocketRequest) -> None:
    await request.accept()
    raise Oops


async def fail_in_group(request: WebSocketRequest) -> None:
    ws = await request.accept()
    await ws.get_message()
    async with trio.open_nursery() as inner:
        inner.start_soon(fail_early, request)
        inner.start_soon(trio.sleep_forever)


async def provoke(server: WebSocketServer) -> tuple[int, str | None]:
    """Make the handler fail; what the client sees."""
    try:
        async with open_websocket_url(url_of(server)) as ws:
            await ws.send_message("go")
            return await end_of(ws)
    except ConnectionRejected as rejected:
        return rejected.status_code, None


@pytest.mark.parametrize(
    ("handler", "seen"),
    [(fail_early, (500, None)), (fail_late, (1011, None)), (fail_in_group, (1011, None))],
)
async def test_exception_tells_the_client_and_propagates(
    handler: Handler, seen: tuple[int, str | None]
) -> None:
    outcomes = []

    async def talk(server: WebSocketServer) -> None:
        outcomes.append(await provoke(server))

    assert [type(error) for error in await what_ends_it(handler, talk)] == [Oops]
    assert outcomes == [seen]


@pytest.mark.parametrize(
    ("handler", "seen"),
    [(fail_early, (500, None)), (fail_late, (1011, None)), (fail_in_group, (1011, None))],
)
async def test_on_handler_error(
    nursery: trio.Nursery, handler: Handler, seen: tuple[int, str | None]
) -> None:
    calls: list[tuple[Exception, WebSocketRequest]] = []
    server = await start_server(nursery, handler, on_handler_error=lambda *args: calls.append(args))
    assert await provoke(server) == seen
    assert await provoke(server) == seen
    await trio.testing.wait_all_tasks_blocked(0.01)
    assert len(calls) == 2
    error, request = calls[0]
    assert [type(leaf) for leaf in leaves(error)] == [Oops]
    assert isinstance(request, WebSocketRequest)
    assert request.path == "/"


async def test_on_handler_error_that_fails_ends_the_server() -> None:
    def on_error(error: Exception, request: WebSocketRequest) -> None:
        raise ZeroDivisionError from error

    (error,) = await what_ends_it(fail_late, provoke, on_handler_error=on_error)
    assert isinstance(error, ZeroDivisionError)
    assert isinstance(error.__cause__, Oops)


async def test_on_handler_error_is_called_before_the_client_has_answered(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    calls: list[float] = []
    listener = await start_memory_server(
        nursery,
        fail_after_accepting,
        on_handler_error=lambda *_: calls.append(trio.current_time()),
    )
    start = trio.current_time()
    await listener.connect().send_all(UPGRADE)
    await trio.sleep(100)
    assert calls == [start]


async def test_what_a_handler_raises_when_it_is_cancelled_is_not_lost(
    autojump_clock: trio.testing.MockClock,
) -> None:
    calls: list[Exception] = []

    async def handler(request: WebSocketRequest) -> None:
        await request.accept()
        try:
            await trio.sleep_forever()
        finally:
            raise Oops

    async with trio.open_nursery() as nursery:
        listener = await start_memory_server(
            nursery, handler, on_handler_error=lambda error, _: calls.append(error)
        )
        await listener.connect().send_all(UPGRADE)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert [type(error) for error in calls] == [Oops]


async def test_interrupt_in_on_handler_error_waits_for_nobody(
    autojump_clock: trio.testing.MockClock,
) -> None:
    def interrupted(error: Exception, request: WebSocketRequest) -> None:
        raise KeyboardInterrupt

    start = trio.current_time()
    with pytest.RaisesGroup(KeyboardInterrupt, flatten_subgroups=True):
        async with trio.open_nursery() as nursery:
            listener = await start_memory_server(
                nursery, fail_after_accepting, on_handler_error=interrupted
            )
            await listener.connect().send_all(UPGRADE)
    assert trio.current_time() == start


async def test_on_handler_error_is_not_called_for_normal_ends(nursery: trio.Nursery) -> None:
    calls: list[Any] = []

    async def handler(request: WebSocketRequest) -> None:
        ws = await request.accept()
        while True:
            await ws.get_message()

    server = await start_server(nursery, handler, on_handler_error=lambda *args: calls.append(args))
    async with open_websocket_url(url_of(server)):
        pass
    await trio.testing.wait_all_tasks_blocked(0.01)
    assert calls == []


async def test_log_handler_error(nursery: trio.Nursery, caplog: pytest.LogCaptureFixture) -> None:
    server = await start_server(nursery, fail_late, on_handler_error=log_handler_error)
    with caplog.at_level(logging.INFO, logger="trio-websocket"):
        async with open_websocket_url(url_of(server, "/pa%0Ath")) as ws:
            await ws.send_message("go")
            assert await end_of(ws) == (1011, None)
        await trio.testing.wait_all_tasks_blocked(0.01)
    (record,) = caplog.records
    assert record.name == "trio-websocket"
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert record.exc_info[0] is Oops
    assert "/pa%0Ath" in record.getMessage()
    assert HOST in record.getMessage()
    assert await alive(server)


async def keep_reading(ws: WebSocketConnection) -> None:
    while True:
        await ws.get_message()


async def reader(request: WebSocketRequest) -> None:
    await keep_reading(await request.accept())


async def reader_in_a_nursery(request: WebSocketRequest) -> None:
    ws = await request.accept()
    async with trio.open_nursery() as inner:
        inner.start_soon(trio.sleep_forever)
        inner.start_soon(keep_reading, ws)


async def reader_in_two_nurseries(request: WebSocketRequest) -> None:
    ws = await request.accept()
    async with trio.open_nursery() as outer, trio.open_nursery() as inner:
        outer.start_soon(trio.sleep_forever)
        inner.start_soon(keep_reading, ws)


async def two_readers(request: WebSocketRequest) -> None:
    """Both are let go at the same moment: the group has two leaves."""
    ws = await request.accept()
    async with trio.open_nursery() as inner:
        inner.start_soon(keep_reading, ws)
        inner.start_soon(keep_reading, ws)


async def reader_and_pinger(request: WebSocketRequest) -> None:
    """The usual home-made heartbeat beside a reader."""
    ws = await request.accept()
    async with trio.open_nursery() as inner:
        inner.start_soon(keep_reading, ws)
        inner.start_soon(ws.wait_pong)


class OwnClosed(ConnectionClosed):
    """As Selenium has it."""

    def __init__(self, reason: CloseReason | None) -> None:
        self.reason = reason


async def wrapped_in_a_subclass(request: WebSocketRequest) -> None:
    try:
        await keep_reading(await request.accept())
    except ConnectionClosed as error:
        raise OwnClosed(error.reason) from error


async def closes_and_goes_on(request: WebSocketRequest) -> None:
    ws = await request.accept()
    await ws.aclose(4000)
    await ws.send_message("too late")


async def speaks_while_closing(request: WebSocketRequest) -> None:
    """The reason is still provisional when this `ConnectionClosed` is made."""
    ws = await request.accept()
    async with trio.open_nursery() as inner:
        inner.start_soon(ws.aclose, 4000)
        await trio.testing.wait_all_tasks_blocked()
        await ws.send_message("too late")


@pytest.mark.parametrize(
    "handler",
    [
        reader,
        reader_in_a_nursery,
        reader_in_two_nurseries,
        two_readers,
        reader_and_pinger,
        wrapped_in_a_subclass,
        closes_and_goes_on,
        speaks_while_closing,
    ],
)
@pytest.mark.parametrize("leave", ["close", "close with 4000", "cut"])
async def test_own_connection_closed_is_a_normal_end(
    nursery: trio.Nursery, handler: Handler, leave: str
) -> None:
    server = await start_server(nursery, handler)
    async with trio.open_nursery() as inner:
        stream = await trio.open_tcp_stream(HOST, server.port)
        ws = await wrap_client_stream(inner, stream, HOST, "/")
        await trio.testing.wait_all_tasks_blocked()
        if leave == "cut":
            await stream.aclose()
        await ws.aclose(4000 if leave == "close with 4000" else 1000)
    await trio.testing.wait_all_tasks_blocked(0.01)
    async with open_websocket_url(url_of(server)):
        pass


async def test_connection_closed_of_another_connection_propagates(nursery: trio.Nursery) -> None:
    """It says that something is wrong on our side, even if both ended in the same way."""
    backend = MemoryListener()

    async def proxy(request: WebSocketRequest) -> None:
        await request.accept()
        async with trio.open_nursery() as inner:
            other = await wrap_client_stream(inner, backend.connect(), HOST, "/")
            await other.aclose()
            await other.send_message("x")

    outcomes = []

    async def talk(server: WebSocketServer) -> None:
        async with open_websocket_url(url_of(server)) as ws:
            outcomes.append(await end_of(ws))

    await nursery.start(WebSocketServer(echo, [backend]).run)
    assert [type(error) for error in await what_ends_it(proxy, talk)] == [ConnectionClosed]
    assert outcomes == [(1011, None)]


async def test_connection_closed_of_another_connection_after_the_own_end(
    nursery: trio.Nursery,
) -> None:
    """The code and text are the same, and still it is another connection's."""
    backend = MemoryListener()

    async def proxy(request: WebSocketRequest) -> None:
        ws = await request.accept()
        async with trio.open_nursery() as inner:
            other = await wrap_client_stream(inner, backend.connect(), HOST, "/")
            await ws.wait_closed()
            await other.aclose()
            await other.send_message("x")

    await nursery.start(WebSocketServer(echo, [backend]).run)
    assert [type(error) for error in await what_ends_it(proxy, alive)] == [ConnectionClosed]


async def test_connection_closed_among_other_errors_propagates() -> None:
    async def handler(request: WebSocketRequest) -> None:
        ws = await request.accept()
        try:
            await keep_reading(ws)
        except ConnectionClosed as error:
            raise ExceptionGroup("both", [error, Oops()]) from None

    found = await what_ends_it(handler, alive)
    assert {type(error) for error in found} == {ConnectionClosed, Oops}


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("is_guarded", [True, False])
async def test_interrupts_always_propagate(kind: type[BaseException], is_guarded: bool) -> None:
    async def handler(request: WebSocketRequest) -> None:
        await request.accept()
        raise kind

    async def talk(server: WebSocketServer) -> None:
        async with open_websocket_url(url_of(server)) as ws:
            await end_of(ws)

    on_error = log_handler_error if is_guarded else None
    found = await what_ends_it(handler, talk, on_handler_error=on_error)
    assert [type(error) for error in found] == [kind]


async def test_unoffered_subprotocol_is_our_mistake(nursery: trio.Nursery) -> None:
    errors: list[Exception] = []

    async def handler(request: WebSocketRequest) -> None:
        await request.accept(subprotocol="nobody offered it")

    server = await start_server(
        nursery, handler, on_handler_error=lambda error, _: errors.append(error)
    )
    with pytest.raises(ConnectionRejected) as raised:
        async with open_websocket_url(url_of(server), subprotocols=["chat"]):
            pass
    assert raised.value.status_code == 500
    await trio.testing.wait_all_tasks_blocked(0.01)
    assert [type(error) for error in errors] == [LocalProtocolError]


# Nurseries and cancellation.


async def test_handler_nursery(nursery: trio.Nursery) -> None:
    async with trio.open_nursery() as handlers:
        server = await start_server(nursery, handler_nursery=handlers)
        async with open_websocket_url(url_of(server)), open_websocket_url(url_of(server)) as ws:
            await ws.send_message("x")
            await ws.get_message()
            assert len(handlers.child_tasks) == 2
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert not handlers.child_tasks
        assert await alive(server)


async def test_handler_errors_go_to_the_handler_nursery(nursery: trio.Nursery) -> None:
    found: list[BaseException] = []
    try:
        async with trio.open_nursery() as handlers:
            server = await start_server(nursery, fail_late, handler_nursery=handlers)
            with trio.CancelScope(shield=True):
                assert await provoke(server) == (1011, None)
            with trio.fail_after(5):
                await trio.sleep_forever()
    except ExceptionGroup as group:
        found = leaves(group)
    assert [type(error) for error in found] == [Oops]


async def test_cancelled_server_tells_clients_1001(nursery: trio.Nursery) -> None:
    async with trio.open_nursery() as serving:
        server = await start_server(serving)
        ws = await wrap_client_stream(
            nursery, await trio.open_tcp_stream(HOST, server.port), HOST, "/"
        )
        await ws.send_message("x")
        await ws.get_message()
        serving.cancel_scope.cancel()
    assert await end_of(ws) == (1001, None)


async def test_connections_do_not_wait_for_each_other(nursery: trio.Nursery) -> None:
    server = await start_server(nursery)
    url = url_of(server)
    async with open_websocket_url(url) as first, open_websocket_url(url) as second:
        for ws in (first, second, first):
            await ws.send_message("x")
            assert await ws.get_message() == "x"


async def test_no_task_is_left_behind(nursery: trio.Nursery) -> None:
    server = await start_server(nursery)
    await trio.testing.wait_all_tasks_blocked()
    before = trio.lowlevel.current_statistics().tasks_living
    for _ in range(5):
        assert await alive(server)
    await trio.testing.wait_all_tasks_blocked(0.01)
    assert trio.lowlevel.current_statistics().tasks_living == before


# Time.


async def test_connect_timeout_covers_the_request(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    async def handler(request: WebSocketRequest) -> None:  # noqa: ASYNC124 - handlers are async
        raise AssertionError("there was no request")

    listener = await start_memory_server(nursery, handler)
    stream = listener.connect()
    start = trio.current_time()
    await stream.send_all(b"GET / HTTP/1.1\r\nHost: a\r\n")
    assert await stream.receive_some() == b""
    assert trio.current_time() - start == pytest.approx(10)


async def test_connect_timeout_does_not_cover_the_handler(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    async def handler(request: WebSocketRequest) -> None:
        await trio.sleep(1000)
        await request.accept()

    listener = await start_memory_server(nursery, handler, connect_timeout=1)
    ws = await wrap_client_stream(nursery, listener.connect(), HOST, "/", connect_timeout=math.inf)
    assert await end_of(ws) == (1000, None)


async def test_disconnect_timeout_is_silent(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    ends: list[Any] = []

    async def handler(request: WebSocketRequest) -> None:
        ws = await request.accept()
        start = trio.current_time()
        await ws.aclose()
        ends.append((trio.current_time() - start, reason_of(ws)))

    listener = await start_memory_server(nursery, handler, disconnect_timeout=3)
    stream = listener.connect()
    await stream.send_all(UPGRADE)
    while await stream.receive_some():
        pass
    await trio.testing.wait_all_tasks_blocked()
    assert ends == [(pytest.approx(3), (1006, None))]


# Peers that are no WebSocket clients.


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"426"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", b"405"),
        (b"GET / HTTP/1.0\r\n\r\n", b"505"),
        (b"\x16\x03\x01\x02\x00\x01\x00", b"400"),
    ],
)
async def test_other_requests_get_an_http_answer(
    nursery: trio.Nursery, request_: bytes, status: bytes
) -> None:
    server = await start_server(nursery)
    async with await trio.open_tcp_stream(HOST, server.port) as stream:
        await stream.send_all(request_)
        answer = b"".join([data async for data in stream])
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert await alive(server)


async def test_clients_that_leave_at_once(nursery: trio.Nursery) -> None:
    server = await start_server(nursery)
    for _ in range(3):
        stream = await trio.open_tcp_stream(HOST, server.port)
        await stream.aclose()
    assert await alive(server)
