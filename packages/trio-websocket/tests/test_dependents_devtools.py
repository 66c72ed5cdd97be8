"""What Selenium, streamlink and trio-chrome-devtools-protocol do, which talk to browsers."""

from __future__ import annotations

import contextlib
import copy
import itertools
import json
import pickle
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
import trio.testing

from trio_websocket import (
    CloseReason,
    ConnectionClosed,
    WebSocketConnection,
    WebSocketRequest,
    connect_websocket_url,
)
from ws_core import Role

from .helpers import HOST, Peer, connect_pair, serve_raw, start_server, url_of


class CdpConnectionClosed(ConnectionClosed):
    """Selenium's, word for word: its constructor does not call ours."""

    def __init__(self, reason: CloseReason | None) -> None:
        self.reason = reason

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}<{self.reason}>"


class CdpConnection(trio.abc.AsyncResource):
    """Selenium's client of the Chrome DevTools Protocol, shortened."""

    def __init__(self, ws: WebSocketConnection) -> None:
        self.ws = ws
        self.ids = itertools.count()
        self.inflight: dict[int, tuple[trio.Event, list[Any]]] = {}
        self.ended = trio.Event()
        self.reason: CloseReason | None = None

    async def execute(self, method: str) -> Any:
        identity = next(self.ids)
        event, results = self.inflight[identity] = trio.Event(), []
        try:
            await self.ws.send_message(json.dumps({"id": identity, "method": method}))
        except ConnectionClosed as error:
            raise CdpConnectionClosed(error.reason) from None
        await event.wait()
        return results[0]

    async def aclose(self) -> None:
        await self.ws.aclose()

    async def reader(self) -> None:
        while True:
            try:
                message = await self.ws.get_message()
            except ConnectionClosed as error:
                self.reason = error.reason
                self.ended.set()
                break
            data = json.loads(message)
            event, results = self.inflight.pop(data["id"])
            results.append(data["result"])
            event.set()


@contextlib.asynccontextmanager
async def open_cdp(url: str) -> AsyncIterator[CdpConnection]:
    async with trio.open_nursery() as nursery:
        ws = await connect_websocket_url(nursery, url, max_message_size=2**24)
        connection = CdpConnection(ws)
        nursery.start_soon(connection.reader)
        try:
            yield connection
        finally:
            await connection.aclose()


async def browser(request: WebSocketRequest) -> None:
    """Answers every method with its name, but for those of Fake."""
    ws = await request.accept()
    with contextlib.suppress(ConnectionClosed):
        while True:
            command = json.loads(await ws.get_message())
            method = command["method"]
            if method == "Browser.close":
                await ws.aclose(1001, "browser closed")
            elif method == "Fake.nonsense":
                await ws.send_message("no JSON")
            else:
                result = "x" * 5_000_000 if method == "Fake.screenshot" else method
                await ws.send_message(json.dumps({"id": command["id"], "result": result}))


@pytest.fixture
async def url(nursery: trio.Nursery) -> str:
    """Where the browser listens."""
    return url_of(await start_server(nursery, browser), "/devtools/browser/1")


# Selenium, and what it comes from.


async def test_commands_and_the_end(url: str) -> None:
    async with open_cdp(url) as cdp:
        assert await cdp.execute("Target.getTargets") == "Target.getTargets"
        results = []

        async def execute(method: str) -> None:
            results.append(await cdp.execute(method))

        async with trio.open_nursery() as inner:
            for number in range(10):
                inner.start_soon(execute, f"m{number}")
        assert sorted(results) == sorted(f"m{number}" for number in range(10))
    assert cdp.ended.is_set()
    assert cdp.reason is not None
    assert cdp.ws.closed is not None
    with pytest.raises(CdpConnectionClosed) as raised:
        await cdp.execute("too late")
    assert raised.value.reason is not None
    assert raised.value.reason.code == 1000


async def test_answer_of_more_than_a_mebibyte(url: str) -> None:
    async with open_cdp(url) as cdp:
        assert len(await cdp.execute("Fake.screenshot")) == 5_000_000


