"""Why a connection is closed or closing."""

from __future__ import annotations

import logging
from typing import NoReturn

import trio

from ws_core import CloseCode, CloseReason, ConnectionClosed, Initiator, Role

from ._log import log, logs

_ABNORMAL = CloseCode.ABNORMAL_CLOSURE.value
_CANCELLED = "our side was cancelled"


class Ending:
    """What is known of a connection's end.

    Args:
        name: What the connection is called in the log.
        role: Which end we are.

    Attributes:
        reason: Why it is closed or closing; None while it is open.
        reasons: All that `reason` has ever been: it is provisional until the peer has answered.
        cause: The error that ended the connection, if one did.
        timed_out: Whether the peer did not answer our close frame in time.
    """

    def __init__(self, name: str, role: Role) -> None:
        self.reason: CloseReason | None = None
        self.reasons: list[CloseReason] = []
        self.cause: Exception | None = None
        self.timed_out = False
        self._name = name
        self._peer = role.peer.value
        # What is told of a connection that ends without a closing handshake.
        self._detail = _CANCELLED

    def raise_closed(self) -> NoReturn:
        """Tell somebody who wants something of the connection that it is closed or closing.

        Raises:
            ConnectionClosed: always.
        """
        raise ConnectionClosed(self.reason) from self.cause

    def set_reason(self, reason: CloseReason) -> None:
        """Note why the connection is closed, or will be."""
        self.reason = reason
        self.reasons.append(reason)

    def fail(self, error: Exception) -> None:
        """Note what went wrong; what went wrong first counts."""
        if self.cause is None:
            self.cause = error
            # TLS says what it has to say in the cause alone.
            self._detail = str(error) or str(error.__cause__ or type(error).__name__)
            if self.reason is None:
                # We give up on a peer that is too slow; a broken stream is nobody's doing.
                self._lose("local" if isinstance(error, trio.TooSlowError) else None)

    def time_out(self, seconds: float) -> None:
        """Note that the peer did not answer our close frame within so many seconds."""
        self.timed_out = True
        self._detail = (
            f"the {self._peer} did not answer our close frame within {seconds} seconds "
            "(disconnect_timeout)"
        )

    def lose(self) -> None:
        """Note that there was no closing handshake; if nothing else is known, we were cancelled."""
        self._lose("local" if self.reason is None else self.reason.initiator)

    def log(self) -> None:
        """Tell the operator; it is news if our side has found fault with the peer."""
        reason = self.reason
        assert reason is not None
        news = reason.initiator == "local" and reason.detail not in (None, _CANCELLED)
        level = logging.INFO if news else logging.DEBUG
        if logs(level):
            log(level, "%s: %s", self._name, reason.report)

    def _lose(self, initiator: Initiator | None) -> None:
        self.set_reason(CloseReason(_ABNORMAL, initiator=initiator, detail=self._detail))
