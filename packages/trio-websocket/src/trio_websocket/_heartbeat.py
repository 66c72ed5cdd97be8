"""Is the peer still there? Pings, and the signs of life that answer them."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields

import trio

from ws_core import Outgoing

from ._pongs import Ping, Pongs
from ._streams import has_hung_up, unacknowledged
from ._transport import Transport

# While a sign of life is due, how often we look for one, as a part of the timeout.
_LOOKS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """How to find out that the peer is gone.

    A ping is sent every `interval` seconds. A peer that gives no sign of life for `timeout` seconds
    after one is lost, and the connection ends with 1006. Every byte that it sends is a sign of
    life, and so is every byte ahead of the ping that its system has taken. While the application
    takes no messages, and so nothing is read, pings go out and nothing is expected.

    Attributes:
        interval: Seconds from one ping to the next.
        timeout: Seconds without a sign of life.

    Raises:
        TypeError: if one is no number.
        ValueError: if one is not more than 0, or infinite.
    """

    interval: float
    timeout: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int | float):
                kind = type(value).__name__
                raise TypeError(f"Heartbeat.{field.name} must be a number, not {kind}")
            if not 0 < value < math.inf:  # also refuses NaN
                raise ValueError(
                    f"Heartbeat.{field.name} must be more than 0 seconds and finite, not {value}"
                )


class Heart:
    """Sends the pings of one connection, and watches for signs of life.

    Args:
        heartbeat: How often, and how patiently.
        pongs: Where pings are sent.
        outgoing: What waits to be written.
        transport: Where it goes.
        life: How often something was read, and whether we read at all.
        flush: Writes what can be written without waiting.
        on_lost: Called once, when the peer is lost.
    """

    def __init__(
        self,
        heartbeat: Heartbeat,
        pongs: Pongs,
        outgoing: Outgoing,
        transport: Transport,
        *,
        life: Callable[[], tuple[int, bool]],
        flush: Callable[[], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._heartbeat = heartbeat
        self._pongs = pongs
        self._outgoing = outgoing
        self._transport = transport
        self._life = life
        self._flush = flush
        self._on_lost = on_lost
        self._scope = trio.CancelScope()
        self._ping: Ping | None = None
        # Where the last ping ends in what was said, if it was said behind something else.
        self._ping_end = 0
        self._taken = 0
        self._reads = 0
        # Since when a sign of life is due, if one is.
        self._due_since: float | None = None

    async def beat(self) -> None:
        """Run until stopped, or until the peer is lost."""
        interval, timeout = self._heartbeat.interval, self._heartbeat.timeout
        next_ping = trio.current_time() + interval
        with self._scope:
            while True:
                wake = next_ping
                if self._due_since is not None:
                    look = trio.current_time() + timeout / _LOOKS
                    wake = min(next_ping, look, self._due_since + timeout)
                await trio.sleep_until(wake)
                now = trio.current_time()
                if self._is_lost(now):
                    self._on_lost()
                    return
                # While nothing is read, nothing but a write finds out that the connection is over.
                if now >= next_ping or has_hung_up(self._transport.stream):
                    self._send_ping(now)
                    next_ping = now + interval

    def stop(self) -> None:
        """Send no more pings, and expect nothing."""
        self._scope.cancel()

    def _is_lost(self, now: float) -> bool:
        reads, reading = self._life()
        taken = self._bytes_taken()
        if reads != self._reads or taken > self._taken or not reading:
            self._reads, self._taken = reads, taken
            self._due_since = now if self._ping and not self._ping.answered.is_set() else None
        return self._due_since is not None and now >= self._due_since + self._heartbeat.timeout

    def _send_ping(self, now: float) -> None:
        behind = len(self._outgoing) + unacknowledged(self._transport.stream)
        if self._ping is not None:
            self._pongs.forget(self._ping)
        self._ping = Ping(None)
        with suppress(ValueError):  # so many pings of the application's wait that one more is none
            self._pongs.send_own(self._ping)
        self._flush()
        self._ping_end = self._outgoing.said if behind else 0
        self._taken = self._bytes_taken()
        if self._due_since is None:
            self._due_since = now

    def _bytes_taken(self) -> int:
        """How much of what was said up to the last ping the peer's system has taken.

        Beyond the ping it proves nothing: the system of a process that hangs goes on taking bytes.
        """
        taken = self._outgoing.written - unacknowledged(self._transport.stream)
        return min(taken, self._ping_end)
