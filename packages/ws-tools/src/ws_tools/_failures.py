"""What went wrong, in one line for a person."""

from __future__ import annotations

import ssl
from http import HTTPStatus

from trio_websocket import CloseCode, CloseReason, ConnectionClosed, ConnectionRejected

from ._text import escape

_BODY = 200  # characters


def explain(error: BaseException) -> str:
    """One line about `error`, with nothing in it that could act on a terminal."""
    match error:
        case ConnectionRejected():
            text = _rejection(error)
        case ConnectionClosed():
            text = _closing(error)
        case OSError():
            text = error.strerror or str(error)
        case _:
            text = f"{error}{_because(error.__cause__)}"
    return escape(text)


def _rejection(error: ConnectionRejected) -> str:
    status = str(error.status_code)
    if error.status_code in HTTPStatus._value2member_map_:
        status += f" {HTTPStatus(error.status_code).phrase}"
    body = (error.body or b"").decode(errors="replace").strip()
    said = body if len(body) <= _BODY else f"{body[:_BODY]}..."
    return f"the server answered {status}" + (f": {said}" if said else "")


def _closing(error: ConnectionClosed) -> str:
    reason = error.reason or CloseReason(CloseCode.ABNORMAL_CLOSURE)
    if reason.code != CloseCode.ABNORMAL_CLOSURE:
        return f"the connection was closed: {reason.summary}"
    why = reason.detail or error.__cause__
    return f"the connection was lost: {reason.summary}" + (f" ({why})" if why else "")


def _because(cause: BaseException | None) -> str:
    """What to do about it."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        return " (--ca FILE names an authority to trust)"
    return ""
