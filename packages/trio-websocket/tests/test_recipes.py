"""What the documentation of 0.12.2 showed its users."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    WebSocketRequest,
    connect_websocket_url,
    open_websocket,
    open_websocket_url,
    wrap_client_stream,
)

from .helpers import HOST, connect_to_peer, echo, start_memory_server, start_server, url_of


@pytest.fixture
async def echo_conn(nursery: trio.Nursery) -> AsyncIterator[WebSocketConnection]:
    """A connection that lives as long as a test."""
    server = await start_server(nursery, echo)
    async with open_websocket(HOST, server.port, "/", use_ssl=False) as ws:
        yield ws


async def test_connection_of_a_fixture(echo_conn: WebSocketConnection) -> None:
    async with echo_conn:
        await echo_conn.send_message("This is a test message.")
        assert await echo_conn.get_message() == "This is a test message."
        assert echo_conn.is_client
    assert echo_conn.closed


async def test_loop_of_the_readme(nursery: trio.Nursery) -> None:
    async def echo_server(request: WebSocketRequest) -> None:
        ws = await request.accept()
        while True:
            try:
                message = await ws.get_message()
                await ws.send_message(message)
            except ConnectionClosed:
                break

    server = await start_server(nursery, echo_server)
    try:
        async with open_websocket_url(url_of(server, "/foo")) as ws:
            await ws.send_message("hello world!")
            assert await ws.get_message() == "hello world!"
    except OSError as error:
        pytest.fail(f"Connection attempt failed: {error}")


async def test_timeouts_of_the_docs(nursery: trio.Nursery) -> None:
    server = await start_server(nursery)
    async with trio.open_nursery() as inner:
        with trio.fail_after(10):
            connection = await connect_websocket_url(inner, url_of(server))
        try:
            for _ in range(10):
                with trio.fail_after(15):
                    await connection.send_message("test")
                    assert await connection.get_message() == "test"
        finally:
            with trio.fail_after(5):
                await connection.aclose()
    async with open_websocket_url(
        url_of(server), connect_timeout=math.inf, disconnect_timeout=math.inf
    ) as ws:
        await ws.ping()


async def test_heartbeat_of_the_recipes(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """The peer's silence is found."""

    async def heartbeat(ws: WebSocketConnection, timeout: float, interval: float) -> None:  # noqa: ASYNC109 - as users wrote it
        while True:
            with trio.fail_after(timeout):
                await ws.ping()
            await trio.sleep(interval)

    listener = await start_memory_server(nursery)
    ws = await wrap_client_stream(nursery, listener.connect(), HOST, "/")
    with trio.move_on_after(100) as scope:
        await heartbeat(ws, 5, 1)
    assert scope.cancelled_caught
    nursery.start_soon(ws.aclose)
    with pytest.raises(ConnectionClosed):
        await heartbeat(ws, 5, 1)
    silent, _ = await connect_to_peer(nursery)
    with pytest.raises(trio.TooSlowError):
        await heartbeat(silent, 5, 1)
