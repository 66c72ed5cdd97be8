"""A heartbeat beside the work: is the peer still there?"""

from __future__ import annotations

from typing import NoReturn

import trio

from trio_websocket import WebSocketConnection


async def heartbeat(
    ws: WebSocketConnection,
    timeout: float,  # noqa: ASYNC109 - how long one pong may take, not the whole call
    interval: float,
) -> NoReturn:
    """Ping for ever, once every `interval` seconds, and raise when there is no pong in time.

    It goes beside the work, into a nursery that the exception then cancels::

        nursery.start_soon(heartbeat, ws, 5, 20)

    The first ping is sent at once. While a pong takes longer than `interval`, the next ping waits
    for it. A ping waits its turn behind what is being sent, and its pong behind messages that came
    before it and that nobody takes; `timeout` covers both.

    Args:
        ws: The connection, of either side.
        timeout: Seconds from a ping to its pong at most.
        interval: Seconds from one ping to the next.

    Raises:
        trio.TooSlowError: if a pong did not come within `timeout` seconds. The connection is left
            as it is.
        ConnectionClosed: if the connection is closed: at once when a ping is unanswered, else with
            the next ping, so that the last messages can be taken in peace.
        ValueError: if `timeout` or `interval` is not more than 0.
    """
    for name, seconds in (("timeout", timeout), ("interval", interval)):
        if not seconds > 0:  # also refuses NaN
            raise ValueError(f"{name} must be more than 0 seconds, not {seconds}")
    while True:
        next_ping = trio.current_time() + interval
        with trio.move_on_after(timeout) as waiting:
            await ws.ping()
        if waiting.cancelled_caught:
            raise trio.TooSlowError(f"no pong came within {timeout:g} seconds")
        await trio.sleep_until(next_ping)
