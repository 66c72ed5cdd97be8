"""``python -m ws_tools.demo``: the whole of it at work, in two seconds.

A certificate authority is made, two echo servers are started, a plain one and one with TLS, and a
client of each exchanges messages under a heartbeat. Nothing is left behind.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NoReturn

import click
import trio

from trio_websocket import WebSocketServer, log_handler_error, serve_websocket

from ._certificates import Certificates, make_certificates
from ._run import Signals, run
from ._tls import client_context, server_context
from ._visit import MAX_MESSAGE_SIZE, ROUNDS, Visit, echo, visit

if TYPE_CHECKING:
    import ssl

    from rich.console import Console
    from rich.table import Table

_HOST = "127.0.0.1"


@click.command()
def demo() -> NoReturn:
    """Show servers and clients that talk to each other, plain and over TLS."""
    run(_demonstrate)


async def _demonstrate(_: Signals) -> int:
    from rich.console import Console  # noqa: PLC0415 - slow to import

    console = Console(highlight=False)
    start = time.perf_counter()
    console.rule("[bold]WebSocket under Trio")
    with TemporaryDirectory(prefix="ws-tools-demo-") as folder:
        console.print("Making a certificate authority, and a certificate that it signs ...")
        visits = await _visit_all(console, make_certificates(folder))
    console.print(_table(visits))
    messages = sum(times for _, _, times in ROUNDS) * len(visits)
    took = time.perf_counter() - start
    console.print(
        f"[green]All {messages} messages came back as they went,[/] in {took:.1f} s; "
        "servers, connections and files are gone again."
    )
    console.print("Your turn: [bold]ws-tools server[/], and [bold]ws-tools client[/] beside it.")
    return 0


async def _visit_all(console: Console, certificates: Certificates) -> list[Visit]:
    """Start a plain server and one with TLS, visit both, and stop them."""
    identity = server_context(certificates.server, certificates.server_key)
    trust = client_context(certificates.ca)
    visits = []
    async with trio.open_nursery() as nursery:
        plain, secure = [await _serve(nursery, context) for context in (None, identity)]
        urls = f"ws://{_HOST}:{plain.port}", f"wss://{_HOST}:{secure.port}"
        console.print(f"Two echo servers listen: [cyan]{urls[0]}[/] and [cyan]{urls[1]}[/]")
        for url, context in zip(urls, (None, trust), strict=True):
            console.print(f"Talking to {url} while a heartbeat pings ...")
            visits.append(await visit(url, context))
        nursery.cancel_scope.cancel()
    return visits


async def _serve(nursery: trio.Nursery, context: ssl.SSLContext | None) -> WebSocketServer:
    serve = partial(
        serve_websocket,
        max_message_size=MAX_MESSAGE_SIZE,
        on_handler_error=log_handler_error,
    )
    server: WebSocketServer = await nursery.start(serve, echo, _HOST, 0, context)
    return server


def _table(visits: Sequence[Visit]) -> Table:
    from rich.table import Table  # noqa: PLC0415 - slow to import

    table = Table(title="Round trips, medians", title_justify="left")
    table.add_column()
    for seen in visits:
        table.add_column("wss, over TLS" if seen.url.startswith("wss:") else "ws", justify="right")

    def row(name: str, cell: Callable[[Visit], str]) -> None:
        table.add_row(name, *map(cell, visits))

    row("opening the connection", lambda seen: _milliseconds(seen.opening))
    for name, _, times in ROUNDS:
        row(f"{name}, {times} times", partial(_median_round, name))
    row("pings of the heartbeat", lambda seen: str(len(seen.pings)))
    row("from ping to pong", lambda seen: _milliseconds(statistics.median(seen.pings)))
    row("closing it", lambda seen: _milliseconds(seen.closing))
    row("closed with", lambda seen: seen.end)
    return table


def _median_round(name: str, seen: Visit) -> str:
    return _milliseconds(statistics.median(seen.rounds[name]))


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


if __name__ == "__main__":  # pragma: no branch
    demo(prog_name="python -m ws_tools.demo")
