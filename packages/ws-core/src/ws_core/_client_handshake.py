"""The client's side of the opening handshake (RFC 6455 section 4.1).

wsproto makes the request and checks the answer. Before it, a guard reads the answer itself: it
bounds it, skips interim answers, and hands wsproto either a rejection, which it collects, or a 101
in one canonical form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from wsproto import WSConnection
from wsproto.connection import ConnectionType
from wsproto.events import AcceptConnection, RejectConnection, RejectData, Request
from wsproto.utilities import RemoteProtocolError

from ._errors import LocalProtocolError
from ._events import NEED_DATA, Accepted, HandshakeFailed, NoEvent, Rejected
from ._head import BadHead, HeadReader, parse_fields
from ._headers import Text, checked_headers, checked_subprotocols, has_body, split_list, values_of
from ._host import normalize_host_header
from ._limits import Limits
from ._url import normalize_resource

#: Answers such as 103 (Early Hints) that may come before the real one.
MAX_INTERIM_ANSWERS = 16

_HTTP = b"HTTP/"
_STATUS_LINE = re.compile(rb"HTTP/([0-9]\.[0-9]) ([1-9][0-9]{2})[ \r]")


class ClientHandshake:
    """Makes one request, and reads the answer to it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._reader = HeadReader(limits)
        self._wsproto = WSConnection(ConnectionType.CLIENT)
        self._requested = False
        self._interim_answers = 0
        self._rejection: RejectConnection | None = None
        self._body = bytearray()
        self._event: Accepted | Rejected | HandshakeFailed | None = None
        self._over = False
        #: Frames that the server sent behind its answer.
        self.rest = bytearray()

    def request(
        self,
        host: str,
        resource: str,
        subprotocols: Iterable[str] | None,
        extra_headers: Iterable[tuple[Text, Text]] | None,
    ) -> bytes:
        """The request.

        Raises:
            LocalProtocolError: if it was made already.
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
        request = Request(
            host=host,
            target=normalize_resource(resource),
            subprotocols=list(checked_subprotocols(subprotocols)),
            extra_headers=[(name, value) for name, value in headers if name.lower() != b"host"],
        )
        self._requested = True
        return self._wsproto.send(request)

    def receive_data(self, data: bytes) -> None:
        """Take in bytes from the server."""
        try:
            while data and not self._over and self._rejection is None:
                data = self._read_head(data)
            if self._over:
                self.rest += data
            elif data:
                self._read_rejection(data)
        except BadHead as error:
            self._fail(f"the server's answer is wrong: {error.reason}")

    def receive_eof(self) -> None:
        """Take in the end of the stream, which may be the end of a rejection's body."""
        if self._over:
            return
        if self._rejection is None:
            self._fail("the server closed the connection without answering")
        else:
            self._read_rejection(b"")

    def next_event(self) -> Accepted | Rejected | HandshakeFailed | NoEvent:
        """What happened, once."""
        event, self._event = self._event, None
        return event or NEED_DATA

    def _read_head(self, data: bytes) -> bytes:
        """Take in a part of a head, and act on it when it is complete; what came behind it."""
        if not self._requested:
            raise BadHead("it came before the request")
        if not len(self._reader) and data[: len(_HTTP)] != _HTTP[: len(data)]:
            raise BadHead("it is not HTTP")
        head = self._reader.feed(data)
        if head is None:
            return b""
        line = _STATUS_LINE.match(head)
        if line is None:
            raise BadHead("malformed HTTP")
        version, status = line.groups()
        if status == b"101":
            self._accept(version, head)
        elif status.startswith(b"1"):
            self._interim_answers += 1
            if self._interim_answers > MAX_INTERIM_ANSWERS:
                raise BadHead(f"more than {MAX_INTERIM_ANSWERS} interim answers")
        else:
            self._read_rejection(head)
        return self._reader.rest

    def _accept(self, version: bytes, head: bytes) -> None:
        try:
            headers = parse_fields(head)
            _check_answer(version, headers)
            self._wsproto.receive_data(_canonical(headers))
            (event,) = self._wsproto.events()
        except UnicodeDecodeError:
            raise BadHead("a handshake header is not ASCII") from None
        except RemoteProtocolError as error:
            raise BadHead(str(error)) from None
        assert isinstance(event, AcceptConnection)
        self._event = Accepted(event.subprotocol, tuple(event.extra_headers))
        self._over = True

    def _read_rejection(self, data: bytes) -> None:
        """Collect a rejection until its body ends or is too long; ``b""`` is the stream's end."""
        complete = False
        try:
            self._wsproto.receive_data(data)
        except RemoteProtocolError:
            if self._rejection is None:
                raise BadHead("malformed HTTP") from None
            complete = True  # what came is what there is
        for event in self._wsproto.events():
            if isinstance(event, RejectConnection):
                self._rejection = event
            else:
                assert isinstance(event, RejectData)
                self._body += event.data
                complete = complete or event.body_finished
        most = self._limits.rejection_body
        if complete or len(self._body) >= most:
            assert self._rejection is not None
            body = bytes(self._body if len(self._body) <= most else self._body[: int(most)])
            headers = tuple(self._rejection.headers)
            self._event = Rejected(self._rejection.status_code, headers, body)
            self._over = True

    def _fail(self, reason: str) -> None:
        self._event = HandshakeFailed(reason)
        self._over = True


def _check_answer(version: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    """What wsproto would let pass."""
    if version != b"1.1":
        raise BadHead("it is not HTTP/1.1")
    for name in (b"sec-websocket-accept", b"sec-websocket-protocol", b"upgrade"):
        if len(values_of(headers, name)) > 1:
            raise BadHead(f"'{name.decode()}' stands twice")
    if has_body(headers):
        raise BadHead("a 101 has no body")


def _canonical(headers: list[tuple[bytes, bytes]]) -> bytes:
    """The 101 as wsproto understands it: all options of Connection on one line."""
    options = split_list(values_of(headers, b"connection"))
    lines = [b"HTTP/1.1 101 Switching Protocols", b"Connection: " + ", ".join(options).encode()]
    lines += (b"%s: %s" % header for header in headers if header[0] != b"connection")
    return b"\r\n".join([*lines, b"", b""])
