"""The server that Autobahn's fuzzing client tests: it sends every message back.

`python autobahn/server.py` listens on port 9001 of this machine, and prints its URL once it does.
"""

from __future__ import annotations

import argparse
import ssl
from functools import partial

import trio

from trio_websocket import (
    Endpoint,
    WebSocketRequest,
    WebSocketServer,
    log_handler_error,
    serve_websocket,
)

# Cases 9.1.6 and 9.2.6 send this much in one message.
MAX_MESSAGE_SIZE = 16 * 2**20


async def echo(request: WebSocketRequest) -> None:
    """Send every message back."""
    connection = await request.accept()
    async for message in connection:
        await connection.send_message(message)


async def serve(port: int, context: ssl.SSLContext | None) -> None:
    """Serve until cancelled."""
    start = partial(
        serve_websocket, max_message_size=MAX_MESSAGE_SIZE, on_handler_error=log_handler_error
    )
    async with trio.open_nursery() as nursery:
        server: WebSocketServer = await nursery.start(start, echo, "127.0.0.1", port, context)
        (address,) = server.listeners
        assert isinstance(address, Endpoint)
        print(address.url, flush=True)


def main() -> None:
    """Read the command line, and serve."""
    parser = argparse.ArgumentParser(description="An echo server for Autobahn's fuzzing client.")
    parser.add_argument("--port", type=int, default=9001, help="0 for a free one (default: 9001)")
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"), help="speak TLS")
    options = parser.parse_args()
    context = None
    if options.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*options.tls)
    trio.run(serve, options.port, context)


if __name__ == "__main__":
    main()
