"""Pings that wait for their pongs, and who waits for any pong."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial

import outcome
import trio


class Ping:
    """A ping that was sent.

    Attributes:
        answered: Set when it was answered, or can't be any more.
        latency: Seconds from the ping to its pong; None if there was none.
    """

    def __init__(self) -> None:
        self.answered = trio.Event()
        self.latency: float | None = None
        self._sent = trio.current_time()

    def settle(self) -> None:
        """Note that the pong came."""
        self.latency = trio.current_time() - self._sent
        self.answered.set()


class Pongs:
    """Brings pongs to those who wait for them."""

    def __init__(self) -> None:
        self._pings: dict[bytes, Ping] = {}
        self._waiters: dict[trio.lowlevel.Task, None] = {}
        self._unclaimed: bytes | None = None
        self._closed = False
        #: Seconds between the last answered ping and its pong.
        self.latency: float | None = None

    def fresh_payload(self) -> bytes:
        """A random payload that no unanswered ping has."""
        payloads = iter(partial(secrets.token_bytes, 4), None)
        return next(payload for payload in payloads if payload not in self._pings)

    def expect(self, payload: bytes) -> Ping:
        """Note that a ping is being sent."""
        ping = self._pings[payload] = Ping()
        return ping

    def forget(self, payload: bytes) -> None:
        """Stop waiting for the pong to a ping."""
        self._pings.pop(payload, None)

    def arrive(self, payload: bytes, settled: tuple[bytes, ...]) -> None:
        """Hand on a pong that came, and settle the pings that it answers."""
        for answered in settled:
            ping = self._pings.pop(answered)
            ping.settle()
            self.latency = ping.latency
        self._unclaimed = None if self._waiters else payload
        self._release(lambda: outcome.Value(payload))

    @trio.lowlevel.enable_ki_protection
    async def wait(self) -> bytes:
        """The payload of the newest pong that no call has returned yet, or else of the next one.

        Raises:
            trio.EndOfChannel: if there is none and there will be none.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._unclaimed is not None:
            payload, self._unclaimed = self._unclaimed, None
            await trio.lowlevel.cancel_shielded_checkpoint()
            return payload
        if self._closed:
            await trio.lowlevel.cancel_shielded_checkpoint()
            raise trio.EndOfChannel
        waiter = trio.lowlevel.current_task()

        def abort(_: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
            del self._waiters[waiter]
            return trio.lowlevel.Abort.SUCCEEDED

        self._waiters[waiter] = None
        arrived: bytes = await trio.lowlevel.wait_task_rescheduled(abort)
        return arrived

    def close(self) -> None:
        """Let everyone go: no pong comes any more."""
        self._closed = True
        for ping in self._pings.values():
            ping.answered.set()
        self._pings.clear()
        self._release(lambda: outcome.Error(trio.EndOfChannel()))

    def _release(self, result: Callable[[], outcome.Outcome[bytes]]) -> None:
        """Wake all who wait, each with an outcome of its own: one can be used only once."""
        waiters, self._waiters = self._waiters, {}
        for waiter in waiters:
            trio.lowlevel.reschedule(waiter, result())
