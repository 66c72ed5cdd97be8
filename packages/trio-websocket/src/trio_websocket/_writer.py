"""What was said goes out: at once where the transport takes it, else by the flusher."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import TypeVarTuple

import trio

from ws_core import Connection, LocalProtocolError

from ._ending import Ending
from ._tcp import one_try
from ._transport import Transport

Ts = TypeVarTuple("Ts")

# Bytes that are written before other tasks get their turn, if the transport takes so many.
_AT_ONCE = 2 * 2**20


class Writer:
    """Writes what the core says, in the order in which it was said.

    Whoever speaks tries to write without waiting. What the transport does not take then is left to
    the flusher, a task that exists only as long as bytes wait. So a speaker that is cancelled only
    stops waiting, and the stream is never torn: `stop` alone ends the flusher.

    Args:
        core: Where it is said.
        transport: Where it goes.
        nursery: Where the flusher runs.
        ending: Why nothing more can be said, once that is so.
        timeout: Seconds that a write may be without any progress.
        on_failure: Called once, with what went wrong, when nothing more can be written.
    """

    def __init__(
        self,
        core: Connection,
        transport: Transport,
        nursery: trio.Nursery,
        *,
        ending: Ending,
        timeout: float,
        on_failure: Callable[[Exception], None],
    ) -> None:
        self._core = core
        self._outgoing = core.outgoing
        self._limit = core.limits.write_buffer
        self._transport = transport
        self._nursery = nursery
        self._ending = ending
        self._timeout = timeout
        self._on_failure = on_failure
        self._turns = trio.StrictFIFOLock()
        self._progress = trio.lowlevel.ParkingLot()
        self._flushing = False
        # Around the flusher, since it last started.
        self._scope: trio.CancelScope | None = None
        #: Whether nothing more can be written.
        self.stopped = False

    @trio.lowlevel.enable_ki_protection
    async def say(self, verb: Callable[[*Ts], object], *args: *Ts) -> None:
        """Call a verb of the core when its turn comes, and wait until what it said is written.

        Cancelled before its turn, it has said nothing; afterwards, what it said goes out.

        Raises:
            ConnectionClosed: if the connection is closed, or ends before it was written.
        """
        if self._ending.reason is not None:
            self._ending.raise_closed()
        try:
            if len(self._outgoing) < self._limit and not self._turns.locked():
                verb(*args)
            else:
                async with self._turns:
                    await self._wait_while(self._is_full)
                    verb(*args)
            if self.flush():
                await trio.lowlevel.cancel_shielded_checkpoint()
            else:
                await self.wait_written(self._outgoing.said)
        except (trio.ClosedResourceError, LocalProtocolError):
            self._ending.raise_closed()

    @trio.lowlevel.enable_ki_protection
    async def say_in_steps(self, steps: Generator[None, None, None]) -> None:
        """Take steps of the core of which the last one says something, else as `say`.

        Other tasks run between the steps; those that want to speak wait for their turn. Cancelled
        before the last step, it has said nothing.

        Raises:
            ConnectionClosed: if the connection is closed, or ends before it was written.
        """
        if self._ending.reason is not None:
            self._ending.raise_closed()
        try:
            async with self._turns:
                await self._wait_while(self._is_full)
                with closing(steps):
                    for _ in steps:
                        await trio.lowlevel.checkpoint()
            await self.wait_written(self._outgoing.said)
        except (trio.ClosedResourceError, LocalProtocolError):
            self._ending.raise_closed()

    async def wait_written(self, position: int) -> None:
        """Wait until everything up to `position`, counted as `Outgoing.said` is, is written.

        Raises:
            trio.ClosedResourceError: if the connection ended before that.
        """
        if self.flush() or self._outgoing.written >= position:
            await trio.lowlevel.cancel_shielded_checkpoint()
        else:
            await self._wait_while(lambda: self._outgoing.written < position)

    def flush(self) -> bool:
        """Write what can be written without waiting, and leave the rest to the flusher.

        Returns:
            Whether nothing is left.
        """
        if self._flushing or self.stopped:
            return not self._outgoing
        left = _AT_ONCE
        try:
            while buffers := self._outgoing.peek(self._transport.write_size):
                written = self._transport.try_write(buffers) if left > 0 else 0
                left -= written
                if not written:
                    self._flushing = True
                    self._nursery.start_soon(self._flush, name="WebSocket flusher")
                    return False
                self._core.written(written)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._fail(error)
            return False
        return True

    async def wait_drained(self) -> None:
        """Flush, and wait until everything is written or nothing can be."""
        self.flush()
        while self._outgoing and not self.stopped:
            await self._progress.park()

    async def try_once(self) -> None:
        """Write what waits as far as that takes no waiting; for the end, under a cancellation."""
        self.flush()
        if not self._transport.can_try:
            with trio.move_on_after(one_try(self._transport.stream), shield=True):
                await self.wait_drained()

    def stop(self) -> None:
        """Write nothing more, and let everyone go who waits for it."""
        self.stopped = True
        del self._on_failure  # it would keep all that belongs to the connection alive
        if self._scope is not None:
            self._scope.cancel()
        if self._progress:
            self._progress.unpark_all()

    def _is_full(self) -> bool:
        return len(self._outgoing) >= self._limit

    async def _wait_while(self, condition: Callable[[], bool]) -> None:
        while condition():
            if self.stopped:
                raise trio.ClosedResourceError
            await self._progress.park()

    @trio.lowlevel.enable_ki_protection
    async def _flush(self) -> None:
        outgoing, transport = self._outgoing, self._transport
        deadline = trio.current_time() + self._timeout
        try:
            with trio.CancelScope(shield=True, deadline=deadline) as self._scope:
                while not self.stopped and (buffers := outgoing.peek(transport.write_size)):
                    self._core.written(await transport.write(buffers))
                    self._scope.deadline = trio.current_time() + self._timeout
                    self._progress.unpark_all()
            if self._scope.cancelled_caught and not self.stopped:
                peer = self._core.role.peer.value
                text = f"the {peer} took nothing for {self._timeout} seconds (write_timeout)"
                self._fail(trio.TooSlowError(text))
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._fail(error)
        finally:
            self._flushing = False
            self._progress.unpark_all()

    def _fail(self, error: Exception) -> None:
        if not self.stopped:
            self.stopped = True
            self._on_failure(error)
            self._progress.unpark_all()
