"""Dialling: a stream to the server, in time."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable

import trio

from ws_core import HandshakeError

from ._connection import WebSocketConnection
from ._exceptions import ConnectionTimeout
from ._streams import closed_on_error, tune
from ._tls import speak_tls


def ssl_context_for(use_ssl: bool | ssl.SSLContext) -> ssl.SSLContext | None:
    """How to do TLS, None for not at all.

    Raises:
        TypeError: if `use_ssl` is neither a ``bool`` nor a context.
    """
    if use_ssl is True:
        context = ssl.create_default_context()
        # A front that speaks HTTP/2 as well might choose it otherwise.
        context.set_alpn_protocols(["http/1.1"])
        return context
    if use_ssl is False:
        return None
    if isinstance(use_ssl, ssl.SSLContext):
        return use_ssl
    raise TypeError("`use_ssl` argument must be bool or ssl.SSLContext")


def checked_port(port: int) -> int:
    """A TCP port to connect to; systems take larger numbers for other ports.

    Raises:
        TypeError: if it is no ``int``.
        ValueError: if it is none of 1 to 65535.
    """
    if not isinstance(port, int):
        raise TypeError(f"port must be an int, not {type(port).__name__}")
    if not 1 <= port <= 65535:
        raise ValueError(f"port must be 1 to 65535, not {port}")
    return port


async def in_time(
    seconds: float, connect: Callable[[], Awaitable[WebSocketConnection]]
) -> WebSocketConnection:
    """What `connect` returns.

    Raises:
        ConnectionTimeout: if that takes more than `seconds`.
    """
    with trio.move_on_after(seconds):
        return await connect()
    raise ConnectionTimeout(
        f"the connection was not open after {seconds} seconds (connect_timeout)"
    )


async def open_stream(host: str, port: int, context: ssl.SSLContext | None) -> trio.abc.Stream:
    """Connect, and do the TLS handshake if there is a context.

    Raises:
        OSError: if there is no server.
        HandshakeError: if TLS fails; the cause says why.
    """
    family = _family_of(host)
    if family is None:
        stream = await trio.open_tcp_stream(host, port)
    else:
        stream = await _open_tcp_stream(family, host, port)
    tune(stream)
    if context is None:
        return stream
    async with closed_on_error(stream):
        name = host.partition("%")[0]
        secured = speak_tls(stream, context, server_hostname=name)
        try:
            await secured.do_handshake()
        except trio.BrokenResourceError as error:
            cause = error.__cause__ or error
            raise HandshakeError(f"TLS with {host}:{port} failed: {cause}") from cause
    return secured


def _family_of(host: str) -> socket.AddressFamily | None:
    """The address family of an IP address; None for a name, and for an address with a zone."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.inet_pton(family, host)
    except OSError:
        return None
    return family


async def _open_tcp_stream(family: socket.AddressFamily, host: str, port: int) -> trio.SocketStream:
    """Connect to an IP address as `trio.open_tcp_stream` does, and fail as it does.

    There is nothing to look up and only one place to try, so it takes no nursery and no task.
    """
    try:
        bottom = trio.socket.socket(family, trio.socket.SOCK_STREAM)
        try:
            await bottom.connect((host, port))
        except BaseException:
            bottom.close()
            raise
    except OSError as error:
        text = f"all attempts to connect to {place_of(host, port)} failed"
        raise OSError(text) from ExceptionGroup(text, [error])
    return trio.SocketStream(bottom)


def place_of(host: str, port: int) -> str:
    """What an error calls the server."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
