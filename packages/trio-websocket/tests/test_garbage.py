"""What is over leaves at once: nothing of ours waits in a cycle for the garbage collector."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio
import trio.testing

from trio_websocket import ConnectionClosed, Heartbeat, WebSocketRequest, open_websocket_url
from ws_core import Role

from .helpers import start_server, url_of
from .peers import BINARY, connected, direct_tls_pair, tcp_pair, tls_contexts


@contextmanager
def no_garbage_of_ours() -> Iterator[None]:
    """Nothing that the block leaves behind needs the collector."""
    gc.collect()
    gc.disable()
    try:
        yield
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        kinds = (type(left) for left in gc.garbage)
        ours = [k for k in kinds if k.__module__.partition(".")[0] in {"trio_websocket", "ws_core"}]
        assert ours == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize("heartbeat", [None, Heartbeat(interval=60, timeout=60)])
@pytest.mark.parametrize("ends", ["by returning", "by failing", "with its client"])
async def test_a_connection_is_gone_when_it_is_over(
    nursery: trio.Nursery, ends: str, heartbeat: Heartbeat | None
) -> None:
    async def handler(request: WebSocketRequest) -> None:
        ws = await request.accept()
        await ws.send_message(await ws.get_message())
        if ends == "by failing":
            raise KeyError("something of the handler's own")
        if ends == "with its client":
            await ws.get_message()

    server = await start_server(
        nursery, handler, on_handler_error=lambda *_: None, heartbeat=heartbeat
    )
    with no_garbage_of_ours():
        async with open_websocket_url(url_of(server), heartbeat=heartbeat) as ws:
            await ws.ping()
            await ws.send_message(b"x" * 100_000)
            await ws.get_message()
            if ends != "with its client":
                with pytest.raises(ConnectionClosed):
                    await ws.get_message()
        del ws
        await trio.testing.wait_all_tasks_blocked(0.01)


async def test_a_rejected_request_is_gone_when_it_is_over(nursery: trio.Nursery) -> None:
    async def handler(request: WebSocketRequest) -> None:
        await request.reject(404)

    server = await start_server(nursery, handler)
    with no_garbage_of_ours():
        with pytest.raises(Exception, match="404"):
            async with open_websocket_url(url_of(server)):
                pass  # pragma: no cover - it is not entered
        await trio.testing.wait_all_tasks_blocked(0.01)


async def test_a_connection_over_tls_is_gone_when_it_is_over(nursery: trio.Nursery) -> None:
    async def handler(request: WebSocketRequest) -> None:
        ws = await request.accept()
        await ws.send_message(await ws.get_message())

    client_context, server_context = tls_contexts()
    server = await start_server(nursery, handler, ssl_context=server_context)
    url = url_of(server).replace("127.0.0.1", "localhost")
    with no_garbage_of_ours():
        async with open_websocket_url(url, client_context) as ws:
            await ws.send_message(b"x" * 100_000)
            await ws.get_message()
        del ws
        await trio.testing.wait_all_tasks_blocked(0.01)


async def test_tls_that_has_failed_is_gone() -> None:
    """The error that is told again at each later call refers to nothing of ours."""
    with no_garbage_of_ours():
        ours, theirs = await direct_tls_pair()
        await theirs.transport_stream.send_all(b"garbage, and more of it")
        with pytest.raises(trio.BrokenResourceError):
            await ours.receive_some()
        await ours.aclose()
        await theirs.aclose()
        del ours, theirs


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_no_message_is_kept(role: Role, compression: str | None) -> None:
    """Neither what was sent nor what was received last."""
    async with connected(role, tcp_pair, compression=compression) as (connection, peer):
        tracemalloc.start()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(connection.send_message, bytes(1_000_000))
                assert await peer.hear() == bytes(1_000_000)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(peer.send_frame, BINARY, bytes(1_000_000))
                assert await connection.get_message() == bytes(1_000_000)
            await connection.send_message(b"small")
            assert await peer.hear() == b"small"
            gc.collect()
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert kept < 200_000
