"""The server's side of the opening handshake (RFC 6455 section 4.2).

wsproto makes the answers. Before it, a guard reads the request itself: wsproto's own checks are
too lax in some places and too strict in others, and hostile headers make it raise what nobody
expects. What the guard lets through reaches wsproto in one canonical form.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from typing import TypeAlias

from wsproto.connection import ConnectionType
from wsproto.events import AcceptConnection, RejectConnection, RejectData
from wsproto.handshake import H11Handshake
from wsproto.utilities import RemoteProtocolError

from ._deflate import Deflate
from ._errors import LocalProtocolError
from ._events import NEED_DATA, HandshakeFailed, Pause, Requested
from ._extensions import parse_extensions
from ._head import HandshakeViolation, HeadReader, parse_fields
from ._headers import (
    ExtraHeaders,
    by_name,
    checked_headers,
    has_body,
    is_token,
    split_list,
    values_of,
)
from ._host import check_host_header
from ._limits import Limits
from ._negotiation import accept_offer
from ._outgoing import Outgoing

_ABSOLUTE_FORM = re.compile(r"(?:http|ws)s?://([^/?#]*)(.*)", re.IGNORECASE)
_REQUEST_LINE = re.compile(rb"([!-~]+) ([!-~]+) HTTP/([0-9]\.[0-9])\r\n")
# Offers that `Requested` carries in a parsed form, or not at all.
_OFFERS = frozenset({b"sec-websocket-protocol", b"sec-websocket-extensions"})
_REPLACED = _OFFERS | {b"connection", b"upgrade"}
_BODILESS = frozenset({204, 304})
# These frame a rejection and give way to our own; the others are an acceptance's own affair.
_FRAMING = frozenset({b"connection", b"content-length"})
_REJECTION_HEADERS = _FRAMING | {b"sec-websocket-version", b"upgrade"}
# What a status demands: RFC 9110 sections 15.5.6 and 15.5.22, RFC 6455 section 4.4.
_ADVICE: dict[int, list[tuple[bytes, bytes]]] = {
    405: [(b"Allow", b"GET")],
    426: [(b"Upgrade", b"websocket"), (b"Sec-WebSocket-Version", b"13")],
}

Fields: TypeAlias = Mapping[bytes, list[bytes]]


class ServerHandshake:
    """Reads one request, and makes the answer to it.

    Args:
        limits: What is taken in at most.
        incoming: The bytes that came and were not taken yet: frames stay there.
        outgoing: Where the answer goes.
        deflate: How to compress messages with clients that can; None for not at all.
    """

    def __init__(
        self, limits: Limits, incoming: bytearray, outgoing: Outgoing, deflate: Deflate | None
    ) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._reader = HeadReader(incoming, limits)
        self._wsproto = H11Handshake(ConnectionType.SERVER)
        self._request: Requested | None = None
        self._offers: list[str] = []
        self._wanted = deflate
        #: What both sides agreed on, once the request was accepted.
        self.deflate: Deflate | None = None

    def next_event(self, *, at_eof: bool) -> Requested | HandshakeFailed | Pause:
        """What the bytes that came mean, once, or NEED_DATA.

        Args:
            at_eof: Whether no more will come.
        """
        if self._request is not None:
            return NEED_DATA
        try:
            head = self._next_head()
            if head is not None:
                self._request = self._read_request(head)
                return self._request
        except HandshakeViolation as violation:
            return self._refuse(violation)
        if at_eof:
            return HandshakeFailed("the client closed the connection within its request")
        return NEED_DATA

    def accept(self, subprotocol: str | None, extra_headers: ExtraHeaders | None) -> None:
        """Answer 101.

        Raises:
            LocalProtocolError: if there is no request to answer, or the client did not offer the
                subprotocol.
            TypeError, ValueError: for headers that can't be sent.
        """
        request = self._pending_request()
        if subprotocol is not None and subprotocol not in request.subprotocols:
            raise LocalProtocolError(f"the client did not offer subprotocol {subprotocol!r}")
        headers = checked_headers(extra_headers)
        accepted = self._wanted and accept_offer(self._wanted, parse_extensions(self._offers))
        if accepted:
            extension, self.deflate = accepted
            headers.append((b"Sec-WebSocket-Extensions", extension))
        answer = AcceptConnection(subprotocol=subprotocol, extra_headers=headers)
        self._outgoing.append(self._wsproto.send(answer))

    def reject(
        self,
        status_code: int,
        extra_headers: ExtraHeaders | None,
        body: bytes | bytearray | memoryview | None,
    ) -> None:
        """Answer something other than 101, after which the connection is to be closed.

        Raises:
            LocalProtocolError: if there is no request to answer, or the status is none of 200 to
                599, or one that has no body and there is one.
            TypeError, ValueError: for arguments that can't be sent.
        """
        self._pending_request()
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
        others = [pair for pair in headers if pair[0].lower() not in _FRAMING]
        self._answer(status_code, others, body)

    def _pending_request(self) -> Requested:
        if self._request is None:
            raise LocalProtocolError("there is no request to answer")
        return self._request

    def _refuse(self, violation: HandshakeViolation) -> HandshakeFailed:
        headers = [(b"Content-Type", b"text/plain; charset=utf-8")]
        self._answer(violation.status_code, headers, f"{violation.reason}\n".encode())
        reason = f"the client's request is wrong: {violation.reason}{violation.hint}"
        return HandshakeFailed(reason, violation.status_code)

    def _answer(self, status_code: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        advice = [
            pair for pair in _ADVICE.get(status_code, ()) if not values_of(headers, pair[0].lower())
        ]
        headers = [*headers, *advice]
        # RFC 9110 section 7.8: whoever sends Upgrade names it in Connection.
        options = b"Upgrade, close" if values_of(headers, b"upgrade") else b"close"
        headers.append((b"Connection", options))
        if status_code not in _BODILESS:
            headers.append((b"Content-Length", b"%d" % len(body)))
        event = RejectConnection(status_code=status_code, headers=headers, has_body=True)
        self._outgoing.append(self._wsproto.send(event) + self._wsproto.send(RejectData(data=body)))

    def _next_head(self) -> bytes | None:
        start = bytes(self._incoming[:1])
        if start and not is_token(start.decode("latin-1")):
            raise HandshakeViolation("this is not HTTP")
        return self._reader.next_head()

    def _read_request(self, head: bytes) -> Requested:
        """The guard."""
        target, headers = _origin_form(_target_of(head), parse_fields(head))
        fields = by_name(headers)
        if has_body(fields):
            raise HandshakeViolation("a handshake request has no body")
        try:
            _check_host(fields)
            _check_upgrade(fields)
            subprotocols = _subprotocols_of(fields)
            extensions = fields.get(b"sec-websocket-extensions", ())
            self._offers = [value.decode("ascii") for value in extensions]
        except UnicodeDecodeError:
            raise HandshakeViolation("a handshake header is not ASCII") from None
        try:
            self._wsproto.receive_data(_canonical(target, headers, subprotocols))
        except RemoteProtocolError:
            raise HandshakeViolation("malformed HTTP request") from None
        kept = [header for header in headers if header[0] not in _OFFERS]
        return Requested(target, tuple(kept), tuple(subprotocols))


def _target_of(head: bytes) -> str:
    """The target, as it was sent."""
    line = _REQUEST_LINE.match(head)
    if line is None:
        raise HandshakeViolation("malformed HTTP request")
    method, target, version = line.groups()
    if version != b"1.1":
        raise HandshakeViolation("HTTP/1.1 is needed", 505)
    if method != b"GET":
        raise HandshakeViolation("the method must be GET", 405)
    return target.decode("ascii")


def _origin_form(
    target: str, headers: list[tuple[bytes, bytes]]
) -> tuple[str, list[tuple[bytes, bytes]]]:
    """The target in origin-form, and the headers with the Host that holds."""
    if absolute := _ABSOLUTE_FORM.fullmatch(target):
        # RFC 9112 section 3.2.2: the target's host holds, and the Host header is ignored.
        host, target = absolute[1].encode("ascii"), absolute[2]
        headers = [(name, host if name == b"host" else value) for name, value in headers]
        if not target.startswith("/"):
            target = "/" + target
    if not target.startswith("/") or "#" in target:
        raise HandshakeViolation("invalid request target")
    return target, headers


def _check_host(fields: Fields) -> None:
    """RFC 9112 section 3.2."""
    hosts = fields.get(b"host", ())
    if len(hosts) != 1:
        raise HandshakeViolation("one Host is needed")
    host = hosts[0].decode("ascii")
    try:
        check_host_header(host)
    except ValueError:
        raise HandshakeViolation("invalid Host") from None


def _check_upgrade(fields: Fields) -> None:
    """RFC 6455 section 4.2.1, items 3 to 6."""
    if not _has_option(fields, b"upgrade", "websocket"):
        raise HandshakeViolation("this is a WebSocket server: 'Upgrade: websocket' is needed", 426)
    if not _has_option(fields, b"connection", "upgrade"):
        raise HandshakeViolation("'Connection: Upgrade' is needed")
    versions = fields.get(b"sec-websocket-version", ())
    if not versions:
        raise HandshakeViolation("'Sec-WebSocket-Version: 13' is needed")
    if versions != [b"13"]:
        raise HandshakeViolation("'Sec-WebSocket-Version: 13' is needed", 426)
    keys = fields.get(b"sec-websocket-key", ())
    if len(keys) != 1 or not _is_key(keys[0]):
        raise HandshakeViolation("one valid Sec-WebSocket-Key is needed")


def _has_option(fields: Fields, name: bytes, option: str) -> bool:
    return option in map(str.lower, split_list(fields.get(name, ())))


def _is_key(key: bytes) -> bool:
    try:
        return len(key) == 24 and len(binascii.a2b_base64(key, strict_mode=True)) == 16
    except binascii.Error:
        return False


def _subprotocols_of(fields: Fields) -> list[str]:
    subprotocols = split_list(fields.get(b"sec-websocket-protocol", ()))
    if not all(map(is_token, subprotocols)) or len(set(subprotocols)) < len(subprotocols):
        raise HandshakeViolation("invalid Sec-WebSocket-Protocol")
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
    lines += [b"%s: %s" % header for header in headers if header[0] not in _REPLACED]
    return b"\r\n".join([*lines, b"", b""])
