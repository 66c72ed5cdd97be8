"""Pings that wait for their pongs, and who waits for any pong."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial

import outcome
import trio

from ws_core import Connection


class Ping:
    """A ping that is to be sent.

    Args:
        payload: What it carries; None for something random.

    Attributes:
        answered: Set when it was answered, or can't be any more.
        latency: Seconds from the ping to its pong; None if there was none.
    """

    def __init__(self, payload: bytes | bytearray | memoryview | None) -> None:
        self.payload = payload
        self.answered = trio.Event()
        self.latency: float | None = None
        self._sent = 0.0

    def start(self, payload: bytes) -> None:
        """Note that it is sent now, with this payload."""
        self.payload = payload
        self._sent = trio.current_time()

    def settle(self) -> None:
        """Note that the pong came."""
        self.latency = trio.current_time() - self._sent
        self.answered.set()


class Pongs:
    """Sends pings, and brings pongs to those who wait for them."""

    def __init__(self, core: Connection) -> None:
        self._core = core
        # Those that were sent and not answered.
        self._pings: dict[bytes, Ping] = {}
        self._waiters: dict[trio.lowlevel.Task, None] = {}
        self._unclaimed: bytes | None = None
        self._closed = False
        # How the payloads of the heartbeat's pings begin, once there was one.
        self._own_tag: bytes | None = None
        #: Seconds between the last answered ping and its pong.
        self.latency: float | None = None

    def send(self, ping: Ping) -> None:
        """Say a ping.

        Raises:
            TypeError: if its payload is not bytes-like.
            ValueError: if it is too long, a ping with it is unanswered, or too many pings are.
            LocalProtocolError: if the connection is not open.
        """
        payload = self._fresh_payload() if ping.payload is None else ping.payload
        self._core.ping(payload)
        ping.start(bytes(payload))
        self._pings[bytes(payload)] = ping

    def send_own(self, ping: Ping) -> None:
        """Say a ping of the heartbeat, whose pong nobody else is to see.

        Raises:
            ValueError: if too many are unanswered.
            LocalProtocolError: if the connection is not open.
        """
        self._own_tag = self._own_tag or secrets.token_bytes(4)
        ping.payload = self._own_tag + secrets.token_bytes(4)
        self.send(ping)

    def forget(self, ping: Ping) -> None:
        """Stop waiting for the pong to a ping, if it was sent and has none."""
        for payload, pending in self._pings.items():
            if pending is ping:
                del self._pings[payload]
                self._core.forget_ping(payload)
                break

    def arrive(self, payload: bytes, settled: tuple[bytes, ...]) -> None:
        """Hand on a pong that came, and settle the pings that it answers."""
        for answered in settled:
            ping = self._pings.pop(answered)
            ping.settle()
            self.latency = ping.latency
        if self._own_tag is not None and payload.startswith(self._own_tag):
            return
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
        if self._closed:
            return
        self._closed = True
        for ping in self._pings.values():
            ping.answered.set()
        self._pings.clear()
        self._release(lambda: outcome.Error(trio.EndOfChannel()))

    def _fresh_payload(self) -> bytes:
        payloads = iter(partial(secrets.token_bytes, 4), None)
        return next(payload for payload in payloads if payload not in self._pings)

    def _release(self, result: Callable[[], outcome.Outcome[bytes]]) -> None:
        """Wake all who wait, each with an outcome of its own: one can be used only once."""
        waiters, self._waiters = self._waiters, {}
        for waiter in waiters:
            trio.lowlevel.reschedule(waiter, result())
