"""Whom a server lets in: the bounds on how many, and on whose pages."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

import trio

from ws_core import HandshakeError, Origins, SameOrigin

from ._endpoint import StreamEnds
from ._log import cut, log
from ._opening import Opening, answer_and_hang_up, read_request
from ._settings import Settings
from ._tls import TlsStream

#: Whose pages may connect.
AllowedOrigins: TypeAlias = Collection[str | SameOrigin | None] | SameOrigin | None

# Seconds that are left for handshakes in flight when a server shuts down.
_LAST_HANDSHAKES = 1.0


@dataclass(frozen=True, slots=True)
class Rules:
    """Whom a server lets in.

    Attributes:
        origins: Which pages may connect; None for all of them, and for clients that are none.
        max_connections: Requests and connections at the same time.
        max_handshakes: Clients that are still in their opening handshake at the same time.
    """

    origins: Origins | None
    max_connections: float
    max_handshakes: float

    @classmethod
    def of(
        cls,
        *,
        origins: AllowedOrigins,
        max_connections: int | None,
        max_handshakes: int | None,
    ) -> Rules:
        """Check the arguments as callers give them.

        Raises:
            TypeError: if one is of the wrong type.
            ValueError: if a number is below 1, or an origin is none.
        """
        return cls(
            None if origins is None else Origins(origins),
            _count("max_connections", max_connections),
            _count("max_handshakes", max_handshakes),
        )


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a request is refused.

    Attributes:
        status_code: What the client is answered.
        text: What it is told.
        why: What our own side is told beyond that.
    """

    status_code: int
    text: str
    why: str = ""


class Admission:
    """Takes clients in, from the first byte to the moment when a handler has their request."""

    def __init__(self, rules: Rules, settings: Settings) -> None:
        self._rules = rules
        self._settings = settings
        # What cancels each of the clients that are in theirs, the oldest first.
        self._handshakes: dict[trio.CancelScope, None] = {}
        self._inside = 0
        self._closed = False
        # Whether it was told that handshakes are dropped.
        self._full = False

    async def receive(self, stream: trio.abc.Stream, scope: trio.CancelScope) -> Opening | None:
        """Read a client's request, and count the client in; in the end, call `leave`.

        Args:
            stream: The client's; the caller sees to it that it gets closed.
            scope: Around all that runs for the client; cancelled if it has to make room.

        Returns:
            The request; None if there was none, or it was refused: then the stream is closed.
        """
        self._begin(scope)
        try:
            opening = await read_request(stream, self._settings)
            # It may have had to make room when its request was there already.
            await trio.lowlevel.checkpoint_if_cancelled()
            refusal = self._refusal(opening)
            if refusal is None:
                self._inside += 1
                return opening
            await self._refuse(opening, refusal)
        except HandshakeError as error:
            log(logging.DEBUG, "no connection: %s", error)
        finally:
            self._handshakes.pop(scope, None)
            self._full = self._full and bool(self._handshakes)
        return None

    def leave(self) -> None:
        """Count a client out."""
        self._inside -= 1

    def close(self) -> None:
        """Let nobody in from now on."""
        self._closed = True
        for scope in self._handshakes:
            self._limit_time(scope)

    def make_room(self) -> None:
        """Drop the older half of the clients that are in their opening handshake."""
        for _ in range((len(self._handshakes) + 1) // 2):
            self._drop_oldest("there are no descriptors left")

    def _begin(self, scope: trio.CancelScope) -> None:
        """Give a client a place among the handshakes in flight.

        When all are taken it is that of the oldest: those who mean well are done soon, and those
        who only hold their place must not keep others out.
        """
        if len(self._handshakes) >= self._rules.max_handshakes:
            self._drop_oldest(f"{self._rules.max_handshakes} are the most (max_handshakes)")
        self._handshakes[scope] = None
        if self._closed:
            self._limit_time(scope)

    def _drop_oldest(self, why: str) -> None:
        oldest = next(iter(self._handshakes))
        del self._handshakes[oldest]
        oldest.cancel()
        if not self._full:  # once for a flood
            self._full = True
            text = "dropping the oldest of the clients that are in their opening handshake: %s"
            log(logging.INFO, text, why)

    def _limit_time(self, scope: trio.CancelScope) -> None:
        scope.deadline = min(scope.deadline, trio.current_time() + _LAST_HANDSHAKES)

    def _refusal(self, opening: Opening) -> _Refusal | None:
        rules = self._rules
        if self._closed:
            return _Refusal(503, "the server is shutting down")
        if rules.origins is not None:
            secure = isinstance(opening.transport.stream, trio.SSLStream | TlsStream)
            if not rules.origins.allow(opening.requested.headers, secure=secure):
                return _Refusal(403, "this origin is not allowed", " (origins)")
        if self._inside >= rules.max_connections:
            most = f": {rules.max_connections} (max_connections)"
            return _Refusal(503, "there are too many connections", most)
        return None

    async def _refuse(self, opening: Opening, refusal: _Refusal) -> None:
        core, requested = opening.core, opening.requested
        remote = StreamEnds(opening.transport.stream).remote
        text = "answered %d to %r for %r: %s%s"
        why = refusal.text, refusal.why
        log(logging.INFO, text, refusal.status_code, remote, cut(requested.resource), *why)
        plain = [("Content-Type", "text/plain; charset=utf-8")]
        core.reject(refusal.status_code, extra_headers=plain, body=f"{refusal.text}\n".encode())
        await answer_and_hang_up(core, opening.transport, self._settings)


def _count(name: str, value: int | None) -> float:
    if value is None:
        return math.inf
    if not isinstance(value, int):
        raise TypeError(f"{name} must be an int or None, not {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, not {value}")
    return value
