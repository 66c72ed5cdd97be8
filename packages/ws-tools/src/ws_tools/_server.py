"""``ws-tools server``: an echo server that tells what happens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NoReturn

import click
import trio

from trio_websocket import (
    CloseCode,
    Endpoint,
    WebSocketConnection,
    WebSocketRequest,
    WebSocketServer,
    log_handler_error,
)

from ._certificates import LOCAL_NAMES, make_certificates
from ._failures import explain
from ._run import Signals, run
from ._text import count, escape
from ._tls import server_context

if TYPE_CHECKING:
    import ssl

# Seconds that clients are given to take leave when the server ends.
_GRACE = 2.0

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="The TCP port; 0 for a free one.",
)
@click.option(
    "--tls", is_flag=True, help="Speak TLS; without --cert with a certificate made for this run."
)
@click.option("--cert", type=_FILE, help="The certificate, a PEM file; implies --tls.")
@click.option("--key", type=_FILE, help="Its private key, unless it is in the same file.")
def server(host: str, port: int, tls: bool, cert: Path | None, key: Path | None) -> NoReturn:
    """Send every message back to whom it came from, and tell about connections.

    Ctrl-C closes all connections (1001) and ends the server with exit code 0; SIGTERM does the
    same. A second Ctrl-C does not wait for the clients.
    """
    if key and not cert:
        raise click.UsageError("--key needs --cert")
    with _ssl_context(host, tls, cert, key) as context:
        run(partial(_serve, host, port, context))


@contextmanager
def _ssl_context(
    host: str, tls: bool, cert: Path | None, key: Path | None
) -> Iterator[ssl.SSLContext | None]:
    if cert:
        try:
            context = server_context(cert, key)
        except OSError as error:
            raise click.BadParameter(f"{cert}: {explain(error)}", param_hint="--cert") from error
        yield context
    elif tls:
        with TemporaryDirectory(prefix="ws-tools-") as folder:
            try:
                files = make_certificates(folder, *dict.fromkeys((*LOCAL_NAMES, host)), days=30)
            except ValueError as error:
                raise click.BadParameter(explain(error), param_hint="--host") from error
            click.echo(f"The authority to trust, until the server ends: {files.ca}")
            yield server_context(files.server, files.server_key)
    else:
        yield None


async def _serve(host: str, port: int, context: ssl.SSLContext | None, signals: Signals) -> int:
    echo = Echo()
    listeners = await _listen(host, port, context)
    async with trio.open_nursery() as nursery:
        listening = WebSocketServer(echo.handle, listeners, on_handler_error=log_handler_error)
        await nursery.start(listening.run)
        stop = trio.Event()
        signals.ask = lambda _: stop.set()
        for address in listening.listeners:
            url = address.url if isinstance(address, Endpoint) else address
            click.secho(f"Listening on {url} (Ctrl-C ends it)", bold=True)
        await stop.wait()
        await echo.say_goodbye()
        nursery.cancel_scope.cancel()
    return 0


async def _listen(
    host: str, port: int, context: ssl.SSLContext | None
) -> list[trio.SocketListener] | list[trio.SSLListener[trio.SocketStream]]:
    try:
        if context is None:
            return await trio.open_tcp_listeners(port, host=host)
        return await trio.open_ssl_over_tcp_listeners(
            port, context, host=host, https_compatible=True
        )
    except OSError as error:
        text = f"could not listen on {escape(host)}, port {port}: {explain(error)}"
        raise click.ClickException(text) from error


class Echo:
    """Echoes, and prints a line for whatever happens."""

    def __init__(self) -> None:
        self._connections: set[WebSocketConnection] = set()

    async def handle(self, request: WebSocketRequest) -> None:
        """Serve one client, speaking the first subprotocol that it offers."""
        ws = await request.accept(subprotocol=next(iter(request.proposed_subprotocols), None))
        _log(request, f"connected, {request.path}")
        self._connections.add(ws)
        echoed = 0
        try:
            async for message in ws:
                await ws.send_message(message)
                echoed += 1
        finally:
            self._connections.discard(ws)
            end = ws.closed.summary if ws.closed else "dropped"
            _log(request, f"{end}, after {count(echoed, 'message')}")

    async def say_goodbye(self) -> None:
        """Close all connections, giving the clients a moment to answer."""
        with trio.move_on_after(_GRACE):
            async with trio.open_nursery() as nursery:
                for ws in self._connections:
                    nursery.start_soon(ws.aclose, CloseCode.GOING_AWAY, "the server ends")


def _log(request: WebSocketRequest, what: str) -> None:
    remote = request.remote
    who = remote.url.partition("//")[2] if isinstance(remote, Endpoint) else remote
    now = click.style(time.strftime("%H:%M:%S"), dim=True)
    click.echo(f"{now}  {escape(who)}  {escape(what)}")
