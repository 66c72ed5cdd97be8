"""The one task that a connection has at rest: it reads, and hands on what comes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import trio

from ws_core import (
    HELD_BACK,
    NEED_DATA,
    CloseCode,
    Closed,
    Connection,
    Failed,
    Ponged,
    Role,
    State,
)

from ._ending import Ending
from ._exchange import hear
from ._heartbeat import Heart
from ._inbox import Inbox
from ._pongs import Pongs
from ._settings import Settings
from ._streams import close_now, linger
from ._transport import Transport
from ._writer import Writer

# Faster to ask for than the union of both.
_MESSAGE = (str, bytes)
# A peer that floods us must not keep the other tasks waiting: so many events between checkpoints,
# fewer where each of them may be inflated,
_EVENTS_PER_CHECKPOINT = 32
_INFLATED_EVENTS_PER_CHECKPOINT = 2
# or so many bytes of pongs that wait, which is half of what makes ws-core merge them.
_PONG_BYTES_PER_CHECKPOINT = 2 * 2**10
# How long good messages ahead of a protocol error may be answered before the connection fails.
_FAILURE_GRACE = 0.25


class Pump:
    """Runs one connection, from the end of its opening handshake to the end of its stream.

    It never waits to write, and it alone closes the stream.

    Attributes:
        ending: Why the connection is closed or closing.
        inbox: The messages that came.
        pongs: The pongs that came, and who waits for them.
        writer: Where to say something.
        finished: Set when the stream is closed.
    """

    def __init__(
        self,
        name: str,
        core: Connection,
        transport: Transport,
        nursery: trio.Nursery,
        settings: Settings,
    ) -> None:
        self.ending = Ending(name, core.role)
        self.finished = trio.Event()
        self.inbox = Inbox(settings.message_queue_size, core.next_message)
        self.pongs = Pongs(core)
        self.writer = Writer(
            core,
            transport,
            nursery,
            ending=self.ending,
            timeout=settings.write_timeout,
            on_failure=self._cannot_write,
        )
        self._core = core
        self._transport = transport
        self._disconnect_timeout = settings.disconnect_timeout
        self._scope = trio.CancelScope()
        self._aborted = False
        self._end: Closed | None = None
        self._reads = 0
        self._reading = True
        self._heart: Heart | None = None
        nursery.start_soon(self.run, name=f"WebSocket pump of {name}")
        if settings.heartbeat is not None:
            self._heart = Heart(
                settings.heartbeat,
                core,
                transport,
                self.pongs,
                self.writer,
                reading=lambda: (self._reads, self._reading),
                on_lost=self._give_up,
            )
            nursery.start_soon(self._heart.beat, name=f"WebSocket heartbeat of {name}")

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Read until the conversation is over, part from the peer, and close the stream."""
        ending = self.ending
        try:
            with self._scope:
                self._end = await self._converse()
                ending.set_reason(self._end.reason)
                await self._finish_closing(self._end)
            waited_in_vain = self._end is None and not self._aborted
            if waited_in_vain and ending.cause is None:
                ending.time_out(self._disconnect_timeout)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            if self._end is None:
                ending.fail(error)
        except trio.Cancelled:
            await self._say_goodbye()  # noqa: ASYNC102, ASYNC120 - it has a shield
            raise
        finally:
            if self._end is None:
                ending.lose()
            self._let_go()
            self.writer.stop()
            await close_now(self._transport.stream)  # noqa: ASYNC102 - it never waits
            ending.log()
            self.finished.set()

    @trio.lowlevel.enable_ki_protection
    def close(self, code: int, reason: str | None, *, discard: bool = True) -> None:
        """Our side closes: nothing more is taken in, and the time is limited from now on.

        Args:
            code: The close code.
            reason: The close reason.
            discard: Whether unread messages are dropped, too.

        Raises:
            TypeError, ValueError: for a code or reason that can't be sent.
        """
        said = self._core.close(code, reason)
        if self.writer.stopped and self._end is None:  # nobody would hear it
            self.inbox.close(discard=discard)
            self.abort()
        elif self.ending.reason is None:
            self.ending.set_reason(said)
            self._limit_time()
            self.inbox.close(discard=discard)
            self.writer.flush()

    def abort(self) -> None:
        """Close the stream without waiting for anything."""
        self._aborted = True
        self._scope.cancel()

    async def _converse(self) -> Closed:
        """Handle what comes until the conversation is over."""
        core, inbox = self._core, self.inbox
        at_once = _INFLATED_EVENTS_PER_CHECKPOINT if core.deflate else _EVENTS_PER_CHECKPOINT
        events = 0
        while True:
            event = core.next_event(pings_only=inbox.full)
            if isinstance(event, _MESSAGE):
                inbox.put(event)
            elif event is NEED_DATA:
                if core.outgoing:
                    self.writer.flush()
                if len(inbox):
                    # The application is behind, so there is no hurry. A moment later more has
                    # come, and many messages in one read cost hardly more than one.
                    await trio.lowlevel.checkpoint()
                await hear(core, self._transport)
                self._reads += 1
            elif event is HELD_BACK:
                self.writer.flush()
                await self._wait_room()
            elif isinstance(event, Ponged):
                self.pongs.arrive(event.payload, event.settled)
            elif isinstance(event, Failed):
                await self._answer_first()
                core.close()
            elif isinstance(event, Closed):
                return event
            events += 1
            if events % at_once == 0 or core.outgoing.control_size > _PONG_BYTES_PER_CHECKPOINT:
                self.writer.flush()
                await trio.lowlevel.checkpoint()

    async def _wait_room(self) -> None:
        self._reading = False
        await self.inbox.wait_room()
        self._reading = True

    async def _answer_first(self) -> None:
        """Let the application answer the good messages ahead of a protocol error."""
        self._stop_heart()
        self.writer.flush()
        with trio.move_on_after(_FAILURE_GRACE):
            await self.inbox.wait_asked()

    async def _finish_closing(self, end: Closed) -> None:
        """See to it that our last bytes arrive, let the right side hang up first, and close."""
        self._limit_time()
        if end.reason.code == CloseCode.ABNORMAL_CLOSURE:
            self._let_go()
        # Whoever hears of the end may cancel us: our close frame, if there is one, goes out first.
        await self.writer.wait_drained()
        self._let_go()
        # RFC 6455 section 7.1.1: the server hangs up first.
        waits = self._core.role is Role.CLIENT if end.clean else await self._transport.send_eof()
        if waits:
            await linger(self._transport)
        if not self._transport.can_try:  # it may have something to say
            with suppress(Exception):
                await self._transport.stream.aclose()

    async def _say_goodbye(self) -> None:
        """We are cancelled: tell the peer that we are going away, in one try that does not wait."""
        if self._core.state in (State.OPEN, State.FAILING):
            self.ending.set_reason(self._core.close(CloseCode.GOING_AWAY))
        await self.writer.try_once()

    def _cannot_write(self, error: Exception) -> None:
        """What the peer sent before is still read, but not for long."""
        self.ending.fail(error)
        if isinstance(error, trio.TooSlowError):
            self.abort()
        self._limit_time()

    def _give_up(self, error: trio.TooSlowError) -> None:
        """The peer is lost."""
        self.ending.fail(error)
        self.abort()

    def _limit_time(self) -> None:
        self._stop_heart()
        deadline = trio.current_time() + self._disconnect_timeout
        if deadline < self._scope.deadline:  # noqa: PLR1730 - to set it takes Trio microseconds
            self._scope.deadline = deadline

    def _let_go(self) -> None:
        """Nothing more comes: let everyone go who waits for it."""
        if self._end is not None and self._end.clean and self._core.outgoing:
            # Our close frame did not go out.
            self.ending.set_reason(replace(self._end.reason, clean=False))
        self.inbox.close(discard=False)
        self.pongs.close()
        self._stop_heart()

    def _stop_heart(self) -> None:
        if self._heart is not None:
            self._heart.stop()
            self._heart = None  # it would keep all that belongs to the connection alive
