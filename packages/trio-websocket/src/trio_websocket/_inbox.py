"""Messages on their way from the pump to whoever asks for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import outcome
import trio


class Inbox:
    """A queue that hands a message straight to a waiting receiver.

    Any number of tasks may receive; one, the pump, puts and waits.

    Args:
        capacity: How many messages may wait while the pump goes on reading. It holds one more, and
            reads only pings and pongs meanwhile.
        next_message: Gives the next message if the pump need not be woken for it, else None.
    """

    def __init__(self, capacity: float, next_message: Callable[[], str | bytes | None]) -> None:
        self._capacity = capacity
        self._next_message = next_message
        self._messages: deque[str | bytes] = deque()
        self._receivers: dict[trio.lowlevel.Task, None] = {}
        self._putter = trio.lowlevel.ParkingLot()
        # Whether somebody has come for a message since the last one was taken.
        self._asked = True
        self._closed = False
        #: Whether the next message would have no place.
        self.full = False

    def __len__(self) -> int:
        """How many messages wait for somebody to come for them."""
        return len(self._messages)

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
            self.full = len(self._messages) > self._capacity

    @trio.lowlevel.enable_ki_protection
    async def get(self) -> str | bytes:
        """The next message; a cancelled call has taken none.

        Raises:
            trio.EndOfChannel: if there is none and there will be none.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._messages:
            taken = self._messages.popleft()
            self._asked = False
            if self.full:
                self._refill()
            await trio.lowlevel.cancel_shielded_checkpoint()
            return taken
        if self._closed:
            await trio.lowlevel.cancel_shielded_checkpoint()
            raise trio.EndOfChannel
        receiver = trio.lowlevel.current_task()

        def abort(_: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
            del self._receivers[receiver]
            return trio.lowlevel.Abort.SUCCEEDED

        self._receivers[receiver] = None
        self._asked = True
        if self._putter:
            self._putter.unpark_all()
        message: str | bytes = await trio.lowlevel.wait_task_rescheduled(abort)
        return message

    def _refill(self) -> None:
        """There is room for a message."""
        message = self._next_message()
        if message is not None:
            self._messages.append(message)
        else:
            self.full = False
            self._putter.unpark_all()

    def close(self, *, discard: bool) -> None:
        """Let all receivers go; what is queued stays, unless it is to be discarded."""
        if discard:
            self._messages.clear()
        if self._closed:
            return
        self._closed, self.full = True, False
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
