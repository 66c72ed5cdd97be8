"""Runs Autobahn's test suite against our server and our client, and fails on all that is not OK.

`python autobahn/run.py CASE ...` runs the cases and groups of cases that are named: 6.4.1, 6.4, 6.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import PIPE, STDOUT, CalledProcessError
from typing import Any

import trio
from verdict import Result, cases_of, read_report, verdict
from wstest import WstestNotFoundError, find_wstest

from ws_tools import make_certificates

HERE = Path(__file__).resolve().parent
REPORTS = HERE / "reports"
# Seconds until wstest listens; Docker may have to fetch its image first.
START_TIMEOUT = 300


@dataclass(frozen=True)
class Tls:
    """The files that TLS takes."""

    ca: Path
    certificate: Path
    key: Path


@dataclass(frozen=True)
class Job:
    """What one role is to be tested with.

    Attributes:
        wstest: The command, without its arguments.
        folder: Where the specification, the log and the report go.
        cases: The ids.
        tls: None for plain connections.
    """

    wstest: list[str]
    folder: Path
    cases: list[str]
    tls: Tls | None

    def specification(self, mode: str, **changes: Any) -> Path:
        """Write the specification for a mode of wstest, made from the one beside this file."""
        specification = json.loads((HERE / f"{mode}.json").read_text(encoding="utf-8"))
        specification |= {"outdir": str(self.folder), "cases": self.cases, **changes}
        path = self.folder / f"{mode}.json"
        path.write_text(json.dumps(specification, indent=2))
        return path

    @property
    def log(self) -> Path:
        """What wstest says while it runs."""
        return self.folder / "wstest.log"


async def check_server(job: Job) -> None:
    """Let the suite's client visit our server."""
    arguments = ["--tls", str(job.tls.certificate), str(job.tls.key)] if job.tls else []
    command = [sys.executable, str(HERE / "server.py"), "--port", "0", *arguments]
    serve = partial(trio.run_process, command, stdout=PIPE)
    with job.log.open("wb") as log:
        async with trio.open_nursery() as nursery:
            server: trio.Process = await nursery.start(serve)
            assert server.stdout is not None
            url = (await server.stdout.receive_some()).decode().strip()
            servers = [{"agent": "trio-websocket", "url": url}]
            specification = job.specification("fuzzingclient", servers=servers)
            suite = [*job.wstest, "--mode", "fuzzingclient", "--spec", str(specification)]
            await trio.run_process(suite, stdout=log, stderr=STDOUT)
            nursery.cancel_scope.cancel()


async def check_client(job: Job) -> None:
    """Let our client visit the suite's server."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"{'wss' if job.tls else 'ws'}://127.0.0.1:{port}"
    # The suite ignores the arguments that it has for these two.
    files = {"cert": str(job.tls.certificate), "key": str(job.tls.key)} if job.tls else {}
    specification = job.specification("fuzzingserver", url=url, **files)
    suite = [*job.wstest, "--mode", "fuzzingserver", "--webport", "0", "--spec", str(specification)]
    trust = ["--ca", str(job.tls.ca)] if job.tls else []
    client = [sys.executable, str(HERE / "client.py"), url, *trust]
    with job.log.open("wb") as log:
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(trio.run_process, suite, stdout=log, stderr=STDOUT))
            await until_listening(port)
            await trio.run_process(client)
            nursery.cancel_scope.cancel()


async def until_listening(port: int) -> None:
    """Wait until something listens on a port of this machine."""
    with trio.fail_after(START_TIMEOUT):
        while True:
            try:
                stream = await trio.open_tcp_stream("127.0.0.1", port)
            except OSError:
                await trio.sleep(0.1)
            else:
                await stream.aclose()
                return


ROLES: dict[str, Callable[[Job], Awaitable[None]]] = {
    "server": check_server,
    "client": check_client,
}


def check(role: str, path: str | None, cases: list[str], *, tls: bool) -> list[Result]:
    """Test a role with these cases, and read the report."""
    folder = REPORTS / role
    shutil.rmtree(folder, ignore_errors=True)  # an old report might hide that there is no new one
    folder.mkdir(parents=True)
    job = Job(find_wstest(path, folder), folder, cases, make_tls(folder) if tls else None)
    try:
        trio.run(ROLES[role], job)
    except ExceptionGroup as errors:
        failed, others = errors.split(CalledProcessError)
        if failed is None or others is not None:
            raise
        sys.stdout.write(job.log.read_text(errors="replace"))
        sys.exit(f"The {role} could not be tested: {failed.exceptions[0]}")
    return read_report(folder, cases)


def make_tls(folder: Path) -> Tls:
    """Make an authority, and a certificate for this machine."""
    made = make_certificates(folder)
    return Tls(Path(made.ca), Path(made.server), Path(made.server_key))


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Run Autobahn's test suite on trio-websocket.")
    parser.add_argument(
        "cases", metavar="CASE", nargs="+", help="cases or groups, like 6.4.1, 6.4 or 6"
    )
    parser.add_argument("--role", choices=ROLES, help="only this one (default: both)")
    parser.add_argument("--tls", action="store_true", help="over TLS")
    parser.add_argument(
        "--times", type=int, choices=range(1, 100), default=1, metavar="N", help="how often"
    )
    parser.add_argument("--wstest", metavar="PATH", help="the suite's command, if not on the PATH")
    options = parser.parse_args(words)
    try:
        options.cases = cases_of(options.cases)
    except ValueError as error:
        parser.error(str(error))
    return options


def main() -> None:
    """Run what the command line asks for."""
    options = arguments()
    bad = 0
    for turn in range(1, options.times + 1):
        for role in [options.role] if options.role else ROLES:
            try:
                results = check(role, options.wstest, options.cases, tls=options.tls)
            except WstestNotFoundError as error:
                sys.exit(str(error))
            turns = f", {turn} of {options.times}" if options.times > 1 else ""
            print(f"As a {role}{' over TLS' if options.tls else ''}{turns}:")
            print(verdict(results), flush=True)
            bad += sum(not result.is_good for result in results)
    if bad:
        sys.exit(f"{bad} are not OK; the reports are in {REPORTS}")


if __name__ == "__main__":
    main()
