"""What server programs that exist do: bus trackers, crawlers, chat rooms, nodes."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing
import wsproto.utilities

import trio_websocket._impl as impl
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    HandshakeError,
    WebSocketConnection,
    WebSocketRequest,
    WebSocketServer,
    open_websocket,
    open_websocket_url,
    serve_websocket,
    wrap_client_stream,
)

from .helpers import HOST, echo, start_memory_server, start_server, url_of


async def free_port() -> int:
    """A port that nobody listens on just now."""
    (listener,) = await trio.open_tcp_listeners(0, host=HOST)
    port: int = listener.socket.getsockname()[1]
    await listener.aclose()
    return port


# Bus trackers, which are many.


async def test_bus_tracker(nursery: trio.Nursery) -> None:
    """Two servers that share what they know: one for buses, one for browsers."""
    buses: dict[str, Any] = {}
    logger = logging.getLogger("server")

    async def talk_to_bus(request: WebSocketRequest) -> None:
        ws = await request.accept()
        while True:
            try:
                bus = json.loads(await ws.get_message())
                buses[bus["busId"]] = bus
            except ConnectionClosed:
                break

    async def talk_to_browser(ws: WebSocketConnection, bounds: dict[str, float]) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                inside = [bus for bus in buses.values() if bus["lat"] < bounds["north_lat"]]
                await ws.send_message(json.dumps({"msgType": "Buses", "buses": inside}))
                await trio.lowlevel.checkpoint()

    async def listen_browser(ws: WebSocketConnection, bounds: dict[str, float]) -> None:
        with contextlib.suppress(impl.ConnectionClosed):
            while True:
                bounds.update(json.loads(await ws.get_message())["data"])

    async def handle_browser(north_lat: float, request: WebSocketRequest) -> None:
        ws = await request.accept()
        bounds = {"north_lat": north_lat}
        logger.getChild(f"browser-{ws}").debug("%s %s", request.path, dict(request.headers))
        async with trio.open_nursery() as inner:
            inner.start_soon(talk_to_browser, ws, bounds)
            inner.start_soon(listen_browser, ws, bounds)

    bus_port, browser_port = await free_port(), await free_port()
    nursery.start_soon(serve_websocket, talk_to_bus, HOST, bus_port, None)
    nursery.start_soon(
        partial(
            serve_websocket, partial(handle_browser, 50.0), HOST, browser_port, ssl_context=None
        )
    )
    await trio.testing.wait_all_tasks_blocked()
    async with open_websocket_url(f"ws://{HOST}:{bus_port}") as ws:
        await ws.send_message(json.dumps({"busId": "156", "lat": 55.75}))
    async with open_websocket_url(f"ws://{HOST}:{browser_port}/ws") as ws:
        assert json.loads(await ws.get_message()) == {"msgType": "Buses", "buses": []}
        await ws.send_message(json.dumps({"msgType": "newBounds", "data": {"north_lat": 60.0}}))
        with trio.fail_after(5):
            while not (seen := json.loads(await ws.get_message())["buses"]):
                pass
    assert seen == [{"busId": "156", "lat": 55.75}]


async def test_attributes_and_headers(nursery: trio.Nursery) -> None:
    """They put things on requests and connections, and make a dict of the headers."""
    seen: list[Any] = []

    async def handle(request: Any) -> None:
        headers: dict[bytes, bytes] = dict(request.headers)
        request.user = headers[b"user"].decode()
        ws = await request.accept()
        ws.bus_id = request.user
        seen.extend([ws.bus_id, headers.get("X-CLIENT-IP"), ws.is_client, ws.is_server])  # type: ignore[call-overload]  # as starbelly asks
        await ws.send_message(ws.bus_id)

    server = await start_server(nursery, handle)
    async with open_websocket_url(url_of(server, "/ws"), extra_headers=[("User", "156")]) as ws:
        assert await ws.get_message() == "156"
    assert seen == ["156", None, False, True]


# Servers in a nursery of the program.


async def test_starbelly(nursery: trio.Nursery) -> None:
    """The server and its handlers live in the same nursery; a `finally` closes again."""
    ended: list[str] = []

    async def handle(request: WebSocketRequest) -> None:
        headers: dict[Any, Any] = dict(request.headers)
        client_ip = headers.get("X-CLIENT-IP") or "?.?.?.?"
        ws = await request.accept()
        try:
            async with trio.open_nursery() as inner:
                while True:
                    inner.start_soon(ws.send_message, await ws.get_message())
        except* ConnectionClosed:
            ended.append(f"Connection closed for {client_ip} at {ws.path}")
        finally:
            await ws.aclose()

    async def run(task_status: trio.TaskStatus[int]) -> None:
        async with trio.open_nursery() as own:
            serve = partial(serve_websocket, handle, HOST, 0, ssl_context=None, handler_nursery=own)
            server: WebSocketServer = await own.start(serve)
            task_status.started(server.port)

    port: int = await nursery.start(run)
    for number in range(3):
        async with open_websocket_url(f"ws://{HOST}:{port}/{number}") as ws:
            await ws.send_message(b"request")
            assert await ws.get_message() == b"request"
    await trio.testing.wait_all_tasks_blocked(0.01)
    assert ended == [f"Connection closed for ?.?.?.? at /{number}" for number in range(3)]


async def test_legimens(nursery: trio.Nursery) -> None:
    """Handlers are async generators; who is closed is left out of the next update."""
    listeners: list[WebSocketConnection] = []
    told: list[str] = []

    async def answers(ws: WebSocketConnection) -> AsyncIterator[str]:  # noqa: ASYNC900 - as it does
        address = ws.remote.address if hasattr(ws.remote, "address") else ws.remote
        listeners.append(ws)
        yield json.dumps({"from": str(address), "object": ws.path.split("/")[1]})
        while True:
            await ws.get_message()

    async def handle(request: WebSocketRequest) -> None:
        try:
            ws = await request.accept()
            async for answer in answers(ws):
                await ws.send_message(answer)
        except ConnectionClosed as error:
            told.append(f"Connection closed by remote: {error}")

    server: WebSocketServer = await nursery.start(
        partial(serve_websocket, handle, HOST, 0, ssl_context=None, handler_nursery=nursery)
    )
    url = url_of(server, "/140")
    async with open_websocket_url(url) as first:
        async with open_websocket_url(url) as second:
            for ws in (first, second):
                assert json.loads(await ws.get_message()) == {"from": HOST, "object": "140"}
            assert [ws for ws in listeners if not ws.closed] == listeners
        await trio.testing.wait_all_tasks_blocked(0.01)
        alive = [ws for ws in listeners if not ws.closed]
        assert alive == listeners[:1]
        assert len(told) == 1
        assert "1000" in told[0]
        await alive[0].send_message("update")
        assert await first.get_message() == "update"


class IsolatingNursery:
    """A node's: nothing that a handler raises gets out."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.errors: list[BaseException] = []
        self._nursery = nursery

    def start_soon(self, function: Callable[..., Awaitable[Any]], *args: Any, **names: Any) -> None:
        async def guarded() -> None:
            try:
                await function(*args)
            except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - as it does
                self.errors.append(error)

        self._nursery.start_soon(guarded, **names)


