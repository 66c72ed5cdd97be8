"""The client's side of the opening handshake (RFC 6455 section 4.1).

wsproto makes the request and checks the answer. Before it, a guard reads the answer itself: it
bounds it, skips interim answers, and hands wsproto either a rejection, which it collects, or a 101
in one canonical form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from wsproto.connection import ConnectionType
from wsproto.events import AcceptConnection, RejectConnection, RejectData, Request
from wsproto.handshake import H11Handshake
from wsproto.utilities import RemoteProtocolError

from ._deflate import Deflate
from ._errors import LocalProtocolError
from ._events import NEED_DATA, Accepted, HandshakeFailed, Pause, Rejected
from ._extensions import parse_extensions
from ._head import HandshakeViolation, HeadReader, parse_fields
from ._headers import (
    ExtraHeaders,
    by_name,
    checked_headers,
    checked_subprotocols,
    has_body,
    split_list,
    values_of,
)
from ._host import normalize_host_header
from ._limits import Limits
from ._negotiation import check_answer, offer
from ._outgoing import Outgoing
from ._url import normalize_resource

# Answers such as 103 (Early Hints) that may come before the real one.
_INTERIM_ANSWERS = 16

_REPLACED = frozenset({b"connection", b"sec-websocket-extensions"})
_HTTP = b"HTTP/"
_STATUS_LINE = re.compile(rb"HTTP/([0-9]\.[0-9]) ([1-9][0-9]{2})[ \r]")


class ClientHandshake:
    """Makes one request, and reads the answer to it.

    Args:
        limits: What is taken in at most.
        incoming: The bytes that came and were not taken yet: frames stay there.
        outgoing: Where the request goes.
        deflate: How to compress messages with a server that can; None for not at all.
    """

    def __init__(
        self, limits: Limits, incoming: bytearray, outgoing: Outgoing, deflate: Deflate | None
    ) -> None:
        self._limits = limits
        self._incoming = incoming
        self._outgoing = outgoing
        self._reader = HeadReader(incoming, limits)
        self._wsproto = H11Handshake(ConnectionType.CLIENT)
        self._requested = False
        self._offered: tuple[str, ...] = ()
        self._answered_early = False
        self._interim_answers = 0
        self._rejection: RejectConnection | None = None
        self._body = bytearray()
        self._wanted = deflate
        #: What both sides agreed on, once the server accepted.
        self.deflate: Deflate | None = None

    def request(
        self,
        host: str,
        resource: str,
        subprotocols: Iterable[str] | None,
        extra_headers: ExtraHeaders | None,
    ) -> None:
        """Ask for a connection.

        Raises:
            LocalProtocolError: if that was done already.
            TypeError, ValueError: for arguments that can't be sent.
        """
        if self._requested:
            raise LocalProtocolError("the request was sent already")
        headers = checked_headers(extra_headers)
        hosts = values_of(headers, b"host")
        if len(hosts) > 1:
            raise ValueError("header 'Host' is given twice")
        if hosts and not hosts[0].isascii():
            raise ValueError("header 'Host' is not ASCII")
        host = normalize_host_header(hosts[0].decode() if hosts else host)
        headers = [header for header in headers if header[0].lower() != b"host"]
        if self._wanted is not None:
            headers.append((b"Sec-WebSocket-Extensions", offer(self._wanted)))
        self._offered = tuple(checked_subprotocols(subprotocols))
        request = Request(
            host=host,
            target=normalize_resource(resource),
            subprotocols=list(self._offered),
            extra_headers=headers,
        )
        self._requested = True
        self._answered_early = bool(self._incoming)
        self._outgoing.append(self._wsproto.send(request))

    def next_event(self, *, at_eof: bool) -> Accepted | Rejected | HandshakeFailed | Pause:
        """What the bytes that came mean, or NEED_DATA.

        Args:
            at_eof: Whether no more will come, which may be the end of a rejection's body.
        """
        try:
            while self._rejection is None and (head := self._next_head()) is not None:
                if answer := self._read_answer(head):
                    return answer
            return self._read_on(at_eof=at_eof)
        except HandshakeViolation as violation:
            return HandshakeFailed(
                f"the server's answer is wrong: {violation.reason}{violation.hint}"
            )

    def _next_head(self) -> bytes | None:
        incoming = self._incoming
        if self._answered_early or (incoming and not self._requested):
            raise HandshakeViolation("it came before the request")
        if incoming[: len(_HTTP)] != _HTTP[: len(incoming)]:
            raise HandshakeViolation("it is not HTTP")
        return self._reader.next_head()

    def _read_answer(self, head: bytes) -> Accepted | Rejected | None:
        """What an answer means by its head alone; None for an interim one, or if a body follows."""
        line = _STATUS_LINE.match(head)
        if line is None:
            raise HandshakeViolation("malformed HTTP")
        version, status = line.groups()
        if status == b"101":
            return self._read_acceptance(version, head)
        if not status.startswith(b"1"):
            return self._read_rejection(head)
        self._interim_answers += 1
        if self._interim_answers > _INTERIM_ANSWERS:
            raise HandshakeViolation(f"more than {_INTERIM_ANSWERS} interim answers")
        return None

    def _read_on(self, *, at_eof: bool) -> Rejected | HandshakeFailed | Pause:
        """What there is behind the last head that is complete."""
        event: Rejected | HandshakeFailed | None = None
        if self._rejection is not None:
            if self._incoming:
                data = bytes(self._incoming)
                self._incoming.clear()
                event = self._read_rejection(data)
            if at_eof and event is None:
                event = self._read_rejection(None)
        elif at_eof:
            when = "within its answer" if self._incoming else "without answering"
            event = HandshakeFailed(f"the server closed the connection {when}")
        return event or NEED_DATA

    def _read_acceptance(self, version: bytes, head: bytes) -> Accepted:
        try:
            headers = parse_fields(head)
            fields = by_name(headers)
            _check_answer(version, fields)
            for subprotocol in fields.get(b"sec-websocket-protocol", ()):
                # wsproto's own error would say it as it came.
                if subprotocol.decode("ascii") not in self._offered:
                    raise HandshakeViolation("unrecognized subprotocol")
            extensions = fields.get(b"sec-websocket-extensions", ())
            self.deflate = check_answer(
                self._wanted, parse_extensions([value.decode("ascii") for value in extensions])
            )
            self._wsproto.receive_data(_canonical(headers, fields))
            (event,) = self._wsproto.events()
        except UnicodeDecodeError:
            raise HandshakeViolation("a handshake header is not ASCII") from None
        except RemoteProtocolError as error:
            raise HandshakeViolation(str(error)) from None
        assert isinstance(event, AcceptConnection)
        return Accepted(event.subprotocol, tuple(event.extra_headers))

    def _read_rejection(self, data: bytes | None) -> Rejected | None:
        """Collect a rejection until its body ends or is too long; None is the stream's end."""
        complete = False
        try:
            self._wsproto.receive_data(data)
        except RemoteProtocolError:
            if self._rejection is None:
                raise HandshakeViolation("malformed HTTP") from None
            complete = True  # what came is what there is
        for event in self._wsproto.events():
            if isinstance(event, RejectConnection):
                self._rejection = event
            else:
                assert isinstance(event, RejectData)
                self._body += event.data
                complete = complete or event.body_finished
        most = self._limits.rejection_body
        if not complete and len(self._body) < most:
            return None
        assert self._rejection is not None
        body = bytes(self._body if len(self._body) <= most else self._body[: int(most)])
        return Rejected(self._rejection.status_code, tuple(self._rejection.headers), body)


def _check_answer(version: bytes, fields: Mapping[bytes, list[bytes]]) -> None:
    """What wsproto would let pass."""
    if version != b"1.1":
        raise HandshakeViolation("it is not HTTP/1.1")
    for name in (b"sec-websocket-accept", b"sec-websocket-protocol", b"upgrade"):
        if len(fields.get(name, ())) > 1:
            raise HandshakeViolation(f"'{name.decode()}' stands twice")
    if has_body(fields):
        raise HandshakeViolation("a 101 has no body")


def _canonical(headers: list[tuple[bytes, bytes]], fields: Mapping[bytes, list[bytes]]) -> bytes:
    """The 101 as wsproto understands it.

    All options of Connection stand on one line, and extensions are no affair of wsproto's.
    """
    options = split_list(fields.get(b"connection", ()))
    lines = [b"HTTP/1.1 101 Switching Protocols", b"Connection: " + ", ".join(options).encode()]
    lines += [b"%s: %s" % header for header in headers if header[0] not in _REPLACED]
    return b"\r\n".join([*lines, b"", b""])
