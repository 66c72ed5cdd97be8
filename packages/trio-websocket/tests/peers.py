"""Peers that are driven by hand, and streams, listeners and clocks to meet them on.

Frames and heads are put together here without ws-core's encoder, so a fault in it can't hide.
"""

from __future__ import annotations

import contextlib
import functools
import math
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import trio
import trio.testing
import trustme

from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    WebSocketRequest,
    WebSocketServer,
    serve_websocket,
    wrap_client_stream,
    wrap_server_stream,
)
from trio_websocket._tls import TlsStream
from ws_core import (
    PIECE,
    Accepted,
    Closed,
    CloseReason,
    Connection,
    Deflate,
    Event,
    Failed,
    Limits,
    Pause,
    Pinged,
    Ponged,
    Requested,
    Role,
)

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MASK = b"\x37\xfa\x21\x3d"

Pair: TypeAlias = tuple[trio.abc.Stream, trio.abc.Stream]

# Bytes.

REQUEST_LINES = {
    b"Host": b"localhost",
    b"Upgrade": b"websocket",
    b"Connection": b"Upgrade",
    b"Sec-WebSocket-Key": b"dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Version": b"13",
}


def head(start: bytes, headers: dict[bytes, bytes], *more: bytes) -> bytes:
    """The head of an HTTP message; `more` are further lines as they are."""
    lines = [b"%s: %s" % header for header in headers.items()]
    return b"\r\n".join([start, *lines, *more, b"", b""])


def request(*more: bytes, start: bytes = b"GET / HTTP/1.1", **changed: bytes | None) -> bytes:
    """A client's request; headers are changed, or with None left out (``sec_websocket_key=``)."""
    headers = {name.lower().replace(b"-", b"_").decode(): name for name in REQUEST_LINES}
    lines = dict(REQUEST_LINES)
    for name, value in changed.items():
        if value is None:
            del lines[headers[name]]
        else:
            lines[headers[name]] = value
    return head(start, lines, *more)