async def test_a_node_that_isolates_its_handlers(nursery: trio.Nursery) -> None:
    """What stands for the nursery has nothing but `start_soon`."""

    async def handle(request: WebSocketRequest) -> None:
        await request.accept()
        raise ZeroDivisionError

    isolating: Any = IsolatingNursery(nursery)
    server: WebSocketServer = await nursery.start(
        partial(
            serve_websocket,
            handle,
            HOST,
            0,
            ssl_context=None,
            handler_nursery=isolating,
            connect_timeout=10,
            disconnect_timeout=5,
        )
    )
    for number in range(1, 3):
        async with open_websocket_url(url_of(server)) as ws:
            with pytest.raises(ConnectionClosed):
                await ws.get_message()
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert len(isolating.errors) == number


async def test_a_node_that_looks_for_a_port(nursery: trio.Nursery) -> None:
    """A port that is taken is an OSError."""
    taken, refused = await start_server(nursery), []

    async def look(  # noqa: ASYNC114, ASYNC128 - started here only; serve_websocket tells it
        task_status: trio.TaskStatus[WebSocketServer],
    ) -> None:
        for port in (taken.port, 0):
            try:
                await serve_websocket(echo, HOST, port, ssl_context=None, task_status=task_status)
            except OSError:
                refused.append(port)

    server: WebSocketServer = await nursery.start(look)
    assert refused == [taken.port]
    async with open_websocket_url(url_of(server)) as ws:
        await ws.send_message("found")
        assert await ws.get_message() == "found"


