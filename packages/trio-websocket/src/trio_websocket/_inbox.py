"""Messages on their way from the pump to whoever asks for them."""

from __future__ import annotations

from collections import deque

import outcome
import trio


class Inbox:
    """A queue that hands a message straight to a waiting receiver.

    Any number of tasks may receive; one, the pump, puts and waits.

    Args:
        capacity: How many messages may wait while the pump goes on reading. It holds one more, and
            reads only pings and pongs meanwhile.
    """

    def __init__(self, capacity: float) -> None:
        self._capacity = capacity
        self._messages: deque[str | bytes] = deque()
        self._receivers: dict[trio.lowlevel.Task, None] = {}
        self._putter = trio.lowlevel.ParkingLot()
        # Whether somebody has come for a message since the last one was taken.
        self._asked = True
        self._closed = False

    @property
    def full(self) -> bool:
        """Whether the next message would have no place."""
        return len(self._messages) > self._capacity and not self._closed

    @trio.lowlevel.enable_ki_protection
    def put(self, message: str | bytes) -> None:
        """Deliver a message; dropped if the inbox was closed."""
        if self._closed:
            return
        if self._receivers:
            receiver = next(iter(self._receivers))
            # Before it is rescheduled: a second message must not find it here.
            del self._receivers[receiver]
            self._asked = False
            trio.lowlevel.reschedule(receiver, outcome.Value(message))
        else:
            self._messages.append(message)

    @trio.lowlevel.enable_ki_protection
    async def get(self) -> str | bytes:
        """The next message; a cancelled call has taken none.

        Raises:
            trio.EndOfChannel: if there is none and there will be none.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._messages:
            message = self._messages.popleft()
            self._asked = False
            self._putter.unpark_all()
            await trio.lowlevel.cancel_shielded_checkpoint()
            return message
        if self._closed:
            await trio.lowlevel.cancel_shielded_checkpoint()
            raise trio.EndOfChannel
        return await self._wait()

    async def _wait(self) -> str | bytes:
        receiver = trio.lowlevel.current_task()

        def abort(_: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
            del self._receivers[receiver]
            return trio.lowlevel.Abort.SUCCEEDED

        self._receivers[receiver] = None
        self._asked = True
        self._putter.unpark_all()
        message: str | bytes = await trio.lowlevel.wait_task_rescheduled(abort)
        return message

    def close(self, *, discard: bool) -> None:
        """Let all receivers go; what is queued stays, unless it is to be discarded."""
        self._closed = True
        if discard:
            self._messages.clear()
        receivers, self._receivers = self._receivers, {}
        for receiver in receivers:
            trio.lowlevel.reschedule(receiver, outcome.Error(trio.EndOfChannel()))
        self._putter.unpark_all()

    async def wait_room(self) -> None:
        """Wait until there is a place for the next message."""
        while self.full:
            await self._putter.park()

    async def wait_asked(self) -> None:
        """Wait until all messages were taken and another is asked for, or the inbox is closed."""
        while not ((self._receivers and self._asked) or self._closed):
            await self._putter.park()
