"""Is the peer still there? Pings, and the signs of life that answer them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import NamedTuple

import trio

from ws_core import Connection

from ._pongs import Ping, Pongs
from ._tcp import tcp_info, unacknowledged
from ._transport import Transport
from ._writer import Writer

# While a sign of life is due, how often we look for one, as a part of the timeout.
_LOOKS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """How to find out that the peer is gone.

    A ping is sent every `interval` seconds, unless the last one is unanswered. A peer that gives no
    sign of life for `timeout` seconds after one is lost, and the connection ends with 1006. Every
    byte that it sends is a sign of life, and so is every byte ahead of the ping that its system
    takes. While the application takes no messages, and so nothing is read, pings go out all the
    same, and nothing is expected but that the peer's system acknowledges them, on Linux.

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
            if not 0 < value <= sys.float_info.max:  # also refuses NaN
                raise ValueError(
                    f"Heartbeat.{field.name} must be more than 0 seconds and finite, not {value}"
                )


class _Signs(NamedTuple):
    """What only grows while the peer lives.

    Attributes:
        reads: How often we have read.
        received: Bytes that our system has received: a TLS record is read only when it is whole.
        taken: Bytes up to the end of the ping that the peer's system has taken.
    """

    reads: int = 0
    received: int = 0
    taken: int = 0


class Heart:
    """Sends the pings of one connection, and watches for signs of life.

    Args:
        heartbeat: How often, and how patiently.
        core: The protocol's side of the connection.
        transport: Where it goes.
        pongs: Where pings are sent.
        writer: What writes them.
        reading: How often something was read, and whether we read at all.
        on_lost: Called once, with what is to be said of it, when the peer is lost.
    """

    def __init__(
        self,
        heartbeat: Heartbeat,
        core: Connection,
        transport: Transport,
        pongs: Pongs,
        writer: Writer,
        *,
        reading: Callable[[], tuple[int, bool]],
        on_lost: Callable[[trio.TooSlowError], None],
    ) -> None:
        self._heartbeat = heartbeat
        self._peer = core.role.peer.value
        self._outgoing = core.outgoing
        self._stream = transport.stream
        self._pongs = pongs
        self._flush = writer.flush
        self._reading = reading
        self._on_lost = on_lost
        self._scope = trio.CancelScope()
        self._ping: Ping | None = None
        # Where the ping ends in what was said, if it was said behind something else.
        self._ping_end = 0
        self._signs = _Signs()
        self._segments = 0
        # Since when a sign of life is due, if one is.
        self._due_since: float | None = None

    @trio.lowlevel.enable_ki_protection
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
                if self._is_lost(now, late=now > wake + timeout / _LOOKS):
                    self._on_lost(self._lost())
                    return
                if now >= next_ping:
                    next_ping = now + interval
                    self._send_ping(now)

    def stop(self) -> None:
        """Send no more pings, and expect nothing."""
        self._scope.cancel()

    @property
    def _waits(self) -> bool:
        return self._ping is not None and not self._ping.answered.is_set()

    def _is_lost(self, now: float, *, late: bool) -> bool:
        """Whether a sign of life is overdue.

        If we ourselves come `late`, nobody has read meanwhile: it was not the peer who was slow.
        """
        if self._due_since is None:
            return False
        if self._shows_life():
            self._due_since = now if self._waits else None
        elif late:
            self._due_since = now
        return self._due_since is not None and now >= self._due_since + self._heartbeat.timeout

    def _shows_life(self) -> bool:
        """Whether the peer has shown life since the last look."""
        reads, reading = self._reading()
        tcp = tcp_info(self._stream)
        received, segments = (tcp.received, tcp.segments) if tcp else (0, 0)
        signs = _Signs(reads, received, max(self._signs.taken, self._bytes_taken()))
        alive = signs != self._signs
        if not reading:
            if tcp and tcp.over:
                self._ping_again()
            # Its system acknowledges what is in flight, or there is nothing to tell by.
            alive = not (tcp and tcp.in_flight) or segments != self._segments
        self._signs, self._segments = signs, segments
        return alive

    def _send_ping(self, now: float) -> None:
        _, reading = self._reading()
        if self._waits and reading:
            return
        behind = len(self._outgoing) + unacknowledged(self._stream)
        self._ping_again()
        self._ping_end = self._outgoing.said if behind else 0
        if self._due_since is None:
            self._due_since = now
            self._shows_life()

    def _ping_again(self) -> None:
        if self._ping is not None:
            self._pongs.forget(self._ping)
        self._ping = Ping(None)
        try:
            self._pongs.send_own(self._ping)
        except ValueError:
            # So many pings of the application's wait that their answers are as good as ours.
            self._ping = None
        self._flush()

    def _bytes_taken(self) -> int:
        """How much of what was said up to the ping the peer's system has taken.

        Beyond the ping it proves nothing: the system of a process that hangs goes on taking bytes.
        """
        return min(self._outgoing.written - unacknowledged(self._stream), self._ping_end)

    def _lost(self) -> trio.TooSlowError:
        return trio.TooSlowError(
            f"no sign of life came from the {self._peer} within {self._heartbeat.timeout} seconds "
            "after a ping (heartbeat)"
        )
