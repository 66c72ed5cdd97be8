"""Stands in for `wstest` in our own tests: both modes and two cases, without Python 2.7.

Case 1.1.1 goes well if a message comes back; 1.1.2 always fails.
"""

from __future__ import annotations

import argparse
import json
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import trio

from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    WebSocketRequest,
    open_websocket_url,
    serve_websocket,
)

CASES = ("1.1.1", "1.1.2")


class Suite:
    """Both modes, to a specification."""

    def __init__(self, specification: dict[str, Any]) -> None:
        self._specification = specification
        self._cases = [case for case in specification["cases"] if case in CASES]
        self._report: dict[str, dict[str, dict[str, str]]] = {}
        # Held while a case is running: the report waits for its outcome.
        self._running = trio.Lock()

    async def fuzzingserver(self) -> None:
        """Wait for a client, and let it choose what to do."""
        url = urlsplit(self._specification["url"])
        context = None
        if url.scheme == "wss":
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self._specification["cert"], self._specification["key"])
        await serve_websocket(
            self._answer, url.hostname, url.port or 0, context, compression="deflate"
        )

    async def fuzzingclient(self) -> None:
        """Visit the server, and write the report."""
        (server,) = self._specification["servers"]
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        for case in self._cases:
            secure = context if server["url"].startswith("wss:") else None
            async with open_websocket_url(server["url"], secure) as connection:
                await self._run(server["agent"], case, connection)
        self._write()

    async def _answer(self, request: WebSocketRequest) -> None:
        path, query = urlsplit(request.path).path, parse_qs(urlsplit(request.path).query)
        connection = await request.accept()
        if path == "/getCaseCount":
            await connection.send_message(str(len(self._cases)))
        elif path == "/updateReports":
            async with self._running:
                self._write()
        elif path == "/runCase":
            case = self._cases[int(query["case"][0]) - 1]
            async with self._running:
                await self._run(query["agent"][0], case, connection)

    async def _run(self, agent: str, case: str, connection: WebSocketConnection) -> None:
        behavior = "FAILED"
        with suppress(ConnectionClosed):
            await connection.send_message("hello")
            if case == CASES[0] and await connection.get_message() == "hello":
                behavior = "OK"
            await connection.aclose()
        closing = "OK" if connection.closed and connection.closed.code == 1000 else "UNCLEAN"
        entry = {"behavior": behavior, "behaviorClose": closing}
        self._report.setdefault(agent, {})[case] = entry

    def _write(self) -> None:
        path = Path(self._specification["outdir"], "index.json")
        path.write_text(json.dumps(self._report))


def main() -> None:
    """Take the arguments of `wstest`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode")
    parser.add_argument("--spec", type=Path)
    parser.add_argument("--webport")
    options = parser.parse_args()
    suite = Suite(json.loads(options.spec.read_text()))
    trio.run(getattr(suite, options.mode))


if __name__ == "__main__":
    main()