async def test_websockets_cli(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """A client that says nothing in time is left."""

    async def handle(request: WebSocketRequest) -> None:
        ws = await request.accept()
        while True:
            try:
                with trio.fail_after(5):
                    message = await ws.get_message()
                await ws.send_message(message)
            except (ConnectionClosed, trio.TooSlowError):
                break

    listener = await start_memory_server(nursery, handle)
    ws = await wrap_client_stream(nursery, listener.connect(), HOST, "/")
    for message in ("text", b"bytes"):
        await trio.sleep(4)
        await ws.send_message(message)
        assert await ws.get_message() == message
    with pytest.raises(ConnectionClosed) as raised:
        await ws.get_message()
    assert raised.value.reason is not None
    assert raised.value.reason.code == 1000


# Refusing.


async def test_one_client_at_a_time(nursery: trio.Nursery) -> None:
    """ventserver: options first, the rest by position; 503 for everybody else."""
    connected: list[WebSocketConnection] = []

    async def handle(request: WebSocketRequest) -> None:
        if connected:
            await request.reject(503, body=b"The backend is already servicing a connection.")
            return
        connected.append(await request.accept())
        with contextlib.suppress(ConnectionClosed):
            while True:
                await connected[0].send_message(await connected[0].get_message())
        connected.clear()

    server: WebSocketServer = await nursery.start(
        partial(
            serve_websocket,
            message_queue_size=1,
            max_message_size=2**20,
            connect_timeout=5,
            disconnect_timeout=5,
        ),
        handle,
        HOST,
        0,
        None,
    )
    for _ in range(2):
        async with open_websocket(HOST, server.port, "/", use_ssl=False) as ws:
            await ws.send_message(b"ping!")
            assert await ws.get_message() == b"ping!"
            with pytest.raises(ConnectionRejected) as raised:
                async with open_websocket(HOST, server.port, "/", use_ssl=False):
                    raise AssertionError("there is one client already")
            assert raised.value.status_code == 503
            assert raised.value.body == b"The backend is already servicing a connection."
        await trio.testing.wait_all_tasks_blocked(0.01)


async def test_chat_rooms(nursery: trio.Nursery) -> None:
    """Everybody is told who comes and goes; bad paths are refused."""
    rooms: dict[str, dict[str, trio.MemorySendChannel[str]]] = {}

    def tell(room: dict[str, trio.MemorySendChannel[str]]) -> None:
        for channel in room.values():
            channel.send_nowait(json.dumps(sorted(room)))

    async def handle(request: WebSocketRequest) -> None:
        match = re.fullmatch(r"/room/(\w+)/(\w+)", request.path)
        if not match:
            await request.reject(404, body=f"bad path: {request.path!r}".encode())
            return
        room, name = rooms.setdefault(match[1], {}), match[2]
        room[name], received = trio.open_memory_channel[str](100)
        tell(room)
        ws = await request.accept()

        async def send() -> None:
            async for message in received:
                await ws.send_message(message)

        async with trio.open_nursery() as inner:
            inner.start_soon(send)
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await ws.get_message()
            inner.cancel_scope.cancel()
        del room[name]
        tell(room)

    server = await start_server(nursery, handle)
    async with open_websocket(HOST, server.port, "/room/a/one", use_ssl=False) as one:
        assert await one.get_message() == '["one"]'
        async with open_websocket(HOST, server.port, "/room/a/two", use_ssl=False) as two:
            assert await two.get_message() == '["one", "two"]'
            assert await one.get_message() == '["one", "two"]'
        assert await one.get_message() == '["one"]'
    with pytest.raises(HandshakeError) as raised:
        async with open_websocket(HOST, server.port, "/nowhere", use_ssl=False):
            raise AssertionError("there is no such room")
    assert isinstance(raised.value, ConnectionRejected)
    assert raised.value.body == b"bad path: '/nowhere'"


async def test_mistakes_are_those_of_wsproto(nursery: trio.Nursery) -> None:
    caught: list[type[Exception]] = []

    async def handle(request: WebSocketRequest) -> None:
        ws = await request.accept()
        try:
            await request.accept()
        except wsproto.utilities.LocalProtocolError as error:
            caught.append(type(error))
        await ws.send_message("still here")

    server = await start_server(nursery, handle)
    async with open_websocket_url(url_of(server)) as ws:
        assert await ws.get_message() == "still here"
    assert caught == [wsproto.utilities.LocalProtocolError]
