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
from functools import partial
from urllib.parse import urlencode

from library import LIBRARIES, OURS, Library, load


class FuzzingServer:
    """What can be asked of Autobahn's fuzzing server.

    Args:
        url: Where it is, without a path.
        library: What to speak to it with.
        context: How to speak TLS, for a ``wss:`` URL.

    Attributes:
        raised: In how many cases the library raised what it should not have.
    """

    def __init__(self, url: str, library: Library, context: ssl.SSLContext | None = None) -> None:
        self._url = url.rstrip("/")
        self._library = library
        self._context = context
        self.raised = 0

    async def case_count(self) -> int:
        """How many cases the server was told to run."""
        return int(await self._ask("getCaseCount"))

    async def run_case(self, case: str) -> None:
        """Let the server try one case on us."""
        url = self._target("runCase", **_name(case), agent=self._library.AGENT)
        try:
            await self._library.echo(url, self._context)
        except Exception as error:  # noqa: BLE001 - the report tells; the next case gets its turn
            print(f"case {case}: {error!r}", file=sys.stderr)
            self.raised += 1

    async def outcome(self, case: str) -> str:
        """What the server thought of us in a case."""
        status = await self._ask("getCaseStatus", **_name(case), agent=self._library.AGENT)
        return str(json.loads(status)["behavior"])

    async def write_report(self) -> None:
        """Let the server write down what it saw."""
        await self._ask("updateReports", agent=self._library.AGENT)

    async def _ask(self, what: str, **query: str) -> str:
        return await self._library.ask(self._target(what, **query), self._context)

    def _target(self, what: str, **query: str) -> str:
        return f"{self._url}/{what}?{urlencode(query)}"


def _name(case: str) -> dict[str, str]:
    return {"casetuple" if "." in case else "case": case}


async def run_all(server: FuzzingServer, first: int) -> None:
    """Run every case that the server has, from the first one on, and let it write its report."""
    for number in range(first, await server.case_count() + 1):
        print(f"case {number}", flush=True)
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
    parser.add_argument("--first", type=int, default=1, metavar="N", help="begin with this one")
    parser.add_argument("--ca", metavar="FILE", help="the authority to trust, for wss: URLs")
    parser.add_argument("--library", choices=LIBRARIES, default=OURS, help="(default: ours)")
    options = parser.parse_args()
    context = ssl.create_default_context(cafile=options.ca) if options.ca else None
    library = load(options.library)
    server = FuzzingServer(options.url, library, context)
    if options.cases:
        library.run(partial(run_some, server, options.cases))
    else:
        library.run(partial(run_all, server, options.first))
    if server.raised:
        sys.exit(f"{options.library} raised in {server.raised} cases")


if __name__ == "__main__":
    main()
