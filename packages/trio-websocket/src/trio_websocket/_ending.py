"""Why a connection is closed or closing."""

from __future__ import annotations

import logging

import trio

from ws_core import CloseCode, CloseReason, Initiator

from ._log import log

#: What is told where no peer is at fault.
CANCELLED = "our side was cancelled"

_ABNORMAL = CloseCode.ABNORMAL_CLOSURE.value


class Ending:
    """What is known of a connection's end.

    Args:
        name: What the connection is called in the log.

    Attributes:
        reason: Why it is closed or closing; None while it is open.
        reasons: All that `reason` has ever been: it is provisional until the peer has answered.
        cause: The error that ended the connection, if one did.
        timed_out: Whether the peer did not answer our close frame in time.
    """

    def __init__(self, name: str) -> None:
        self.reason: CloseReason | None = None
        self.reasons: list[CloseReason] = []
        self.cause: Exception | None = None
        self.timed_out = False
        self._name = name

    def set_reason(self, reason: CloseReason) -> None:
        """Note why the connection is closed, or will be."""
        self.reason = reason
        self.reasons.append(reason)

    def fail(self, error: Exception) -> None:
        """Note what went wrong; what went wrong first counts."""
        if self.cause is None:
            self.cause = error
            if self.reason is None:
                # We give up on a peer that is too slow; a broken stream is nobody's doing.
                self._lose("local" if isinstance(error, trio.TooSlowError) else None)

    def lose(self, detail: str) -> None:
        """Note that there was no closing handshake: because of `cause`, or else of `detail`."""
        self._lose("local" if self.reason is None else self.reason.initiator, detail)

    def log(self) -> None:
        """Tell the operator; it is news if our side has found fault with the peer."""
        reason = self.reason
        assert reason is not None
        news = reason.initiator == "local" and reason.detail not in (None, CANCELLED)
        log(logging.INFO if news else logging.DEBUG, "%s: %s", self._name, reason.report)

    def _lose(self, initiator: Initiator | None, detail: str | None = None) -> None:
        if self.cause is not None:
            detail = str(self.cause) or type(self.cause).__name__
        self.set_reason(CloseReason(_ABNORMAL, initiator=initiator, detail=detail))
