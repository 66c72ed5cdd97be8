"""How programs that exist hang up, and what they say of it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from trio_websocket import (
    CloseReason,
    ConnectionClosed,
    WebSocketConnection,
    WebSocketRequest,
    connect_websocket_url,
    open_websocket_url,
    wrap_server_stream,
)

from .helpers import HOST, serve_raw, start_server
from .peers import tls_contexts


class PlainStream(trio.abc.Stream):
    """Passes everything on, as py-libp2p's and slack-fuse's do once they have peeked."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()


async def echo_until_closed(request: WebSocketRequest) -> None:
    ws = await request.accept()
    with contextlib.suppress(ConnectionClosed):
        while True:
            await ws.send_message(await ws.get_message())


async def returns_at_once(stream: PlainStream, service: trio.Nursery) -> None:
    """py-libp2p: `trio.serve_tcp` closes the stream when the handler returns."""
    await echo_until_closed(await wrap_server_stream(service, stream))


async def cancels_its_nursery(stream: PlainStream, _: trio.Nursery) -> None:
    """slack-fuse."""
    async with trio.open_nursery() as inner:
        request = await wrap_server_stream(inner, stream)
        try:
            await echo_until_closed(request)
        finally:
            inner.cancel_scope.cancel()


Serve = Callable[[PlainStream, trio.Nursery], Awaitable[None]]


@pytest.mark.parametrize("serve", [returns_at_once, cancels_its_nursery])
async def test_server_that_leaves_when_it_hears_of_the_close(
    nursery: trio.Nursery, serve: Serve
) -> None:
    """The client's close has been answered by then."""
    port = await serve_raw(nursery, lambda stream: serve(PlainStream(stream), nursery))
    for _ in range(20):
        async with open_websocket_url(f"ws://{HOST}:{port}/") as ws:
            await ws.send_message("x")
            assert await ws.get_message() == "x"
        assert ws.closed is not None
        assert ws.closed.code == 1000


@pytest.mark.parametrize("is_tls", [False, True])
async def test_client_that_leaves_when_it_hears_of_the_close(
    nursery: trio.Nursery, is_tls: bool
) -> None:
    """The reader cancels the nursery that it shares with its connection."""
    client_context, server_context = tls_contexts() if is_tls else (None, None)
    closed: list[WebSocketConnection] = []

    async def leave(request: WebSocketRequest) -> None:
        closed.append(await request.accept())
        await closed[0].aclose(1001, "bye")

    server = await start_server(nursery, leave, ssl_context=server_context)
    scheme = "wss" if is_tls else "ws"
    url = f"{scheme}://localhost:{server.port}/"
    async with trio.open_nursery() as own:
        ws = await connect_websocket_url(own, url, client_context)
        with pytest.raises(ConnectionClosed):
            await ws.get_message()
        own.cancel_scope.cancel()
    await trio.testing.wait_all_tasks_blocked(0.01)
    assert closed[0].closed is not None
    assert (closed[0].closed.code, closed[0].closed.reason) == (1001, "bye")


class CDPError(Exception):
    """streamlink's."""


def test_text_of_a_close_reason() -> None:
    """streamlink's own tests ask for it."""
    error = CDPError(ConnectionClosed(CloseReason(1000, None)).reason)
    assert str(error) == "CloseReason<code=1000, name=NORMAL_CLOSURE, reason=None>"


def test_impl_is_there_without_an_import() -> None:
    """Piker and bus trackers say `trio_websocket._impl.ConnectionClosed` with no more ado."""
    program = "import trio_websocket; trio_websocket._impl.ConnectionClosed"
    subprocess.run([sys.executable, "-c", program], check=True)
