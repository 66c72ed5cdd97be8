"""The server's side of the opening handshake (RFC 6455 section 4.2).

wsproto makes the answers. Before it, a guard reads the request itself: wsproto's own checks are
too lax in some places and too strict in others, and hostile headers make it raise what nobody
expects. What the guard lets through reaches wsproto in one canonical form.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable

from wsproto import WSConnection
from wsproto.connection import ConnectionType
from wsproto.events import AcceptConnection, RejectConnection, RejectData
from wsproto.utilities import RemoteProtocolError

from ._errors import LocalProtocolError
from ._events import NEED_DATA, HandshakeFailed, NoEvent, Requested
from ._head import BadHead, HeadReader, parse_fields
from ._headers import Text, checked_headers, has_body, is_token, split_list, values_of
from ._host import check_host_header
from ._limits import Limits

_ABSOLUTE_FORM = re.compile(r"(?:http|ws)s?://([^/?#]*)(.*)", re.IGNORECASE)
_REQUEST_LINE = re.compile(rb"([!-~]+) ([!-~]+) HTTP/([0-9]\.[0-9])\r\n")
# Offers that `Requested` carries in a parsed form, or not at all.
_OFFERS = frozenset({b"sec-websocket-protocol", b"sec-websocket-extensions"})
_REPLACED = _OFFERS | {b"connection", b"upgrade"}
_BODILESS = frozenset({204, 304})
# What a rejection may say although an acceptance may not; the first two give way to our own.
_FRAMING = frozenset({b"connection", b"content-length"})
_REJECTION_HEADERS = _FRAMING | {b"sec-websocket-version", b"upgrade"}
_ADVICE: dict[int, list[tuple[bytes, bytes]]] = {
    405: [(b"Allow", b"GET")],
    426: [(b"Upgrade", b"websocket"), (b"Sec-WebSocket-Version", b"13")],
}


class ServerHandshake:
    """Reads one request, and makes the answer to it."""

    def __init__(self, limits: Limits) -> None:
        self._reader = HeadReader(limits)
        self._wsproto = WSConnection(ConnectionType.SERVER)
        self._event: Requested | HandshakeFailed | None = None
        self._request: Requested | None = None
        self._answered = False
        #: Frames that the client sent behind its request.
        self.rest = bytearray()
        #: An error answer that the guard made.
        self.answer = b""

    def receive_data(self, data: bytes) -> None:
        """Take in bytes from the client."""
        if self._request is not None or self._answered:
            self.rest += data
            return
        try:
            if data and not len(self._reader) and not is_token(data[:1].decode("latin-1")):
                raise BadHead("this is not HTTP")
            head = self._reader.feed(data)
            if head is not None:
                self._request = self._event = self._check(head)
                self.rest += self._reader.rest
        except BadHead as error:
            self._refuse(error)

    def receive_eof(self) -> None:
        """Take in the end of the stream."""
        if self._request is None and not self._answered:
            self._answered = True
            self._event = HandshakeFailed("the client closed the connection within its request")

    def next_event(self) -> Requested | HandshakeFailed | NoEvent:
        """What happened, once."""
        event, self._event = self._event, None
        return event or NEED_DATA

    def accept(
        self, subprotocol: str | None, extra_headers: Iterable[tuple[Text, Text]] | None
    ) -> bytes:
        """The 101 answer.

        Raises:
            LocalProtocolError: if there is no request to answer, or the client did not offer the
                subprotocol.
            TypeError, ValueError: for headers that can't be sent.
        """
        request = self._unanswered()
        if subprotocol is not None and subprotocol not in request.subprotocols:
            raise LocalProtocolError(f"the client did not offer subprotocol {subprotocol!r}")
        headers = checked_headers(extra_headers)
        self._answered = True
        return self._wsproto.send(AcceptConnection(subprotocol=subprotocol, extra_headers=headers))

    def reject(
        self,
        status_code: int,
        extra_headers: Iterable[tuple[Text, Text]] | None,
        body: bytes | None,
    ) -> bytes:
        """The whole of an answer other than 101, after which the connection is to be closed.

        Raises:
            LocalProtocolError: if there is no request to answer, or the status is none of 200 to
                599, or one that has no body and there is one.
            TypeError, ValueError: for arguments that can't be sent.
        """
        self._unanswered()
        if not isinstance(status_code, int):
            raise TypeError(f"status_code must be an int, not {type(status_code).__name__}")
        if body is not None and not isinstance(body, bytes | bytearray | memoryview):
            raise TypeError(f"body must be bytes, not {type(body).__name__}")
        if not 200 <= status_code <= 599:
            raise LocalProtocolError(f"a rejection's status is 200 to 599, not {status_code}")
        if body and status_code in _BODILESS:
            raise LocalProtocolError(f"an answer with status {status_code} has no body")
        body = bytes(body or b"")
        headers = checked_headers(extra_headers, allowed=_REJECTION_HEADERS)
        if any(length != b"%d" % len(body) for length in values_of(headers, b"content-length")):
            raise ValueError(f"header 'Content-Length' must say {len(body)} or be left out")
        self._answered = True
        others = [pair for pair in headers if pair[0].lower() not in _FRAMING]
        return self._response(status_code, others, body)

    def _unanswered(self) -> Requested:
        if self._request is None:
            raise LocalProtocolError("there is no request to answer")
        return self._request

    def _refuse(self, error: BadHead) -> None:
        self._answered = True
        headers = [
            (b"Content-Type", b"text/plain; charset=utf-8"),
            *_ADVICE.get(error.status_code, []),
        ]
        self.answer = self._response(error.status_code, headers, f"{error.reason}\n".encode())
        self._event = HandshakeFailed(f"answered {error.status_code}: {error.reason}")

    def _response(self, status_code: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bytes:
        options = b"Upgrade, close" if status_code == 426 else b"close"
        framing = [(b"Connection", options)]
        if status_code not in _BODILESS:
            framing.append((b"Content-Length", b"%d" % len(body)))
        event = RejectConnection(
            status_code=status_code, headers=[*headers, *framing], has_body=True
        )
        return self._wsproto.send(event) + self._wsproto.send(RejectData(data=body))

    def _check(self, head: bytes) -> Requested:
        """The guard."""
        target, headers = _check_target(_check_request_line(head), parse_fields(head))
        if len(values_of(headers, b"host")) != 1:
            raise BadHead("one Host is needed")
        if has_body(headers):
            raise BadHead("a handshake request has no body")
        try:
            _check_upgrade(headers)
            subprotocols = _check_subprotocols(headers)
            check_host_header(values_of(headers, b"host")[0].decode("ascii"))
            for value in values_of(headers, b"sec-websocket-extensions"):
                value.decode("ascii")
        except UnicodeDecodeError:
            raise BadHead("a handshake header is not ASCII") from None
        except ValueError:
            raise BadHead("invalid Host") from None
        try:
            self._wsproto.receive_data(_canonical(target, headers, subprotocols))
        except RemoteProtocolError:
            raise BadHead("malformed HTTP request") from None
        kept = tuple(header for header in headers if header[0] not in _OFFERS)
        return Requested(target, kept, tuple(subprotocols))


def _check_request_line(head: bytes) -> str:
    """The target, as it was sent."""
    line = _REQUEST_LINE.match(head)
    if line is None:
        raise BadHead("malformed HTTP request")
    method, target, version = line.groups()
    if version != b"1.1":
        raise BadHead("HTTP/1.1 is needed", 505)
    if method != b"GET":
        raise BadHead("the method must be GET", 405)
    return target.decode("ascii")


def _check_target(
    target: str, headers: list[tuple[bytes, bytes]]
) -> tuple[str, list[tuple[bytes, bytes]]]:
    """The target in origin-form, and the headers with the Host that holds."""
    absolute = _ABSOLUTE_FORM.fullmatch(target)
    if absolute:
        # RFC 9112 section 3.2.2: the target's host holds, and the Host header is ignored.
        host, target = absolute[1].encode("ascii"), absolute[2]
        headers = [(name, host if name == b"host" else value) for name, value in headers]
        if not target.startswith("/"):
            target = "/" + target
    if not target.startswith("/") or "#" in target:
        raise BadHead("invalid request target")
    return target, headers


def _check_upgrade(headers: list[tuple[bytes, bytes]]) -> None:
    """RFC 6455 section 4.2.1, items 3 to 6."""
    if "websocket" not in map(str.lower, split_list(values_of(headers, b"upgrade"))):
        raise BadHead("this is a WebSocket server: 'Upgrade: websocket' is needed", 426)
    if "upgrade" not in map(str.lower, split_list(values_of(headers, b"connection"))):
        raise BadHead("'Connection: Upgrade' is needed")
    match values_of(headers, b"sec-websocket-version"):
        case []:
            raise BadHead("'Sec-WebSocket-Version: 13' is needed")
        case [b"13"]:
            pass
        case _:
            raise BadHead("'Sec-WebSocket-Version: 13' is needed", 426)
    keys = values_of(headers, b"sec-websocket-key")
    if len(keys) != 1 or not _is_key(keys[0]):
        raise BadHead("one valid Sec-WebSocket-Key is needed")


def _is_key(key: bytes) -> bool:
    try:
        return len(key) == 24 and len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        return False


def _check_subprotocols(headers: list[tuple[bytes, bytes]]) -> list[str]:
    subprotocols = split_list(values_of(headers, b"sec-websocket-protocol"))
    if not all(map(is_token, subprotocols)) or len(set(subprotocols)) < len(subprotocols):
        raise BadHead("invalid Sec-WebSocket-Protocol")
    return subprotocols


def _canonical(target: str, headers: list[tuple[bytes, bytes]], subprotocols: list[str]) -> bytes:
    """The request as wsproto understands it: what the handshake is about, each on one line."""
    lines = [
        b"GET %s HTTP/1.1" % target.encode("ascii"),
        b"Upgrade: websocket",
        b"Connection: Upgrade",
    ]
    if subprotocols:
        lines.append(b"Sec-WebSocket-Protocol: " + ", ".join(subprotocols).encode("ascii"))
    lines += (b"%s: %s" % header for header in headers if header[0] not in _REPLACED)
    return b"\r\n".join([*lines, b"", b""])
