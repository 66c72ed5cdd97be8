"""Which of our pings are still unanswered."""

from __future__ import annotations


class PendingPings:
    """The payloads of unanswered pings, in the order in which they were sent.

    A ping that nobody waits for any more keeps its place: a pong that answers it answers those
    before it as well.

    Args:
        limit: How many there may be.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        # Whether somebody still waits for the pong, and for how many that is true.
        self._awaited: dict[bytes, bool] = {}
        self._count = 0

    def add(self, payload: bytes) -> None:
        """Note that a ping is being sent.

        Raises:
            ValueError: if one with the same payload is waited for, or too many are.
        """
        if self._awaited.get(payload):
            raise ValueError(f"a ping with payload {payload!r} is unanswered already")
        if self._count >= self._limit:
            raise ValueError(
                f"{self._limit} pings are unanswered already, see Limits(pending_pings=...)"
            )
        self._awaited.pop(payload, None)
        if len(self._awaited) >= self._limit:
            oldest = next(pending for pending, awaited in self._awaited.items() if not awaited)
            del self._awaited[oldest]
        self._awaited[payload] = True
        self._count += 1

    def forget(self, payload: bytes) -> None:
        """Stop waiting for the pong to a ping, if it is still unanswered."""
        if self._awaited.get(payload):
            self._awaited[payload] = False
            self._count -= 1

    def settle(self, payload: bytes) -> tuple[bytes, ...]:
        """The awaited pings that a pong answers: the one with `payload`, and all before it.

        RFC 6455 section 5.5.3: a pong may answer the most recent ping only.
        """
        if payload not in self._awaited:
            return ()
        in_order = list(self._awaited)
        answered = in_order[: in_order.index(payload) + 1]
        settled = tuple(pending for pending in answered if self._awaited.pop(pending))
        self._count -= len(settled)
        return settled
