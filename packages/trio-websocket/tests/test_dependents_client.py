"""What client programs that exist do: chat gateways, bots, market data, command lines."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import trio
import trio.testing
import wsproto.frame_protocol as wsframeproto

import trio_websocket
from trio_websocket import (
    WebSocketConnection,
    WebSocketRequest,
    connect_websocket,
    connect_websocket_url,
    open_websocket_url,
    wrap_client_stream,
)
from trio_websocket._impl import ConnectionClosed, ConnectionRejected, _url_to_host
from ws_core import Role

from .helpers import HOST, Peer, start_server, url_of

# Chat gateways and bots.


async def test_a_discord_gateway(nursery: trio.Nursery) -> None:
    """curious: `_url_to_host`, a stream of one's own, and `wrap_client_stream`."""
    server = await start_server(nursery)
    host, port, resource, ssl_context = _url_to_host(url_of(server, "/?v=7&encoding=json"), None)
    assert ssl_context is False
    with trio.fail_after(30):
        stream = await trio.open_tcp_stream(host, port)
        ws = await wrap_client_stream(nursery, stream, host, resource)
    assert ws.path == "/?v=7&encoding=json"
    await ws.send_message("{}")
    assert await ws.get_message() == "{}"
    with trio.fail_after(5):
        await ws.aclose(code=4000, reason="Zombied connection")
    with pytest.raises(ConnectionClosed):
        await ws.get_message()


