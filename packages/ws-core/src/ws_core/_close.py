"""Close codes and reasons (RFC 6455 sections 5.5.1 and 7.4)."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

#: Which side started to close a connection: ours or the peer's.
Initiator: TypeAlias = Literal["local", "remote"]


class CloseCode(enum.IntEnum):
    """The registered close codes (RFC 6455 section 7.4.1 and the IANA registry)."""

    NORMAL_CLOSURE = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    NO_STATUS_RCVD = 1005
    ABNORMAL_CLOSURE = 1006
    INVALID_FRAME_PAYLOAD_DATA = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXT = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014
    TLS_HANDSHAKE_FAILED = 1015


# RFC 6455 section 7.4.1: these stand for what happened and never travel in a close frame.
_LOCAL_ONLY = frozenset(
    {CloseCode.NO_STATUS_RCVD, CloseCode.ABNORMAL_CLOSURE, CloseCode.TLS_HANDSHAKE_FAILED}
)
_REGISTERED = frozenset(CloseCode) - _LOCAL_ONLY
# RFC 6455 section 7.4.2: registered with IANA by libraries, and private use.
_APPLICATION = range(3000, 5000)
_RANGE_NAMES = (
    (range(1000, 3000), "RFC_RESERVED"),
    (range(3000, 4000), "IANA_RESERVED"),
    (range(4000, 5000), "PRIVATE_RESERVED"),
)
_CLOSERS: dict[Initiator | None, str] = {
    "local": "closed by us",
    "remote": "closed by the peer",
    None: "lost",
}
_NAMES: dict[int, str] = {code.value: code.name for code in CloseCode}

# RFC 6455 section 5.5: a control frame's payload is at most 125 bytes, two of them are the code.
_REASON_BYTES = 123


@dataclass(frozen=True, slots=True, repr=False)
class CloseReason:
    """Why a connection was closed.

    Two of them are equal if they say the same code and text.

    Args:
        code: The close code (RFC 6455 section 7.4), 1005 if the close frame had none and 1006 if
            there was no close frame.
        reason: The text that came with it, if any.
        initiator: Who started to close: "local" for our side, which it also is when we gave the
            peer up or were cancelled; "remote" for the peer, also when it only hung up; None if the
            stream broke.
        clean: Whether both sides sent a close frame.
        detail: What happened, as seen from our side and for a person; the peer is not told.
    """

    code: int
    reason: str | None = None
    initiator: Initiator | None = field(default=None, compare=False, kw_only=True)
    clean: bool = field(default=False, compare=False, kw_only=True)
    detail: str | None = field(default=None, compare=False, kw_only=True)

    @property
    def name(self) -> str:
        """The code's registered name, or that of the range it lies in."""
        if self.code in _NAMES:
            return _NAMES[self.code]
        for codes, name in _RANGE_NAMES:
            if self.code in codes:
                return name
        return "INVALID_CODE"

    @property
    def summary(self) -> str:
        """All of it on one line, for people: ``1001 GOING_AWAY: 'bye'``."""
        said = "" if self.reason is None else f": {self.reason!r}"
        return f"{self.code} {self.name}{said}"

    @property
    def report(self) -> str:
        """The summary, and who started to close and why: ``1001 GOING_AWAY (closed by us)``."""
        closer = _CLOSERS[self.initiator]
        why = closer if self.detail is None else f"{closer}: {self.detail}"
        return f"{self.summary} ({why})"

    def __repr__(self) -> str:
        # The peer's words are escaped: they end up on terminals and in logs.
        return f"CloseReason<code={self.code}, name={self.name}, reason={self.reason!r}>"


class ProtocolViolation(Exception):
    """The peer broke the protocol or a limit; becomes an event before anyone outside sees it.

    Attributes:
        reason: What the close frame that answers it will say.
        advice: The argument of our own side that sets the limit, if there is one.
    """

    def __init__(self, code: CloseCode, reason: str, *, advice: str | None = None) -> None:
        super().__init__(code, reason)
        self.reason = CloseReason(code.value, reason)
        self.advice = advice

    def told_of(self, peer: str) -> str:
        """What happened, as our own side tells it."""
        if self.advice is None:
            return f"the {peer} broke the protocol"
        return f"the {peer} went beyond our limit ({self.advice})"


def message_too_big(limit: str) -> ProtocolViolation:
    """What a message has done that exceeds `limit`."""
    return ProtocolViolation(
        CloseCode.MESSAGE_TOO_BIG,
        f"Exceeded maximum message size: {limit}",
        advice="max_message_size, or Limits(message=...)",
    )


def may_travel(code: int) -> bool:
    """Whether a close frame may carry `code` (RFC 6455 section 7.4)."""
    return code in _REGISTERED or code in _APPLICATION


def checked_reason(code: int, reason: str | None) -> CloseReason:
    """What our side wants to say when it closes, checked and cut to fit a frame.

    A reason of more than 123 bytes of UTF-8 is cut at a character boundary.

    Raises:
        TypeError: if the code is no int or the reason no str.
        ValueError: if the code may not be sent, or the reason has no UTF-8.
    """
    if not isinstance(code, int):
        raise TypeError(f"close code must be an int, not {type(code).__name__}")
    if not may_travel(code):
        raise ValueError(
            f"close code {int(code)} may not be sent: "
            "use 1000 to 1003, 1007 to 1014 or 3000 to 4999"
        )
    if reason is not None and not isinstance(reason, str):
        raise TypeError(f"close reason must be a str, not {type(reason).__name__}")
    cut = (reason or "").encode()[:_REASON_BYTES].decode(errors="ignore")
    return CloseReason(int(code), cut or None)


def close_payload(reason: CloseReason) -> bytes:
    """The payload of the close frame that says `reason`; empty for 1005."""
    if reason.code == CloseCode.NO_STATUS_RCVD:
        return b""
    return reason.code.to_bytes(2, "big") + (reason.reason or "").encode()


def parse_close_payload(payload: bytes) -> CloseReason:
    """What a close frame that the peer sent says.

    Raises:
        ProtocolViolation: for a code that may not be sent, half a code, or a reason that is not
            UTF-8.
    """
    if not payload:
        return CloseReason(CloseCode.NO_STATUS_RCVD.value)
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not may_travel(code):
        raise ProtocolViolation(CloseCode.PROTOCOL_ERROR, "invalid close code")
    try:
        text = payload[2:].decode()
    except UnicodeDecodeError:
        raise ProtocolViolation(
            CloseCode.INVALID_FRAME_PAYLOAD_DATA, "invalid UTF-8 in the close reason"
        ) from None
    return CloseReason(code, text or None)
