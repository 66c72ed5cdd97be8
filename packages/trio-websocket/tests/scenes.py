"""A connection with a witness at its other end, and what must hold of it after a cancellation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from trio_websocket import (
    ConnectionClosed,
    Deflate,
    LocalProtocolError,
    WebSocketConnection,
)
from trio_websocket._tls import TlsStream
from ws_core import Accepted, Closed, Failed, HandshakeFailed, Ponged, Rejected, Requested, Role

from .checkpoints import Attempt, Setting
from .peers import (
    PING,
    PONG,
    Peer,
    closed_error,
    open_ours,
    other,
)

# Long enough to be compressed, where that was agreed on, with what was said before.
FRESH: tuple[str | bytes, ...] = ("fresh" * 30, b"fresh" * 40)
GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


class Witness:
    """Somebody at the other end, who answers as is due, and to whom nothing wrong may be said.

    Attributes:
        listening: When it goes on after the opening handshake.
        answering: When it answers.
        echoing: Whether it sends messages back.
        messages, pongs: What it has heard.
        opened: Whether the opening handshake is over.
        end: How the conversation ended, if it has.
        gone: Whether it has hung up.
    """

    def __init__(self, setting: Setting, stream: trio.abc.Stream) -> None:
        deflate = Deflate() if setting.compression else None
        self.peer = Peer(stream, other(setting.role), deflate)
        self.listening, self.answering = trio.Event(), trio.Event()
        self.listening.set()
        self.answering.set()
        self.messages: list[str | bytes] = []
        self.pongs: list[bytes] = []
        self.end: Closed | Rejected | HandshakeFailed | None = None
        self.opened = self.echoing = self.gone = False
        self._news = trio.lowlevel.ParkingLot()
        self._flushing = trio.StrictFIFOLock()

    async def run(self) -> None:
        """Open, listen and answer until all is over; then hang up."""
        try:
            with suppress(*GONE):
                await self._converse()
        finally:
            self.gone = True
            self._news.unpark_all()
            await trio.aclose_forcefully(self.peer.stream)  # noqa: ASYNC102 - it never waits

    async def _converse(self) -> None:
        if self.peer.core.role is Role.CLIENT:
            await self.say("request", "localhost")
        while self.end is None:
            await self._hear()
            self._news.unpark_all()
            await self.answering.wait()
            await self._flush()
            if self.opened:
                await self.listening.wait()

    async def _hear(self) -> None:
        match event := await self.peer.hear():
            case str() | bytes():
                self.messages.append(event)
                if self.echoing:
                    self.peer.core.send_message(event)
            case Ponged():
                self.pongs.append(event.payload)
            case Requested():
                self.peer.core.accept()
                self.opened = True
            case Accepted():
                self.opened = True
            case Rejected() | HandshakeFailed():
                self.end = event
            case Closed():
                assert event.reason.code in {1000, 1001, 1006}
                self.end = event
            case Failed():
                raise AssertionError(event)

    async def say(self, verb: str, *args: Any) -> None:
        """Say something, which is nothing new if the conversation is over."""
        with suppress(*GONE, LocalProtocolError):
            getattr(self.peer.core, verb)(*args)
            await self._flush()

    async def _flush(self) -> None:
        async with self._flushing:  # who hangs up afterwards must know that nobody else still sends
            await self.peer.flush()

    async def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until something is true of us, or we have hung up."""
        while not (condition() or self.gone):
            await self._news.park()


@dataclass
class Said:
    """A message that was said on our side; it is not sure to be heard if its call was cancelled."""

    message: str | bytes
    sure: bool = True