async def test_a_discord_gateway_that_does_not_answer(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """curious gives up the close, and closes the stream behind the connection's back."""
    stream, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as opening:
        opening.start_soon(Peer(theirs, Role.SERVER).accept)
        ws = await wrap_client_stream(nursery, stream, HOST, "/")
    with pytest.raises(trio.TooSlowError), trio.fail_after(5):
        await ws.aclose(code=1000, reason="Websocket closing")
    await stream.aclose()
    with pytest.raises(ConnectionClosed):
        await ws.get_message()


async def test_another_discord_gateway(nursery: trio.Nursery) -> None:
    """A query right behind the host; the reason is looked at behind the block."""
    server = await start_server(nursery)
    async with open_websocket_url(url_of(server, "?version=6&encoding=json"), None) as con:
        assert con.path == "/?version=6&encoding=json"
        await con.send_message("identify")
        while not con.closed:
            assert await con.get_message() == "identify"
            await con.aclose(4000, "Zombied connection")
    assert (con.closed.code, con.closed.reason) == (4000, "Zombied connection")
    assert 4000 <= con.closed.code <= 4011


async def test_a_bot_that_migrates(nursery: trio.Nursery) -> None:
    """tetr.io: attributes on the connection, and several connections in one nursery."""

    class Bot:
        ws: Any

    bot, received = Bot(), []

    async def connect(url: str) -> None:
        ws: Any = await connect_websocket_url(nursery, url)
        ws.nurs = nursery
        ws.bot = bot
        bot.ws = ws

    async def receive() -> None:
        with contextlib.suppress(Exception):
            while True:
                received.append(await bot.ws.get_message())

    url = url_of(await start_server(nursery), "")
    for endpoint in ("/ribbon/a", "/ribbon/b"):
        if hasattr(bot, "ws"):
            await bot.ws.aclose()
        await connect(url + endpoint)
        bot.ws.nurs.start_soon(receive)
        await bot.ws.bot.ws.send_message(bot.ws.path.encode())
        with trio.fail_after(5):
            while bot.ws.path.encode() not in received:  # noqa: ASYNC110 - as it does
                await trio.lowlevel.checkpoint()
    assert received == [b"/ribbon/a", b"/ribbon/b"]
    await bot.ws.aclose()


# Market data.


async def test_bitmex(nursery: trio.Nursery) -> None:
    """Signed headers of str, a connection within an async generator, a reason raised again."""

    async def exchange(request: WebSocketRequest) -> None:
        headers = dict(request.headers)
        if headers.get(b"api-signature") != b"good":
            await request.reject(401, body=b'{"error": "Signature not valid."}')
            return
        ws = await request.accept()
        with contextlib.suppress(ConnectionClosed):
            for number in itertools.count():
                await ws.send_message(json.dumps({"trade": number}))

    server = await start_server(nursery, exchange)

    async def listen(signature: str) -> AsyncGenerator[Any, None]:  # noqa: ASYNC900 - as it does
        headers: list[tuple[str | bytes, str | bytes]] = [
            ("api-expires", "0"),
            ("api-signature", signature),
        ]
        async with open_websocket_url(url_of(server), extra_headers=headers) as ws:
            connections.append(ws)
            while True:
                yield json.loads(await ws.get_message())  # noqa: ASYNC101, ASYNC119 - as it does

    connections: list[WebSocketConnection] = []
    trades = []
    async with contextlib.aclosing(listen("good")) as messages:
        async for message in messages:
            trades.append(message["trade"])
            if len(trades) == 3:
                break
    assert trades == [0, 1, 2]
    assert connections[0].closed is not None
    with pytest.raises(ConnectionClosed) as closed:
        raise ConnectionClosed(connections[0].closed)
    assert closed.value.reason is connections[0].closed
    with pytest.raises(ConnectionRejected) as rejected:
        await anext(listen("bad"))
    assert rejected.value.status_code == 401


async def test_slurry(nursery: trio.Nursery) -> None:
    """Both ways to connect, all of it passed on, and limits of its own around them."""
    server = await start_server(nursery)
    options: dict[str, Any] = {
        "subprotocols": None,
        "extra_headers": None,
        "message_queue_size": 1,
        "max_message_size": 2**20,
    }

    async def pump(url: str | None, sent: list[Any]) -> list[Any]:
        received: list[Any] = []
        async with trio.open_nursery() as inner:
            with trio.fail_after(60):
                if url:
                    ws = await connect_websocket_url(inner, url, None, **options)
                else:
                    ws = await connect_websocket(
                        inner, HOST, server.port, "/", use_ssl=False, **options
                    )
            try:
                for message in sent:
                    inner.start_soon(ws.send_message, message)
                while len(received) < len(sent):
                    received.append(await ws.get_message())
            finally:
                with trio.fail_after(60):
                    await ws.aclose()
        return received

    for url in (url_of(server), None):
        assert sorted(await pump(url, ["a", "b", "c"])) == ["a", "b", "c"]


# Command lines.


def refused(error: ConnectionRejected) -> str:
    """What websockets-cli prints."""
    headers = [(key.decode(), value.decode()) for key, value in error.headers]
    assert error.body is not None
    return f"{error.status_code} {headers} {error.body.decode()}"


async def test_websockets_cli(nursery: trio.Nursery) -> None:
    async def refuse(request: WebSocketRequest) -> None:
        await request.reject(
            400,
            extra_headers=[("X-Foo", "bar")],
            body="You l\N{LATIN SMALL LETTER O WITH DIAERESIS}ss!".encode(),
        )

    options: dict[str, Any] = {
        "ssl_context": None,
        "connect_timeout": 5.0,
        "disconnect_timeout": 5.0,
        "message_queue_size": 1,
        "max_message_size": 1024 * 1024,
        "extra_headers": [("X-Token", "abc"), ("Accept", "x")],
    }
    with pytest.raises(ConnectionRejected) as raised:
        async with open_websocket_url(url_of(await start_server(nursery, refuse)), **options):
            raise AssertionError("it was refused")
    printed = refused(raised.value)
    assert printed.startswith("400 ")
    assert "('x-foo', 'bar')" in printed
    assert "('content-length', '10')" in printed
    assert printed.endswith(" You l\N{LATIN SMALL LETTER O WITH DIAERESIS}ss!")
    async with open_websocket_url(url_of(await start_server(nursery)), **options) as ws:
        for payload in (None, b"hello"):
            with trio.move_on_after(5) as scope:
                await ws.ping(payload)
            assert not scope.cancelled_caught
        await ws.pong(b"")
        await ws.aclose(1001, "going")
    assert ws.closed is not None
    assert (ws.closed.code, ws.closed.name, ws.closed.reason) == (1001, "GOING_AWAY", "going")


async def test_starbelly(nursery: trio.Nursery) -> None:
    """Everything by keyword; the order in which it catches."""

    async def refuse(request: WebSocketRequest) -> None:
        await request.reject(403)

    async def leave(request: WebSocketRequest) -> None:
        await (await request.accept()).aclose(1001)

    async def run(url: str) -> str:
        try:
            async with open_websocket_url(
                url=url, extra_headers=[("Authorization", "Basic dTpw")], ssl_context=None
            ) as ws:
                await ws.get_message()
        except trio_websocket.ConnectionClosed:
            return "closed"
        except trio_websocket.ConnectionRejected as error:
            return f"{error.status_code} {error.body!r}"
        raise AssertionError("nothing was said")

    assert await run(url_of(await start_server(nursery, refuse))) == "403 b''"
    assert await run(url_of(await start_server(nursery, leave))) == "closed"


async def test_lager(nursery: trio.Nursery) -> None:
    """A home-made heartbeat, and wsproto's names for close codes."""

    async def job(request: WebSocketRequest) -> None:
        ws = await request.accept()
        for chunk in (b"some ", b"output"):
            await ws.send_message(chunk)
        await ws.aclose(1000, "EOF")

    def is_end(error: ConnectionClosed) -> bool:
        assert error.reason is not None
        return not (
            error.reason.code != wsframeproto.CloseReason.NORMAL_CLOSURE
            or error.reason.reason != "EOF"
        )

    async def heartbeat(ws: WebSocketConnection) -> None:
        try:
            while True:
                with trio.fail_after(5):
                    await ws.ping()
                await trio.sleep(1)
        except ConnectionClosed as error:
            if not is_end(error):
                raise

    output = []
    uri = url_of(await start_server(nursery, job))
    kwargs: dict[str, Any] = {"max_message_size": 10_000_000}
    with trio.fail_after(5):
        async with (
            open_websocket_url(uri, disconnect_timeout=1, **kwargs) as ws,
            trio.open_nursery() as inner,
        ):
            inner.start_soon(heartbeat, ws)
            while True:
                try:
                    output.append(await ws.get_message())
                except ConnectionClosed as error:
                    if not is_end(error):
                        raise
                    break
            inner.cancel_scope.cancel()
    assert b"".join(chunk for chunk in output if isinstance(chunk, bytes)) == b"some output"
