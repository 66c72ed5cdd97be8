"""Clients that dial and servers that serve, cancelled at every one of their checkpoints."""

from __future__ import annotations

import math
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import pytest
import trio
import trio.testing

from trio_websocket import (
    WebSocketConnection,
    WebSocketServer,
    connect_websocket,
    connect_websocket_url,
    open_websocket,
    open_websocket_url,
    serve_websocket,
)
from ws_core import Role

from .checkpoints import STREAMS, Attempt, Compression, Setting, every_case
from .peers import echo, tls_contexts
from .scenes import GONE, Said, Scene, Witness, is_closed

Dial: TypeAlias = Callable[[], Awaitable[trio.abc.Stream]]
Client: TypeAlias = Callable[["Address"], Awaitable[None]]
Server: TypeAlias = Callable[[Setting, Attempt], Awaitable[None]]

BOTH: tuple[Compression, ...] = (None, "deflate")
SMALL = "small" * 30

# Clients.


@dataclass
class Address:
    """Where clients of ours find a witness, who echoes.

    Attributes:
        nursery: For tasks of connections.
        connections: Those that there were.
        witnesses: Who was dialled.
    """

    port: int
    context: ssl.SSLContext | None
    compression: Compression
    nursery: trio.Nursery
    connections: list[WebSocketConnection] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)

    @property
    def host(self) -> str:
        """The name, which a certificate has to give."""
        return "localhost" if self.context else "127.0.0.1"

    @property
    def url(self) -> str:
        """The URL."""
        return f"{'wss' if self.context else 'ws'}://{self.host}:{self.port}/"


async def on_tcp(dial: Client, setting: Setting, attempt: Attempt) -> None:
    """Let a client of ours dial a witness; whatever becomes of it, it ends as it should."""
    ours, theirs = tls_contexts() if "tls" in setting.stream else (None, None)

    async def serve(stream: trio.abc.Stream) -> None:
        if theirs:
            stream = trio.SSLStream(stream, theirs, server_side=True, https_compatible=True)
        witness = Witness(setting, stream)
        witness.echoing = True
        address.witnesses.append(witness)
        await witness.run()

    async with trio.open_nursery() as helpers:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        helpers.start_soon(trio.serve_listeners, serve, [listener])
        async with trio.open_nursery() as nursery:
            port = listener.socket.getsockname()[1]
            address = Address(port, ours, setting.compression, nursery)
            await attempt.call(partial(dial, address))
            for connection, witness in zip(address.connections, address.witnesses, strict=False):
                scene = Scene(attempt, setting, witness.peer.stream, witness, helpers, nursery)
                scene.opened = connection
                if dial in CONNECTING:
                    witness.echoing = False
                    await scene.verdict()
                else:
                    scene.said, scene.given = [Said(SMALL)], [SMALL]
                    await scene.has_ended()
        for witness in address.witnesses:
            await witness.wait(lambda: witness.gone)  # noqa: B023 - at once
        helpers.cancel_scope.cancel()


async def open_by_name(address: Address) -> None:
    manager = open_websocket(
        address.host,
        address.port,
        "/",
        use_ssl=address.context or False,
        compression=address.compression,
    )
    await talk(manager, address)


async def open_by_url(address: Address) -> None:
    manager = open_websocket_url(address.url, address.context, compression=address.compression)
    await talk(manager, address)


async def talk(manager: AbstractAsyncContextManager[WebSocketConnection], address: Address) -> None:
    async with manager as connection:
        address.connections.append(connection)
        await connection.send_message(SMALL)
        assert await connection.get_message() == SMALL


async def connect_by_name(address: Address) -> None:
    connection = await connect_websocket(
        address.nursery,
        address.host,
        address.port,
        "/",
        use_ssl=address.context or False,
        compression=address.compression,
    )
    address.connections.append(connection)


async def connect_by_url(address: Address) -> None:
    connection = await connect_websocket_url(
        address.nursery, address.url, address.context, compression=address.compression
    )
    address.connections.append(connection)


# Who leave the connection open, and who do not.
CONNECTING: dict[Client, int] = {connect_by_name: 10, connect_by_url: 10}
OPENING: dict[Client, int] = {open_by_name: 26, open_by_url: 26}
CLIENTS = CONNECTING | OPENING
CLIENT_SETTINGS = [
    Setting(stream, Role.CLIENT, compression)
    for stream in ("tcp", "tls-tcp")
    for compression in BOTH
]


@pytest.mark.parametrize("setting", CLIENT_SETTINGS, ids=str)
@pytest.mark.parametrize("client", CLIENTS)
def test_client(client: Client, setting: Setting) -> None:
    count = every_case(partial(on_tcp, client, setting), setting, seeds=2)
    assert count >= CLIENTS[client]