REQUEST = request()


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    to: Role,
    fin: bool = True,
    rsv1: bool = False,
    mask: bytes = MASK,
) -> bytes:
    """A frame as the peer of `to` sends it."""
    size, masked = len(payload), to is Role.SERVER
    if size < 126:
        length, extended = size, b""
    elif size < 65536:
        length, extended = 126, size.to_bytes(2, "big")
    else:
        length, extended = 127, size.to_bytes(8, "big")
    header = bytes((fin << 7 | rsv1 << 6 | opcode, masked << 7 | length)) + extended
    if not masked:
        return header + payload
    key = mask * (size // 4 + 1)
    masked_payload = int.from_bytes(payload, "big") ^ int.from_bytes(key[:size], "big")
    return header + mask + masked_payload.to_bytes(size, "big")


def close_frame(code: int, reason: str = "", *, to: Role) -> bytes:
    """A close frame as the peer of `to` sends it."""
    return frame(CLOSE, code.to_bytes(2, "big") + reason.encode(), to=to)


def plain(event: Event) -> object:
    """An event in a form that compares by value."""
    match event:
        case Closed(CloseReason(code=code), clean):
            return "closed", code, "clean" if clean else "not clean"
        case Failed(CloseReason(code=code)):
            return "failed", code
        case Pinged(payload):
            return "ping", payload
        case Ponged(payload):
            return "pong", payload
    return event


async def read_to_end(stream: trio.abc.Stream) -> bytes:
    """All that comes before the end of a stream."""
    found = bytearray()
    while data := await stream.receive_some(65536):
        found += data
    return bytes(found)


# Peers.


def other(role: Role) -> Role:
    """The other end's role."""
    return Role.SERVER if role is Role.CLIENT else Role.CLIENT


class Peer:
    """One end of a connection: raw bytes, and a core that is driven by hand."""

    def __init__(self, stream: trio.abc.Stream, role: Role, deflate: Deflate | None = None) -> None:
        self.stream = stream
        self.core = Connection(role, limits=Limits(message=math.inf), deflate=deflate)
        self._sending = trio.StrictFIFOLock()

    async def open(self) -> None:
        """Our side of the opening handshake."""
        if self.core.role is Role.CLIENT:
            self.core.request("localhost")
            await self.flush()
            assert isinstance(await self.hear(), Accepted)
        else:
            assert isinstance(await self.hear(), Requested)
            self.core.accept()
            await self.flush()

    async def send(self, data: bytes) -> None:
        """Send raw bytes."""
        async with self._sending:
            await self.stream.send_all(data)

    async def send_frame(self, opcode: int, payload: bytes = b"", *, fin: bool = True) -> None:
        """Send a frame that the core knows nothing of."""
        await self.send(frame(opcode, payload, to=other(self.core.role), fin=fin))

    async def flush(self) -> None:
        """Send what the core has said."""
        while buffers := self.core.outgoing.peek(2**30):
            data = b"".join(buffers)
            self.core.written(len(data))
            await self.send(data)

    async def hear(self) -> Event:
        """The next event; answers to pings and close frames wait for `flush`."""
        while True:
            event = self.core.next_event()
            if not isinstance(event, Pause):
                return event
            if event is PIECE:
                continue
            if data := await self.stream.receive_some(65536):
                self.core.receive_data(bytes(data))
            else:
                self.core.receive_eof()

    async def hear_all(self) -> list[object]:
        """All events up to the end of the conversation, in a form that compares by value."""
        found: list[object] = []
        while not found or found[-1][:1] != ("closed",):  # type: ignore[index]  # all are tuples
            found.append(plain(await self.hear()))
        return found

    async def say(self, verb: str, *args: Any) -> None:
        """Let the core say something, and send it."""
        getattr(self.core, verb)(*args)
        await self.flush()

    async def at_end(self) -> bool:
        """Whether the stream ends here, with no byte ahead of its end; waits until it is known."""
        return not await self.stream.receive_some(65536)


# Streams.


async def memory_pair() -> Pair:
    """Streams that hold any number of bytes."""
    await trio.lowlevel.checkpoint()
    return trio.testing.memory_stream_pair()


async def lockstep_pair() -> Pair:
    """Streams that hold nothing: sending waits until all was received."""
    await trio.lowlevel.checkpoint()
    return trio.testing.lockstep_stream_pair()


async def tcp_pair(*, buffer: int | None = None) -> tuple[trio.SocketStream, trio.SocketStream]:
    """Plain sockets; `buffer` is the size in bytes of each kernel buffer between them."""
    with trio.socket.socket() as listener:
        if buffer is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        await listener.bind(("127.0.0.1", 0))
        listener.listen()
        client = trio.socket.socket()
        if buffer is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        await client.connect(listener.getsockname())
        server, _ = await listener.accept()
        if buffer is not None:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
    return trio.SocketStream(client), trio.SocketStream(server)


@functools.cache
def tls_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For a client and for the server that it trusts, which is called localhost."""
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return client, server


def secured(pair: Pair) -> tuple[trio.SSLStream[Any], trio.SSLStream[Any]]:
    """TLS over two streams; the client's end first."""
    client, server = tls_contexts()
    return (
        trio.SSLStream(pair[0], client, server_hostname="localhost", https_compatible=True),
        trio.SSLStream(pair[1], server, server_side=True, https_compatible=True),
    )


async def tls_pair() -> Pair:
    """TLS over streams that hold any number of bytes."""
    return secured(await memory_pair())


async def tls_socket_pair() -> Pair:
    """TLS over sockets with small buffers."""
    return secured(await tcp_pair(buffer=4096))


async def direct_tls_pair(*, buffer: int | None = None) -> tuple[TlsStream, TlsStream]:
    """Our own TLS over sockets, after its handshake; `buffer` as in `tcp_pair`."""
    client_end, server_end = await tcp_pair(buffer=buffer)
    client_context, server_context = tls_contexts()
    client = TlsStream(client_end, client_context, server_hostname="localhost")
    server = TlsStream(server_end, server_context, server_side=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.do_handshake)
        nursery.start_soon(server.do_handshake)
    return client, server


async def small_direct_tls_pair() -> Pair:
    """Our own TLS over sockets with small buffers."""
    return await direct_tls_pair(buffer=4096)


async def small_tcp_pair() -> Pair:
    """Sockets with small buffers."""
    return await tcp_pair(buffer=4096)


MakePair: TypeAlias = Callable[[], Awaitable[Pair]]


def reset(stream: trio.abc.Stream) -> None:
    """Close a socket so that the other side is told that it was a failure (TCP RST)."""
    if isinstance(stream, trio.SSLStream | TlsStream):
        stream = stream.transport_stream
    assert isinstance(stream, trio.SocketStream)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


# Connections.


async def open_ours(
    nursery: trio.Nursery, stream: trio.abc.Stream, role: Role, **settings: Any
) -> WebSocketConnection:
    """A connection of ours over a stream."""
    if role is Role.CLIENT:
        return await wrap_client_stream(nursery, stream, "localhost", "/", **settings)
    asked = await wrap_server_stream(nursery, stream, **settings)
    return await asked.accept()


@asynccontextmanager
async def connected(
    role: Role = Role.SERVER, make_pair: MakePair = memory_pair, **settings: Any
) -> AsyncIterator[tuple[WebSocketConnection, Peer]]:
    """A connection of ours, and the peer at the other end; both are dropped at the end.

    The peer compresses messages if ours does. An exception leaves the block as it is.
    """
    client_end, server_end = await make_pair()
    ours, theirs = (client_end, server_end) if role is Role.CLIENT else (server_end, client_end)
    peer = Peer(theirs, other(role), Deflate() if settings.get("compression") else None)
    connection: list[WebSocketConnection] = []
    error: BaseException | None = None
    async with trio.open_nursery() as nursery:

        async def connect() -> None:
            connection.append(await open_ours(nursery, ours, role, **settings))

        async with trio.open_nursery() as opening:
            opening.start_soon(connect)
            opening.start_soon(peer.open)
        try:
            yield connection[0], peer
        except BaseException as raised:  # noqa: ASYNC103, BLE001 - it is raised below
            error = raised
        nursery.cancel_scope.cancel()
    await trio.aclose_forcefully(theirs)
    if error is not None:
        raise error


# Servers.


class MemoryListener(trio.abc.Listener[trio.abc.Stream]):
    """A listener for streams that are made here."""

    def __init__(self) -> None:
        self._dialled, self._accepted = trio.open_memory_channel[trio.abc.Stream](math.inf)

    async def accept(self) -> trio.abc.Stream:
        return await self._accepted.receive()

    async def aclose(self) -> None:
        await self._accepted.aclose()

    async def dial(self, make_pair: MakePair = memory_pair) -> trio.abc.Stream:
        """A client's stream to the server."""
        client, server = await make_pair()
        await self._dialled.send(server)
        return client


async def echo(asked: WebSocketRequest) -> None:
    """A handler."""
    connection = await asked.accept()
    async for message in connection:
        await connection.send_message(message)


class Dial(Protocol):
    """Gives a client's stream to a server."""

    async def __call__(self, make_pair: MakePair = memory_pair) -> trio.abc.Stream:
        """Dial; a server on TCP takes no notice of `make_pair`."""


class Arena:
    """A server with a victim on it, which is to come to no harm."""

    def __init__(self, nursery: trio.Nursery, dial: Dial, *, tls: bool = False) -> None:
        self.dial = dial
        self._nursery = nursery
        self._tls = tls
        self._victim: WebSocketConnection
        self._tasks = self._descriptors = 0

    async def prepare(self) -> None:
        """Connect the victim, and note how things are."""
        self._victim = await self._friend(self._nursery)
        await trio.testing.wait_all_tasks_blocked(0.001)
        self._tasks, self._descriptors = tasks(), descriptors()

    async def peer(self) -> Peer:
        """A client that has finished its opening handshake."""
        peer = Peer(await self.dial(), Role.CLIENT)
        await peer.open()
        return peer

    async def _friend(self, nursery: trio.Nursery) -> WebSocketConnection:
        stream = await self.dial()
        if self._tls:
            context = tls_contexts()[0]
            stream = trio.SSLStream(
                stream, context, server_hostname="localhost", https_compatible=True
            )
        return await wrap_client_stream(nursery, stream, "localhost", "/")

    async def alone(self, at_most: float = 1.0) -> None:
        """Wait until the server has let go of everybody but the victim, `at_most` so long."""
        with trio.fail_after(at_most):
            await until(lambda: tasks() <= self._tasks, every=0.02)
        assert descriptors() <= self._descriptors

    async def alive(self) -> None:
        """The victim is served, and so are new clients; nothing is left of anybody else."""
        with trio.fail_after(1):
            await self._victim.send_message("victim")
            assert await self._victim.get_message() == "victim"
            async with trio.open_nursery() as nursery:
                new = await self._friend(nursery)
                await new.send_message(b"new")
                assert await new.get_message() == b"new"
                await new.aclose()
                assert new.closed is not None
                assert new.closed.code == 1000
        await self.alone()


@asynccontextmanager
async def arena(
    handler: Callable[[WebSocketRequest], Awaitable[object]] = echo,
    *,
    tls: bool = False,
    **settings: Any,
) -> AsyncIterator[Arena]:
    """A server in memory, for the mock clock; `Arena.dial` gives the bare stream, also for TLS."""
    listener = MemoryListener()
    fighters_listener: trio.abc.Listener[Any] = listener
    if tls:
        context = tls_contexts()[1]
        fighters_listener = trio.SSLListener(listener, context, https_compatible=True)
    server = WebSocketServer(handler, [fighters_listener], **settings)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        fighters = Arena(nursery, listener.dial, tls=tls)
        await fighters.prepare()
        yield fighters
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def tcp_arena(
    handler: Callable[[WebSocketRequest], Awaitable[object]] = echo, **settings: Any
) -> AsyncIterator[Arena]:
    """A server on a TCP port."""
    settings = {"connect_timeout": 0.2, "disconnect_timeout": 0.2} | settings
    async with trio.open_nursery() as nursery:
        serve = functools.partial(serve_websocket, handler, "127.0.0.1", 0, None, **settings)
        server: WebSocketServer = await nursery.start(serve)
        port = server.port

        async def dial(make_pair: MakePair = memory_pair) -> trio.abc.Stream:
            return await trio.open_tcp_stream("127.0.0.1", port)

        fighters = Arena(nursery, dial)
        await fighters.prepare()
        yield fighters
        nursery.cancel_scope.cancel()


def tasks() -> int:
    """How many tasks there are."""
    return trio.lowlevel.current_statistics().tasks_living


def descriptors() -> int:
    """How many file descriptors this process has open."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


# Time.


@contextmanager
def takes(seconds: float, *, at_most: float | None = None) -> Iterator[None]:
    """The block takes exactly so long, or between that and `at_most`, on the mock clock."""
    start = trio.current_time()
    yield
    spent = trio.current_time() - start
    latest = seconds if at_most is None else at_most
    assert seconds - 1e-6 <= spent <= latest + 1e-6, f"{spent} seconds"


async def closed_error(awaitable: Awaitable[object]) -> ConnectionClosed:
    """The `ConnectionClosed` that something raises."""
    try:
        await awaitable
    except ConnectionClosed as error:
        return error
    raise AssertionError("it did not raise ConnectionClosed")


async def until(condition: Callable[[], bool], *, every: float = 0.001) -> None:
    """Wait for something that nobody tells us of."""
    while not condition():  # noqa: ASYNC110 - there is no event
        await trio.sleep(every)


async def keep_sending(send: Callable[[], Awaitable[object]], *, every: float = 0.1) -> None:
    """Send again and again until the stream is closed."""
    while True:
        try:
            await send()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return
        await trio.sleep(every)


# Cancellation.


class CancelAtStep(trio.abc.Instrument):
    """Cancels a scope when the current task has made so many steps.

    Args:
        scope: What to cancel.
        step: When, from 1 on.
        late: Cancel when the task is about to go on, in place of when it starts to wait.
    """

    def __init__(self, scope: trio.CancelScope, step: int, *, late: bool) -> None:
        self._task = trio.lowlevel.current_task()
        self._scope = scope
        self._left = step
        self._late = late
        self.fired = False

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if self._late:
            self._count(task)

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if not self._late:
            self._count(task)

    def _count(self, task: trio.lowlevel.Task) -> None:
        if task is self._task:
            self._left -= 1
            if not self._left:
                self.fired = True
                self._scope.cancel()


async def cancelled_at(
    step: int, operation: Callable[[], Awaitable[object]], *, late: bool
) -> tuple[bool, bool]:
    """Call an async function, and cancel it at its n-th step.

    Returns:
        Whether there was such a step, and whether the cancellation had an effect.
    """
    scope = trio.CancelScope()
    instrument = CancelAtStep(scope, step, late=late)
    with scope:
        trio.lowlevel.add_instrument(instrument)
        try:
            await operation()
        finally:
            with contextlib.suppress(KeyError):
                trio.lowlevel.remove_instrument(instrument)
    return instrument.fired, scope.cancelled_caught
