"""The client that Autobahn's fuzzing server tests: it sends every message back, case by case.

`python autobahn/client.py URL [CASE ...]` runs all cases of the server at URL and lets it write its
report; or only the cases that are named (6.4.1, or 17 in the server's counting), and says how each
went.
"""

from __future__ import annotations

import argparse
import json
import ssl
import sys
from urllib.parse import urlencode

import trio

from trio_websocket import ConnectionClosed, HandshakeError, __version__, open_websocket_url

AGENT = f"trio-websocket-{__version__}"
# Cases 9.1.6 and 9.2.6 send this much in one message.
MAX_MESSAGE_SIZE = 16 * 2**20


class FuzzingServer:
    """What can be asked of Autobahn's fuzzing server.

    Args:
        url: Where it is, without a path.
        context: How to speak TLS, for a ``wss:`` URL.
    """

    def __init__(self, url: str, context: ssl.SSLContext | None = None) -> None:
        self._url = url.rstrip("/")
        self._context = context

    async def case_count(self) -> int:
        """How many cases the server was told to run."""
        return int(await self._ask("getCaseCount"))

    async def run_case(self, case: str) -> None:
        """Let the server try one case on us."""
        url = self._target("runCase", **_name(case), agent=AGENT)
        try:
            async with open_websocket_url(
                url, self._context, max_message_size=MAX_MESSAGE_SIZE
            ) as connection:
                async for message in connection:
                    await connection.send_message(message)
        except ConnectionClosed:
            pass  # as many cases intend; the server knows whether the reason was right
        except HandshakeError as error:
            print(f"case {case}: {error!r}", file=sys.stderr)  # then it is not in the report

    async def outcome(self, case: str) -> str:
        """What the server thought of us in a case."""
        status = json.loads(await self._ask("getCaseStatus", **_name(case), agent=AGENT))
        return str(status["behavior"])

    async def write_report(self) -> None:
        """Let the server write down what it saw."""
        async with open_websocket_url(self._target("updateReports", agent=AGENT), self._context):
            pass

    async def _ask(self, what: str, **query: str) -> str:
        async with open_websocket_url(self._target(what, **query), self._context) as connection:
            return str(await connection.get_message())

    def _target(self, what: str, **query: str) -> str:
        return f"{self._url}/{what}?{urlencode(query)}"


def _name(case: str) -> dict[str, str]:
    return {"casetuple" if "." in case else "case": case}


async def run_all(server: FuzzingServer) -> None:
    """Run all cases, and have the report written."""
    for number in range(1, await server.case_count() + 1):
        await server.run_case(str(number))
    await server.write_report()


async def run_some(server: FuzzingServer, cases: list[str]) -> None:
    """Run these cases, and print how they went."""
    for case in cases:
        await server.run_case(case)
        print(case, await server.outcome(case))


def main() -> None:
    """Read the command line, and run the cases."""
    parser = argparse.ArgumentParser(description="A client for Autobahn's fuzzing server.")
    parser.add_argument(
        "url", metavar="URL", help="of the fuzzing server, like ws://127.0.0.1:9001"
    )
    parser.add_argument("cases", metavar="CASE", nargs="*", help="only these, like 6.4.1 or 17")
    parser.add_argument("--ca", metavar="FILE", help="the authority to trust, for wss: URLs")
    options = parser.parse_args()
    context = ssl.create_default_context(cafile=options.ca) if options.ca else None
    server = FuzzingServer(options.url, context)
    if options.cases:
        trio.run(run_some, server, options.cases)
    else:
        trio.run(run_all, server)


if __name__ == "__main__":
    main()
