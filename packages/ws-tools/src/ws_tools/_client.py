"""``ws-tools client``: a connection at the keyboard, or in a pipe."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from trio_websocket import HandshakeError, open_websocket_url
from ws_core import Connection, Role, WebSocketURL

from ._conversation import Conversation
from ._failures import explain
from ._lines import Lines, standard_input
from ._params import headers, seconds, url
from ._run import Signals, run
from ._terminal import is_terminal, tell
from ._text import escape
from ._tls import client_context

if TYPE_CHECKING:
    import ssl

_WAIT_IN_PIPE = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect to, and how."""

    url: str
    ssl_context: ssl.SSLContext | None
    subprotocols: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]


@click.command()
@click.argument("url", callback=url)
@click.option(
    "--header",
    "headers",
    multiple=True,
    callback=headers,
    metavar="'NAME: VALUE'",
    help="Send this header, too. May be repeated.",
)
@click.option(
    "--subprotocol",
    "subprotocols",
    multiple=True,
    metavar="NAME",
    help="Offer this subprotocol. May be repeated, the favourite first.",
)
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Trust the certificate authorities in this PEM file, instead of the system's.",
)
@click.option("--insecure", is_flag=True, help="Trust any certificate.")
@click.option(
    "--heartbeat",
    type=click.FloatRange(min=0, min_open=True),
    callback=seconds,
    metavar="SECONDS",
    help="Ping this often, and give up when a pong takes as long.",
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    callback=seconds,
    metavar="SECONDS",
    help="At the end of the input, wait until this long no message has come; inf for ever.  "
    "[default: 1, at a terminal 0]",
)
def client(
    *,
    url: str,
    headers: tuple[tuple[str, str], ...],
    subprotocols: tuple[str, ...],
    ca: Path | None,
    insecure: bool,
    heartbeat: float | None,
    wait: float | None,
) -> NoReturn:
    r"""Connect to URL, send each line typed as a text message, print the messages that come.

    Messages go to the standard output, one on a line; all else goes to the standard error. Control
    characters in a message are escaped; a binary one is shown as its length and first bytes.

    Ctrl-D closes the connection, and so does the end of a file or pipe, once no answer has come for
    a while (--wait). Ctrl-C closes it, too; a
    second Ctrl-C does not wait for the server.

    \b
    Exit codes:
      0    the connection was closed in good order (1000, 1001 or no code)
      1    there was no connection, it was lost, or closed with another code
      2    the command line is wrong
      130  Ctrl-C (143 for SIGTERM)
    """
    target = Target(url, _ssl_context(url, ca, insecure), subprotocols, headers)
    _check(target)
    if wait is None:
        wait = 0 if is_terminal(sys.stdin) else _WAIT_IN_PIPE
    run(partial(_talk, target, heartbeat, wait))


def _ssl_context(url: str, ca: Path | None, insecure: bool) -> ssl.SSLContext | None:
    if not WebSocketURL.parse(url).secure:
        if ca or insecure:
            raise click.UsageError("--ca and --insecure are for wss: URLs")
        return None
    if ca and insecure:
        raise click.UsageError("--ca and --insecure exclude each other")
    try:
        return client_context(ca, insecure=insecure)
    except OSError as error:
        raise click.BadParameter(f"{ca}: {explain(error)}", param_hint="--ca") from error


def _check(target: Target) -> None:
    """Refuse what can't be sent, before there is a connection."""
    parsed = WebSocketURL.parse(target.url)
    try:
        Connection(Role.CLIENT).request(
            parsed.host_header,
            parsed.resource,
            subprotocols=target.subprotocols,
            extra_headers=target.headers,
        )
    except ValueError as error:
        raise click.UsageError(explain(error)) from error


async def _talk(target: Target, heartbeat: float | None, wait: float, signals: Signals) -> int:
    try:
        async with open_websocket_url(
            target.url,
            target.ssl_context,
            subprotocols=target.subprotocols,
            extra_headers=target.headers,
        ) as ws:
            lines = Lines(standard_input())
            conversation = Conversation(ws, lines, heartbeat=heartbeat, wait=wait)
            signals.ask = conversation.interrupt
            spoken = f", subprotocol {escape(ws.subprotocol)}" if ws.subprotocol else ""
            tell(f"Connected to {escape(target.url)}{spoken}.")
            return await conversation.run()
    except HandshakeError as error:
        raise click.ClickException(explain(error)) from error