# Servers.


class Guests:
    """Witnesses who are clients of a server of ours.

    Args:
        setting: What they are like.
        leave: Whether each of them closes its connection, or is there to the end.
    """

    def __init__(self, setting: Setting, *leave: bool) -> None:
        self.witnesses: list[Witness] = []
        self._setting = setting
        self._leave = leave

    async def visit(self, dial: Dial, attempt: Attempt) -> None:
        """They talk with the server; then it may end."""
        async with trio.open_nursery() as nursery:
            async with trio.open_nursery() as talking:
                for leaves in self._leave:
                    talking.start_soon(partial(self._talk, dial, nursery, leaves=leaves))
            attempt.scope.cancel()
        for witness in self.witnesses:
            assert witness.messages in ([SMALL], [])

    async def _talk(self, dial: Dial, nursery: trio.Nursery, *, leaves: bool) -> None:
        try:
            witness = Witness(self._setting, await dial())
        except (OSError, *GONE):  # the server has ended already
            return
        self.witnesses.append(witness)
        nursery.start_soon(witness.run)
        await witness.wait(lambda: witness.opened)
        await witness.say("send_message", SMALL)
        await witness.wait(lambda: witness.messages == [SMALL])
        if leaves:
            await witness.say("close", 1000)
            await witness.wait(lambda: witness.gone)


class Door(trio.abc.Listener[trio.abc.Stream]):
    """A listener for streams that are made here, which notes whom it has let in."""

    def __init__(self, stream: str) -> None:
        self._make_pair = STREAMS[stream]
        self._dialled, self._waiting = trio.open_memory_channel[trio.abc.Stream](math.inf)
        self._outside: list[trio.abc.Stream] = []
        self._inside: list[trio.abc.Stream] = []

    async def accept(self) -> trio.abc.Stream:
        stream = await self._waiting.receive()
        self._outside.remove(stream)
        self._inside.append(stream)
        return stream

    async def aclose(self) -> None:
        await self._waiting.aclose()

    async def dial(self) -> trio.abc.Stream:
        """A client's stream."""
        client, server = await self._make_pair()
        await self._dialled.send(server)
        self._outside.append(server)
        return client

    async def is_closed(self) -> None:
        """The listener is closed, and so is every stream that it gave; close the others."""
        with pytest.raises(trio.ClosedResourceError):
            await self.accept()
        for stream in self._inside:
            await is_closed(stream)
        for stream in self._outside:
            await trio.aclose_forcefully(stream)


async def run_server(setting: Setting, attempt: Attempt) -> None:
    """`WebSocketServer.run`, in memory."""
    door, guests = Door(setting.stream), Guests(setting, True, False)
    server = WebSocketServer(echo, [door], compression=setting.compression)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(guests.visit, door.dial, attempt)
        await attempt.call(server.run, whole=True)
        await door.is_closed()


async def serve(setting: Setting, attempt: Attempt) -> None:
    """`serve_websocket`, on TCP."""
    ours, theirs = tls_contexts()[::-1] if "tls" in setting.stream else (None, None)
    guests = Guests(setting, True, *([] if theirs else [False]))
    port = 0

    async def dial() -> trio.abc.Stream:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        if theirs:
            return trio.SSLStream(
                stream, theirs, server_hostname="localhost", https_compatible=True
            )
        return stream

    async def run() -> None:
        nonlocal port
        run_it = partial(
            serve_websocket, echo, "127.0.0.1", 0, ours, compression=setting.compression
        )
        async with trio.open_nursery() as nursery:
            port = (await nursery.start(run_it)).port
            helpers.start_soon(guests.visit, dial, attempt)

    async with trio.open_nursery() as helpers:
        await attempt.call(run, whole=True)
    if port:
        with pytest.raises(OSError):  # noqa: PT011 - whatever the system calls it
            await trio.open_tcp_stream("127.0.0.1", port)


SERVERS: dict[Server, dict[str, int]] = {
    run_server: {"memory": 250, "lockstep": 250},
    serve: {"tcp": 150, "tls-tcp": 150},
}


@pytest.mark.parametrize(
    ("server", "stream"), [(server, stream) for server in SERVERS for stream in SERVERS[server]]
)
def test_server(server: Server, stream: str) -> None:
    setting = Setting(stream, Role.SERVER, None if "tls" in stream else "deflate")
    count = every_case(partial(server, setting), setting, seeds=1)
    assert count >= SERVERS[server][stream]


def test_there_are_a_thousand_cases() -> None:
    clients = sum(CLIENTS.values()) * len(CLIENT_SETTINGS)
    servers = sum(sum(at_least.values()) for at_least in SERVERS.values())
    assert clients + servers >= 1000
