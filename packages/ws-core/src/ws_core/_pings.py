"""Which of our pings are still unanswered."""

from __future__ import annotations


class PendingPings:
    """The payloads of unanswered pings, in the order in which they were sent.

    Args:
        limit: How many there may be.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._payloads: dict[bytes, None] = {}

    def add(self, payload: bytes) -> None:
        """Note that a ping is being sent.

        Raises:
            ValueError: if one with the same payload is unanswered, or too many are.
        """
        if payload in self._payloads:
            raise ValueError(f"a ping with payload {payload!r} is unanswered already")
        if len(self._payloads) >= self._limit:
            raise ValueError(
                f"{self._limit} pings are unanswered already, see Limits(pending_pings=...)"
            )
        self._payloads[payload] = None

    def forget(self, payload: bytes) -> None:
        """Stop waiting for the pong to a ping, if it is still unanswered."""
        self._payloads.pop(payload, None)

    def settle(self, payload: bytes) -> tuple[bytes, ...]:
        """The pings that a pong with `payload` answers: that one, and all that were sent before it.

        RFC 6455 section 5.5.3: a pong may answer the most recent ping only.
        """
        if payload not in self._payloads:
            return ()
        in_order = tuple(self._payloads)
        settled = in_order[: in_order.index(payload) + 1]
        for pending in settled:
            del self._payloads[pending]
        return settled
