"""Who is at the ends of a stream."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import trio

from ws_core import host_header

from ._tls import TlsListener, TlsStream


@dataclass(frozen=True, slots=True, repr=False)
class Endpoint:
    """One end of a TCP connection, or what a server listens on.

    Args:
        address: The IP address; a ``str`` is parsed.
        port: The port.
        is_ssl: Whether TLS is spoken.
    """

    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    port: int
    is_ssl: bool

    def __init__(
        self,
        address: str | ipaddress.IPv4Address | ipaddress.IPv6Address,
        port: int,
        is_ssl: bool,
    ) -> None:
        # The zone of a link-local address means nothing to others.
        parsed = ipaddress.ip_address(str(address).partition("%")[0])
        object.__setattr__(self, "address", parsed)
        object.__setattr__(self, "port", port)
        object.__setattr__(self, "is_ssl", is_ssl)

    @property
    def url(self) -> str:
        """The ``ws:`` or ``wss:`` URL, without the scheme's own port."""
        scheme = "wss" if self.is_ssl else "ws"
        return f"{scheme}://{host_header(str(self.address), self.port, secure=self.is_ssl)}"

    def __repr__(self) -> str:
        return f'Endpoint(address="{self.address}", port={self.port}, is_ssl={self.is_ssl})'


Address: TypeAlias = Endpoint | str


class StreamEnds:
    """The two ends of a stream, as far as they are known.

    An end of a Unix socket is ``unix:`` and its path; of a stream without a socket, and of a socket
    whose peer had left already, it is the stream's ``repr``.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        bottom: object = stream
        if isinstance(stream, trio.SSLStream | TlsStream):
            bottom = stream.transport_stream
        self._is_ssl = bottom is not stream
        # Now, as nobody knows any more when the peer has left.
        self._local = self._remote = None
        if isinstance(bottom, trio.SocketStream):
            self._local = _name(bottom.socket.getsockname)
            self._remote = _name(bottom.socket.getpeername)
        self._unknown = "" if self._local and self._remote else repr(stream)

    @cached_property
    def local(self) -> Address:
        """Our end."""
        return _address(self._local, self._is_ssl) or self._unknown

    @cached_property
    def remote(self) -> Address:
        """The peer's end."""
        return _address(self._remote, self._is_ssl) or self._unknown


def listener_address(listener: trio.abc.Listener[trio.abc.Stream]) -> Address:
    """What a listener listens on; the ``repr`` of one without a socket."""
    bottom: object = listener
    if isinstance(listener, trio.SSLListener | TlsListener):
        bottom = listener.transport_listener
    name = _name(bottom.socket.getsockname) if isinstance(bottom, trio.SocketListener) else None
    return _address(name, bottom is not listener) or repr(listener)


def _name(ask: Callable[[], object]) -> object:
    try:
        return ask()
    except OSError:
        return None


def _address(name: object, is_ssl: bool) -> Address | None:
    match name:
        case (str(host), int(port), *_):
            return Endpoint(host, port, is_ssl)
        case bytes():  # a Unix socket in the abstract namespace
            return f"unix:{name.decode(errors='replace')}"
        case str():
            return f"unix:{name}"
        case _:
            return None