@dataclass
class Scene:
    """A stream of ours, the witness at its other end, and what they have said over a connection.

    Attributes:
        helpers: A nursery for others who take part.
        nursery: The connection's own; it is never cancelled, so all in it has to end by itself.
        opened: The connection, if there is one.
        said: What we said, in that order.
        given: What the witness said.
        taken: What we heard of it.
        closing: Whether the connection is to end.
        discarding: Whether we close, and drop what we did not take.
    """

    attempt: Attempt
    setting: Setting
    stream: trio.abc.Stream
    witness: Witness
    helpers: trio.Nursery
    nursery: trio.Nursery
    opened: WebSocketConnection | None = None
    said: list[Said] = field(default_factory=list)
    given: list[str | bytes] = field(default_factory=list)
    taken: list[str | bytes] = field(default_factory=list)
    closing: bool = False
    discarding: bool = False

    @property
    def connection(self) -> WebSocketConnection:
        """The connection that there is."""
        assert self.opened is not None
        return self.opened

    async def open(self, nursery: trio.Nursery) -> None:
        """Open the connection."""
        compression = self.setting.compression
        self.opened = await open_ours(
            nursery, self.stream, self.setting.role, compression=compression
        )

    def later(self, function: Callable[[], object]) -> None:
        """Call a function when nobody has anything to do any more."""

        async def wait() -> None:
            await trio.testing.wait_all_tasks_blocked()
            function()

        self.helpers.start_soon(wait)

    async def say(self, message: str | bytes) -> None:
        """Send a message, unless the connection ends before."""
        self.said.append(Said(message))
        with suppress(ConnectionClosed):
            await self.connection.send_message(message)

    async def fill(self, message: bytes) -> None:
        """Say more than the transport holds, to a witness who is deaf, but will listen later."""

        async def say() -> None:
            with suppress(ConnectionClosed):
                await self.connection.send_message(message, compress=False)

        self.said.append(Said(message))
        self.helpers.start_soon(say)
        await trio.testing.wait_all_tasks_blocked()
        self.later(self.witness.listening.set)

    def answer_later(self) -> None:
        """Let the witness answer only when nobody has anything to do any more."""
        self.witness.answering = trio.Event()
        self.later(self.witness.answering.set)

    async def try_to_say(self, message: str | bytes, *, in_vain: bool = False) -> None:
        """Send the message whose call is to be cancelled.

        Args:
            message: What to send.
            in_vain: Whether nothing may have been said if it is cancelled.
        """
        said = Said(message)
        self.said.append(said)
        await self.attempt.call(partial(self.connection.send_message, message))
        said.sure = not self.attempt.caught
        if self.attempt.caught and (in_vain or not self.attempt.step):
            self.said.remove(said)

    def give(self, *messages: str | bytes, close: bool = False, later: bool = False) -> None:
        """Let the witness say something, and close then."""
        self.given += messages
        self.closing |= close

        async def speak() -> None:
            if later:
                await trio.testing.wait_all_tasks_blocked()
            await self.witness.wait(lambda: self.witness.opened)
            for message in messages:
                await self.witness.say("send_message", message)
            if close:
                await self.witness.say("close", 1000)

        self.helpers.start_soon(speak)

    def pong_later(self, payload: bytes) -> None:
        """Let the witness send a pong when nobody has anything to do any more."""

        async def speak() -> None:
            await trio.testing.wait_all_tasks_blocked()
            await self.witness.peer.send_frame(PONG, payload)

        self.helpers.start_soon(speak)

    async def take(self) -> None:
        """Take a message."""
        self.taken.append(await self.connection.get_message())

    async def verdict(self) -> None:
        """The connection is usable in all ways, or else closed in all."""
        while len(self.taken) < len(self.given) and not self.discarding:
            await self.take()
        if not self.closing:
            await self._is_usable()
            await self.connection.aclose()
        await self.has_ended()

    async def _is_usable(self) -> None:
        connection, witness = self.connection, self.witness
        assert connection.closed is None
        for message in FRESH:
            await self.say(message)
            await witness.wait(lambda: witness.messages[-1:] == [message])  # noqa: B023 - at once
            self.give(message)
            await self.take()
        assert witness.messages in self._may_be_heard()
        assert await connection.ping(b"ours") >= 0
        await witness.peer.send_frame(PING, b"theirs")
        await witness.wait(lambda: witness.pongs[-1:] == [b"theirs"])
        assert connection.closed is None

    async def has_ended(self) -> None:
        """The connection has ended or does so now, and all that was heard was whole."""
        connection, witness = self.connection, self.witness
        assert await connection.wait_closed() == connection.closed
        with suppress(ConnectionClosed):
            while True:
                await self.take()
        assert self.taken == self.given[: len(self.taken)]
        for late in (connection.send_message("late"), connection.ping(), connection.pong()):
            await closed_error(late)
        with suppress(ConnectionClosed):  # a pong may wait
            await connection.wait_pong()
            await closed_error(connection.wait_pong())
        await witness.wait(lambda: witness.gone)
        heard = witness.messages
        assert any(heard == whole[: len(heard)] for whole in self._may_be_heard())

    def _may_be_heard(self) -> list[list[str | bytes]]:
        return [
            [said.message for said in self.said if said.sure or heard] for heard in (True, False)
        ]


async def is_closed(stream: trio.abc.Stream) -> None:
    """Our end of a stream is closed."""
    if isinstance(stream, trio.SSLStream | TlsStream):
        stream = stream.transport_stream
    with pytest.raises(trio.ClosedResourceError):
        await stream.send_all(b"x")


async def on_stage(
    play: Callable[[Scene], Awaitable[None]],
    setting: Setting,
    attempt: Attempt,
    *,
    closed: bool = False,
    deaf: bool = False,
) -> None:
    """Play something, and see what has become of the connection.

    Args:
        play: What to play.
        setting: Where.
        attempt: What it is to cancel.
        closed: Whether it opens the connection itself, if at all.
        deaf: Whether the witness does not listen at first.
    """
    ours, theirs = await setting.streams()
    witness = Witness(setting, theirs)
    async with trio.open_nursery() as helpers:
        if deaf:
            witness.listening = trio.Event()
        helpers.start_soon(witness.run)
        async with trio.open_nursery() as nursery:
            scene = Scene(attempt, setting, ours, witness, helpers, nursery)
            if not closed:
                await scene.open(nursery)
            await play(scene)
            if scene.opened is not None:
                await scene.verdict()
        await is_closed(ours)
        await witness.wait(lambda: witness.gone)
        helpers.cancel_scope.cancel()
