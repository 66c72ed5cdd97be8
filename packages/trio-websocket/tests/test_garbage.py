"""What is over leaves at once: nothing of ours waits in a cycle for the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio
import trio.testing

from trio_websocket import ConnectionClosed, WebSocketRequest, open_websocket_url

from .helpers import start_server, url_of


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


@pytest.mark.parametrize("ends", ["by returning", "by failing", "with its client"])
async def test_a_connection_is_gone_when_it_is_over(nursery: trio.Nursery, ends: str) -> None:
    async def handler(request: WebSocketRequest) -> None:
        ws = await request.accept()
        await ws.send_message(await ws.get_message())
        if ends == "by failing":
            raise KeyError("something of the handler's own")
        if ends == "with its client":
            await ws.get_message()

    server = await start_server(nursery, handler, on_handler_error=lambda *_: None)
    with no_garbage_of_ours():
        async with open_websocket_url(url_of(server)) as ws:
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
