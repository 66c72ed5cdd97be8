"""What client programs do that connect again by themselves: Piker, Blocknative, bus trackers."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing
from wsproto.utilities import LocalProtocolError

import trio_websocket
from trio_websocket import WebSocketConnection, WebSocketRequest, open_websocket_url
from trio_websocket._impl import (
    ConnectionClosed,
    ConnectionRejected,
    ConnectionTimeout,
    DisconnectionTimeout,
    HandshakeError,
)

from .helpers import HOST, start_server, url_of


class NoBsWs:
    """Piker's connection, shortened: one exit stack for all connections."""

    recon_errors = (
        ConnectionClosed,
        DisconnectionTimeout,
        ConnectionRejected,
        HandshakeError,
        ConnectionTimeout,
        LocalProtocolError,
    )

    def __init__(self, url: str, stack: contextlib.AsyncExitStack) -> None:
        self.url = url
        self.errors: list[type[Exception]] = []
        self._stack = stack
        self._ws: WebSocketConnection

    async def connect(self) -> None:
        while True:
            try:
                await self._stack.aclose()
            except self.recon_errors as error:
                self.errors.append(type(error))
            else:
                break
        for _ in range(10):
            try:
                self._ws = await self._stack.enter_async_context(open_websocket_url(self.url))
                await self._stack.enter_async_context(self.subscription())
            except self.recon_errors as error:
                self.errors.append(type(error))
            else:
                return
        raise AssertionError("it tried often enough")

    @contextlib.asynccontextmanager
    async def subscription(self) -> AsyncIterator[None]:
        await self._ws.send_message(json.dumps("subscribe"))
        yield
        await self._ws.send_message(json.dumps("unsubscribe"))

    async def recv_msg(self) -> Any:
        while True:
            try:
                return json.loads(await self._ws.get_message())
            except self.recon_errors as error:
                self.errors.append(type(error))
                await self.connect()


async def test_piker(nursery: trio.Nursery) -> None:
    attempts = itertools.count()

    async def feed(request: WebSocketRequest) -> None:
        attempt = next(attempts)
        if attempt == 0:
            await request.reject(503)
            return
        ws = await request.accept()
        assert json.loads(await ws.get_message()) == "subscribe"
        await ws.send_message(json.dumps({"tick": attempt}))
        if attempt == 1:
            await ws.aclose(1012, "restart")
        else:
            assert json.loads(await ws.get_message()) == "unsubscribe"

    server = await start_server(nursery, feed)
    async with contextlib.AsyncExitStack() as stack:
        ws = NoBsWs(url_of(server), stack)
        await ws.connect()
        assert [await ws.recv_msg() for _ in range(2)] == [{"tick": 1}, {"tick": 2}]
    # Refused, closed while it waited, and closed when it said goodbye.
    assert ws.errors == [ConnectionRejected, ConnectionClosed, ConnectionClosed]


def test_piker_raises_it_itself() -> None:
    """With words in place of a reason."""
    with pytest.raises(ConnectionClosed) as raised:
        raise ConnectionClosed("Reset Connection")  # type: ignore[arg-type]  # as it does
    assert raised.value.reason == "Reset Connection"  # type: ignore[comparison-overlap]  # as above
    assert str(raised.value) == "Reset Connection"
    assert "Reset Connection" in repr(raised.value)


class Stream:
    """Blocknative's, shortened: three tasks, and a new connection when one of them fails."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.received: list[str | bytes] = []
        self._ws: WebSocketConnection | None = None

    async def connect(self) -> None:
        with contextlib.suppress(HandshakeError):
            async with open_websocket_url(self.base_url) as ws:
                self._ws = ws
                assert self.is_connected()
                await self._handle(ws)

    async def _handle(self, ws: WebSocketConnection) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._heartbeat, ws)
                nursery.start_soon(self._poll, ws)
                nursery.start_soon(self._dispatch, ws)
        except* ConnectionClosed:
            assert not self.is_connected()
            await self.connect()

    async def _heartbeat(self, ws: WebSocketConnection) -> None:
        while True:
            with trio.fail_after(10):
                await ws.ping()
            await trio.sleep(15)

    async def _poll(self, ws: WebSocketConnection) -> None:
        while True:
            self.received.append(await ws.get_message())

    async def _dispatch(self, ws: WebSocketConnection) -> None:
        for number in itertools.count():
            await ws.send_message(str(number))

    def is_connected(self) -> bool:
        return bool(self._ws and not self._ws.closed)


async def test_blocknative(nursery: trio.Nursery) -> None:
    attempts = itertools.count()

    async def serve(request: WebSocketRequest) -> None:
        if next(attempts) == 2:
            await request.reject(401)
        else:
            ws = await request.accept()
            for _ in range(3):
                await ws.send_message(await ws.get_message())

    stream = Stream(url_of(await start_server(nursery, serve)))
    with trio.fail_after(5):
        await stream.connect()
    assert stream.received == ["0", "1", "2"] * 2


def relaunch_on_disconnect(function: Callable[..., Awaitable[None]]) -> Callable[..., Any]:
    """As in every bus tracker."""

    @functools.wraps(function)
    async def wrapper(*args: Any) -> None:
        while True:
            try:
                await function(*args)
            except* (trio_websocket.HandshakeError, trio_websocket.ConnectionClosed):
                await trio.lowlevel.checkpoint()
            else:
                return

    return wrapper


@relaunch_on_disconnect
async def send_updates(server: str, updates: trio.MemoryReceiveChannel[Any]) -> None:
    async with open_websocket_url(server) as ws:
        async for update in updates:
            await ws.send_message(json.dumps(update, ensure_ascii=False))


async def test_a_fake_bus(nursery: trio.Nursery) -> None:
    attempts = itertools.count()
    received: list[Any] = []

    async def serve(request: WebSocketRequest) -> None:
        attempt = next(attempts)
        if attempt == 0:
            await request.reject(500)
            return
        ws = await request.accept()
        with contextlib.suppress(ConnectionClosed):
            while attempt > 1 or not received:
                received.append(json.loads(await ws.get_message()))

    server = await start_server(nursery, serve)
    send_channel, receive_channel = trio.open_memory_channel[Any](0)

    async def drive() -> None:
        async with send_channel:
            # What is sent to a server that has gone is lost; so it is sent until it comes.
            for number in itertools.count():
                await send_channel.send({"busId": f"\N{CYRILLIC SMALL LETTER A}{number}"})
                if len(received) > 3:
                    return

    with trio.fail_after(5):
        async with trio.open_nursery() as inner:
            inner.start_soon(drive)
            inner.start_soon(send_updates, url_of(server), receive_channel)
    assert [bus["busId"][0] for bus in received] == ["\N{CYRILLIC SMALL LETTER A}"] * len(received)


async def test_a_server_that_is_not_there_among_other_tasks() -> None:
    """neuro-api, and bus trackers: `except*` around the nursery."""
    caught: list[str] = []
    (listener,) = await trio.open_tcp_listeners(0, host=HOST)
    port: int = listener.socket.getsockname()[1]
    await listener.aclose()

    async def connect() -> None:
        async with open_websocket_url(f"ws://{HOST}:{port}/"):
            raise AssertionError("nobody listens")

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connect)
            nursery.start_soon(trio.sleep_forever)
    except* HandshakeError as group:
        caught.extend(type(error.__cause__).__name__ for error in group.exceptions)
    assert caught == ["OSError"]
