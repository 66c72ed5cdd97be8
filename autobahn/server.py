"""The server that Autobahn's fuzzing client tests: it sends every message back.

`python autobahn/server.py` listens on port 9001 of this machine, and prints its URL once it does.
"""

from __future__ import annotations

import argparse
import ssl
from functools import partial

from library import HOST, LIBRARIES, OURS, load


def main() -> None:
    """Read the command line, and serve."""
    parser = argparse.ArgumentParser(description="An echo server for Autobahn's fuzzing client.")
    parser.add_argument("--port", type=int, default=9001, help="0 for a free one (default: 9001)")
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"), help="speak TLS")
    parser.add_argument("--library", choices=LIBRARIES, default=OURS, help="(default: ours)")
    options = parser.parse_args()
    context = None
    if options.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*options.tls)
    library = load(options.library)
    announce = partial(print_url, "wss" if options.tls else "ws")
    library.run(partial(library.serve, options.port, context, announce))


def print_url(scheme: str, port: int) -> None:
    """Tell whoever started us where we are."""
    print(f"{scheme}://{HOST}:{port}", flush=True)


if __name__ == "__main__":
    main()
