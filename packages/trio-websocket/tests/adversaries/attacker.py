"""A hostile client: connections that carry any bytes, and are counted."""

from __future__ import annotations

import math
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from itertools import repeat

import trio

from .echo_server import Figures
from .programs import PATIENCE, Server
from .wire import BINARY, KIB, REQUEST, Heard, Hearing, close, in_words, to_server

_PART = 64 * KIB
# The starts of an alert: as it is, and encrypted by TLS 1.3, which gives away its length alone.
_ALERTS = (b"\x15", b"\x17\x03\x03\x00\x13")


class Wire:
    """One hostile connection.

    Attributes:
        stream: What carries the bytes: TCP, or TLS over it.
        tcp: The TCP connection.
        sent: Bytes that were sent, without those of TLS.
        heard: What the server said behind the opening handshake, or in place of it.
        mouthful: Bytes that are read at once.
    """

    def __init__(self, tcp: trio.SocketStream) -> None:
        self.stream: trio.abc.Stream = tcp
        self.tcp = tcp
        self.sent = 0
        self.heard: list[Heard] = []
        self.mouthful = _PART
        self._hearing = Hearing()

    async def send(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            trio.BrokenResourceError: if the server has hung up.
        """
        for start in range(0, len(data), _PART):
            part = data[start : start + _PART]
            await self.stream.send_all(part)
            self.sent += len(part)

    async def flood(self, parts: Iterable[bytes]) -> None:
        """Send until there is no more, or the server has hung up."""
        with suppress(trio.BrokenResourceError):
            for part in parts:
                await self.send(part)

    async def drip(self, data: bytes, seconds: float) -> None:
        """Send byte by byte, so slowly, until the server has hung up."""
        with suppress(trio.BrokenResourceError):
            for byte in data:
                await self.send(bytes((byte,)))
                await trio.sleep(seconds)

    async def hear(self) -> Heard | None:
        """The next thing that the server says, or None at the end of the connection."""
        while (heard := self._hearing.next()) is None:
            try:
                data = await self.stream.receive_some(self.mouthful)
            except trio.BrokenResourceError:
                return None
            if not data:
                return None
            self._hearing.data += data
        self.heard.append(heard)
        return heard

    async def hear_all(self) -> str:
        """All that the server says up to the end of the connection, in words."""
        while await self.hear() is not None:
            pass
        return in_words(self.heard)

    async def last_words(self, *parts: bytes) -> str:
        """Send, and hear all that the server says up to the end of the connection."""
        return await self.last_words_to(self.flood, parts)

    async def last_words_to(
        self, attack: Callable[..., Awaitable[object]], *arguments: object
    ) -> str:
        """Attack, and hear all that the server says up to the end of the connection.

        The attack goes on until it is over, or the server takes no more.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(attack, *arguments)
            await self.hear_all()
        return in_words(self.heard)

    @property
    def messages(self) -> set[bytes]:
        """The different messages that were heard."""
        return {heard.payload for heard in self.heard if heard.kind in {"text", "binary"}}

    async def echoed(self, payload: bytes) -> bool:
        """Whether a binary message comes back."""
        await self.send(to_server(BINARY, payload))
        return await self.hear() == Heard("binary", None, payload)

    async def part(self) -> str:
        """Close as one should; what the server has said in all."""
        return await self.last_words(close())

    async def answered(self, count: int, *parts: bytes) -> str:
        """Send, hear so many things, and close as one should; what the server has said in all.

        A server need not send what it has not sent when it is told that nobody wants more.
        """
        await self.exchange(lambda: len(self.heard) >= count, *parts)
        return await self.part()

    async def exchange(self, enough: Callable[[], bool], *parts: bytes) -> None:
        """Send, and hear until that is enough."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.flood, parts)
            while not enough() and await self.hear() is not None:
                pass

    async def raw_words(self, *parts: bytes) -> str:
        """Send under TLS, and hear whether the server says more than alerts up to the end."""
        self.stream = self.tcp
        found = b""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.flood, parts)
            with suppress(trio.BrokenResourceError):
                while data := await self.tcp.receive_some(self.mouthful):
                    found += data
        return "data" if found and not found.startswith(_ALERTS) else "nothing"

    async def held_up(self) -> None:
        """Wait until the server takes no more of what is being sent."""
        before = -1
        while before != self.sent:
            before = self.sent
            await trio.sleep(0.2)

    async def finish(self) -> None:
        """Send no more (FIN)."""
        await self.tcp.send_eof()

    def reset(self) -> None:
        """Close it so that the server is told that it was a failure (RST)."""
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.tcp.socket.close()


class Attacker:
    """Makes hostile connections to a server."""

    def __init__(self, server: Server, before: Figures) -> None:
        self.server = server
        self._before = before
        self._wires: list[Wire] = []

    @property
    def sent(self) -> int:
        """Bytes that were sent on all connections."""
        return sum(wire.sent for wire in self._wires)

    async def tcp(self, *, receive_buffer: int | None = None) -> Wire:
        """A bare TCP connection.

        Args:
            receive_buffer: Bytes that the kernel keeps for us at most.
        """
        bare = trio.socket.socket()
        if receive_buffer is not None:
            bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        await bare.connect(("127.0.0.1", self.server.port))
        self._wires.append(Wire(trio.SocketStream(bare)))
        return self._wires[-1]

    async def dial(self, *, receive_buffer: int | None = None) -> Wire:
        """A connection, with TLS where the server speaks it."""
        wire = await self.tcp(receive_buffer=receive_buffer)
        if self.server.context is not None:
            wire.stream = trio.SSLStream(
                wire.tcp, self.server.context, server_hostname="localhost", https_compatible=True
            )
        return wire

    async def open(self, request: bytes = REQUEST, *, receive_buffer: int | None = None) -> Wire:
        """A connection that has its opening handshake behind it."""
        wire = await self.dial(receive_buffer=receive_buffer)
        await wire.send(request)
        answer = await wire.hear()
        assert answer is not None, "the server has hung up"
        assert answer.code == 101, answer
        wire.heard.clear()
        return wire

    async def answers(self, requests: Iterable[bytes]) -> str:
        """What is said to each of these requests, every answer once."""
        found: dict[str, None] = {}
        for request in requests:
            wire = await self.dial()
            found[await wire.last_words(request)] = None
        return "; ".join(found)

    async def endings(self, attacks: Iterable[bytes]) -> str:
        """What is said to each of these on a connection of its own, every answer once."""
        found: dict[str, None] = {}
        for attack in attacks:
            wire = await self.open()
            found[await wire.last_words(attack)] = None
        return "; ".join(found)

    async def raw_answers(self, attacks: Iterable[bytes]) -> str:
        """What a server that speaks TLS says to these, every answer once."""
        found: dict[str, None] = {}
        for attack in attacks:
            wire = await self.tcp()
            found[await wire.raw_words(attack)] = None
        return "; ".join(found)

    async def alone(self) -> None:
        """Wait until the server has let go of us, though we hold on to it."""
        with trio.fail_after(PATIENCE):
            while (await self.server.figures()).tasks != self._before.tasks:  # noqa: ASYNC110 - only it knows
                await trio.sleep(0.02)

    async def go(self) -> None:
        """Let those who asked for "/hesitate" be accepted."""
        await self.server.figures("go")

    def leave(self) -> None:
        """Drop all connections."""
        for wire in self._wires:
            wire.tcp.socket.close()


async def together(*attacks: Callable[[], Awaitable[object]]) -> None:
    """Make several attacks at once."""
    async with trio.open_nursery() as nursery:
        for attack in attacks:
            nursery.start_soon(attack)


def endless(data: bytes, *, at_least: float = math.inf) -> Iterable[bytes]:
    """The same bytes again and again, for so many bytes."""
    if at_least == math.inf:
        return repeat(data)
    return repeat(data, -int(-at_least // len(data)))
