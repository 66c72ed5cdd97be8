"""wsproto, raw: on blocking sockets, with nothing between."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from fragments import cut
from task import Task, report
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.extensions import Extension, PerMessageDeflate


def server(task: Task) -> None:
    """Serve one connection after the other until killed."""
    context = task.server_context
    with socket.create_server(("127.0.0.1", 0)) as listener:
        report(port=listener.getsockname()[1])
        while True:
            plain, _ = listener.accept()
            with context.wrap_socket(plain, server_side=True) if context else plain as stream:
                _Conversation(stream, ConnectionType.SERVER, task).run()


def client(task: Task) -> None:
    """Connect once."""
    url = urlsplit(task.url)
    context = task.client_context
    assert url.hostname is not None
    with socket.create_connection((url.hostname, url.port or 0)) as plain:
        stream = context.wrap_socket(plain, server_hostname=url.hostname) if context else plain
        conversation = _Conversation(stream, ConnectionType.CLIENT, task)
        conversation.say(
            Request(
                host=url.netloc,
                target=url.path,
                subprotocols=list(task.subprotocols),
                extensions=conversation.extensions,
            )
        )
        conversation.run()


class _Conversation:
    """One connection, from its beginning to its end."""

    def __init__(self, stream: socket.socket, role: ConnectionType, task: Task) -> None:
        self._stream = stream
        self._task = task
        self._wire = WSConnection(role)
        self._subprotocol: str | None = None
        self._parts: list[Any] = []  # of the message that is coming in
        self.extensions: list[Extension] = [PerMessageDeflate()] if task.compress else []

    def run(self) -> None:
        """Do as we are told until the connection is closed, and tell how it ended."""
        for event in self._events():
            match event:
                case Request():
                    self._answer(event)
                case AcceptConnection():
                    self._open(event.subprotocol)
                case RejectConnection():
                    report(status=event.status_code)
                case Ping():
                    self.say(event.response())
                case TextMessage() | BytesMessage():
                    self._take(event)
                case CloseConnection():
                    self._end(event)

    def say(self, event: Event) -> None:
        """Send what the event is on the wire."""
        self._stream.sendall(self._wire.send(event))

    def _events(self) -> Iterator[Event]:
        while data := self._stream.recv(2**16):
            self._wire.receive_data(data)
            for event in self._wire.events():
                yield event
                if isinstance(event, CloseConnection | RejectConnection):
                    return

    def _answer(self, request: Request) -> None:
        if self._task.behavior == "reject":
            self.say(RejectConnection(status_code=403, headers=[(b"content-length", b"0")]))
            return
        chosen = self._task.choose(request.subprotocols)
        self.say(AcceptConnection(subprotocol=chosen, extensions=self.extensions))
        self._open(chosen)

    def _open(self, subprotocol: str | None) -> None:
        self._subprotocol = subprotocol
        if self._task.behavior == "close":
            self.say(CloseConnection(self._task.close_code, self._task.close_reason))

    def _take(self, event: TextMessage | BytesMessage) -> None:
        self._parts.append(event.data)
        if event.message_finished:
            parts, self._parts = self._parts, []
            if isinstance(event, TextMessage):
                self._send_back(TextMessage, "".join(parts))
            else:
                self._send_back(BytesMessage, b"".join(parts))

    def _send_back(self, kind: Any, message: Any) -> None:
        if self._task.behavior == "fragment":
            first, second, third = cut(message)
            self.say(kind(first, message_finished=False))
            self.say(Ping())
            self.say(kind(second, message_finished=False))
            self.say(kind(third))
        else:
            self.say(kind(message))

    def _end(self, event: CloseConnection) -> None:
        report(code=event.code, reason=event.reason, subprotocol=self._subprotocol)
        if self._task.behavior != "close":
            self.say(event.response())
        with suppress(OSError):
            self._stream.shutdown(socket.SHUT_WR)