async def test_browser_that_closes(url: str) -> None:
    async with open_cdp(url) as cdp:
        with trio.move_on_after(1):
            async with trio.open_nursery() as inner:
                inner.start_soon(cdp.execute, "Browser.close")
                await cdp.ended.wait()
                inner.cancel_scope.cancel()
        with pytest.raises(CdpConnectionClosed) as raised:
            await cdp.execute("too late")
    assert raised.value.reason is not None
    assert raised.value.reason.reason == "browser closed"


async def test_browser_that_vanishes(nursery: trio.Nursery) -> None:
    """Selenium quits the browser before it leaves its own block."""

    async def vanish(stream: trio.SocketStream) -> None:
        await Peer(stream, Role.SERVER).accept()

    port = await serve_raw(nursery, vanish)
    async with open_cdp(f"ws://{HOST}:{port}/") as cdp:
        with trio.fail_after(5):
            await cdp.ended.wait()
    assert cdp.reason is not None
    assert cdp.reason.code == 1006


async def test_error_of_ones_own(url: str) -> None:
    """It is raised, caught as ours, shown and copied."""
    async with open_cdp(url) as cdp:
        pass
    with pytest.raises(ConnectionClosed) as raised:
        await cdp.execute("too late")
    error = raised.value
    assert type(error) is CdpConnectionClosed
    assert error.__cause__ is None
    assert error.__suppress_context__
    for same in (error, copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert type(same) is CdpConnectionClosed
        assert same.reason is not None
        assert (same.reason.code, same.reason.reason) == (1000, None)
        assert repr(same) == f"CdpConnectionClosed<{same.reason}>"
        assert str(same) == same.reason.report
        assert "1000" in str(same)


async def test_failing_reader_is_the_only_error(url: str) -> None:
    """It cancels the nursery that the connection lives in, with the close in `finally`."""
    connections = []
    with pytest.RaisesGroup(json.JSONDecodeError):
        async with open_cdp(url) as cdp:
            connections.append(cdp.ws)
            await cdp.execute("Fake.nonsense")
    assert connections[0].closed is not None


# streamlink, which puts a limit of two seconds on every command.


async def test_command_without_an_answer(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client, server = await connect_pair(nursery, client={"max_message_size": 2**24})
    cdp = CdpConnection(client)
    nursery.start_soon(cdp.reader)
    with trio.move_on_after(2) as scope:
        await cdp.execute("Fake.slow")
    assert scope.cancel_called
    assert json.loads(await server.get_message())["method"] == "Fake.slow"

    async def answer() -> None:
        command = json.loads(await server.get_message())
        await server.send_message(json.dumps({"id": command["id"], "result": "in time"}))

    nursery.start_soon(answer)
    with trio.move_on_after(2) as scope:
        assert await cdp.execute("Fake.fast") == "in time"
    assert not scope.cancel_called
    nursery.start_soon(server.aclose)
    await client.aclose()


async def test_sends_that_are_cancelled_leave_the_connection_usable(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    streams = trio.testing.lockstep_stream_pair()
    client, server = await connect_pair(
        nursery,
        streams=streams,
        client={"max_message_size": 2**24},
        server={"max_message_size": 2**24, "message_queue_size": 1},
    )
    outcomes = []
    for number in range(8):
        with trio.move_on_after(2) as scope:
            await client.send_message(json.dumps({"id": number, "padding": "x" * 300_000}))
        outcomes.append(scope.cancelled_caught)
    assert outcomes[-1]
    received = []
    with trio.move_on_after(2):
        while True:
            received.append(json.loads(await server.get_message())["id"])
    # Whatever arrived is whole and in order; nothing that was sent is missing.
    assert received == sorted(set(received))
    assert {number for number in range(8) if not outcomes[number]} <= set(received)
    await client.send_message("usable")
    assert await server.get_message() == "usable"
    await client.aclose()
    with pytest.raises(ConnectionClosed) as raised:
        await client.send_message("closed")
    assert raised.value.reason is not None
    assert raised.value.reason.code == 1000
