"""One connection of the demo: messages in both directions while a heartbeat pings."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

from trio_websocket import (
    WebSocketConnection,
    WebSocketRequest,
    open_websocket_url,
)

from ._heartbeat import heartbeat

if TYPE_CHECKING:
    import ssl

_MIB = 2**20
#: Bytes; the default is just enough for the largest message below, this is plenty.
MAX_MESSAGE_SIZE = 2 * _MIB

# Seconds.
_PING_EVERY = 0.1
_PONG_WITHIN = 5.0

_ENOUGH_PINGS = 10

#: What is sent, and how often.
ROUNDS: tuple[tuple[str, str | bytes, int], ...] = (
    ("text, 21 characters", "Grüße aus dem Nursery", 100),
    ("binary, 1 KiB", bytes(range(256)) * 4, 100),
    ("binary, 1 MiB", bytes(range(256)) * (_MIB // 256), 5),
)


@dataclass(slots=True)
class Visit:
    """What happened on one connection; all times in seconds."""

    url: str
    opening: float = 0.0
    rounds: dict[str, list[float]] = field(default_factory=dict)
    pings: list[float] = field(default_factory=list)
    closing: float = 0.0
    end: str = ""


async def echo(request: WebSocketRequest) -> None:
    """The servers' handler: send every message back."""
    ws = await request.accept()
    async for message in ws:
        await ws.send_message(message)


async def visit(url: str, context: ssl.SSLContext | None) -> Visit:
    """Connect, exchange messages while a heartbeat pings, and close."""
    seen = Visit(url)
    start = time.perf_counter()
    async with open_websocket_url(url, context, max_message_size=MAX_MESSAGE_SIZE) as ws:
        seen.opening = time.perf_counter() - start
        async with trio.open_nursery() as nursery:
            nursery.start_soon(heartbeat, ws, _PONG_WITHIN, _PING_EVERY)
            nursery.start_soon(_exchange, ws, seen)
            await _watch_pongs(ws, seen)
            nursery.cancel_scope.cancel()
        start = time.perf_counter()
        await ws.aclose()
        seen.closing = time.perf_counter() - start
        assert ws.closed is not None
        seen.end = ws.closed.summary
    return seen


async def _exchange(ws: WebSocketConnection, seen: Visit) -> None:
    for name, message, times in ROUNDS:
        seen.rounds[name] = [await _round_trip(ws, message) for _ in range(times)]


async def _round_trip(ws: WebSocketConnection, message: str | bytes) -> float:
    start = time.perf_counter()
    await ws.send_message(message)
    answer = await ws.get_message()
    took = time.perf_counter() - start
    if answer != message:
        raise AssertionError("the echo is not what was sent")
    return took


async def _watch_pongs(ws: WebSocketConnection, seen: Visit) -> None:
    """Note how long pongs take, until there are enough and the messages are through."""
    while len(seen.rounds) < len(ROUNDS) or len(seen.pings) < _ENOUGH_PINGS:
        await ws.wait_pong()
        assert ws.latency is not None
        seen.pings.append(ws.latency)
